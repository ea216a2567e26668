"""A page of a PDF as a picture, with the text and the embedded pictures that the file has for it.

Rendered by `documents/page_worker.py` in a child process like that of the parsers.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from lechat_tui.documents import child
from lechat_tui.documents.child import Limits
from lechat_tui.documents.formats import check_installed
from lechat_tui.documents.model import DocumentError
from lechat_tui.plaintext import safe, storable
from lechat_tui.values import dataclass

DPI = 150
"""An A4 page then has 1241x1754 pixels, more than most projectors use."""

MAX_SIDE_PIXELS = 4096
"""A larger page is rendered with fewer dots per inch."""

LIMITS = Limits(seconds=60.0)
"""For one page."""


@dataclass(frozen=True)
class Embedded:
    """A picture in a page."""

    png: bytes
    top: float
    """Where its upper edge is, from 0 at the top of the page to 1 at its bottom."""
    left: float
    """Where its left edge is, from 0 to 1."""


@dataclass(frozen=True)
class RenderedPage:
    """A page of a PDF."""

    png: bytes
    width: int
    """Pixels."""
    height: int
    text: str = ""
    """The text that PDFium finds in it; empty for a scan."""
    scanned: bool = False
    """Whether a picture fills it."""
    embedded: tuple[Embedded, ...] = ()
    """From top to bottom. Not those that fill the page, and not tiny ones."""


class PageFrame(msgspec.Struct, omit_defaults=True):
    """The line that the worker prints."""

    page: RenderedPage | None = None
    sizes: tuple[tuple[float, float], ...] = ()
    """Width and height of every page in inches."""
    error: str = ""
    """Why it can't be rendered, as the rest of a sentence that begins with the file's name."""


def render(path: Path, page: int, *, dpi: float = DPI) -> bytes:
    """A page of a PDF, counted from 1, as a PNG. Raises `DocumentError`."""
    return rendered(path, path.name, page, dpi=dpi).png


def rendered(path: Path, name: str, page: int, *, dpi: float = DPI, embedded: bool = False) -> RenderedPage:
    """A page of a PDF with its text; with `embedded`, also the pictures in it. Takes about a quarter of a second.

    Raises `DocumentError`.
    """
    frame = _frame(path, name, str(page), f"{dpi:g}", "embedded" if embedded else "")
    if frame.page is None:
        raise DocumentError(f"{safe(name)} has no page {page}")
    text = storable(frame.page.text).replace("\0", "")
    return replace(frame.page, text=text)


def page_sizes(path: Path, name: str) -> tuple[tuple[float, float], ...]:
    """Width and height of every page of a PDF in inches. Raises `DocumentError`."""
    return _frame(path, name, "0").sizes


def _frame(path: Path, name: str, *arguments: str) -> PageFrame:
    check_installed("pdf", name)
    with _lines(path, name, arguments) as lines:
        frames = [msgspec.json.decode(line, type=PageFrame) for line in lines]
    if not frames or frames[0].error:
        raise DocumentError(f"{safe(name)} {storable(frames[0].error) if frames else 'is damaged and has no pages'}")
    return frames[0]


@contextmanager
def _lines(path: Path, name: str, arguments: tuple[str, ...]) -> Generator[Generator[bytes, None, None], None, None]:
    with closing(child.lines("page_worker", arguments, path, name, LIMITS)) as lines:
        yield lines
