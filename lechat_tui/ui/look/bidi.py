"""Hebrew and Arabic on the screen: rows are put into the order of the cells on their way to the terminal.

A filter does it for every widget, column by column. What knows more of its text, where a line begins and what is
selected, orders its rows itself, and passes the filter by.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.drawing.bidi import Run, has_rtl, in_columns, visual
from lechat_tui.terminal import TextOrder


class Bidi(LineFilter):
    """Orders the text in each column of a row."""

    def __init__(self, order: TextOrder) -> None:
        super().__init__()
        self.order: TextOrder = order

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells, in another order; a screen below a dialog passes its rows once more."""
        if not has_rtl("".join(segment.text for segment in segments)):
            return segments
        return [Segment(text, style) for text, style in in_columns(_runs(segments), self.order)]


def order_of(widget: Widget) -> TextOrder:
    """The order of text in the app of this widget."""
    return next((one.order for one in widget.app.get_line_filters() if isinstance(one, Bidi)), "logical")


def without_bidi(filters: Sequence[LineFilter]) -> list[LineFilter]:
    """These filters for a widget that orders its rows itself."""
    return [one for one in filters if not isinstance(one, Bidi)]


class VisualLine:
    """One line of an editor in the order of the cells; it is at the right if it is written from right to left."""

    def __init__(self, line: Strip, *, rtl: bool, order: TextOrder) -> None:
        self._width = line.cell_length
        padding = list(line)[-1].style if line.cell_length else None
        pieces = visual(_unpadded(_runs(list(line)), padding), rtl=rtl, width=0, order=order)
        space = self._width - sum(cell_len(piece.text) for piece in pieces)
        self._indent = space if rtl else 0
        segments = [Segment(piece.text, piece.style) for piece in pieces]
        blank = Segment(" " * space, padding)
        self.strip = Strip([blank, *segments] if rtl else [*segments, blank], self._width)
        self._pieces = pieces

    def character_at(self, cell: int) -> int:
        """The place in the line of the character in this cell."""
        cell -= self._indent
        end = max((piece.start + len(piece.text) for piece in self._pieces), default=0)
        if cell < 0:
            return end
        for piece in self._pieces:
            for at, char in enumerate(piece.text):
                if cell < max(cell_len(char), 1):
                    return piece.start + at
                cell -= cell_len(char)
        return 0 if self._indent else end


def _runs(segments: Sequence[Segment]) -> list[Run]:
    return [(segment.text, segment.style or Style.null()) for segment in segments]


def _unpadded(runs: list[Run], padding: Style | None) -> list[Run]:
    """Runs without the blank cells at their end; the cursor there has another style."""
    style = padding or Style.null()
    while runs and runs[-1][1] == style and not runs[-1][0].strip():
        runs = runs[:-1]
    if runs and runs[-1][1] == style:
        runs = [*runs[:-1], (runs[-1][0].rstrip(), style)]
    return runs
