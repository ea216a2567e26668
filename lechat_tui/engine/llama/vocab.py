"""The vocabulary of a loaded model: text to token IDs as in its training, and token IDs to bytes.

Text never becomes a control token here.
"""

import ctypes
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from heapq import heapify, heappop, heappush
from itertools import groupby

import llama_cpp
import regex

_TEKKEN_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
"""How Tekken splits text into words: `config.pattern` of the published tekken.json."""

_RUNS = regex.compile(r"[\p{L}\p{M}]++|\p{N}++|\s++|[^\s\p{L}\p{M}\p{N}]++")
_MAX_RUN = 500
"""Characters. llama.cpp splits byte-level text by a recursive regular expression; a longer run overflows the stack."""

_NON_SPACES = regex.compile(r"\S++|\s++")
_ANY_KIND = frozenset({"bloom", "gpt3-finnish", "poro-chat", "viking"})
"""Split patterns (`tokenizer.ggml.pre`) in which a word is a run of any characters but spaces and punctuation."""

_SPANS = r"(?s).{1,8000}(?:(?<=[^ ])(?= )|\Z)|.{8000}"
"""SentencePiece text in spans that end before a space, which no token crosses. llama.cpp's time for characters without
a token grows with the square of a text's length."""

_MAX_CACHED_WORD_BYTES = 64


