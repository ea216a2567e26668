"""What lies in a transcript: questions, answers, notes. Each knows its rows in a column, none knows where it lies.

What reads and draws Markdown is imported with the first answer: the page without one is there sooner.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from lechat_tui.drawing.rows import Look, Row, Run, filled, plain, prefixed, row, text_rows, wrap
from lechat_tui.drawing.thumbnails import Thumbnails, cells, pixel_rows
from lechat_tui.message import Attachment, Message, Receipt, State
from lechat_tui.plaintext import safe
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.drawing.markdown import Reader

INDENT = 2
"""Cells an answer stands to the right of its question."""

ENDINGS: dict[State, str] = {
    "draft": "■ interrupted; /regen answers again",
    "stopped": "■ stopped; /continue goes on, /regen answers again",
    "interrupted": "■ interrupted when the program ended; /continue goes on, /regen answers again",
    "failed": "■ the engine failed here; /continue goes on, /regen answers again",
    "cut": "■ cut at the token limit; /continue goes on",
}
"""What is said under an answer that is not complete."""

BAR = 24
"""Cells of the bar that shows how far something is."""


LONG = 24
"""Rows of a question from which its middle is folded away."""

COLUMN = re.compile(r" *\S.*?  +(?=\S)")
"""The first of two columns that stand beside each other in a line, with the gap between them."""

ABOVE = "the model no longer sees what is above"
ABOVE_UNPINNED = "of what is above, the model sees only what is pinned"

BEFORE, AFTER = Style.from_meta({"walk": -1}), Style.from_meta({"walk": 1})
"""Mark what the mouse goes to another branch with."""

FOLD = Style.from_meta({"fold": True})
"""Marks the row that folds something, for the mouse."""


class Item:
    """Something in the transcript. `changed` must follow whatever changes its rows."""

    unfolded = False
    """True when the person wants to see what is folded away."""
    divided = ""
    """What the line above the first message the model still sees says; empty for every other."""
    branch = ""
    """Which of the branches at this message it is, as in `2/3`, and whose; empty where there is no other."""
    aside = ""
    """What stands at the right of the blank row below it."""

    def __init__(self) -> None:
        self._drawn: tuple[int, Look, list[Row]] | None = None

    def rows(self, width: int, look: Look) -> Sequence[Row]:
        """The rows in a column of this width, a blank one last; the same list until something changes."""
        drawn = self._drawn
        if drawn and drawn[0] == width and drawn[1] is look:
            return drawn[2]
        above = [*_divider(self.divided, width, look), row(())] if self.divided else []
        below = [_walker(self.branch, look)] if self.branch else []
        rows = [*above, *self._draw(width, look), *below, _aside(self.aside, width, look)]
        self._drawn = width, look, rows
        return rows

    def height(self, width: int) -> int:
        """Rows in a column of this width: counted where they have been drawn, else guessed."""
        if self._drawn and self._drawn[0] == width:
            return len(self._drawn[2])
        return self._guess(max(width, 1)) + 1

    @property
    def rendered(self) -> bool:
        """Whether its rows are known, for some width."""
        return self._drawn is not None

    def line_of(self, row: int) -> int:
        """The line a row belongs to, among lines as they were before they were wrapped."""
        rows = self._drawn[2] if self._drawn else []
        return sum(above.joint is None for above in rows[1 : row + 1])

    def row_of(self, line: int) -> int:
        """The first row of a line."""
        rows = self._drawn[2] if self._drawn else []
        starts = [number for number, row in enumerate(rows) if row.joint is None]
        return starts[min(line, len(starts) - 1)] if starts else 0

    def fold(self) -> None:
        """Show what is folded away, or hide it."""
        self.unfolded = not self.unfolded
        self.changed()

    def changed(self) -> None:
        """Forget the rows."""
        self._drawn = None

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        raise NotImplementedError

    def _guess(self, width: int) -> int:
        raise NotImplementedError


def pace(receipt: Receipt) -> str:
    """How fast an answer was: `42 tok/s · first token after 0.31 s`; empty where nobody knows."""
    speed = f"{receipt.tokens_per_s:.0f} tok/s" if receipt.tokens_per_s else ""
    wait = f"{receipt.ttft_ms:.0f} ms" if receipt.ttft_ms < 100 else f"{receipt.ttft_ms / 1000:.2f} s"
    return " · ".join(filter(None, (speed, f"first token after {wait}" if receipt.ttft_ms else "")))


def _aside(text: str, width: int, look: Look) -> Row:
    """Words at the right end of a row, which nobody copies; none where they do not fit."""
    space = width - cell_len(text)
    return row([(" " * space + text, look.faint)], skip=width) if text and space >= 0 else row(())


class Question(Item):
    """What the person said, with a bar at its left; `queued` while it waits for its turn."""

    def __init__(
        self,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        queued: bool = False,
        thumbnails: Thumbnails | None = None,
    ) -> None:
        super().__init__()
        self.text = text
        self.attachments = attachments
        self.queued = queued
        self._thumbnails = None if queued else thumbnails

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        style = look.soft if self.queued else look.text
        runs: list[Run] = [(self.text.strip("\n"), style)]
        if self.queued:
            runs.append(("  queued", look.accent))
        rows = text_rows(runs, width - INDENT - 1) if plain(runs) or not self.attachments else []
        if len(rows) > LONG:
            rows = self._folded(rows, look)
        edge = ("▌ ", look.bar)
        yield from prefixed(filled(rows, width - INDENT, look.question), edge, edge)
        for picture in self.attachments:
            seen = None
            if picture.kind == "image" and self._thumbnails and self._thumbnails.visible:
                columns, high = cells(picture, width - INDENT - 1)
                seen = self._thumbnails.get(picture, columns, high, self)
                if seen is None or seen.width:
                    yield from pixel_rows(seen, high, width - INDENT, edge, look.question)
            told = text_rows([(self._caption(picture, seen.size if seen else 0), look.soft)], width - INDENT - 1)
            yield from prefixed(filled(told, width - INDENT, look.question), edge, edge)

    def _caption(self, picture: Attachment, size: int) -> str:
        tokens = self._thumbnails.costs.get(picture.sha256) if self._thumbnails else None
        words = chip(picture), size_text(size) if size else "", f"{tokens:,} tokens" if tokens else ""
        return " · ".join(filter(None, words))

    def _folded(self, rows: list[Row], look: Look) -> list[Row]:
        """The two ends of a long question, such as one with a file in it."""
        hidden = len(rows) - LONG
        mark = row([(f"{'▾ fewer' if self.unfolded else f'▸ {hidden} more'} lines", look.soft + FOLD)])
        if self.unfolded:
            return [mark, *rows]
        return [*rows[: LONG // 2], mark, *rows[-LONG // 2 :]]

    def _guess(self, width: int) -> int:
        images = [file for file in self.attachments if file.kind == "image"] if self._has_pixels else []
        high = sum(cells(image, width - INDENT - 1)[1] for image in images)
        return min(_lines(self.text, width), LONG) + high + len(self.attachments)

    @property
    def _has_pixels(self) -> bool:
        return self._thumbnails is not None and self._thumbnails.visible


class Answer(Item):
    """What the model said. It grows by pieces; finished blocks are drawn once, only the open ones again and again."""

    def __init__(self, message: Message | None = None) -> None:
        super().__init__()
        self._state: State = message.state if message else "complete"
        self._said: list[str] = []
        self._unread = message
        """What was kept and has not been parsed: it is when it is first in view."""
        self._text = message.text if message else ""
        self.receipt = message.receipt if message else None
        self._finished: list[Row] = []
        self._finished_for: tuple[int, Look, int] | None = None

    @cached_property
    def thoughts(self) -> "Thoughts":
        """What was thought before."""
        return Thoughts(self._unread.thinking, ended=True) if self._unread else Thoughts()

    @cached_property
    def _reader(self) -> "Reader":
        """Made when it is needed: of a long talk, most answers are never seen."""
        from lechat_tui.drawing.markdown import Reader

        return Reader()

    def grow(self, text: str) -> None:
        """Take in a piece of the answer."""
        self.thoughts.end()
        piece = safe(text)
        self._said.append(piece)
        self._reader.feed(piece)
        self.changed()

    def think(self, text: str) -> None:
        """Take in a piece of the thinking."""
        self.thoughts.grow(text)
        self.changed()

    def settle(self, message: Message) -> None:
        """The answer has ended: what is drawn is what was kept."""
        self._state = message.state
        self._text = message.text
        self.receipt = message.receipt
        self.thoughts.settle(message.thinking)
        text = safe(message.text)
        self._reader.close()
        if self._reader.references or text != "".join(self._said):
            self._read(text)
        self._said.clear()
        self.changed()

    def _read(self, text: str) -> None:
        from lechat_tui.drawing.markdown import Reader, read

        self._reader = Reader()
        self._reader.blocks = read(text)
        self._finished_for = None

    def reopen(self) -> None:
        """The answer grows again: its last block may be an open one."""
        from lechat_tui.drawing.markdown import Reader

        text = safe(self._text)
        _ = self.thoughts  # made of what is unread
        self._unread = None
        self._reader = Reader()
        self._reader.feed(text)
        self._said = [text]
        self._finished_for = None
        self._state = "complete"
        self.changed()

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        from lechat_tui.drawing.blocks import draw_all

        thoughts = self.thoughts
        if self._unread:
            self._read(safe(self._unread.text))
            self._unread = None
        inner = max(width - INDENT, 1)
        growing = self._reader.advance()
        parts: list[Iterable[Row]] = []
        if thoughts:
            parts.append(_indented(thoughts.rows(inner, look, unfolded=self.unfolded), look))
        if finished := self._finished_rows(inner, look):
            parts.append(finished)
        if tail := list(draw_all(growing, inner, look)):
            if growing[0].joint.gap or not finished:
                parts.append(_indented(tail, look))
            else:
                parts[-1] = chain(finished, _indented(tail, look))
        if ending := ENDINGS.get(self._state):
            parts.append(_indented(text_rows([(ending, look.soft)], inner), look))
        blank = row(())
        return chain.from_iterable(chain((blank,), part) if number else part for number, part in enumerate(parts))

    def _finished_rows(self, width: int, look: Look) -> list[Row]:
        """The rows of the finished blocks: those that are new are drawn and laid below the others."""
        from lechat_tui.drawing.blocks import draw_all

        blocks = self._reader.blocks
        known = self._finished_for
        if known is None or known[:2] != (width, look):
            self._finished, drawn = [], 0
        else:
            drawn = known[2]
        new = draw_all(blocks[drawn:], width, look, below=bool(self._finished))
        self._finished += _indented(new, look)
        self._finished_for = width, look, len(blocks)
        return self._finished

    def _guess(self, width: int) -> int:
        thinking = self._unread.thinking if self._unread else self.thoughts
        return _lines(self._text, width - INDENT) + 2 * bool(thinking)


class Thoughts:
    """The thinking before an answer, folded away below how long it took."""

    def __init__(self, text: str = "", *, ended: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines = safe(text).split("\n")
        self._words = len(text.split())
        self._ended = ended
        self._began = 0.0
        self._seconds: float | None = None
        """How long it took, where that was measured."""
        self._drawn: tuple[int, Look, int, list[Row]] | None = None

    def __bool__(self) -> bool:
        return len(self._lines) > 1 or bool(self._lines[0])

    def grow(self, text: str) -> None:
        """Take in a piece."""
        self._began = self._began or self._clock()
        first, *rest = safe(text).split("\n")
        self._words += _begun(self._lines[-1], first)
        self._lines[-1] += first
        self._lines += rest
        self._words += sum(len(line.split()) for line in rest)

    def end(self) -> None:
        """The answer itself begins."""
        if self._began and self._seconds is None:
            self._seconds = self._clock() - self._began
        self._ended = True

    def settle(self, text: str) -> None:
        """This was thought, and no more."""
        self.end()
        if "\n".join(self._lines) != (told := safe(text)):
            self._lines, self._drawn = told.split("\n"), None
        self._words = len(text.split())

    def rows(self, width: int, look: Look, *, unfolded: bool) -> Iterator[Row]:
        """How long it took, and below it, when unfolded, what was thought."""
        yield row([(f"{'▾' if unfolded else '▸'} {self.told()}", look.soft + FOLD)])
        if unfolded:
            edge = ("│ ", look.line)
            yield from prefixed(self._wrapped(width - 2, look), edge, edge)

    def told(self) -> str:
        """How long it has taken, and how much it is."""
        words = f"{self._words:,} words"
        if self._seconds is not None:
            return f"thought for {self._seconds:.1f} s, {words}"
        if self._ended:
            return f"thoughts, {words}"
        return f"thinking for {self._clock() - self._began:.0f} s, {words}"

    def _wrapped(self, width: int, look: Look) -> list[Row]:
        """The rows; lines that have ended are wrapped once."""
        if self._drawn is None or self._drawn[:2] != (width, look):
            self._drawn = width, look, 0, []
        _, _, done, rows = self._drawn
        whole = max(len(self._lines) - 1, done)
        for line in self._lines[done:whole]:
            if line.strip() or rows:
                rows += text_rows([(line, look.soft)], width)
        self._drawn = width, look, whole, rows
        last = self._lines[whole:]
        return rows + [found for line in last if line.strip() for found in text_rows([(line, look.soft)], width)]


def _begun(line: str, more: str) -> int:
    """How many words begin with this at the end of a line."""
    return len(more.split()) - (bool(line and more) and not line[-1].isspace() and not more[0].isspace())


class Summary(Item):
    """What the model reads in place of what stands above it, folded away."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.text = safe(message.text).strip()
        self._ending = ENDINGS.get(message.state)

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        mark, words = "▾" if self.unfolded else "▸", len(self.text.split())
        head = [(f"{mark} summary of what was said, {words} words; /undo takes it back", look.soft + FOLD)]
        rows = text_rows(head, width - INDENT)
        if self.unfolded:
            edge = ("│ ", look.line)
            rows += prefixed(text_rows([(self.text, look.soft)], width - INDENT - 2), edge, edge)
        if self._ending:
            rows += text_rows([(self._ending, look.soft)], width - INDENT)
        return _indented(rows, look)

    def _guess(self, width: int) -> int:
        return _lines(self.text, width - INDENT) + 1 if self.unfolded else 1


