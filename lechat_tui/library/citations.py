"""Checks each citation of an answer against the passage that it names.

What a sentence quotes must be in the passage literally; its numbers, dates and names must be there, and near the words
they belong to; otherwise enough of its words must be. A citation that fails may still be right; it is unverified.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from lechat_tui.attachments.passages import Source
from lechat_tui.library.claims import claims, sentences
from lechat_tui.library.differences import difference, longest_run
from lechat_tui.library.facts import plain, tokens
from lechat_tui.library.function_words import FUNCTION_WORDS, language_of
from lechat_tui.library.marks import without_code
from lechat_tui.library.words import Index, Statement, is_soft, pairs, shared, shortened
from lechat_tui.message import Citation

MIN_SHARED = 0.5
"""Share of a sentence's words that must be in the passage."""

MIN_QUOTED_WORDS = 2
"""A quotation with fewer words is a title or irony, and is checked word by word."""

WHOLE_SHARED = 0.95
"""From this share on a sentence of the passage says all of it."""

MIN_FOUND_WORDS, MIN_FOUND_SHARE = 3, 0.75
"""Words of a sentence that cites nothing, and how many of them a passage must have to be named as its source."""

MAX_CANDIDATES = 6
"""Sentences of a passage that are searched for the longest run of equal words."""

MAX_SHORT_ANSWER = 4
"""Words behind a colon that are an answer, not a sentence: a capital letter is then no beginning."""


def check(answer: str, passages: Sequence[Source]) -> list[Citation]:
    """The citations of an answer in their order. Numbers without a passage are left out."""
    known = {passage.n: passage for passage in passages}
    found: list[Citation] = []
    language = language_of(token.text for token in tokens(plain(answer)))
    for claim in claims(answer):
        cited = [_analyzed(known[n]) for n in claim.numbers if n in known]
        statement = Statement(claim.text, language)
        reason = doubt(statement, cited) if cited else ""
        for span in claim.marks:
            number = int(answer[span[0] + 1 : span[1] - 1])
            if number not in known:
                continue
            passage = _analyzed(known[number])
            why = reason or _idle(statement, passage, cited)
            start, end = passage.closest(statement)
            source = passage.source
            found.append(
                Citation(
                    number,
                    source.document,
                    source.page,
                    source.start + start,
                    source.start + end,
                    source.body[start:end],
                    not why,
                    why,
                    mark=span,
                )
            )
    return sorted(found, key=lambda citation: citation.mark)


def sources_found(answer: str, passages: Sequence[Source]) -> list[Citation]:
    """The passages that hold sentences of an answer that cites none itself, at most one for each sentence."""
    known = [_analyzed(passage) for passage in passages]
    found: list[Citation] = []
    for start, end in sentences(without_code(answer)):
        statement = Statement(answer[start:end])
        best = max(known, key=lambda passage: shared(statement, passage.index), default=None)
        if best is None or len(statement.words) < MIN_FOUND_WORDS or shared(statement, best.index) < MIN_FOUND_SHARE:
            continue
        if not doubt(statement, [best]):
            first, last = best.closest(statement)
            source = best.source
            where = source.document, source.page, source.start + first, source.start + last
            found.append(Citation(source.n, *where, source.body[first:last], proved=True, mark=(end, end)))
    return found


