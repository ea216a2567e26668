"""What the items of a transcript have in common: rows in a column of some width, which are cached until they change."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.style import Style

from lechat_tui.drawing.rows import Look, Row, prefixed, row, text_rows

INDENT = 2
"""Cells by which answers and notes are indented; a question has a bar there."""

DIVIDER = "messages above are no longer sent to the model"
DIVIDER_PINNED = "of the messages above, only pinned ones are sent to the model"

PREVIOUS_BRANCH, NEXT_BRANCH = Style.from_meta({"walk": -1}), Style.from_meta({"walk": 1})
"""Mark the characters that a click on goes to another branch."""

FOLD = Style.from_meta({"fold": True})
"""Marks a row that a click on folds or unfolds the item."""


class Item:
    """Something in the transcript. `changed` must be called after anything that changes its rows."""

    unfolded = False
    """Whether the part that is folded at first is shown."""
    divider = ""
    """The text of the line above this item, if it is the first message that is sent to the model; else empty."""
    branch = ""
    """Which of the branches at this message it is, as in `2/3`, and the model; empty for the only one."""
    aside = ""
    """The text at the right end of the blank row below it."""

    def __init__(self) -> None:
        self._cache: tuple[int, Look, list[Row]] | None = None

    def rows(self, width: int, look: Look) -> Sequence[Row]:
        """The rows in a column of this width, a blank one last; the same list until something changes."""
        cache = self._cache
        if cache and cache[0] == width and cache[1] is look:
            return cache[2]
        above = [*_divider_rows(self.divider, width, look), row(())] if self.divider else []
        below = [_branch_row(self.branch, look)] if self.branch else []
        rows = [*above, *self._render(width, look), *below, _aside_row(self.aside, width, look)]
        self._cache = width, look, rows
        return rows

    def height(self, width: int) -> int:
        """The number of rows in a column of this width: exact if they were rendered, else estimated."""
        if self._cache and self._cache[0] == width:
            return len(self._cache[2])
        return self._estimate(max(width, 1)) + 1

    @property
    def rendered(self) -> bool:
        """Whether its rows are cached, for any width."""
        return self._cache is not None

    def line_of(self, row: int) -> int:
        """The number of the line, before lines were wrapped, that a row belongs to."""
        rows = self._cache[2] if self._cache else []
        return sum(above.joint is None for above in rows[1 : row + 1])

    def row_of(self, line: int) -> int:
        """The first row of a line."""
        rows = self._cache[2] if self._cache else []
        starts = [number for number, row in enumerate(rows) if row.joint is None]
        return starts[min(line, len(starts) - 1)] if starts else 0

    def fold(self) -> None:
        """Unfold what is folded, or fold it again."""
        self.unfolded = not self.unfolded
        self.changed()

    def changed(self) -> None:
        """Forget the rows."""
        self._cache = None

    def release(self) -> None:
        """Free what can be made again: the item is far out of view."""
        self._cache = None

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        raise NotImplementedError

    def _estimate(self, width: int) -> int:
        """About the number of rows, at no cost."""
        raise NotImplementedError


def indented(rows: Iterable[Row], look: Look) -> Iterator[Row]:
    """Rows with `INDENT` cells before them."""
    space = (" " * INDENT, look.text)
    return prefixed(rows, space, space)


def estimated_rows(text: str, width: int) -> int:
    """About the number of rows of a text."""
    return text.count("\n") + len(text) // max(width, 1) + 1


def _aside_row(text: str, width: int, look: Look) -> Row:
    """Text at the right end of a row, which is not copied, without the last parts that do not fit."""
    while text and cell_len(text) > width:
        text = text.rpartition(" · ")[0]
    space = width - cell_len(text)
    return row([(" " * space + text, look.faint)], skip=width) if text else row(())


def _branch_row(branch: str, look: Look) -> Row:
    """Which branch this is, between two arrows to click on."""
    number, _, model = branch.partition(" ")
    arrows = ("‹ ", look.accent + PREVIOUS_BRANCH), (number, look.soft), (" ›", look.accent + NEXT_BRANCH)
    return row([(" " * INDENT, look.text), *arrows, (f" {model}".rstrip(), look.soft)])


def _divider_rows(text: str, width: int, look: Look) -> list[Row]:
    dashes = max((width - cell_len(text) - 2) // 2, 0)
    edge = "╌" * min(dashes, 8)
    return text_rows([(f"{edge} {text} {edge}".strip(), look.soft)], width)
