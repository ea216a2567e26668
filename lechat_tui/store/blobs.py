"""Attached files: their content on the disk, each under its SHA-256, and which message has which."""

import hashlib
import sqlite3
import time
from pathlib import Path

from lechat_tui import writing
from lechat_tui.attachments.files import AttachmentError
from lechat_tui.attachments.texts import decoded
from lechat_tui.message import Attachment, AttachmentKind
from lechat_tui.plaintext import storable
from lechat_tui.private_memory import PrivateFolder
from lechat_tui.store.rows import text, whole

UNSENT_SECONDS = 24 * 3600.0
"""How long a file is stored that no message has."""


MAX_SEARCHED_CHARACTERS = 1_000_000
"""Of a text file, from its beginning."""


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
        """The beginning of a stored text file, to be searched; empty when it is gone."""
        try:
            return decoded(self.path(sha256).read_bytes(), sha256)[:MAX_SEARCHED_CHARACTERS]
        except (OSError, AttachmentError):
            return ""

    def write(self, content: bytes) -> Path:
        """Store the bytes, whole or not at all. Raises `OSError`."""
        writing.private_folder(self.folder)
        path = self.path(name_of(content))
        if not path.is_file() or path.stat().st_size != len(content):
            writing.write(path, content, mode=0o600)
        return path

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
    query = "INSERT INTO attachment (message, place, sha256, name, kind, width, height) VALUES (?, ?, ?, ?, ?, ?, ?)"
    row = (message, place, file.sha256, storable(file.name), file.kind, file.width or None, file.height or None)
    db.execute(query, row)


def attachments_of(db: sqlite3.Connection, blobs: Blobs, chat: int) -> dict[int, list[Attachment]]:
    """The attachments of each message of a chat that has any, by its ID."""
    query = """SELECT message, sha256, name, kind, size, width, height FROM attachment JOIN blob USING (sha256)
               WHERE message IN (SELECT id FROM message WHERE chat = ?) ORDER BY message, place"""
    attached: dict[int, list[Attachment]] = {}
    for message, sha256, name, kind, size, width, height in db.execute(query, (chat,)):
        what: AttachmentKind = "image" if kind == "image" else "text"
        sides = whole(width), whole(height)
        file = Attachment(text(sha256), text(name), what, blobs.path(text(sha256)), whole(size), *sides)
        attached.setdefault(message, []).append(file)
    return attached


def forget_unused(db: sqlite3.Connection, blobs: Blobs) -> None:
    """Delete the files that no message and no draft has; in the transaction that guards new ones."""
    query = """SELECT sha256 FROM blob WHERE held < ?
               AND NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = blob.sha256)
               AND NOT EXISTS (SELECT 1 FROM draft WHERE instr(draft.attachments, blob.sha256))"""
    for (sha256,) in db.execute(query, (time.time() - UNSENT_SECONDS,)).fetchall():
        blobs.path(sha256).unlink(missing_ok=True)
        db.execute("DELETE FROM blob WHERE sha256 = ?", (sha256,))
