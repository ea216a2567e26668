"""The last step before the terminal: without colours, without shapes that only a good terminal draws. Knows no widget.

Every row of every widget passes here, so what is drawn needs no second way to be drawn in.
"""

from collections.abc import Sequence

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor

MARKS = {
    "▌": ">", "▎": "|", "│": "|", "┃": "|", "║": "|", "─": "-", "━": "=", "═": "=", "╌": ".", "▰": "#", "▱": "-",
    "▸": "+", "▾": "-", "■": "*", "•": "*", "◦": "o", "▪": "-", "·": "-", "✗": "!", "✓": "+", "☐": "o", "☑": "x",
    "⌕": "?", "↑": "^", "↓": "v", "←": "<", "→": ">", "▦": "#", "▤": "=", "█": "#", "○": "o", "●": "*", "◆": "*",
}  # fmt: skip
"""What stands for a shape, of the same width; letters and punctuation of any language stay."""

SHAPES = ((0x2190, 0x21FF, "-"), (0x2500, 0x257F, "+"), (0x2580, 0x259F, "#"), (0x25A0, 0x25FF, "*"))
"""Arrows, box drawing, blocks and geometry: what stands for those that have no mark of their own."""

TABLE = {code: mark for first, last, mark in SHAPES for code in range(first, last + 1)} | {
    ord(shape): mark for shape, mark in MARKS.items()
}


class Ascii(LineFilter):
    """ASCII in place of shapes."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, each as wide as before."""
        return [
            segment if segment.text.isascii() else Segment(plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def plain(text: str) -> str:
    """The text with ASCII in place of shapes."""
    return text.translate(TABLE)


def without_gray(given: Sequence[LineFilter]) -> list[LineFilter]:
    """These filters without Textual's own for `NO_COLOR`, which leave grays; https://no-color.org asks for none."""
    return [one for one in given if not isinstance(one, Monochrome | NoColor)]


def added_filters(*, no_color: bool, reduced: bool) -> list[LineFilter]:
    """The filters for `NO_COLOR` and for reduced mode."""
    return [*([NoColor()] if no_color else []), *([Ascii()] if reduced else [])]
