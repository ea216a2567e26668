"""A widget of a few lines of text in named styles, rendered without layout."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.events import Key
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.ui.look.text_styles import text_style

Span = tuple[str, str]
"""Text, and the name of its style in `text_styles`; an empty name is the style of the widget."""

Line = Sequence[Span]


class StyledLines(Widget):
    """Shows lines; what does not fit is cut off at the right."""

    def __init__(self, rows: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows = tuple(rows)

    def show(self, *rows: Line) -> None:
        """Show these lines instead."""
        if rows != self._rows:
            self._rows = rows
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        row = self._rows[y] if y < len(self._rows) else ()
        return strip(self, row, self.size.width)


class PromptAside(StyledLines):
    """Lines below the prompt that can have the focus; what is typed meanwhile is meant for the prompt."""

    class Typed(Message):
        """A character, which belongs into the prompt."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def on_key(self, event: Key) -> None:
        """Pass characters on."""
        if event.is_printable and event.character:
            event.stop()
            self.post_message(self.Typed(event.character))


def strip(widget: Widget, row: Line, width: int, *, base: Style | None = None) -> Strip:
    """A line as a strip of this width."""
    segments = [Segment(text, text_style(widget.app, name)) for text, name in cut(row, width)]
    rendered = Strip(segments).adjust_cell_length(width)
    return rendered.apply_style(base) if base else rendered.apply_style(widget.rich_style)


def cut(row: Line, width: int) -> list[Span]:
    """As much of a line as fits into so many cells, with an ellipsis where something is missing."""
    kept: list[Span] = []
    for text, name in row:
        size = cell_len(text)
        if size > width:
            return [*kept, (f"{set_cell_size(text, width - 1)}…", name)] if width > 0 else kept
        kept.append((text, name))
        width -= size
    return kept


def padded(text: str, width: int) -> str:
    """Text of exactly so many cells: cut with an ellipsis, or filled up with spaces."""
    return f"{set_cell_size(text, width - 1)}…" if cell_len(text) > width else set_cell_size(text, width)


def bar(fraction: float, width: int) -> list[Span]:
    """A progress bar; its two parts differ in shape as well as in color."""
    full = min(max(round(fraction * width), 0), width)
    return [("━" * full, "full"), ("╌" * (width - full), "line")]
