"""Text found in the rows of items, and text selected across them. Positions are numbers that order all rows."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lechat_tui.drawing.rows import Row

MAX_ROWS = 1 << 20
"""Rows an item may have: the position of a row is the index of its item times this, plus the number of the row."""


class Point(NamedTuple):
    """A place between two characters."""

    position: int
    column: int
    """Characters from the left, the margin included."""


def position(index: int, row: int) -> int:
    """The position of a row of the item of this index."""
    return index * MAX_ROWS + row


def find_word(rows: Sequence[Row], query: str) -> tuple[int, int, int] | None:
    """The first row that has one of the words of a query, in any case and accent: its number, start and end."""
    words = [_folded(word) for word in re.findall(r"\w+", query)]
    for number, row in enumerate(rows):
        text = _folded(row.text)
        for word in words:
            start = text.find(word)
            if start >= 0:
                return number, start, start + len(word)
    return None


def selected_text(rows: Callable[[int], Sequence[Row]], items: int, start: Point, end: Point, margin: int) -> str:
    """The text from one point to another as it was before it was wrapped, without indents and bars.

    `rows` returns the rows of the item of an index; there are so many `items`, with a `margin` of cells to the left.
    """
    pieces: list[str] = []
    for index in range(start.position // MAX_ROWS, min(end.position // MAX_ROWS, items - 1) + 1):
        for number, row in enumerate(rows(index)):
            at = position(index, number)
            if not start.position <= at <= end.position:
                continue
            text = " " * margin + row.text
            left = max(start.column if at == start.position else 0, margin + row.skip)
            right = end.column if at == end.position else len(text)
            joint = "\n" if row.joint is None else row.joint
            pieces += [joint if pieces else "", text[left:right].rstrip()]
    return "".join(pieces).strip("\n")


def _folded(text: str) -> str:
    """The text without case and accents, character for character."""
    return "".join(unicodedata.normalize("NFD", char)[0].casefold()[0] for char in text)
