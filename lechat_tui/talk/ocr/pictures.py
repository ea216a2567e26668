"""The pictures that a model reads: pages of a PDF and images of a file, in the size that its projector can use."""

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from math import sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol, TypeVar

from lechat_tui.attachments import pixels
from lechat_tui.attachments.files import AttachmentError, read_bytes
from lechat_tui.attachments.images import BROKEN, HEAD_BYTES, MAX_IMAGE_BYTES, is_image
from lechat_tui.documents.formats import HEAD_BYTES as DOCUMENT_HEAD_BYTES
from lechat_tui.documents.formats import format_of
from lechat_tui.documents.render import Embedded, page_sizes, rendered
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

MIN_DPI, MAX_DPI = 72, 300
MAX_SIDE_PIXELS = 4096

MIN_LINE_PIXELS = 12.0
"""From one line of text to the next, in the picture that the model gets; below, a page is read in two halves."""

BLANK_SHARE = 0.00002
"""A page with a smaller share of pixels that differ from its paper is blank; a page number has more."""

MIN_CONTRAST = 24
"""Gray values between paper and what is on it; yellow on white has 29."""

DARK = 160
"""A gray value below it is ink."""

STRIPS = 6
"""Columns in which lines of text are looked for; in all of the width, those of several columns would blur."""

MIN_LINES = 8
"""Fewer say nothing about the distance between lines."""

OVERLAP = 0.03
"""The share of the page's height that both halves have on each side of the middle."""

MAX_SHIFT = 0.03
"""How far from there a cut may be moved to a row between two lines."""

GUTTER = (0.4, 0.6)
"""Where the space between two columns may be, as a share of the width."""

MIN_GUTTER = 0.012


@dataclass(frozen=True)
class PagePicture:
    """A page as it was rendered or scanned."""

    image: "Image"
    """RGB."""
    text: str = ""
    """The text that a PDF has for it."""
    scanned: bool = False
    """Whether a picture fills it, so that its text may be no more than a stamp."""
    embedded: tuple[Embedded, ...] = ()
    """The pictures in it."""


class Scan(Protocol):
    """A file with pages to read."""

    name: str
    format: str
    """`pdf` or `image`."""
    pages: int

    def page(self, number: int, max_pixels: int, *, embedded: bool) -> PagePicture:
        """A page, counted from 1, with about twice as many pixels as the model uses, so that it can be halved.

        Raises `DocumentError` or `AttachmentError`.
        """
        ...


def open_scan(path: Path) -> Scan:
    """The pages of a PDF or of an image file. Raises `DocumentError` or `AttachmentError`."""
    name = path.name
    try:
        with path.open("rb") as file:
            head = file.read(max(HEAD_BYTES, DOCUMENT_HEAD_BYTES))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a path"
        raise AttachmentError(f"{safe(str(path))} can't be read: {reason}") from error
    if is_image(head):
        return ImageScan(path)
    if format_of(head, name) == "pdf":
        return PdfScan(path)
    raise AttachmentError(f"{safe(name)} is neither a PDF nor an image; lechat reads other documents without OCR")


class PdfScan:
    """A PDF, each page of which is rendered in a child process."""

    format = "pdf"

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._sizes = page_sizes(path, path.name)
        self.pages = len(self._sizes)

    def page(self, number: int, max_pixels: int, *, embedded: bool) -> PagePicture:
        """See `Scan`."""
        from PIL import Image

        width, height = self._sizes[number - 1]
        dpi = min(max(sqrt(2 * max_pixels / max(width * height, 0.01)), MIN_DPI), MAX_DPI)
        page = rendered(self._path, self.name, number, dpi=dpi, embedded=embedded)
        image = Image.open(BytesIO(page.png)).convert("RGB")
        return PagePicture(image, page.text, page.scanned, page.embedded)


class ImageScan:
    """An image file; a TIFF may have several pages."""

    format = "image"

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._content = read_bytes(path, MAX_IMAGE_BYTES)
        self.pages = self._guarded(lambda: pixels.frames(self._content))

    def page(self, number: int, max_pixels: int, *, embedded: bool) -> PagePicture:
        """See `Scan`."""
        image = self._guarded(lambda: pixels.rgb(self._content, MAX_SIDE_PIXELS, MAX_SIDE_PIXELS, frame=number - 1))
        return PagePicture(image, scanned=True)

    def _guarded(self, read: Callable[[], T]) -> T:
        from PIL import Image

        try:
            return read()
        except (pixels.TooManyPixels, Image.DecompressionBombError, *BROKEN) as error:
            raise AttachmentError(f"{safe(self.name)} is damaged or too large and can't be decoded") from error


