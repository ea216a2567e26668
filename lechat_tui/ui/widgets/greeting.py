"""The greeting of the start page, with a cat."""

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.ui.look.greeting_rows import Cells, greeting_rows
from lechat_tui.ui.look.text_styles import text_style


class Greeting(Widget):
    """Shown until the first question."""

    def __init__(self, hour: int, promise: Callable[[], str], *, cat: bool = True) -> None:
        """`promise` returns where the chat stays; call `refresh` when that has changed."""
        super().__init__()
        self._promise = promise
        self._hour = hour
        self._cat = cat

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of rows, with a blank one at the end."""
        return len(self._rows())

    def render_line(self, y: int) -> Strip:
        """One row, centered."""
        rows = self._rows()
        segments = [
            Segment(text, self._style(name, behind)) for text, name, behind in (rows[y] if y < len(rows) else ())
        ]
        return Strip(segments).text_align(self.size.width, "center").apply_style(self.rich_style)

    def _rows(self) -> Sequence[Sequence[Cells]]:
        return greeting_rows(self._hour, self.app.size.height, with_cat=self._cat, promise=self._promise())

    def _style(self, name: str, behind: str) -> Style:
        style = text_style(self.app, name)
        return style + Style(bgcolor=self._style(behind, "").color) if behind else style
