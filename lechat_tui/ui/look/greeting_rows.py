"""The rows of the greeting, and the start page of a very first start. Does not import Textual."""

import os
from collections.abc import Mapping, Sequence

from lechat_tui import paths
from lechat_tui.network import STAYS_HERE

CAT = ("X.....X", "XX...XX", "XXXXXXX", "X.XXX.X", "XXX.XXX", ".XXXXX.")
BANDS = ("band-1", "band-2", "band-3", "band-4", "band-5", "band-5")
MIN_ROWS_FOR_CAT = 28
"""On a screen with fewer rows the cat is a kitten."""

MIN_ROWS_FOR_KITTEN = 22
"""On a screen with fewer rows there is no cat."""

Cells = tuple[str, str, str]
"""Text, and the names of its style and of the style whose color is behind it."""


def hello(hour: int) -> str:
    """How the user is greeted at this hour."""
    return "Bonsoir" if hour >= 18 or hour < 5 else "Bonjour"


def greeting_rows(hour: int, height: int, *, with_cat: bool, promise: str = STAYS_HERE) -> Sequence[Sequence[Cells]]:
    """The greeting on a screen of this height; `promise` says where the chat stays."""
    words: list[list[Cells]] = [
        [(f"{hello(hour)}. How can I help?", "bold", "")],
        [(promise, "soft", "")],
        [],
    ]
    if not with_cat or height < MIN_ROWS_FOR_KITTEN:
        return words
    return [*(kitten() if height < MIN_ROWS_FOR_CAT else cat()), [], *words]


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


# The page of a very first start has the greeting only, in the default theme, where the screen will have it

DEFAULT_THEME = "mistral-dark.toml"
SIDEBAR_CELLS, MIN_COLUMNS_FOR_SIDEBAR = 32, 110
MAX_COLUMN_CELLS = 104
ROWS_BELOW, ROWS_BELOW_WITHOUT_OFFER = 10, 6
"""Of the prompt, the status, and the offered model or the keys to begin with."""

MIN_ROWS = 22
"""On a screen with fewer rows, there is no such page."""


def first_page(columns: int, height: int, hour: int, *, offer: bool) -> list[str]:
    """The rows of the page, with their colors; empty where the terminal has none of its colors, or is small.

    `offer` says whether the screen will offer a model.
    """
    import tomllib  # late: no other start needs it so soon

    from lechat_tui import writing

    if os.environ.get("COLORTERM", "").lower() not in ("truecolor", "24bit") or height < MIN_ROWS:
        return []
    theme = tomllib.loads(writing.read(paths.bundled("themes") / DEFAULT_THEME).decode())
    colors = {**theme["variables"], "foreground": theme["foreground"], "background": theme["background"]}
    rows = greeting_rows(hour, height, with_cat=True)
    top = (height - len(rows) - (ROWS_BELOW if offer else ROWS_BELOW_WITHOUT_OFFER)) // 2
    blank = _colored(" " * columns, "", "", colors)
    page = [blank] * height
    for y, row in enumerate(rows, top):
        width = sum(len(text) for text, _, _ in row)
        left = _left(columns, width)
        around = ((" " * left, "", ""), *row, (" " * (columns - left - width), "", ""))
        page[y] = "".join(_colored(text, name, behind, colors) for text, name, behind in around)
    return page


def _left(columns: int, width: int) -> int:
    """Where something of this width in the middle of the column begins."""
    sidebar = SIDEBAR_CELLS if columns >= MIN_COLUMNS_FOR_SIDEBAR else 0
    column = min(columns - sidebar, MAX_COLUMN_CELLS)
    return sidebar + (columns - sidebar - column) // 2 + (column - width) // 2


def _colored(text: str, name: str, behind: str, colors: Mapping[str, str]) -> str:
    bold = "1;" if name == "bold" else ""
    front, back = colors.get(name, colors["foreground"]), colors.get(behind, colors["background"])
    return f"\x1b[{bold}38;2;{_numbers(front)};48;2;{_numbers(back)}m{text}\x1b[0m"


def _numbers(color: str) -> str:
    """`#FF8205` as `255;130;5`."""
    return ";".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
