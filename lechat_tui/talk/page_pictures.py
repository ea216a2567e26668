"""Pages of an attached PDF as pictures, for a model that supports images.

Shown are the pages without text, and a page that was asked for alone, as in `report.pdf#2`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field
from io import BytesIO
from math import sqrt

from lechat_tui.attachments.documents import listed, used_pages
from lechat_tui.attachments.files import AttachmentError, File
from lechat_tui.documents.model import Document, DocumentError
from lechat_tui.documents.render import RenderedPage, page_sizes, rendered
from lechat_tui.errors import LechatError
from lechat_tui.message import Attachment
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.projectors import DEFAULT_PIXELS, image_tokens, max_pixels
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.ocr.pictures import MAX_DPI, MIN_DPI, is_blank
from lechat_tui.values import dataclass

MAX_PICTURES = 8
"""Of one question."""

MAX_WINDOW_SHARE = 0.5
"""Of the context window, for these pictures."""


@dataclass(frozen=True)
class Pictured:
    """What goes with a question."""

    attachments: tuple[Attachment, ...]
    notes: tuple[str, ...] = field(default=())
    """What is not shown to the model, as sentences."""


def needs_images(attachments: Iterable[Attachment]) -> bool:
    """Whether a question is for a model that supports images: with an image, or with a scan. Reads converted pages."""
    return any(file.kind == "image" or _is_scan(file) for file in attachments)


def _is_scan(file: Attachment) -> bool:
    try:
        return file.kind == "document" and used_pages(file).is_scan
    except AttachmentError:  # sending it reports that
        return False


def with_page_pictures(conversation: Conversation, attachments: Sequence[Attachment], *, ocr: str) -> Pictured:
    """The attachments and the pictures of pages to show to the chat's model, each behind its document.

    `ocr` is the command that reads the pages that are left out. Takes about a quarter of a second a page.
    """
    files = tuple(attachments)
    if all(file.kind != "document" for file in files):
        return Pictured(files)
    if not conversation.model.supports_images:
        return Pictured(files, tuple(_unseen(file, conversation.model.id, ocr) for file in files if _is_scan(file)))
    pixels, left = _limits(conversation)
    known = {file.sha256 for file in files}
    found: list[Attachment] = []
    notes: list[str] = []
    for file in files:
        found.append(file)
        try:
            wanted = _wanted(file)
            pictures, wanted = _pictures(file, wanted, pixels, left)
            left -= len(pictures)
            kept = [conversation.keep_attachment(picture) for picture in pictures]
            found += [picture for picture in kept if picture.sha256 not in known]
        except LechatError as error:
            notes.append(str(error))
            continue
        if wanted:
            notes.append(f"{_pages(wanted)} of {file.name} can't be shown as well; {ocr} {file.name} reads them all")
    return Pictured(tuple(found), tuple(notes))


def _unseen(file: Attachment, model: str, ocr: str) -> str:
    """The sentence that a model can't be shown the pages of a scan."""
    pages = list(used_pages(file).empty_pages())
    have = "has" if len(pages) == 1 else "have"
    return (
        f"{_pages(pages)} of {file.name} {have} no text, and {model} can't see pictures; {ocr} {file.name} reads scans"
    )


def _pages(numbers: Sequence[int]) -> str:
    return f"page{'s' * (len(numbers) != 1)} {listed(numbers)}"


def _limits(conversation: Conversation) -> tuple[int, int]:
    """The pixels of a picture, and the number of pictures."""
    try:
        spec = conversation.spec()
    except ModelError:  # asking reports that
        return DEFAULT_PIXELS, 0
    fitting = int(conversation.window * MAX_WINDOW_SHARE) // image_tokens(spec)
    return max_pixels(spec), min(max(fitting, 1), MAX_PICTURES) if conversation.window else MAX_PICTURES


def _wanted(file: Attachment) -> list[int]:
    """The numbers of the pages to show. Raises `AttachmentError`."""
    if file.kind != "document":
        return []
    document: Document = used_pages(file)
    if document.format != "pdf":
        return []
    asked = file.details.pages if file.details else ""
    return [int(asked)] if asked.isdecimal() else list(document.empty_pages())


def _pictures(file: Attachment, wanted: Sequence[int], pixels: int, limit: int) -> tuple[list[File], list[int]]:
    """The pictures of these pages, blank ones left out, and the pages beyond the limit. Raises `DocumentError`."""
    found: list[File] = []
    sizes = page_sizes(file.path, file.name) if wanted else ()
    for place, number in enumerate(wanted):
        if len(found) == limit:
            return found, list(wanted[place:])
        if not 1 <= number <= len(sizes):
            raise DocumentError(f"{file.name} has no page {number}")
        width, height = sizes[number - 1]
        dpi = min(max(sqrt(pixels / max(width * height, 0.01)), MIN_DPI), MAX_DPI)
        page = rendered(file.path, file.name, number, dpi=dpi)
        if not _blank(page):
            found.append(File(f"{file.name}, page {number}", page.png, "image", page.width, page.height))
    return found, []


def _blank(page: RenderedPage) -> bool:
    from PIL import Image

    return is_blank(Image.open(BytesIO(page.png)))
