"""Writes an answer line below line into a terminal that keeps its own scrollback.

A block of Markdown is written once it is finished, the lines of a code block as they arrive, and text that was written
is never touched again. Rows that may still change are shown below it, where the cursor can be moved, and replaced.
"""

import time
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from lechat_tui.drawing.answer import Answer, ending
from lechat_tui.drawing.ascii import to_ascii
from lechat_tui.drawing.bidi import visual
from lechat_tui.drawing.items import INDENT, Item
from lechat_tui.drawing.rows import Look, Row, citing, prefixed, row, text_rows
from lechat_tui.drawing.styles import styles_on_any_background
from lechat_tui.drawing.themes import DEFAULT, Themes
from lechat_tui.drawing.thinking import Thinking
from lechat_tui.engine.base import DeltaKind
from lechat_tui.inline.streamed import StreamedMarkdown, StreamedThinking
from lechat_tui.message import Message
from lechat_tui.plaintext import safe
from lechat_tui.terminal import TextOrder

THEME = "terminal16"
"""On the terminal's own background, only the terminal's own colors are sure to be readable."""

MAX_WIDTH = 100
"""Cells of the text column."""

MAX_LIVE_ROWS = 12
"""Rows that may still change and are shown."""

MIN_UPDATE_SECONDS = 0.1
"""Between two updates of the live rows."""

UPDATE_SHARE = 8
"""After an update, the next one waits for at least so many times as long as it took."""


