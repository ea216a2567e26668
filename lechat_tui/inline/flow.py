"""An answer written line below line into a terminal that keeps its own scrollback. Knows rows, not what they answer.

A block of Markdown is written once it is finished, the lines of a fence as they come, and what was written is never
touched again. What may still change is shown below and written over, where the cursor can be moved.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from lechat_tui.drawing.answer import ENDINGS, Answer
from lechat_tui.drawing.ascii import to_ascii
from lechat_tui.drawing.blocks import render_blocks
from lechat_tui.drawing.items import INDENT, Item
from lechat_tui.drawing.markdown import Block, Reader, read
from lechat_tui.drawing.rows import Look, Row, prefixed, row, text_rows
from lechat_tui.drawing.styles import styles_on_any_background
from lechat_tui.drawing.themes import DEFAULT, Themes
from lechat_tui.drawing.thinking import Thinking
from lechat_tui.engine.base import Kind
from lechat_tui.message import Message
from lechat_tui.plaintext import safe

OWN_COLOURS = "terminal16"
"""The theme: on a background that is not ours, only the terminal's own colours are sure to be readable."""

WIDEST = 100
"""Cells of the column of text."""

OPEN = 12
"""Rows of what may still change that are shown."""

PERIOD = 0.1
"""Seconds between two looks at what may still change, at least."""

REST = 8
"""How many times as long as a look took the next one is away, at least."""