class Support:
    """A passage taken apart: its sentences, and everything that it states."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.spans = list(sentences(source.body)) or [(0, len(source.body))]
        self.sentences = [Statement(source.body[start:end]) for start, end in self.spans]
        around = f"{source.document} {source.heading} {source.page}"
        self.around = Statement(around)
        self.all = [token for one in (*self.sentences, self.around) for token in one.tokens]
        self.index = Index(self.all)
        self.indexes = [Index(one.tokens) for one in self.sentences]
        self.plain = _bare(plain(f"{around} {source.body}"))
        self.language = language_of(token.text for token in self.all)
        self._last: tuple[Statement, list[int]] | None = None

    def closest(self, statement: Statement) -> tuple[int, int]:
        """Where the sentence of the body is that shares the most words with this statement."""
        return self.spans[self.best(statement)]

    def best(self, statement: Statement) -> int:
        """The index of that sentence."""
        return self._ranked(statement)[0]

    def _ranked(self, statement: Statement) -> list[int]:
        """The indexes of the sentences, that with the most words in common first."""
        last = self._last  # another thread may set it
        if last is None or last[0] is not statement:
            scores = [shared(statement, index) for index in self.indexes]
            last = self._last = statement, sorted(range(len(scores)), key=lambda place: (-scores[place], place))
        return last[1]

    def longest(self, statement: Statement) -> int:
        """The index of the sentence with the longest run of its words."""
        candidates = self._ranked(statement)[:MAX_CANDIDATES]
        return max(candidates, key=lambda place: longest_run(statement, self.sentences[place]))


@lru_cache(maxsize=256)
def _analyzed(source: Source) -> Support:
    return Support(source)


def doubt(statement: Statement, cited: Sequence[Support]) -> str:
    """Why these passages do not support a statement; empty if they do."""
    checks = (_quotes, _numbers, _names, _short_answer, _swapped, _overlap)
    return next(filter(None, (one(statement, cited) for one in checks)), "")


def _idle(statement: Statement, passage: Support, cited: Sequence[Support]) -> str:
    """Why one of several passages that hold a sentence together adds nothing to it."""
    if len(cited) < 2 or any(passage.index.has(token) for token in statement.words) or _shares_pair(statement, passage):
        return ""
    return "the passage has none of these words"


def _shares_pair(statement: Statement, passage: Support) -> bool:
    return any(passage.index.has_pair(pair) for pair in pairs(statement.tokens))


_QUOTED = re.compile(r'"([^"]{2,})"|(?<!\w)\'([^\']{8,})\'(?!\w)')
_LEFT_OUT = re.compile(r"\[?(?:\.\.\.|…)\]?")


def _bare(text: str) -> str:
    """The text for a literal comparison: case, quotes and spaces make no difference."""
    return " ".join(re.sub(r"[\"']", "", text).casefold().split())


def _quotes(statement: Statement, cited: Sequence[Support]) -> str:
    for match in _QUOTED.finditer(statement.plain):
        quote = match[1] or match[2]
        if len(tokens(quote)) < MIN_QUOTED_WORDS:
            continue
        parts = [_bare(part).strip(" .,;:!?。，！？-") for part in _LEFT_OUT.split(quote)]
        if not any(_in_order(parts, passage.plain) for passage in cited):
            return f"the quote “{shortened(quote)}” is not in the passage"
    return ""


def _in_order(parts: Sequence[str], text: str) -> bool:
    at = 0
    for part in filter(None, parts):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _numbers(statement: Statement, cited: Sequence[Support]) -> str:
    for token in statement.tokens:
        if not token.number or is_soft(token) or any(passage.index.has(token) for passage in cited):
            continue
        return f"the {'date' if token.days else 'number'} {token.shown} is not in the passage"
    return ""


def _names(statement: Statement, cited: Sequence[Support]) -> str:
    for place, token in enumerate(statement.tokens):
        if not token.capital or token.number or token.text in FUNCTION_WORDS:
            continue
        if any(passage.index.has(token) for passage in cited):
            continue
        if _is_name(statement, place, cited):
            return f"{shortened(token.shown)} is not in the passage"
    return ""


def _is_name(statement: Statement, place: int, cited: Sequence[Support]) -> bool:
    """Whether a word with a capital letter is probably a name."""
    before = statement.plain[: statement.tokens[place].start].rstrip()
    if not before or before[-1] in '.!?"(':
        return False  # it begins a sentence
    if before[-1] == ":":
        return len(statement.tokens) - place <= MAX_SHORT_ANSWER
    if statement.language != "de":
        return True
    previous = statement.tokens[place - 1]  # every noun has a capital letter, so another one must be before it
    if place < 2 or not previous.capital or previous.text in FUNCTION_WORDS or before[-1] == "-":
        return False
    return not previous.text.endswith("s") or not any(passage.index.has(previous) for passage in cited)


def _short_answer(statement: Statement, cited: Sequence[Support]) -> str:
    """Some words behind a colon, as in "Winner: Carolina", none of which the passage has."""
    _, colon, end = statement.plain.rpartition(":")
    answer = Statement(end)
    words = [token for token in answer.words if not token.number]
    if not colon or not words or len(answer.tokens) > MAX_SHORT_ANSWER * (2 if words[0].character else 1):
        return ""
    if shared(answer, *(passage.index for passage in cited)) > 0 or any(token.number for token in answer.words):
        return ""
    return f"{shortened(end.strip())} is not in the passage"


def _swapped(statement: Statement, cited: Sequence[Support]) -> str:
    """Whether the sentence is one of the passage but for a fact, though that may be elsewhere in the passage."""
    reasons = [_difference(statement, passage) or _wrong_place(statement, passage) for passage in cited]
    return reasons[0] if reasons and all(reasons) else ""


def _difference(statement: Statement, passage: Support) -> str:
    best = passage.best(statement)
    if reason := difference(statement, passage.sentences[best], passage.index):
        return reason
    if shared(statement, passage.indexes[best]) >= WHOLE_SHARED:
        return ""
    again = passage.longest(statement)  # words that were swapped may have led to the sentence where they are from
    return difference(statement, passage.sentences[again], passage.index) if again != best else ""


def _wrong_place(statement: Statement, passage: Support) -> str:
    """A number that only stands in a sentence about something else."""
    for token in statement.tokens:
        if not token.number or is_soft(token):
            continue
        at = [n for n, index in enumerate(passage.indexes) if index.has(token)]
        if not at:
            continue
        rest = Statement(statement.plain)
        rest.words = [word for word in statement.words if not word.number]
        scores = [shared(rest, index) for index in passage.indexes]
        near = max(shared(rest, *passage.indexes[max(n - 1, 0) : n + 2]) for n in at)
        if max(scores) >= 2 * MIN_SHARED * 0.6 and near < max(scores) / 2:
            return f"the passage has {token.shown} where it is about something else"
    return ""


def _overlap(statement: Statement, cited: Sequence[Support]) -> str:
    if not statement.words:
        return ""  # a mark alone, as in a list of sources
    share = shared(statement, *(passage.index for passage in cited))
    if share >= MIN_SHARED + (1 / len(statement.words) if len(statement.words) < 4 else 0) / 4:
        return ""
    languages = {passage.language for passage in cited}
    if (
        statement.language
        and statement.language not in languages
        and any(t.number or t.capital for t in statement.words[1:])
    ):
        return ""  # another language: its numbers and names are all there
    return "it shares too few words with the passage"