class Vocab:
    """The vocabulary behind a `llama_vocab` pointer; lives as long as its model does."""

    def __init__(self, pointer: llama_cpp.llama_vocab_p, metadata: Mapping[str, str]) -> None:
        self._pointer = pointer
        self._piece = ctypes.create_string_buffer(256)
        self.size = llama_cpp.llama_vocab_n_tokens(pointer)
        self.bos = _token(llama_cpp.llama_vocab_bos(pointer))
        self.eos = _token(llama_cpp.llama_vocab_eos(pointer))
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(pointer)) and self.bos is not None
        """Whether a prompt begins with the BOS token."""
        kind = llama_cpp.llama_vocab_type(pointer)
        self.adds_space = (
            kind == llama_cpp.LLAMA_VOCAB_TYPE_SPM
            and metadata.get("tokenizer.ggml.add_space_prefix", "true").lower() == "true"
        )
        """Whether every run of text gets a space before it (SentencePiece's dummy prefix)."""
        control, added = self._named()
        self.control: Mapping[str, int] = control
        """The ID of each control token, by its text."""
        self.specials: Mapping[str, int] = added | self.control
        """The control tokens and those that a fine-tune has added: only the chat template may write them."""
        self._added = re.compile(f"(?={any_of(added)}).", re.DOTALL) if added else None
        """Matches the first character of what llama.cpp takes for an added token even in ordinary text."""
        self._is_bpe = kind == llama_cpp.LLAMA_VOCAB_TYPE_BPE
        self._is_tekken = self._is_bpe and metadata.get("tokenizer.ggml.pre") == "tekken"
        self._runs = _NON_SPACES if metadata.get("tokenizer.ggml.pre") in _ANY_KIND else _RUNS
        self._ranks = self._tekken_ranks() if self._is_tekken else {}
        self._merged = lru_cache(maxsize=1 << 16)(self._merge)

    def special(self, text: str) -> int | None:
        """The token with exactly this text that only the chat template may write."""
        return self.specials.get(text)

    def is_end(self, token: int) -> bool:
        """Whether this token ends an answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self._pointer, token))

    def text(self, token: int) -> str:
        """The text of a token in the vocabulary, such as `[INST]`."""
        return (llama_cpp.llama_vocab_get_text(self._pointer, token) or b"").decode("utf-8", "replace")

    def piece(self, token: int) -> bytes:
        """The bytes of a token, perhaps only part of a character; none for a control token."""
        size = self._read_piece(token)
        if size < 0:  # that many were needed
            self._piece = ctypes.create_string_buffer(-size)
            size = self._read_piece(token)
        return ctypes.string_at(self._piece, size)

    def tokenize(self, run: str) -> list[int]:
        """The tokens of one run of ordinary text: what is between two control tokens of a prompt."""
        run = run.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be encoded
        if self._is_tekken:
            return self._tokenize_tekken(run)
        first, *rest = self._parts(run)
        tokens = self._call(first)
        for part in rest:
            tokens += self._call_within(part)
        return tokens

    def _named(self) -> tuple[dict[str, int], dict[str, int]]:
        """The control tokens and the added ones, by their text; quickly, since each start waits for it."""
        control, added = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL, llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        attributes = enumerate(map(partial(llama_cpp.llama_vocab_get_attr, self._pointer), range(self.size)))
        found = [(self.text(token), token, every) for token, every in attributes if every & (control | added)]
        texts = [(text, token, every) for text, token, every in found if text and not text.isspace()]
        return (
            {text: token for text, token, every in texts if every & control},
            {text: token for text, token, every in texts if every & added},
        )

    def _read_piece(self, token: int) -> int:
        buffer = self._piece
        return int(llama_cpp.llama_token_to_piece(self._pointer, token, buffer, len(buffer), 0, False))

    def _tokenize_tekken(self, run: str) -> list[int]:
        """As mistral-common does it; llama.cpp's own pattern differs for text with marks or accented capitals."""
        ranks, tokens = self._ranks, list[int]()
        for found in regex.finditer(_TEKKEN_WORDS, run):
            word = found[0].encode()
            if (token := ranks.get(word)) is not None:
                tokens.append(token)
            else:
                tokens += self._merged(word) if len(word) <= _MAX_CACHED_WORD_BYTES else self._merge(word)
        return tokens

    def _tekken_ranks(self) -> dict[bytes, int]:
        """The bytes of each ordinary token and its rank, which in Tekken is its id."""
        special = set(self.specials.values())
        ranks = {self.piece(token): token for token in range(self.size) if token not in special}
        ranks.pop(b"", None)
        return ranks

    def _merge(self, word: bytes) -> tuple[int, ...]:
        """Byte pair encoding of one word: the pair of the lowest rank is merged first, of equal ones the leftmost."""
        ranks, size = self._ranks, len(word)
        end = list(range(1, size + 1))  # of the part that begins here; 0 once it has been merged into the one before
        before = list(range(-1, size - 1))
        pairs = [(rank, at) for at in range(size - 1) if (rank := ranks.get(word[at : at + 2])) is not None]
        heapify(pairs)
        while pairs:
            rank, at = heappop(pairs)
            middle = end[at]
            if not 0 < middle < size or ranks.get(word[at : end[middle]]) != rank:
                continue
            end[at], end[middle] = end[middle], 0
            after, left = end[at], before[at]
            if after < size:
                before[after] = at
                if (rank := ranks.get(word[at : end[after]])) is not None:
                    heappush(pairs, (rank, at))
            if left >= 0 and (rank := ranks.get(word[left:after])) is not None:
                heappush(pairs, (rank, left))
        return tuple(ranks[word[at:to]] for at, to in enumerate(end) if to and word[at:to] in ranks)

    def _parts(self, run: str) -> Iterator[str]:
        """Split the run where llama.cpp would fail on it, and inside each text that it takes for an added token."""
        start = 0
        for found in self._added.finditer(run) if self._added else ():
            yield from self._cut(run[start : found.end()])
            start = found.end()
        yield from self._cut(run[start:])

    def _cut(self, text: str) -> Iterator[str]:
        ends = _run_ends(text, self._runs) if self._is_bpe else (span.end() for span in regex.finditer(_SPANS, text))
        start = 0
        for end in ends:
            yield text[start:end]
            start = end
        if start < len(text) or not start:
            yield text[start:]

    def _call_within(self, text: str) -> list[int]:
        """The tokens of text in the middle of a run, so without the space that a run gets before it."""
        if not self.adds_space:
            return self._call(text)
        return self._call("\n" + text)[len(self._call("\n")) :]

    def _call(self, text: str) -> list[int]:
        content = text.encode()
        tokens = (llama_cpp.llama_token * (len(content) + 8))()
        count = llama_cpp.llama_tokenize(self._pointer, content, len(content), tokens, len(tokens), False, False)
        return tokens[: max(count, 0)]


def any_of(texts: Iterable[str]) -> str:
    """A regular expression for any of the texts, the longest first, which reads each character once."""
    first, *rest = sorted(texts, reverse=True)
    if not rest:
        return re.escape(first)
    heads = groupby([first, *rest], key=lambda text: text[:1])
    return "(?:" + "|".join(re.escape(head) + any_of(text[1:] for text in group) for head, group in heads) + ")"


def _run_ends(text: str, runs: "regex.Pattern[str]") -> Iterator[int]:
    """Where to split runs of one kind of character that are too long."""
    for run in runs.finditer(text):
        yield from range(run.start() + _MAX_RUN, run.end(), _MAX_RUN)


def _token(token: int) -> int | None:
    return token if token >= 0 else None
