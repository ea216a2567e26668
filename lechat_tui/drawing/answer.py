"""An answer in the transcript.

The modules that read and render Markdown are imported with the first answer: a start page without one is shown sooner.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from lechat_tui.drawing.items import INDENT, Item, estimated_rows, indented
from lechat_tui.drawing.rows import Look, Row, citing, row, text_rows
from lechat_tui.drawing.thinking import Thinking
from lechat_tui.message import Citation, Message, Receipt, State
from lechat_tui.plaintext import safe
from lechat_tui.units import latency_text, token_speed_text

if TYPE_CHECKING:
    from lechat_tui.drawing.markdown import Reader

ENDINGS: dict[State, str] = {
    "draft": "■ interrupted; /regen to retry",
    "stopped": "■ stopped; /continue to resume, /regen to retry",
    "interrupted": "■ interrupted when the program ended; /continue to resume, /regen to retry",
    "failed": "■ engine error; /continue to resume, /regen to retry",
    "cut": "■ cut at the token limit; /continue to resume",
}
"""The line below an answer that is not complete."""


def marked(message: Message) -> str:
    """The text of an answer with its unverified citations marked, as in `[2?]`."""
    text = message.text
    for citation in sorted(message.citations, key=lambda one: one.mark, reverse=True):
        start, end = citation.mark
        if not citation.proved and text[start:end] == f"[{citation.n}]":
            text = f"{text[: end - 1]}?{text[end - 1 :]}"
    return text


def doubts(citations: Sequence[Citation]) -> str:
    """The line below an answer with unverified citations; empty if all are proved."""
    count = sum(not citation.proved for citation in citations)
    if not count:
        return ""
    those = f"{count} of {len(citations)} citations" if len(citations) > 1 else "the citation"
    return f"{those} {'are' if count > 1 else 'is'} unverified; /sources says why"


def ending(state: State, text: str, thinking: bool) -> str:
    """The line below an answer that is not complete, else empty. Thinking without a text is not sent later."""
    line = ENDINGS.get(state, "")
    if thinking and not text.strip():
        return line.replace(";", " while thinking, so the next question is sent without it;", 1)
    return line


class Answer(Item):
    """What the model wrote. It grows piece by piece: only blocks that may still change are rendered again."""

    def __init__(self, message: Message | None = None) -> None:
        super().__init__()
        self._state: State = message.state if message else "complete"
        self._pieces: list[str] = []
        """The text that the reader was fed since the answer began to grow."""
        self._message = message
        """The answer as it was stored; None while it grows."""
        self._unread = message
        """A stored message that has not been parsed: it is when it is first in view."""
        self._text = marked(message) if message else ""
        self.citations: Sequence[Citation] = message.citations if message else ()
        self.cites = bool(self.citations)
        """Whether it is about passages of a library, which `[2]` cites."""
        self.receipt = message.receipt if message else None
        self._finished: list[Row] = []
        """The rows of finished blocks."""
        self._finished_for: tuple[int, Look, int] | None = None
        """The width, the look and the number of these blocks."""

    @cached_property
    def thinking(self) -> Thinking:
        """The thinking before it."""
        return Thinking(self._unread.thinking, ended=True) if self._unread else Thinking()

    @cached_property
    def _reader(self) -> "Reader":
        """Made when it is needed: in a long chat, most answers are never in view."""
        from lechat_tui.drawing.markdown import Reader

        return Reader()

    def grow(self, text: str) -> None:
        """Append a piece of the answer."""
        self.thinking.end()
        piece = safe(text)
        self._pieces.append(piece)
        self._reader.feed(piece)
        self.changed()

    def think(self, text: str) -> None:
        """Append a piece of the thinking."""
        self.thinking.grow(text)
        self.changed()

    def finish(self, message: Message) -> None:
        """Show the answer as it was stored."""
        self._message = message
        self._state = message.state
        self._text = marked(message)
        self.citations, self.cites = message.citations, bool(message.citations)
        self.receipt = message.receipt
        self.thinking.finish(message.thinking)
        text = safe(self._text)
        self._reader.close()
        if self._reader.references or text != "".join(self._pieces):
            self._read(text)
        self._pieces.clear()
        self.changed()

    def _read(self, text: str) -> None:
        from lechat_tui.drawing.markdown import Reader, read

        self._reader = Reader()
        self._reader.blocks = read(text)
        self._finished_for = None

    def resume(self) -> None:
        """Let the answer grow again: its last block may be an open one."""
        from lechat_tui.drawing.markdown import Reader

        text = safe(self._message.text if self._message else self._text)
        _ = self.thinking  # before the message that it is made of goes
        self._message = self._unread = None
        self._reader = Reader()
        self._reader.feed(text)
        self._pieces = [text]
        self._finished_for = None
        self._state, self.citations = "complete", ()
        self.changed()

    def release(self) -> None:
        """Free the rows and the parsed text of a stored answer."""
        if self._message:
            super().release()
            if not self.thinking:  # or it has measured how long it took
                del self.thinking
            self._unread = self._message
            self._finished, self._finished_for = [], None
            self.__dict__.pop("_reader", None)

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        from lechat_tui.drawing.blocks import render_blocks

        look = citing(look) if self.cites else look
        thinking = self.thinking
        if self._unread:
            self._read(safe(self._text))
            self._unread = None
        inner = max(width - INDENT, 1)
        growing = self._reader.advance()
        parts: list[Iterable[Row]] = []
        if thinking:
            parts.append(indented(thinking.rows(inner, look, unfolded=self.unfolded), look))
        if finished := self._finished_rows(inner, look):
            parts.append(finished)
        if tail := list(render_blocks(growing, inner, look)):
            if growing[0].joint.gap or not finished:
                parts.append(indented(tail, look))
            else:
                parts[-1] = chain(finished, indented(tail, look))
        for line in filter(None, (doubts(self.citations), ending(self._state, self._text, bool(thinking)))):
            parts.append(indented(text_rows([(line, look.soft)], inner), look))
        blank = row(())
        return chain.from_iterable(chain((blank,), part) if number else part for number, part in enumerate(parts))

    def _finished_rows(self, width: int, look: Look) -> list[Row]:
        """The rows of the finished blocks; only new blocks are rendered, and appended."""
        from lechat_tui.drawing.blocks import render_blocks

        blocks = self._reader.blocks
        known = self._finished_for
        if known is None or known[:2] != (width, look):
            self._finished, rendered = [], 0
        else:
            rendered = known[2]
        new = render_blocks(blocks[rendered:], width, look, below=bool(self._finished))
        self._finished += indented(new, look)
        self._finished_for = width, look, len(blocks)
        return self._finished

    def _estimate(self, width: int) -> int:
        thinking = self._unread.thinking if self._unread else self.thinking
        return estimated_rows(self._text, width - INDENT) + 2 * bool(thinking)


def speed_summary(receipt: Receipt) -> str:
    """How fast an answer was: `42 tokens/s · first token after 0.31 s`, without what was not measured."""
    speed = token_speed_text(receipt.tokens_per_s) if receipt.tokens_per_s else ""
    return " · ".join(
        filter(None, (speed, f"first token after {latency_text(receipt.ttft_ms)}" if receipt.ttft_ms else ""))
    )
