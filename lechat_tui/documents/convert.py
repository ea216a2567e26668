"""A document file to Markdown: starts the child process that does it, and collects its pages."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from lechat_tui.documents import child
from lechat_tui.documents.child import Limits
from lechat_tui.documents.formats import HEAD_BYTES, check_installed, format_of
from lechat_tui.documents.model import Document, DocumentError, Page, PageRange
from lechat_tui.plaintext import safe, storable
from lechat_tui.private_memory import PrivateFolder

Progress = Callable[[int, int], None]
"""Called with the number of pages that are done and of all pages; 0 for as long as that is unknown."""


class Frame(msgspec.Struct, omit_defaults=True):
    """One line that the worker prints."""

    page: Page | None = None
    total: int = 0
    """Of all pages, where it is known."""
    note: str = ""
    error: str = ""
    """Why it can't be converted, as the rest of a sentence that begins with the file's name."""


def convert(
    path: Path,
    name: str,
    *,
    pages: PageRange | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Document:
    """The document in a file, or only these pages of it. Takes from a tenth of a second to minutes.

    Raises `DocumentError`.
    """
    shown = safe(name)
    format = _format_of(path, name)
    check_installed(format, name)
    found: list[Page] = []
    notes: list[str] = []
    total = 0
    with closing(child.lines("worker", [format, str(pages or "")], path, name, limits)) as lines:
        for line in lines:
            frame = msgspec.json.decode(line, type=Frame)
            total = frame.total or total
            if frame.error:
                raise DocumentError(f"{shown} {storable(frame.error)}")
            if frame.note:
                notes.append(storable(frame.note))
            if frame.page:
                found.append(_storable(frame.page))
            if progress:
                progress(len(found), total)
    document = Document(storable(name), format, tuple(found), tuple(notes))
    if not found and pages and total:
        raise DocumentError(f"{shown} has {document.unit}s 1 to {total}, and no {document.unit} {pages}")
    if format != "pdf" and all(page.source == "empty" for page in found):
        raise DocumentError(f"{shown} is empty: it has no {document.unit} with text")
    return document


def convert_bytes(
    content: bytes, name: str, *, progress: Progress | None = None, limits: Limits | None = None
) -> Document:
    """The same of a document that is in no file. Raises `DocumentError`."""
    try:
        with PrivateFolder() as folder:
            path = folder.path / "document"
            path.write_bytes(content)
            return convert(path, name, progress=progress, limits=limits)
    except OSError as error:
        raise DocumentError(f"{safe(name)} can't be converted: {error.strerror or error}") from error


def _format_of(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            format = format_of(file.read(HEAD_BYTES), name)
    except OSError as error:
        raise DocumentError(f"{safe(name)} can't be read: {error.strerror or error}") from error
    if not format:
        raise DocumentError(f"{safe(name)} is not a document that can be converted")
    return format


def _storable(page: Page) -> Page:
    return Page(page.number, storable(page.text).replace("\0", ""), page.source, storable(page.label))
