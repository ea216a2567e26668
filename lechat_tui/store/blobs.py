"""Attached files: their content on the disk, each under its SHA-256, and which message has which."""

import hashlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lechat_tui import writing
from lechat_tui.attachments.files import pages_path
from lechat_tui.attachments.texts import decoded
from lechat_tui.errors import LechatError
from lechat_tui.message import Attachment, AttachmentKind
from lechat_tui.plaintext import storable
from lechat_tui.private_memory import PrivateFolder
from lechat_tui.store.rows import decode_details, encode_details, text, whole

if TYPE_CHECKING:
    from lechat_tui.documents.model import Document

UNSENT_SECONDS = 24 * 3600.0
"""How long a file is stored that no message has."""


MAX_SEARCHED_CHARACTERS = 1_000_000
"""Of a text file or a document, from its beginning."""

KINDS: tuple[AttachmentKind, ...] = get_args(AttachmentKind)


class Blobs:
    """The files in a folder, or in a temporary one for a private chat."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._temporary: PrivateFolder | None = None

    @property
    def folder(self) -> Path:
        """Where the files are; made when it is temporary, and else with the first file."""
        if self._folder:
            return self._folder
        if self._temporary is None:
            self._temporary = PrivateFolder()
        return self._temporary.path

    def path(self, sha256: str) -> Path:
        """The file with this content, whether it is there or not."""
        return self.folder / sha256

    def size(self, sha256: str) -> int:
        """Bytes of a stored file; 0 when it is gone."""
        try:
            return self.path(sha256).stat().st_size
        except OSError:
            return 0

    def text(self, sha256: str) -> str:
        """The beginning of a stored text file or document, to be searched; empty when it is gone."""
        path = self.path(sha256)
        try:
            converted = pages_path(path)
            if converted.is_file():
                from lechat_tui.documents.model import Document  # not needed for the first paint

                return Document.decode(converted.read_bytes()).text[:MAX_SEARCHED_CHARACTERS]
            return decoded(path.read_bytes(), sha256)[:MAX_SEARCHED_CHARACTERS]
        except (OSError, LechatError):
            return ""

    def write(self, content: bytes, document: "Document | None" = None) -> Path:
        """Store the bytes, and beside them the document they were converted to. Raises `OSError`."""
        writing.private_folder(self.folder)
        path = self.path(name_of(content))
        if not path.is_file() or path.stat().st_size != len(content):
            writing.write(path, content, mode=0o600)
        if document:
            writing.write(pages_path(path), document.encode(), mode=0o600)
        return path

    def delete(self, sha256: str) -> None:
        """Delete a file and what it was converted to. Raises `OSError`."""
        path = self.path(sha256)
        pages_path(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete what was temporary."""
        if self._temporary:
            self._temporary.remove()
            self._temporary = None


def name_of(content: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal: the name of the file that holds them."""
    return hashlib.sha256(content).hexdigest()


def hold(db: sqlite3.Connection, sha256: str, size: int, since: float) -> None:
    """Note that a file is stored: for a message (`since` 0), or since a moment for one that is not sent yet."""
    query = """INSERT INTO blob (sha256, size, held) VALUES (?, ?, ?)
               ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, held = excluded.held"""
    db.execute(query, (sha256, size, since))


def attach(db: sqlite3.Connection, message: int, place: int, file: Attachment) -> None:
    """Add a file to a message, in this place of its attachments."""
    hold(db, file.sha256, file.size, 0)
    query = """INSERT INTO attachment (message, place, sha256, name, kind, width, height, details)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
    more = file.width or None, file.height or None, encode_details(file.details)
    db.execute(query, (message, place, file.sha256, storable(file.name), file.kind, *more))


def attachments_of(db: sqlite3.Connection, blobs: Blobs, chat: int) -> dict[int, list[Attachment]]:
    """The attachments of each message of a chat that has any, by its ID."""
    query = """SELECT message, sha256, name, kind, size, width, height, details FROM attachment JOIN blob USING (sha256)
               WHERE message IN (SELECT id FROM message WHERE chat = ?) ORDER BY message, place"""
    attached: dict[int, list[Attachment]] = {}
    for message, sha256, name, kind, size, width, height, details in db.execute(query, (chat,)):
        what: AttachmentKind = kind if kind in KINDS else "text"
        more = whole(width), whole(height), decode_details(text(details))
        file = Attachment(text(sha256), text(name), what, blobs.path(text(sha256)), whole(size), *more)
        attached.setdefault(message, []).append(file)
    return attached


def forget_unused(db: sqlite3.Connection, blobs: Blobs) -> None:
    """Delete the files that no message and no draft has; in the transaction that guards new ones."""
    query = """SELECT sha256 FROM blob WHERE held < ?
               AND NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = blob.sha256)
               AND NOT EXISTS (SELECT 1 FROM draft WHERE instr(draft.attachments, blob.sha256))"""
    for (sha256,) in db.execute(query, (time.time() - UNSENT_SECONDS,)).fetchall():
        blobs.delete(sha256)
        db.execute("DELETE FROM blob WHERE sha256 = ?", (sha256,))
