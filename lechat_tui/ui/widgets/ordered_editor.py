"""An editor that shows text from right to left in the order of the cells."""

from collections.abc import Sequence

from rich.style import Style
from textual.events import MouseEvent
from textual.filter import LineFilter
from textual.geometry import Offset
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Location

from lechat_tui.drawing.bidi import has_rtl, is_rtl
from lechat_tui.ui.look.bidi import VisualLine, order_of, without_bidi


class OrderedTextArea(TextArea):
    """The cursor and the selection are where their characters are.

    In a line from right to left, Left goes forward in the text, as in text fields of desktops. Where the terminal
    orders the text, it swaps the keys itself or does not, and they keep their meaning.
    """

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The filters but the one that orders text, which knows nothing of the cursor."""
        return without_bidi(super().get_line_filters())

    def render_line(self, y: int) -> Strip:
        """A line in the order of the cells."""
        line = self._visual_line(y)
        return line.strip if line else super().render_line(y)

    def _visual_line(self, y: int) -> VisualLine | None:
        """A line that has to be reordered; None for any other."""
        strip = super().render_line(y)
        order = order_of(self) if has_rtl(strip.text) else "logical"
        if order == "logical":
            return None
        row, _ = self.wrapped_document.offset_to_location(Offset(0, y + self.scroll_offset.y))
        return VisualLine(strip, rtl=is_rtl([(self.document.get_line(row), Style.null())]), order=order)

    @property
    def _mirrored(self) -> bool:
        """Whether Left goes forward in the line of the cursor."""
        line = self.document.get_line(self.cursor_location[0])
        return has_rtl(line) and order_of(self) != "logical" and is_rtl([(line, Style.null())])

    def action_cursor_left(self, select: bool = False) -> None:
        """Move a character to the left."""
        (super().action_cursor_right if self._mirrored else super().action_cursor_left)(select)

    def action_cursor_right(self, select: bool = False) -> None:
        """Move a character to the right."""
        (super().action_cursor_left if self._mirrored else super().action_cursor_right)(select)

    def action_cursor_word_left(self, select: bool = False) -> None:
        """Move a word to the left."""
        (super().action_cursor_word_right if self._mirrored else super().action_cursor_word_left)(select)

    def action_cursor_word_right(self, select: bool = False) -> None:
        """Move a word to the right."""
        (super().action_cursor_word_left if self._mirrored else super().action_cursor_word_right)(select)

    def get_target_document_location(self, event: MouseEvent) -> Location:
        """The place in the text of a click."""
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        line = self._visual_line(y) if 0 <= y < self.content_size.height else None
        if not line:
            return super().get_target_document_location(event)
        row, start = self.wrapped_document.offset_to_location(Offset(0, y + self.scroll_offset.y))
        return row, min(start + line.character_at(x), len(self.document.get_line(row)))