class Flow:
    """Writes items below each other; with `live`, rows that may still change are shown and replaced."""

    thinking = False
    """Whether thinking is written, or only how long it took."""

    def __init__(
        self,
        console: Console,
        themes: Themes,
        *,
        reduced: bool = False,
        live: bool = True,
        order: TextOrder = "logical",
    ) -> None:
        """`order` is that of text from right to left; a file gets it as it is."""
        self._console = console
        self._look = styles_on_any_background(themes.named(THEME), themes.known[DEFAULT])
        self._reduced = reduced
        self._live = live
        self._order: TextOrder = order if console.is_terminal else "logical"
        self._live_widths: Sequence[int] = ()
        """The cells of each live row on the screen."""
        self._next_update = 0.0
        self.begin()

    @property
    def look(self) -> Look:
        """The styles."""
        return self._look

    @property
    def width(self) -> int:
        """Cells of the text column; one is left free at the right, where some terminals wrap early."""
        return max(min(self._console.width - 1, MAX_WIDTH), 10)

    # Finished text

    def item(self, item: Item) -> None:
        """Write an item."""
        if isinstance(item, Answer):
            item.unfolded = self.thinking
        self.rows(item.rows(self.width, self._look))

    def rows(self, rows: Sequence[Row]) -> None:
        """Write rows."""
        self.clear()
        self._print(rows)

    def text(self, text: str, style: Style | None = None) -> None:
        """Write a text of the program."""
        self.rows(text_rows([(text, style or self._look.soft)], self.width))

    # An answer

    def begin(self, continued: Message | None = None) -> None:
        """Begin an answer; one that is continued has been written, and its last block is repeated and grows.

        With `cites`, which ends with the answer, `[2]` is a citation.
        """
        self.cites = False
        self._width = self.width
        self._inner = self._width - INDENT
        self._thinking = Thinking()
        self._part: StreamedThinking | StreamedMarkdown = StreamedThinking(self._inner, self._look)
        """What arrives now: the thinking or the answer."""
        self._has_rows = False
        """Whether rows of the answer have been written."""
        self._activity = ""
        if continued and continued.text:
            self._part = StreamedMarkdown(self._inner, self._look)
            self._part.skip(safe(continued.text))

    def grow(self, text: str, kind: DeltaKind) -> None:
        """Add a piece of the answer or of the thinking; other kinds are not shown."""
        if kind == "text":
            self._add(text, self._begin_text())
        elif kind == "thinking":
            self._thinking.grow(text)
            if self.thinking and isinstance(self._part, StreamedThinking):
                self._add(text, self._part)
            else:
                self._show_line(self._thinking.summary())

    def end(self, message: Message | None, sources: Sequence[str] = ()) -> None:
        """End the answer: write the rest of it, its sources, and why it ended. `message` is the answer as stored."""
        answer = self._begin_text()
        self._write(answer.close())
        if message:
            self._write(answer.late_links(message.text))
        for line in sources:
            self._write(text_rows([(line, self._look.soft)], self._inner))
        if message and (line := ending(message.state, message.text, bool(message.thinking))):
            gap = [row(())] if self._has_rows else []
            self._write([*gap, *text_rows([(line, self._look.soft)], self._inner)])
        self.rows([row(())])

    def _begin_text(self) -> StreamedMarkdown:
        """The answer's text; when it begins, the thinking ends with how long it took."""
        if isinstance(self._part, StreamedMarkdown):
            return self._part
        if self._thinking:
            self._thinking.end()
            self._write(self._part.close())
            mark = "╰" if self._has_rows else "▸"
            self._write(text_rows([(f"{mark} {self._thinking.summary()}", self._look.soft)], self._inner))
        look = citing(self._look) if self.cites else self._look
        self._part = StreamedMarkdown(self._inner, look, below=self._has_rows)
        return self._part

    def _add(self, text: str, part: StreamedThinking | StreamedMarkdown) -> None:
        """Add a piece; rows mostly become final at the end of a line, so each end is looked at."""
        ended, newline, rest = safe(text).rpartition("\n")
        began = time.monotonic()
        due = began >= self._next_update
        final: list[Row] = []
        if newline:
            part.feed(ended + newline)
            final += part.advance()
        part.feed(rest)
        if due:
            final += part.advance()
        self._write(final)
        if self._live and (final or due):
            most = min(MAX_LIVE_ROWS, max(self._console.height - 2, 1))
            self._show_live(self._indented(part.rest()[-most:]))
        if due:
            now = time.monotonic()
            self._next_update = now + max(MIN_UPDATE_SECONDS, UPDATE_SHARE * (now - began))

    def _write(self, rows: Sequence[Row]) -> None:
        """Write rows of the answer."""
        if rows:
            self.rows(self._indented(rows))
            self._has_rows = True

    def _indented(self, rows: Sequence[Row]) -> list[Row]:
        space = (" " * INDENT, self._look.text)
        return list(prefixed(rows, space, space))

    # Rows that are replaced

    def show_activity(self, activity: str, progress: str) -> None:
        """Show what the engine does and how far it is; where nothing can be replaced, each activity is written once."""
        if self._live:
            self._show_line(f"{activity}: {progress}".removesuffix(": "))
        elif activity != self._activity:
            self.text(activity)
        self._activity = activity

    def clear(self) -> None:
        """Remove the live rows."""
        if self._live_widths:
            width = self._console.width  # a terminal that has become narrower has wrapped them
            height = sum(max(-(-cells // width), 1) for cells in self._live_widths)
            self._console.file.write(f"\x1b[{height}F\x1b[J")
            self._live_widths = ()

    def _show_line(self, text: str) -> None:
        now = time.monotonic()
        if self._live and now >= self._next_update:
            self._show_live([row([(" " * INDENT + text[: self._width - INDENT], self._look.soft)])])
            self._next_update = now + MIN_UPDATE_SECONDS

    def _show_live(self, rows: Sequence[Row]) -> None:
        self.rows(rows)
        self._live_widths = [self.width if one.rtl else cell_len(one.text.rstrip()) for one in rows]

    def _print(self, rows: Sequence[Row]) -> None:
        """Write the rows at once, so that the terminal never shows half of them."""
        lines = []
        for one in rows:
            pieces = visual(one.runs, rtl=one.rtl, width=self.width, order=self._order)
            line = Text.assemble(*((to_ascii(text) if self._reduced else text, style) for text, style, _ in pieces))
            line.rstrip()
            lines.append(line)
        if lines:
            self._console.print(Text("\n").join(lines), soft_wrap=True)
