"""The greeting of the start page, with a cat."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from lechat_tui.ui.look.text_styles import text_style

CAT = ("X.....X", "XX...XX", "XXXXXXX", "X.XXX.X", "XXX.XXX", ".XXXXX.")
BANDS = ("band-1", "band-2", "band-3", "band-4", "band-5", "band-5")
PROMISE = "everything stays on this machine"
MIN_ROWS_FOR_CAT = 28
"""On a screen with fewer rows the cat is a kitten."""

MIN_ROWS_FOR_KITTEN = 22
"""On a screen with fewer rows there is no cat."""

Cells = tuple[str, str, str]
"""Text, and the names of its style and of the style whose color is behind it."""


class Greeting(Widget):
    """Shown until the first question."""

    def __init__(self, hour: int, *, cat: bool = True) -> None:
        super().__init__()
        hello = "Bonsoir" if hour >= 18 or hour < 5 else "Bonjour"
        self._words: list[list[Cells]] = [
            [(f"{hello}. What shall we talk about?", "bold", "")],
            [(PROMISE, "soft", "")],
            [],
        ]
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
        rows = self.app.size.height
        if not self._cat or rows < MIN_ROWS_FOR_KITTEN:
            return self._words
        return [*(kitten() if rows < MIN_ROWS_FOR_CAT else cat()), [], *self._words]

    def _style(self, name: str, behind: str) -> Style:
        style = text_style(self.app, name)
        return style + Style(bgcolor=self._style(behind, "").color) if behind else style


def cat() -> list[list[Cells]]:
    """The cat, two cells for a pixel."""
    return [
        [("██", band, "") if dot == "X" else ("  ", "", "") for dot in row]
        for row, band in zip(CAT, BANDS, strict=True)
    ]


def kitten() -> list[list[Cells]]:
    """The cat, half a cell for a pixel."""
    pairs = zip(CAT[::2], CAT[1::2], BANDS[::2], BANDS[1::2], strict=True)
    return [[_half(*dots, above, below) for dots in zip(up, low, strict=True)] for up, low, above, below in pairs]


def _half(up: str, low: str, above: str, below: str) -> Cells:
    match up, low:
        case "X", "X":
            return "▀", above, below
        case "X", _:
            return "▀", above, ""
        case _, "X":
            return "▄", below, ""
        case _:
            return " ", "", ""
