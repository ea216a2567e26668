"""The list of the model manager: offers under headings, one of them chosen."""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lechat_tui.ui.dialogs.model_rows import Offer, row
from lechat_tui.ui.look.text_styles import text_style
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.styled_lines import strip


class ModelList(ScrollView, can_focus=True):
    """Renders the rows in view; the arrow keys are handled by the manager, wherever the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "screen.move(-1000)", "First"),
        Binding("end", "screen.move(1000)", "Last"),
        Binding("left", "screen.quantization(-1)", "Smaller quantization"),
        Binding("right", "screen.quantization(1)", "Larger quantization"),
    ]

    class Moved(Message):
        """Another row is chosen."""

    class Taken(Message):
        """The chosen row was double-clicked."""

    def __init__(self, downloads: Downloads) -> None:
        super().__init__()
        self._downloads = downloads
        self._lines: list[Offer | str] = []
        self._chosen = 0

    @property
    def chosen(self) -> Offer | None:
        """The chosen offer; None while the list is empty."""
        line = self._lines[self._chosen] if self._chosen < len(self._lines) else ""
        return line if isinstance(line, Offer) else None

    def show(self, offers: Sequence[Offer]) -> None:
        """Show these; the chosen model stays chosen, even in another quantization."""
        before = self.chosen
        lines: list[Offer | str] = []
        for group, members in groupby(offers, key=lambda offer: offer.group):
            lines += ["", group] if lines else [group]
            lines += members
        self._lines = lines
        self._chosen = max(self._offer_rows, key=lambda at: _likeness(lines[at], before), default=0)
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines))
        self._moved()

    def choose(self, id: str) -> None:
        """Choose the model with this id, if it is in the list."""
        for at, line in enumerate(self._lines):
            if isinstance(line, Offer) and line.model.id == id:
                self._chosen = at
                self._moved()

    @property
    def _offer_rows(self) -> list[int]:
        return [at for at, line in enumerate(self._lines) if isinstance(line, Offer)]

    def move(self, by: int) -> None:
        """Choose the offer that is so many further down."""
        rows = self._offer_rows
        if rows:
            at = rows.index(self._chosen) if self._chosen in rows else 0
            self._chosen = rows[min(max(at + by, 0), len(rows) - 1)]
            self._moved()

    def _moved(self) -> None:
        first = self._chosen <= 1
        top = 0 if first else self._chosen - 1
        self.scroll_to_region(Region(0, top, 1, self._chosen - top + 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """Choose what was clicked; a double click takes it."""
        at = self.scroll_offset.y + event.y
        if at >= len(self._lines) or not isinstance(self._lines[at], Offer):
            return
        self._chosen = at
        self._moved()
        if event.chain == 2:
            self.post_message(self.Taken())

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y
        line = self._lines[at] if at < len(self._lines) else ""
        if isinstance(line, str):
            return strip(self, [(line, "heading")], width)
        chosen = at == self._chosen
        spans = row(line, self._downloads.job(line.model), width, chosen=chosen)
        return strip(self, spans, width, base=text_style(self.app, "chosen") if chosen else None)


def _likeness(line: Offer | str, before: Offer | None) -> int:
    """2 or 3 for the same model, 1 for the same model in another quantization, else 0."""
    if not isinstance(line, Offer) or before is None:
        return 0
    return 2 * (line.model.id == before.model.id) + (line.family == before.family)
