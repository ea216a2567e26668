"""Rows of cells as Markdown tables."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

MAX_CELL_CHARACTERS = 32_767
"""As many as a cell of Excel can have."""


def table(rows: Sequence[Sequence[str]]) -> str:
    """A pipe table whose first row is its head; columns and rows at its end without any text are left out."""
    rows = [[_cell(cell) for cell in row] for row in rows]
    while rows and not any(rows[-1]):
        rows.pop()
    columns = max((_filled(row) for row in rows), default=0)
    if not columns:
        return ""
    head, *body = [[cell for cell, _ in zip_longest(row[:columns], range(columns), fillvalue="")] for row in rows]
    return "\n".join(map(_line, (head, ["---"] * columns, *body)))


def _filled(row: Sequence[str]) -> int:
    """The number of the last cell with text."""
    return next((number for number in range(len(row), 0, -1) if row[number - 1]), 0)


def _cell(text: str) -> str:
    return " ".join(text[:MAX_CELL_CHARACTERS].split()).replace("|", "\\|")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
