"""Any file that can be attached, read and checked."""

from pathlib import Path

from lechat_tui.attachments.documents import document_file
from lechat_tui.attachments.files import AttachmentError, File, Named, read_bytes, user_path
from lechat_tui.attachments.images import MAX_IMAGE_BYTES, check_image, is_image
from lechat_tui.attachments.texts import MAX_TEXT_BYTES, decoded
from lechat_tui.documents.convert import Progress, convert_bytes
from lechat_tui.documents.formats import FORMATS, HEAD_BYTES, format_of, is_installed, refusal
from lechat_tui.documents.model import DocumentError, PageRange
from lechat_tui.plaintext import safe

MAX_DOCUMENT_BYTES = 200_000_000

RICH_TEXT = b"{\\rtf"
"""What RTF begins with: text, but none that a model should read."""

SOURCE = "source"
"""Behind the `#` of a name: attach a web page or a table as the text it is."""


def read(path: Path, part: str = "", *, progress: Progress | None = None) -> File:
    """An image, a document or a text file, by its content. Raises `AttachmentError`.

    `part` is what followed a `#`: the pages of a document, or `source`. A document may take minutes to convert.
    """
    content = read_bytes(path, _max_bytes(user_path(str(path)) or path))
    return check(content, path.name, part, progress=progress)


def read_named(named: Named, *, progress: Progress | None = None) -> File:
    """The file that was named. Raises `AttachmentError`."""
    return read(named.path, named.part, progress=progress)


def check(content: bytes, name: str, part: str = "", *, progress: Progress | None = None) -> File:
    """The image, the document or the text of these bytes. Raises `AttachmentError`."""
    if is_image(content):
        return check_image(content, name)
    pages = _pages(part, name) if part != SOURCE else None
    if part != SOURCE and (format := format_of(content[:HEAD_BYTES], name)) and _can_convert(format):
        try:
            return document_file(content, convert_bytes(content, name, progress=progress), pages)
        except DocumentError as error:
            raise AttachmentError(str(error)) from error
    if part and part != SOURCE:
        raise AttachmentError(f"{safe(name)} has no pages; name it without #{safe(part)}")
    if (b"\0" in content or content.startswith(RICH_TEXT)) and (sentence := refusal(name)):
        raise AttachmentError(sentence)
    decoded(content, name)
    return File(name, content, "text")


def _pages(part: str, name: str) -> PageRange | None:
    """The pages that were asked for. Raises `AttachmentError`."""
    if part and not PageRange.of(part):
        raise AttachmentError(f"#{safe(part)} is not a range of pages; write {safe(name)}#3-9, #2, #10- or #1,4-6")
    return PageRange.of(part)


def _can_convert(format: str) -> bool:
    """Whether to convert it. What can't be read otherwise is always tried, to say which packages are missing."""
    return bool(FORMATS[format].starts) or is_installed(format)


def _max_bytes(path: Path) -> int:
    """The size limit of a file with this beginning."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return max_bytes(file.read(HEAD_BYTES), path.name)
    except (OSError, ValueError):  # reading it says why
        pass
    return MAX_TEXT_BYTES


def max_bytes(head: bytes, name: str) -> int:
    """The size limit of a file with these first bytes."""
    if is_image(head):
        return MAX_IMAGE_BYTES
    return MAX_DOCUMENT_BYTES if format_of(head, name) else MAX_TEXT_BYTES
