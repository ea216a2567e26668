"""Images as thumbnails: by the terminal's own graphics where it has them, else two pixels in a cell, as half blocks.

The number of rows of a thumbnail follows from the size of its image. Its pixels come later, from a thread.
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

MAX_COLUMNS, MAX_ROWS = 36, 10
"""Cells of the largest thumbnail."""

MAX_CACHED = 256
"""Thumbnails in memory, some kilobytes each."""

MAX_WAITING = 24
"""Images that wait to be decoded; of more, those that were asked for first have scrolled out of view."""

HALF_BLOCK = "▀"

Graphics = Placements | Literal["blocks", "none"]
"""How images are shown: by the terminal, as half blocks, or not at all."""

Pixels = Thumbnail | Placement
"""What is shown of an image; the width is 0 if it could not be decoded."""


def thumbnail_cells(image: Attachment, width: int) -> tuple[int, int]:
    """Columns and rows of an image in a column of this width; it is only ever made smaller."""
    across, down = max(image.width, 1), max(image.height, 1)
    scale = min(MAX_COLUMNS / across, 2 * MAX_ROWS / down, max(width, 1) / across, 1.0)
    return max(round(across * scale), 1), max(-(-round(down * scale) // 2), 1)


def graphics(
    settings: Settings, color_system: str | None, write: Write, environment: Mapping[str, str] = os.environ
) -> Graphics:
    """How images are shown on a terminal with this `color_system`, as Rich calls it.

    A terminal with graphics of its own needs "truecolor": the color of a cell names the image in it.
    """
    if settings.reduced or settings.pictures == "none":
        return "none"
    able = settings.pictures == "kitty" or (settings.pictures == "auto" and shows_kitty_images(environment))
    if able and color_system == "truecolor":
        return Placements(write, tmux=bool(environment.get("TMUX")))
    return "blocks"


class Viewer(Protocol):
    """Something that shows images."""

    def changed(self) -> None:
        """An image looks different now."""


class Request(NamedTuple):
    """An image in a size, in cells."""

    image: Attachment
    columns: int
    rows: int


class Thumbnails:
    """The thumbnails of a chat, and what its images took of the context."""

    def __init__(self, load: Callable[[], None], graphics: Graphics = "blocks") -> None:
        """`load` is called when `next` has something to decode in a thread."""
        self._visible = False
        self.costs: dict[str, int] = {}
        """The tokens that an image took when it was last read, by its SHA-256."""
        self._load = load
        self._graphics = graphics
        self._cached: OrderedDict[Request, Thumbnail] = OrderedDict()
        """The decoded thumbnails, the one used last at the end."""
        self._placed: dict[Request, tuple[Placement, WeakSet[Viewer]]] = {}
        """What the terminal shows, and the items it is in."""
        self._requests: dict[Request, list[Viewer]] = {}

    @property
    def visible(self) -> bool:
        """Whether pixels are shown at all."""
        return self._visible

    def allow(self, colors: bool) -> None:
        """Show pixels from now on if the terminal, the theme and the user have colors enough for them."""
        self._visible = colors and self._graphics != "none"

    def get(self, image: Attachment, columns: int, rows: int, viewer: Viewer) -> Pixels | None:
        """The image in so many cells; None if it has to be decoded first.

        The viewer is notified when it has been decoded, and again when its copy has been dropped.
        """
        request = Request(image, columns, rows)
        if placed := self._placed.get(request):
            placed[1].add(viewer)
            return placed[0]
        cached = self._cached.get(request)
        if cached is not None:
            self._cached.move_to_end(request)
        else:
            self._requests.setdefault(request, []).append(viewer)
            if len(self._requests) > MAX_WAITING:
                self._forget(next(iter(self._requests)))
            self._load()
        return cached

    def _forget(self, request: Request) -> None:
        """Drop a request; its viewers repeat it when they are rendered again."""
        for viewer in self._requests.pop(request):
            viewer.changed()

    @property
    def next(self) -> Request | None:
        """The newest request: it is most likely still in view."""
        return next(reversed(self._requests), None)

    def decode(self, request: Request) -> Thumbnail | Png:
        """Decode an image in the size in which it is shown. May take long; safe to call in a thread."""
        if not isinstance(self._graphics, Placements):
            return decode(request)
        decoded = decode(request, *CELL)
        return png(decoded) if decoded.width else decoded

    def keep(self, request: Request, decoded: Thumbnail | Png) -> list[Viewer]:
        """Keep what was decoded; returns the viewers that asked for it, which must be rendered again."""
        viewers = self._requests.pop(request, [])
        if isinstance(decoded, Thumbnail):
            self._cached[request] = decoded
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        elif isinstance(self._graphics, Placements):
            placement = self._graphics.add(decoded, request.columns, request.rows, partial(self._lose, request))
            self._placed[request] = placement, WeakSet()
        for viewer in viewers:
            viewer.changed()
        return viewers

    def _lose(self, request: Request) -> None:
        """The terminal does not show it any longer."""
        _, viewers = self._placed.pop(request)
        for viewer in viewers:
            viewer.changed()


def decode(request: Request, across: int = 1, down: int = 2) -> Thumbnail:
    """Decode an image with so many pixels in a cell; one that cannot be decoded has no pixels."""
    try:
        return thumbnail(request.image.path, request.columns * across, request.rows * down)
    except AttachmentError:
        return Thumbnail(0, 0, b"", 0)


def pixel_rows(pixels: Pixels | None, rows: int, width: int, edge: Run, background: Style) -> Iterator[Row]:
    """The rows of an image with `edge` to their left, blank until it has been decoded; none of them is copied."""
    for number in range(rows):
        if isinstance(pixels, Placement):
            cells, style = pixels.row(number)
            runs = [edge, (cells, background + style), (" " * (width - pixels.columns), background)]
            yield Row(runs, skip=len(plain(runs)), joint="")
        else:
            yield Row(PixelRow(pixels, number, width, edge, background), skip=len(edge[0]) + width, joint="")


class PixelRow(Sequence[Run]):
    """A row of an image as runs, made when they are asked for: a style for each cell would take much memory."""

    def __init__(self, pixels: Thumbnail | None, number: int, width: int, edge: Run, background: Style) -> None:
        self._pixels = pixels
        self._number = number
        self._width = width
        self._edge = edge
        self._background = background

    def __iter__(self) -> Iterator[Run]:
        yield self._edge
        done = 0
        for style, same in groupby(self._cells()):
            count = sum(1 for _ in same)
            done += count
            yield HALF_BLOCK * count, style
        yield " " * (self._width - done), self._background

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, at: int) -> Run: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Run]: ...
    def __getitem__(self, at: int | slice) -> Run | Sequence[Run]:
        return list(self)[at]

    def _cells(self) -> Iterator[Style]:
        pixels, top = self._pixels, self._number * 2
        if pixels is None or top >= pixels.height:
            return
        for column in range(min(pixels.width, self._width)):
            upper = Style(color=Color.from_rgb(*pixels.pixel(column, top)))
            lower = Style()
            if top + 1 < pixels.height:
                lower = Style(bgcolor=Color.from_rgb(*pixels.pixel(column, top + 1)))
            yield self._background + lower + upper
