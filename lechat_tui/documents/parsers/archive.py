"""ZIP files of documents, which may be hostile: bombs, encrypted ones, XML with entities."""

import re
import zipfile
import zlib
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from lechat_tui.documents.parsers.common import Unreadable

MAX_MEMBERS = 50_000
MAX_MEMBER_BYTES = 400_000_000
"""Of a member when it is unpacked."""
MAX_BYTES = 800_000_000
"""Of all members when they are unpacked."""
MAX_RATIO = 500
"""How many times larger a large member may be than its packed size; text of an office program stays below 100."""
LARGE_BYTES = 20_000_000

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What an encrypted office file begins with: it is no ZIP file but a container of Microsoft's."""

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises for damaged and encrypted files."""


class Archive:
    """The members of a document, by their names."""

    def __init__(self, content: bytes) -> None:
        """Raises `Unreadable`, also for a ZIP bomb: before anything is unpacked."""
        if content.startswith(OLE):
            raise Unreadable("is encrypted, or of an old format under a new name; save a copy without a password")
        try:
            self._zip = zipfile.ZipFile(BytesIO(content))
        except DAMAGED as error:
            raise Unreadable("is damaged and can't be unpacked") from error
        members = self._zip.infolist()
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_BYTES:
            raise Unreadable("would unpack to far more than a document has; it was not opened")
        if any(_is_bomb(member) for member in members):
            raise Unreadable("would unpack to far more than a document has; it was not opened")
        self._names = {member.filename for member in members}
        self.content = content

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def names(self, pattern: str) -> list[str]:
        """The members whose names match, in the order of the numbers in them."""
        found = [name for name in self._names if re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: ([int(digits) for digits in re.findall(r"\d+", name)], name))

    def read(self, name: str) -> bytes:
        """The content of a member. Raises `Unreadable` if there is none, or if it is damaged."""
        try:
            with self._zip.open(name) as member:
                content = member.read(MAX_MEMBER_BYTES + 1)
        except KeyError as error:
            raise Unreadable(f"is damaged: it has no {name}") from error
        except DAMAGED as error:
            raise Unreadable("is damaged or encrypted and can't be unpacked") from error
        if len(content) > MAX_MEMBER_BYTES:  # its header lies
            raise Unreadable("would unpack to far more than a document has; it was not opened")
        return content

    def xml(self, name: str) -> ElementTree.Element:
        """The XML in a member. Raises `Unreadable`."""
        return parsed(self.read(name))

    def with_member(self, name: str, content: bytes) -> BytesIO:
        """The archive with another content of a member."""
        out = BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
            for member in self._zip.infolist():
                copy.writestr(member.filename, content if member.filename == name else self.read(member.filename))
        out.seek(0)
        return out


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    if member.file_size > MAX_MEMBER_BYTES:
        return True
    return member.file_size > LARGE_BYTES and member.file_size > MAX_RATIO * max(member.compress_size, 1)


class _NoDoctype(ElementTree.TreeBuilder):
    """Builds a tree, and refuses what declares entities: they can expand without end, or name files."""

    def doctype(self, *_: Any) -> None:
        raise Unreadable("has XML with a DOCTYPE, which no such document needs; it was not read")


def parsed(content: bytes) -> ElementTree.Element:
    """The tree of an XML file. Raises `Unreadable` if it is damaged or has a DOCTYPE."""
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        parser.feed(content)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable("is damaged: its XML can't be read") from error
    return root


def local(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """The related parts of a part of an office file, by their IDs: the last word of their type, and their name."""
    folder, _, name = part.rpartition("/")
    file = f"{folder}/_rels/{name}.rels"
    if file not in archive:
        return {}
    return {
        item.get("Id", ""): (item.get("Type", "").rpartition("/")[2], resolved(folder, item.get("Target", "")))
        for item in archive.xml(file)
        if item.get("TargetMode") != "External"
    }


def resolved(folder: str, target: str) -> str:
    """The name of a member as it is written in a file in this folder of the archive."""
    parts: list[str] = [] if target.startswith("/") else folder.split("/")
    for part in target.strip("/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(filter(None, parts))
