"""Pictures drawn small: by the terminal where it can, else two pixels a cell, a half block over what is behind it.

How many rows one takes is known from its size alone; its pixels come later, from a thread.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Literal, NamedTuple, Protocol, overload
from weakref import WeakSet

from rich.color import Color
from rich.style import Style

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.attachments.images import Thumbnail, thumbnail
from lechat_tui.drawing.kitty import CELL, Placement, Placements, Png, Write, png
from lechat_tui.drawing.rows import Row, Run, plain
from lechat_tui.message import Attachment
from lechat_tui.settings.config import Settings
from lechat_tui.terminal import shows_kitty_images

COLUMNS, ROWS = 36, 10
"""Cells of the largest thumbnail."""

KEPT = 256
"""Thumbnails in memory, some kilobytes each."""

WAITING = 24
"""Pictures that wait to be decoded; of more, those that were passed first have gone out of view."""

HALF = "▀"

Way = Placements | Literal["blocks", "none"]
"""How pictures are drawn: by the terminal, as half blocks, or not at all."""

Seen = Thumbnail | Placement
"""What is drawn of a picture; of one that cannot be decoded the width is 0."""


def cells(picture: Attachment, width: int) -> tuple[int, int]:
    """Columns and rows of a picture in a column of this width; it is made smaller only, never larger."""
    wide, high = max(picture.width, 1), max(picture.height, 1)
    scale = min(COLUMNS / wide, 2 * ROWS / high, max(width, 1) / wide, 1.0)
    return max(round(wide * scale), 1), max(-(-round(high * scale) // 2), 1)


def way(settings: Settings, colours: str | None, write: Write, environment: Mapping[str, str] = os.environ) -> Way:
    """How pictures are drawn on a terminal with these `colours`, as Rich calls them.

    One that draws them itself tells them apart by the colours of their cells, so it needs all.
    """
    if settings.reduced or settings.pictures == "none":
        return "none"
    able = settings.pictures == "kitty" or (settings.pictures == "auto" and shows_kitty_images(environment))
    if able and colours == "truecolor":
        return Placements(write, tmux=bool(environment.get("TMUX")))
    return "blocks"


class Shown(Protocol):
    """Something that shows pictures."""

    def changed(self) -> None:
        """More is known of a picture."""


class Wanted(NamedTuple):
    """A picture in a size."""

    picture: Attachment
    columns: int
    rows: int


class Thumbnails:
    """What is known of the pictures of a chat, beside what their messages say."""

    def __init__(self, load: Callable[[], None], way: Way = "blocks") -> None:
        """`load` is called when something is wanted that is not known; it lets `next` be read in a thread."""
        self._visible = False
        self.costs: dict[str, int] = {}
        """The tokens that a picture took when it was last read, by its SHA-256."""
        self._load = load
        self._way = way
        self._known: OrderedDict[Wanted, Thumbnail] = OrderedDict()
        """The decoded thumbnails, the one used last at the end."""
        self._placed: dict[Wanted, tuple[Placement, WeakSet[Shown]]] = {}
        """What the terminal draws, and who shows it."""
        self._wanted: dict[Wanted, list[Shown]] = {}

    @property
    def visible(self) -> bool:
        """Whether pixels are shown at all."""
        return self._visible

    def allow(self, colors: bool) -> None:
        """Show pixels from now on if the terminal, the theme and the user have colors enough for them."""
        self._visible = colors and self._way != "none"

    def get(self, picture: Attachment, columns: int, rows: int, item: Shown) -> Seen | None:
        """The picture in so many cells; None when it is not known yet, and the item will be told when it is.

        The item is also told when what it got is not drawn any longer.
        """
        wanted = Wanted(picture, columns, rows)
        if placed := self._placed.get(wanted):
            placed[1].add(item)
            return placed[0]
        known = self._known.get(wanted)
        if known:
            self._known.move_to_end(wanted)
        else:
            self._wanted.setdefault(wanted, []).append(item)
            if len(self._wanted) > WAITING:
                self._forget(next(iter(self._wanted)))
            self._load()
        return known

    def _forget(self, wanted: Wanted) -> None:
        """Who asked for it asks again when it is drawn again."""
        for item in self._wanted.pop(wanted):
            item.changed()

    @property
    def next(self) -> Wanted | None:
        """What was asked for last: it is most likely still in view."""
        return next(reversed(self._wanted), None)

    def read(self, wanted: Wanted) -> Thumbnail | Png:
        """Decode a picture in the size in which it is drawn, which takes as long as it takes."""
        if not isinstance(self._way, Placements):
            return read(wanted)
        seen = read(wanted, *CELL)
        return png(seen) if seen.width else seen

    def keep(self, wanted: Wanted, seen: Thumbnail | Png) -> list[Shown]:
        """This is what was wanted; returns who has asked for it, and is to be drawn again."""
        asked = self._wanted.pop(wanted, [])
        if isinstance(seen, Thumbnail):
            self._known[wanted] = seen
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        elif isinstance(self._way, Placements):
            placement = self._way.add(seen, wanted.columns, wanted.rows, partial(self._lose, wanted))
            self._placed[wanted] = placement, WeakSet()
        for item in asked:
            item.changed()
        return asked

    def _lose(self, wanted: Wanted) -> None:
        """The terminal does not draw it any longer."""
        _, shown = self._placed.pop(wanted)
        for item in shown:
            item.changed()


def read(wanted: Wanted, across: int = 1, down: int = 2) -> Thumbnail:
    """Decode a picture in so many pixels a cell; one that cannot be decoded has no pixels."""
    try:
        return thumbnail(wanted.picture.path, wanted.columns * across, wanted.rows * down)
    except AttachmentError:
        return Thumbnail(0, 0, b"", 0)


def pixel_rows(seen: Seen | None, rows: int, width: int, edge: Run, behind: Style) -> Iterator[Row]:
    """So many rows of a picture, blank while it is not known, with `edge` at the left; none of them is copied."""
    for number in range(rows):
        if isinstance(seen, Placement):
            drawn, style = seen.row(number)
            runs = [edge, (drawn, behind + style), (" " * (width - seen.columns), behind)]
            yield Row(runs, skip=len(plain(runs)), joint="")
        else:
            yield Row(Pixels(seen, number, width, edge, behind), skip=len(edge[0]) + width, joint="")


class Pixels(Sequence[Run]):
    """A row of a picture as runs, made when they are asked for: a style for each cell is much to keep."""

    def __init__(self, seen: Thumbnail | None, number: int, width: int, edge: Run, behind: Style) -> None:
        self._seen = seen
        self._number = number
        self._width = width
        self._edge = edge
        self._behind = behind

    def __iter__(self) -> Iterator[Run]:
        yield self._edge
        drawn = 0
        for style, same in groupby(self._cells()):
            count = sum(1 for _ in same)
            drawn += count
            yield HALF * count, style
        yield " " * (self._width - drawn), self._behind

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, at: int) -> Run: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Run]: ...
    def __getitem__(self, at: int | slice) -> Run | Sequence[Run]:
        return list(self)[at]

    def _cells(self) -> Iterator[Style]:
        seen, top = self._seen, self._number * 2
        if seen is None or top >= seen.height:
            return
        for column in range(min(seen.width, self._width)):
            below = Style(bgcolor=Color.from_rgb(*seen.pixel(column, top + 1))) if top + 1 < seen.height else Style()
            yield self._behind + below + Style(color=Color.from_rgb(*seen.pixel(column, top)))
