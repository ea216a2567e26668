"""The start page: a cat, a greeting, and where what is said stays. Knows the hour, nothing else."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

CAT = ("X.....X", "XX...XX", "XXXXXXX", "X.XXX.X", "XXX.XXX", ".XXXXX.")
BANDS = ("1", "2", "3", "4", "5", "5")
PROMISE = "everything stays on this machine"
SHORT = 28
"""Rows of a screen below which the cat is a kitten."""

Cells = tuple[str, str, str]
"""Text, the name of its style, and the band behind it."""


class Greeting(Widget):
    """What is seen before the first question."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"greeting--{name}" for name in ("hello", "soft", *BANDS)}

    def __init__(self, hour: int, *, cat: bool = True) -> None:
        super().__init__()
        hello = "Bonsoir" if hour >= 18 or hour < 5 else "Bonjour"
        self._words: list[list[Cells]] = [
            [(f"{hello}. What shall we talk about?", "hello", "")],
            [(PROMISE, "soft", "")],
            [],
        ]
        self._cat = cat

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Rows, with a blank one at the end."""
        return len(self._rows())

    def render_line(self, y: int) -> Strip:
        """A row of it, in the middle."""
        rows = self._rows()
        segments = [
            Segment(text, self._style(name, behind)) for text, name, behind in (rows[y] if y < len(rows) else ())
        ]
        return Strip(segments).text_align(self.size.width, "center").apply_style(self.rich_style)

    def _rows(self) -> Sequence[Sequence[Cells]]:
        if not self._cat:
            return self._words
        return [*(kitten() if self.app.size.height < SHORT else cat()), [], *self._words]

    def _style(self, name: str, behind: str) -> Style:
        style = self.get_component_rich_style(f"greeting--{name}", partial=True) if name else Style.null()
        return style + Style(bgcolor=self._style(behind, "").color) if behind else style


def cat() -> list[list[Cells]]:
    """A pixel is two cells."""
    return [
        [("██", band, "") if dot == "X" else ("  ", "", "") for dot in row]
        for row, band in zip(CAT, BANDS, strict=True)
    ]


def kitten() -> list[list[Cells]]:
    """A pixel is half a cell: two rows of the cat in one."""
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