def is_blank(image: "Image") -> bool:
    """Whether there is next to nothing on a page."""
    histogram = image.convert("L").histogram()
    paper = histogram.index(max(histogram))
    unlike = sum(count for value, count in enumerate(histogram) if abs(value - paper) > MIN_CONTRAST)
    return unlike < BLANK_SHARE * image.width * image.height


def pieces(image: "Image", max_pixels: int, *, halved: bool = False) -> list[bytes]:
    """The page as PNGs that a model can read: one, or the two halves of a dense page, in reading order."""
    if halved or is_dense(image, max_pixels):
        return [_png(half, max_pixels) for half in halves(image)]
    return [_png(image, max_pixels)]


def is_dense(image: "Image", max_pixels: int) -> bool:
    """Whether the lines of text would be too small for the model."""
    scale = min(sqrt(max_pixels / (image.width * image.height)), 1.0)
    pitch = line_pitch(image)
    return pitch is not None and pitch * scale < MIN_LINE_PIXELS


def line_pitch(image: "Image") -> float | None:
    """The pixels from one line of text to the next; None for a page with hardly any text."""
    distances: list[int] = []
    for dark in _ink_rows(image):
        starts = [row for row in range(1, len(dark)) if dark[row] and not dark[row - 1]]
        if len(starts) >= MIN_LINES:
            distances += [below - above for above, below in pairwise(starts)]
    return float(median(distances)) if distances else None


def halves(image: "Image") -> "tuple[Image, Image]":
    """The two columns of a page, else its upper and its lower half, which overlap a little; cut between two lines."""
    if gutter := _gutter(image):
        return image.crop((0, 0, gutter, image.height)), image.crop((gutter, 0, *image.size))
    rows = _profile(image, (1, image.height))
    upper, lower = (_between_lines(rows, 0.5 - OVERLAP), _between_lines(rows, 0.5 + OVERLAP))
    return image.crop((0, 0, image.width, lower)), image.crop((0, upper, *image.size))


def _between_lines(rows: bytes, share: float) -> int:
    """The row with the least ink near this share of the height, like the one above it; the nearest of several."""
    wanted, reach = int(len(rows) * share), int(len(rows) * MAX_SHIFT)
    near = range(max(wanted - reach, 1), max(min(wanted + reach, len(rows)), 2))
    return max(near, key=lambda row: (min(rows[row - 1 : row + 1]), -abs(row - wanted)))


def _gutter(image: "Image") -> int:
    """The middle of the one blank column that parts the text; 0 when there is none, or several as in a table."""
    ink = _profile(image, (image.width, 1))
    limit = _threshold(ink)
    inked = [column for column, value in enumerate(ink) if value < limit]
    if not inked:
        return 0
    gaps = [(left, right) for left, right in pairwise(inked) if right - left > MIN_GUTTER * image.width]
    first, last = (share * image.width for share in GUTTER)
    if len(gaps) != 1 or not first < sum(gaps[0]) / 2 < last:
        return 0
    return sum(gaps[0]) // 2


def _ink_rows(image: "Image") -> list[list[bool]]:
    """Of each strip from left to right, whether each of its rows has ink."""
    values = _profile(image, (STRIPS, image.height))
    strips = [values[strip::STRIPS] for strip in range(STRIPS)]
    return [[value < limit for value in strip] for strip in strips for limit in (_threshold(strip),)]


def _profile(image: "Image", size: tuple[int, int]) -> bytes:
    """The mean gray values of the cells of a coarse grid, row by row."""
    from PIL import Image

    gray = image.convert("L").point(lambda value: 0 if value < DARK else 255)
    return gray.resize(size, Image.Resampling.BOX).tobytes()


def _threshold(values: Sequence[int]) -> float:
    """The mean gray value below which there is ink, so that specks of dirt do not count."""
    return max(values) - 4


def _png(image: "Image", max_pixels: int) -> bytes:
    from PIL import Image

    scale = sqrt(max_pixels / (image.width * image.height))
    if scale < 1:
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
