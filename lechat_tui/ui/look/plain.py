"""The line filters of a terminal without colors, and of one that should get ASCII only.

Every row of every widget passes through them, so that no widget needs a second way to render itself.
"""

from collections.abc import Sequence

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor

from lechat_tui.drawing.ascii import to_ascii


class Ascii(LineFilter):
    """ASCII in place of shapes."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, each as wide as before."""
        return [
            segment if segment.text.isascii() else Segment(to_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def without_gray(given: Sequence[LineFilter]) -> list[LineFilter]:
    """These filters without Textual's own for `NO_COLOR`, which leave grays; https://no-color.org asks for none."""
    return [one for one in given if not isinstance(one, Monochrome | NoColor)]


def added_filters(*, no_color: bool, reduced: bool) -> list[LineFilter]:
    """The filters for `NO_COLOR` and for reduced mode."""
    return [*([NoColor()] if no_color else []), *([Ascii()] if reduced else [])]