class Flow:
    """Writes items below each other; `live` says whether what may still change may be shown and written over."""

    thinking = False
    """Whether what is thought is written, or only how long it took."""

    def __init__(self, console: Console, themes: Themes, *, reduced: bool = False, live: bool = True) -> None:
        self._console = console
        self._look = styles_on_any_background(themes.named(OWN_COLOURS), themes.known[DEFAULT])
        self._reduced = reduced
        self._live = live
        self._over: Sequence[int] = ()
        """The cells of each row that will be written over."""
        self._next_look = 0.0
        self.begin()

    @property
    def look(self) -> Look:
        return self._look

    def begin(self, onto: Message | None = None) -> None:
        """An answer begins, or goes on with this one, which has been written; its last block is repeated, and grows."""
        self._width = self.width
        self._thoughts = Thinking()
        self._inner = self._width - INDENT
        self._part: _Lines | _Blocks = _Lines(self._inner, self._look)
        """What is said now: thoughts, or the answer."""
        self._above = False
        """Whether something of the answer has been written."""
        self._said = ""
        if onto and onto.text:
            self._part = _Blocks(self._inner, self._look)
            self._part.skip(safe(onto.text))

    @property
    def width(self) -> int:
        """Cells of the column; one is left free at the right, where some terminals wrap early."""
        return max(min(self._console.width - 1, WIDEST), 10)

    def item(self, item: Item) -> None:
        """Write all of it."""
        if isinstance(item, Answer):
            item.unfolded = self.thinking
        self.rows(item.rows(self.width, self._look))

    def rows(self, rows: Sequence[Row]) -> None:
        """Write these."""
        self.clear()
        self._print(rows)

    def words(self, text: str, style: Style | None = None) -> None:
        """Write text of the program's own."""
        self.rows(text_rows([(text, style or self._look.soft)], self.width))

    def grow(self, text: str, kind: Kind) -> None:
        """Take in a piece of the answer."""
        if kind == "text":
            self._take(text, self._begin_answer())
        if kind != "thinking":
            return
        self._thoughts.grow(text)
        if self.thinking and isinstance(self._part, _Lines):
            self._take(text, self._part)
        else:
            self.over(self._thoughts.summary())

    def end(self, message: Message | None) -> None:
        """The answer has ended, as kept in this message: whatever is open is written, and why it ended."""
        answer = self._begin_answer()
        self._write(answer.close())
        if message:
            self._write(answer.links(message.text))
        if message and (ending := ENDINGS.get(message.state)):
            gap = [row(())] if self._above else []
            self._write([*gap, *text_rows([(ending, self._look.soft)], self._inner)])
        self.rows([row(())])

    def _begin_answer(self) -> "_Blocks":
        """What was thought is at its end: say for how long."""
        if isinstance(self._part, _Blocks):
            return self._part
        if self._thoughts:
            self._thoughts.end()
            self._write(self._part.close())
            mark = "╰" if self._above else "▸"
            self._write(text_rows([(f"{mark} {self._thoughts.summary()}", self._look.soft)], self._inner))
        self._part = _Blocks(self._inner, self._look, below=self._above)
        return self._part

    def _take(self, text: str, part: "_Lines | _Blocks") -> None:
        """A piece of what is said now. Most becomes final where a line ends, so each end is looked at."""
        ended, newline, begun = safe(text).rpartition("\n")
        began = time.monotonic()
        due = began >= self._next_look
        final: list[Row] = []
        if newline:
            part.feed(ended + newline)
            final += part.advance()
        part.feed(begun)
        if due:
            final += part.advance()
        self._write(final)
        if self._live and (final or due):
            self._write_over(self._indented(part.rest()[-min(OPEN, max(self._console.height - 2, 1)) :]))
        if due:
            ended_at = time.monotonic()
            self._next_look = ended_at + max(PERIOD, REST * (ended_at - began))

    def _write(self, rows: Sequence[Row]) -> None:
        """Rows of the answer."""
        if rows:
            self.rows(self._indented(rows))
            self._above = True

    def _indented(self, rows: Sequence[Row]) -> list[Row]:
        space = (" " * INDENT, self._look.text)
        return list(prefixed(rows, space, space))

    def under_way(self, what: str, how_far: str) -> None:
        """Show what goes on; where nothing can be written over, what it is is said once."""
        if self._live:
            self.over(f"{what}: {how_far}")
        elif what != self._said:
            self.words(what)
        self._said = what

    def over(self, text: str) -> None:
        """Show what goes on, on a line that is written over."""
        now = time.monotonic()
        if self._live and now >= self._next_look:
            self._write_over([row([(" " * INDENT + text[: self._width - INDENT], self._look.soft)])])
            self._next_look = now + PERIOD

    def _write_over(self, rows: Sequence[Row]) -> None:
        self.rows(rows)
        self._over = [cell_len(one.text.rstrip()) for one in rows]

    def clear(self) -> None:
        """Take away what is only shown."""
        if self._over:
            width = self._console.width  # a narrower terminal has broken them
            high = sum(max(-(-cells // width), 1) for cells in self._over)
            self._console.file.write(f"\x1b[{high}F\x1b[J")
            self._over = ()

    def _print(self, rows: Sequence[Row]) -> None:
        """Write them at once: a terminal shows no half of them."""
        told = []
        for one in rows:
            line = Text.assemble(*((to_ascii(text) if self._reduced else text, style) for text, style in one.runs))
            line.rstrip()
            told.append(line)
        if told:
            self._console.print(Text("\n").join(told), soft_wrap=True)


class _Lines:
    """Thoughts as they come, a row when its line has ended."""

    def __init__(self, width: int, look: Look) -> None:
        self._width, self._look = width, look
        self._line = ""
        self._begun = False

    def feed(self, text: str) -> None:
        """Take in a piece."""
        self._line += text

    def advance(self) -> list[Row]:
        """The rows of the lines that have ended; blank ones are rows where something stands above them."""
        *lines, self._line = self._line.split("\n")
        return [row for line in lines for row in self._rows(line)]

    def rest(self) -> list[Row]:
        """The rows of the line that may grow."""
        return self._wrapped(self._line)

    def close(self) -> list[Row]:
        """Nothing more comes: what is left."""
        rows, self._line = [*self.advance(), *self.rest()], ""
        return rows

    def _rows(self, line: str) -> list[Row]:
        self._begun = self._begun or bool(line.strip())
        return self._wrapped(line, blank=self._begun)

    def _wrapped(self, line: str, *, blank: bool = False) -> list[Row]:
        edge = ("│ ", self._look.line)
        if not line.strip() and not blank:
            return []
        return list(prefixed(text_rows([(line, self._look.soft)], self._width - len(edge[0])), edge, edge))


class _Blocks:
    """An answer in Markdown as it comes: a row when its block is finished, or its line of a fence."""

    def __init__(self, width: int, look: Look, *, below: bool = False) -> None:
        self._width, self._look = width, look
        self._reader = Reader()
        self._drawn = 0
        """Blocks that were written."""
        self._early = 0
        """Rows that were written of those that follow them."""
        self._below = below
        """Whether something stands above."""
        self._growing: Sequence[Block] = ()

    def feed(self, text: str) -> None:
        """Take in a piece."""
        self._reader.feed(text)

    def skip(self, text: str) -> None:
        """Take in what is written already; what is finished in it is not written again."""
        ended, newline, begun = text.rpartition("\n")
        self.feed(ended + newline)
        self._reader.advance()
        self._drawn = len(self._reader.blocks)
        self.feed(begun)

    def advance(self) -> list[Row]:
        """The rows of finished blocks, of an open fence those of its lines that have ended."""
        self._growing = self._reader.advance()
        final = self._finished()
        if self._growing and (sure := _ended_lines(self._growing[0])):
            rows = self._rows([sure])
            final += rows[self._early :]
            self._early = max(self._early, len(rows))
        return final

    def rest(self) -> list[Row]:
        """The rows of what may still change."""
        return self._rows(self._growing)[self._early :]

    def close(self) -> list[Row]:
        """Nothing more comes: the rest of its rows."""
        self._reader.close()
        return self._finished()

    def _finished(self) -> list[Row]:
        rows = self._rows(self._reader.blocks[self._drawn :])
        self._drawn = len(self._reader.blocks)
        self._below = self._below or bool(rows)
        new, self._early = rows[self._early :], max(self._early - len(rows), 0)
        return new

    def _rows(self, blocks: Sequence[Block]) -> list[Row]:
        return list(render_blocks(blocks, self._width, self._look, below=self._below))

    def links(self, text: str) -> Sequence[Row]:
        """Where links lead whose words were written before the answer said so: they were drawn as plain words."""
        known = self._reader.references
        if not known or _told(self._rows(self._reader.blocks)) == _told(self._rows(read(safe(text)))):
            return ()
        words = "\n".join(f"[{label.lower()}]: {target['href']}" for label, target in known.items())
        return [row(()), *text_rows([(words, self._look.soft)], self._width)]


def _ended_lines(block: Block) -> Block | None:
    """The lines of an open fence that have ended: whatever follows, they stay as they are."""
    token = block.tokens[0]
    ended = token.content.rfind("\n") + 1
    if token.type != "fence" or not ended:
        return None
    return replace(block, tokens=[token.copy(content=token.content[:ended])])


def _told(rows: Sequence[Row]) -> list[str]:
    return [one.text for one in rows]