class Note(Item):
    """Something said to the person alone."""

    def __init__(self, text: str, *, error: bool = False) -> None:
        super().__init__()
        self.text = text
        self.error = error

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        mark, style = ("✗ ", look.error) if self.error else ("· ", look.note)
        rows = _table_rows(self.text, style, width - INDENT - 2)
        return prefixed(rows, (" " * INDENT + mark, style), (" " * (INDENT + 2), style))

    def _guess(self, width: int) -> int:
        return _lines(self.text, width - INDENT - 2)


def _table_rows(text: str, style: Style, width: int) -> Iterator[Row]:
    """Text wrapped into rows; where a line has two columns, the second is wrapped below itself."""
    for line in safe(text).split("\n"):
        column = COLUMN.match(line[: width // 2 + 1])
        if not column or cell_len(line) <= width or cell_len(column[0]) > width // 2:
            yield from text_rows([(line, style)], width)
            continue
        left, indent = column[0], cell_len(column[0])
        for number, (runs, _, joint) in enumerate(text_rows([(line[len(left) :], style)], width - indent)):
            yield Row([(" " * indent if number else left, style), *runs], indent if number else 0, joint)


class Activity(Item):
    """What the engine does before it speaks: words, a thin bar, and how to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.fraction: float | None = None
        self.hint = ""

    def _draw(self, width: int, look: Look) -> Iterator[Row]:
        runs: list[Run] = [(self.text, look.soft)]
        if self.fraction is not None:
            runs += bar(self.fraction, min(BAR, max(width // 4, 4)), look.accent, look.line)
        runs.append((f" {self.hint}", look.soft))
        space = (" " * INDENT, look.text)
        first = next(wrap(runs, width - INDENT))[0]
        return prefixed([row(first)], space, space)

    def _guess(self, width: int) -> int:
        return 1


def bar(fraction: float, size: int, full: Style, empty: Style) -> list[Run]:
    """A thin bar, so many cells long, with a space before it."""
    done = round(min(max(fraction, 0.0), 1.0) * size)
    return [(" ", empty), ("━" * done, full), ("─" * (size - done), empty)]


def _indented(rows: Iterable[Row], look: Look) -> Iterator[Row]:
    space = (" " * INDENT, look.text)
    return prefixed(rows, space, space)


def chip(attachment: Attachment) -> str:
    """An attachment as a label: `▦ board.png 640x480`, `▤ notes.txt 1.2 kB`."""
    if attachment.kind == "text":
        return f"▤ {attachment.name} {size_text(attachment.size)}"
    return f"▦ {attachment.name} {attachment.width}x{attachment.height}"


def _walker(branch: str, look: Look) -> Row:
    """Which branch this is, between two signs that go to the others."""
    which, _, whose = branch.partition(" ")
    sides = ("‹ ", look.accent + BEFORE), (which, look.soft), (" ›", look.accent + AFTER)
    return row([(" " * INDENT, look.text), *sides, (f" {whose}".rstrip(), look.soft)])


def _divider(text: str, width: int, look: Look) -> list[Row]:
    dashes = max((width - cell_len(text) - 2) // 2, 0)
    edge = "╌" * min(dashes, 8)
    return text_rows([(f"{edge} {text} {edge}".strip(), look.soft)], width)


def _lines(text: str, width: int) -> int:
    """A cheap guess at the rows of a text."""
    return text.count("\n") + len(text) // max(width, 1) + 1
