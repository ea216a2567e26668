"""The child process that renders pages: a PDF on stdin, one JSON line on stdout.

Run as `python -m lechat_tui.documents.page_worker PAGE [DPI [embedded]]`; page 0 gives the sizes of all pages.
"""

import os
import sys
from collections.abc import Sequence
from io import BytesIO

import msgspec
import pypdfium2
import pypdfium2.raw as pdfium

from lechat_tui.documents.child import NO_MEMORY
from lechat_tui.documents.confinement import confine
from lechat_tui.documents.parsers.common import Unreadable, check_pages
from lechat_tui.documents.parsers.pdf_text import opened, plain
from lechat_tui.documents.render import MAX_SIDE_PIXELS, Embedded, PageFrame, RenderedPage

POINTS_PER_INCH = 72

MIN_EMBEDDED_PIXELS = 48
"""Of the shorter side; smaller ones are rules, bullets and icons."""

MAX_EMBEDDED_SHARE = 0.8
"""Of the page's area; a larger one is a scan or a background."""

MAX_EMBEDDED = 30
"""Of one page."""

MAX_EMBEDDED_SIDE = 2048
"""Pixels; larger ones are scaled down."""


def main(page: int, dpi: float, embedded: bool) -> None:
    """Print the frame."""
    out = confine()
    try:
        frame = _frame(sys.stdin.buffer.read(), page, dpi, embedded)
    except Unreadable as error:
        frame = PageFrame(error=str(error))
    except MemoryError:
        os._exit(NO_MEMORY)
    except Exception as error:  # noqa: BLE001  # the edge of the process: whatever a damaged file makes PDFium raise
        if isinstance(error, ImportError) and "failed to map" in str(error):
            os._exit(NO_MEMORY)
        frame = PageFrame(error=f"is damaged and can't be rendered ({type(error).__name__})")
    out.write(msgspec.json.encode(frame) + b"\n")
    out.close()
    os._exit(0)  # native code may crash while it is torn down


def _frame(content: bytes, number: int, dpi: float, embedded: bool) -> PageFrame:
    document = opened(content)
    total = check_pages(len(document))
    if number == 0:
        sizes = (document.get_page_size(index) for index in range(total))
        return PageFrame(sizes=tuple((width / POINTS_PER_INCH, height / POINTS_PER_INCH) for width, height in sizes))
    if number > total:
        return PageFrame()
    document.init_forms()  # before the page is loaded, or what was filled in is not drawn
    page = document[number - 1]
    scale = min(dpi / POINTS_PER_INCH, MAX_SIDE_PIXELS / max(*page.get_size(), 1))
    image = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    found = list(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4))
    filling = [item for item in found if _fills(item, page)]
    pictures = _embedded([item for item in found if item not in filling], page) if embedded else ()
    size = image.width, image.height
    return PageFrame(page=RenderedPage(_png(image), *size, plain(document, number), bool(filling), tuple(pictures)))


def _fills(item: pypdfium2.PdfObject, page: pypdfium2.PdfPage) -> bool:
    """Whether a picture is as large as its page."""
    left, bottom, right, top = item.get_bounds()
    width, height = page.get_size()
    return bool((right - left) * (top - bottom) > MAX_EMBEDDED_SHARE * width * height)


def _embedded(items: Sequence[pypdfium2.PdfImage], page: pypdfium2.PdfPage) -> list[Embedded]:
    """These pictures of a page, from top to bottom; those that can't be decoded are left out."""
    width, height = page.get_size()
    found: list[Embedded] = []
    for item in items[:MAX_EMBEDDED]:
        try:
            left, _, _, top = item.get_bounds()
            image = item.get_bitmap(render=True, scale_to_original=True).to_pil().convert("RGB")
        except (pypdfium2.PdfiumError, ValueError, RuntimeError):
            continue
        if min(image.size) >= MIN_EMBEDDED_PIXELS:
            image.thumbnail((MAX_EMBEDDED_SIDE, MAX_EMBEDDED_SIDE))
            found.append(Embedded(_png(image), 1 - top / height, left / width))
    return sorted(found, key=lambda picture: (picture.top, picture.left))


def _png(image: "pypdfium2.PIL.Image.Image") -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


if __name__ == "__main__":
    page, dpi, embedded = [*sys.argv[1:], "", ""][:3]
    main(int(page), float(dpi or POINTS_PER_INCH), embedded == "embedded")
