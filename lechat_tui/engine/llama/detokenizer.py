"""Turns the token IDs of an answer into text, thinking and tool calls, token by token."""

import codecs
from collections.abc import Mapping

from lechat_tui.engine.base import Delta, DeltaKind
from lechat_tui.engine.llama.thinking import FORMATS, PLAIN, Framing, ThinkingFormat, overlap
from lechat_tui.engine.llama.vocab import Vocab

_SWITCHES: Mapping[str, DeltaKind] = {
    **{form.opening: "thinking" for form in FORMATS},
    **{form.closing: "text" for form in FORMATS},
    "<|START_RESPONSE|>": "text",
    "<|START_TEXT|>": "text",
    "<|START_ACTION|>": "tool",
    "[TOOL_CALLS]": "tool",
}
"""The kind of text that follows each of these control tokens."""

_TOOL_TOKENS = ("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")
"""Control tokens that stay in the text of a tool call, which could not be parsed without them."""

_LABELS = ("<|channel|>", "<|start|>", "<|channel>", "<|open|>", "<|close|>")
"""Control tokens that begin a label, which says what kind of text follows (gpt-oss, Gemma 4, Kimi K3)."""

_LABEL_ENDS = ("<|message|>", "<|sep|>")
"""Control tokens that end a label."""

_LABELS_OF_A_LINE = ("<|channel>",)
"""Those of `_LABELS` whose label ends with its line."""

_ADDRESSED = " to=tool "
"""In a label: what follows is for a tool."""


class Detokenizer:
    """The text of one answer as it grows. The cost of a token does not depend on how many came before."""

    def __init__(self, vocab: Vocab, framing: Framing = PLAIN, *, continuing: bool = False) -> None:
        """`framing` is what the prompt says of the answer.

        `continuing` is for the rest of an answer: its first space counts, and a tag there is not a tag.
        """
        self._vocab = vocab
        self._names = {
            **{vocab.control[name]: name for name in (*_SWITCHES, *_TOOL_TOKENS) if name in vocab.control},
            # llama.cpp makes those of gpt-oss ordinary added tokens, so that they are printed
            **{vocab.specials[name]: name for name in (*_LABELS, *_LABEL_ENDS) if name in vocab.specials},
        }
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kind: DeltaKind = "text"
        self._held = ""
        """Text that may turn out to be part of a mark."""
        self._at_start = not continuing
        """No text has come yet, and thinking may be opened."""
        self._formats = [form for form in framing.formats if form.opening not in vocab.control]
        self._open: ThinkingFormat | None = None
        """The format whose opening has come, and whose closing has not."""
        self._opening = self._closing = ""
        """Marks around the answer, while the first may come, and while the second may."""
        self._answer = None if continuing else framing.answer
        self._label: str | None = None
        """The beginning of a label, until its end has come."""
        self._label_ends_line = False
        self._trims = False
        """White space is dropped until other text comes."""
        if framing.opened and not continuing:
            self._open, self._kind, self._trims = framing.opened, "thinking", True
            self._formats = [framing.opened]  # some models open it once more

    def feed(self, token: int) -> list[Delta]:
        """What the token adds, perhaps nothing yet."""
        name = self._names.get(token)
        if name is None:
            return self._take(self._decoder.decode(self._vocab.piece(token)))
        deltas = self.finish()
        label, self._label = self._label or "", None
        if name in _LABELS:
            self._label = f"{name} {_ADDRESSED}" if _kind_of(label) == "tool" else f"{name} "
            self._label_ends_line = name in _LABELS_OF_A_LINE
            return deltas
        kind = _kind_of(label) if name in _LABEL_ENDS else _SWITCHES.get(name, self._kind)
        self._switch(kind)
        if kind == "tool" and name in _TOOL_TOKENS:
            deltas.append(Delta(name, "tool"))
        return deltas

    def finish(self) -> list[Delta]:
        """What was held back; the answer has ended, or text of another kind begins."""
        deltas = self._take(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        self._at_start, self._open, self._opening = False, None, ""
        return deltas + self._emit(held) if held.strip() else deltas

    def cut(self) -> list[Delta]:
        """What was held back of an answer that stops here. Half a character is dropped: continuing completes it."""
        held, self._held = self._held, ""
        return self._emit(held) if held.strip() else []

    def _switch(self, kind: DeltaKind) -> None:
        """Text of this kind follows."""
        if kind == "text" and self._kind == "thinking" and self._answer:
            self._opening, self._closing = self._answer
        self._kind = kind
        self._trims = kind != "tool"

    def _take(self, text: str) -> list[Delta]:
        if self._label is not None:
            return self._take_label(text)
        text, self._held = self._held + text, ""
        if self._at_start:
            return self._take_start(text)
        if self._open:
            return self._take_thinking(text, self._open.closing)
        return self._take_answer(text) if self._opening or self._closing else self._emit(text)

    def _take_label(self, text: str) -> list[Delta]:
        self._label = (self._label or "") + text
        if not self._label_ends_line or "\n" not in self._label:
            return []
        label, _, rest = self._label.partition("\n")
        self._label = None
        self._switch(_kind_of(label))
        return self._take(rest)

    def _take_start(self, text: str) -> list[Delta]:
        start = text.lstrip()
        if any(form.opening.startswith(start) for form in self._formats):
            self._held = text
            return []
        self._at_start = False
        form = next((form for form in self._formats if start.startswith(form.opening)), None)
        if form:
            self._kind, self._open, self._trims = "thinking", form, True
            return self._take_thinking(start.removeprefix(form.opening), form.closing)
        if self._open:
            return self._take_thinking(text, self._open.closing)
        return self._emit(text.removeprefix(" ") if self._vocab.adds_space else text)

    def _take_thinking(self, text: str, closing: str) -> list[Delta]:
        thinking, close, rest = text.partition(closing)
        if not close:
            certain = len(text) - overlap(text, [closing])
            self._held = text[certain:]
            return self._emit(text[:certain])
        deltas = self._emit(thinking)
        self._open = None
        self._switch("text")
        return deltas + self._take(rest)

    def _take_answer(self, text: str) -> list[Delta]:
        """Text after the thinking, without the marks around it."""
        if self._opening:
            start = text.lstrip()
            if self._opening.startswith(start):
                self._held = text
                return []
            opening, self._opening = self._opening, ""
            if not start.startswith(opening):
                self._closing = ""
                return self._emit(text)
            text, self._trims = start.removeprefix(opening), True
        before, close, after = text.partition(self._closing)
        if close:
            self._closing = ""
            deltas, self._trims = self._emit(before), True
            return deltas + self._emit(after)
        certain = len(text) - overlap(text, [self._closing])
        self._held = text[certain:]
        return self._emit(text[:certain])

    def _emit(self, text: str) -> list[Delta]:
        if self._trims:
            text = text.lstrip()
            self._trims = not text
        return [Delta(text, self._kind)] if text else []


def _kind_of(label: str) -> DeltaKind:
    """The kind of text that follows a label, as `<|channel|> analysis`."""
    mark, _, name = label.partition(" ")
    if " to=" in name and "to=assistant" not in name:
        return "tool"
    return "thinking" if mark != "<|close|>" and name.strip().startswith(("analysis", "think", "thought")) else "text"
