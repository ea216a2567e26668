"""What was typed: drafts that were not sent, and the prompts that the up arrow brings back."""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from lechat_tui.message import Attachment, AttachmentKind
from lechat_tui.plaintext import storable
from lechat_tui.store.blobs import Blobs
from lechat_tui.store.rows import Draft

_File = tuple[str, str, AttachmentKind, int, int, int]
"""An attachment in the JSON of a draft: SHA-256, name, kind, bytes, width, height."""


def set_drafts(db: sqlite3.Connection, chat: int, drafts: Sequence[Draft]) -> None:
    """Replace the drafts of a chat; 0 is the chat that has no question yet. Does nothing for a deleted chat."""
    db.execute("DELETE FROM draft WHERE chat = ?", (chat,))
    if chat and not db.execute("SELECT 1 FROM chat WHERE id = ?", (chat,)).fetchone():
        return
    rows = [(chat, place, storable(draft.text), _encode(draft.attachments)) for place, draft in enumerate(drafts)]
    db.executemany("INSERT INTO draft (chat, place, text, attachments) VALUES (?, ?, ?, ?)", rows)


def drafts(db: sqlite3.Connection, blobs: Blobs, chat: int) -> list[Draft]:
    """The drafts of a chat, in their order, with the attachments that are still stored."""
    rows = db.execute("SELECT text, attachments FROM draft WHERE chat = ? ORDER BY place", (chat,)).fetchall()
    return [Draft(text, tuple(_decode(blobs, files))) for text, files in rows]


def add_prompt(db: sqlite3.Connection, text: str) -> None:
    """Add a line to the prompt history, unless it is empty or the last one again."""
    text = storable(text)
    if not text.strip():
        return
    last = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT 1").fetchone()
    if last != (text,):
        db.execute("INSERT INTO prompt (text) VALUES (?)", (text,))


def prompts(db: sqlite3.Connection, limit: int) -> list[str]:
    """The last prompts, oldest first."""
    rows = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
    return [text for (text,) in reversed(rows)]


def _encode(files: Sequence[Attachment]) -> str:
    rows = [(file.sha256, storable(file.name), file.kind, file.size, file.width, file.height) for file in files]
    return msgspec.json.encode(rows).decode()


def _decode(blobs: Blobs, text: str) -> Iterator[Attachment]:
    for sha256, name, kind, size, width, height in msgspec.json.decode(text, type=list[_File]):
        path = blobs.path(sha256)
        if path.is_file():
            yield Attachment(sha256, name, kind, path, size, width, height)
