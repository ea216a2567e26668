"""Turns the token IDs of an answer into text, thinking and tool calls, token by token."""

import codecs
from collections.abc import Mapping

from lechat_tui.engine.base import Delta, DeltaKind
from lechat_tui.engine.llama.vocab import Vocab

_SWITCHES: Mapping[str, DeltaKind] = {
    "[THINK]": "thinking",
    "[/THINK]": "text",
    "<think>": "thinking",
    "</think>": "text",
    "[TOOL_CALLS]": "tool",
}
"""The kind of text that follows each of these control tokens."""

_TOOL_TOKENS = ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")
"""Control tokens that stay in the text of a tool call, which could not be parsed without them."""

_OPEN, _CLOSE = "<think>", "</think>"
"""Tags around thinking, written at the very start of an answer by models without control tokens for it."""


class Detokenizer:
    """The text of one answer as it grows. The cost of a token does not depend on how many came before."""

    def __init__(self, vocab: Vocab, *, continuing: bool = False) -> None:
        """`continuing` is for the rest of an answer: its first space counts, and a tag there is not a tag."""
        self._vocab = vocab
        self._names = {vocab.control[name]: name for name in (*_SWITCHES, *_TOOL_TOKENS) if name in vocab.control}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kind: DeltaKind = "text"
        self._held = ""
        """Text that may turn out to be part of `_OPEN` or `_CLOSE`."""
        self._at_start = not continuing
        """No text has come yet, and `_OPEN` may."""
        self._in_tag = False
        """`_OPEN` has come, and `_CLOSE` has not."""
        self._trims = False
        """White space is dropped until other text comes."""

    def feed(self, token: int) -> list[Delta]:
        """What the token adds, perhaps nothing yet."""
        name = self._names.get(token)
        if name is None:
            return self._take(self._decoder.decode(self._vocab.piece(token)))
        deltas = self.finish()
        self._kind = _SWITCHES.get(name, self._kind)
        self._trims = self._kind != "tool"
        if self._kind == "tool" and name in _TOOL_TOKENS:
            deltas.append(Delta(name, "tool"))
        return deltas

    def finish(self) -> list[Delta]:
        """What was held back; the answer has ended, or text of another kind begins."""
        deltas = self._take(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        self._at_start = self._in_tag = False
        return deltas + self._emit(held) if held.strip() else deltas

    def cut(self) -> list[Delta]:
        """What was held back of an answer that stops here. Half a character is dropped: continuing completes it."""
        held, self._held = self._held, ""
        return self._emit(held) if held.strip() else []

    def _take(self, text: str) -> list[Delta]:
        text, self._held = self._held + text, ""
        if self._at_start:
            return self._take_start(text)
        return self._take_thinking(text) if self._in_tag else self._emit(text)

    def _take_start(self, text: str) -> list[Delta]:
        start = text.lstrip()
        if _OPEN.startswith(start):
            self._held = text
            return []
        self._at_start = False
        if not start.startswith(_OPEN):
            return self._emit(text.removeprefix(" ") if self._vocab.adds_space else text)
        self._kind, self._in_tag, self._trims = "thinking", True, True
        return self._take_thinking(start.removeprefix(_OPEN))

    def _take_thinking(self, text: str) -> list[Delta]:
        thinking, close, rest = text.partition(_CLOSE)
        if not close:
            certain = len(text) - _overlap(text, _CLOSE)
            self._held = text[certain:]
            return self._emit(text[:certain])
        deltas = self._emit(thinking)
        self._kind, self._in_tag, self._trims = "text", False, True
        return deltas + self._emit(rest)

    def _emit(self, text: str) -> list[Delta]:
        if self._trims:
            text = text.lstrip()
            self._trims = not text
        return [Delta(text, self._kind)] if text else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)
