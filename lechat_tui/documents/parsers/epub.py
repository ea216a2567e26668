"""E-books: the chapters in reading order."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.archive import Archive, local, resolved
from lechat_tui.documents.parsers.common import Item, Unreadable, check_pages
from lechat_tui.documents.parsers.html import decoded, markdown

_HEADING = re.compile(r"^#{1,3} +(.+)$", re.MULTILINE)
MAX_LABEL_CHARACTERS = 100


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The chapters that have text, numbered from 1."""
    archive = Archive(content)
    _check_open(archive)
    chapters = _chapters(archive)
    check_pages(len(chapters), "chapter")
    number = 0
    for name in chapters:
        text = markdown(decoded(archive.read(name))) if name in archive else ""
        number += bool(text)
        if text and (pages is None or number in pages):
            heading = _HEADING.search(text)
            yield Page(number, text, "markdown", heading[1][:MAX_LABEL_CHARACTERS].strip() if heading else "")
    yield number


def _check_open(archive: Archive) -> None:
    """Raise `Unreadable` if the text is encrypted; fonts often are, and do not matter."""
    file = "META-INF/encryption.xml"
    encrypted = (item.get("URI", "") for item in archive.xml(file).iter()) if file in archive else ()
    if any(uri.lower().endswith((".xhtml", ".html", ".htm", ".xml")) for uri in encrypted):
        raise Unreadable("is protected by DRM and can't be read")


def _chapters(archive: Archive) -> list[str]:
    """The names of the members with the chapters."""
    roots = (item.get("full-path", "") for item in archive.xml("META-INF/container.xml").iter())
    package = next(filter(None, roots), "")
    book = list(archive.xml(package).iter())
    folder = package.rpartition("/")[0]
    files = {item.get("id"): resolved(folder, unquote(item.get("href", ""))) for item in book if local(item) == "item"}
    spine = (item.get("idref") for item in book if local(item) == "itemref")
    return [files[id] for id in spine if id in files]
