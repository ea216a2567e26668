"""The history: chats, the tree of messages in each, their pictures, and the search through them. The only SQL."""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import msgspec

from lechat_tui.message import Attachment, AttachmentKind, Message, Receipt
from lechat_tui.plaintext import whole
from lechat_tui.store import blobs, schema, words
from lechat_tui.store.errors import WITHOUT, StoreError, said

BUSY = 10.0
"""Seconds to wait for another program that writes."""

ABANDONED = 5.0
"""Seconds after which a draft that is not written any more counts as interrupted: its program has died."""

MEMORY = Path("/dev/shm")
"""Where files lie in memory, on Linux."""

HELD = 24 * 3600.0
"""Seconds a stored file is kept for a message that has not been sent yet."""

_MESSAGE = "id, coalesce(parent, 0), role, text, thinking, state, receipt, pinned, created"
_CHAT = "chat.id, chat.title, chat.created, chat.updated, chat.leaf, chat.system, chat.model"


@dataclass(frozen=True)
class Chat:
    """One chat, as it is listed."""

    id: int
    title: str
    created: float
    """Seconds since the epoch, UTC; so is `updated`."""
    updated: float
    """When the last message was added."""
    leaf: int
    """The last message of the branch that is shown; 0 for an empty chat."""
    system: str
    """The system prompt given for this chat; empty for none."""
    model: str
    """Id of the model that answered last."""


@dataclass(frozen=True)
class Listing:
    """Which chats there are, newest first: enough to lay out a list of them before any is read."""

    ids: Sequence[int] = ()
    updated: Sequence[float] = ()
    """When each was added to, in seconds since the epoch."""


@dataclass(frozen=True)
class Draft:
    """What was typed and not said yet."""

    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A message that a search has found."""

    chat: Chat
    message: int
    snippet: str
    """The text around the match, which stands between the characters 2 and 3."""


class Store:
    """The history in a folder, or in memory for a private chat.

    Every method is safe to call from any thread, may wait for the disk, and raises `StoreError` with a sentence
    for the person. Several programs may have the same folder open.
    """

    def __init__(self, folder: Path | None, *, connect: Callable[..., sqlite3.Connection] = sqlite3.connect) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._temporary: Path | None = None
        """Folder of the files attached in a private chat, once there is one."""
        with said(self._where):
            self._db = connect(_made(folder), timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                self._full_text = self._prepare()
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def private(self) -> bool:
        """True when it lies in memory, and nothing said may ever reach the disk."""
        return self._folder is None

    def close(self) -> None:
        """Let go of the files. What was private is gone."""
        with self._lock, said(self._where):
            self._db.close()
            if self._temporary:
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    def chats(self, limit: int = 100, offset: int = 0, matching: str = "") -> list[Chat]:
        """The chats, newest first; only those whose title has the words of `matching`, when given."""
        where, words = _titled(whole(matching))
        query = f"SELECT {_CHAT} FROM chat {where} ORDER BY updated DESC, id DESC LIMIT ? OFFSET ?"
        with self._reading() as db:
            return [Chat(*row) for row in db.execute(query, (*words, limit, offset))]

    def listing(self, matching: str = "") -> Listing:
        """All chats, or those whose title has the words of `matching`, by number and day alone."""
        where, words = _titled(whole(matching))
        ids, updated = array("q"), array("d")
        with self._reading() as db:
            rows = db.execute(f"SELECT id, updated FROM chat {where} ORDER BY updated DESC, id DESC", words)
            for id, moment in rows:
                ids.append(id)
                updated.append(moment)
        return Listing(ids, updated)

    def chats_of(self, ids: Sequence[int]) -> list[Chat]:
        """The chats of these numbers, in any order; those that are gone are not among them."""
        query = f"SELECT {_CHAT} FROM chat WHERE id IN (SELECT value FROM json_each(?))"
        with self._reading() as db:
            return [Chat(*row) for row in db.execute(query, (msgspec.json.encode(list(ids)).decode(),))]

    def chat(self, id: int) -> Chat | None:
        """The chat of this number."""
        with self._reading() as db:
            return _chat(db, id)

    def latest(self) -> Chat | None:
        """The chat that was added to last."""
        return next(iter(self.chats(limit=1)), None)

    def new_chat(self, title: str, *, system: str = "", model: str = "") -> Chat:
        """Begin a chat."""
        now = time.time()
        with self._writing() as db:
            query = "INSERT INTO chat (title, created, updated, system, model) VALUES (?, ?, ?, ?, ?)"
            id = db.execute(query, (whole(title), now, now, whole(system), whole(model))).lastrowid
            return _known(db, id or 0)

    def add_chat(self, chat: Chat, messages: Sequence[Message]) -> Chat:
        """Keep a whole chat under a number of its own: these messages, each after its parent, and its leaf among them.

        A message whose parent is not among them is a first one; where the leaf is not, the last message is it.
        Attachments are those this history has: see `keep_attachment`.
        """
        query = "INSERT INTO chat (title, created, updated, system, model) VALUES (?, ?, ?, ?, ?)"
        row = (whole(chat.title), chat.created, chat.updated, whole(chat.system), whole(chat.model))
        numbers: dict[int, int] = {}
        with self._writing() as db:
            id = db.execute(query, row).lastrowid or 0
            for message in messages:
                state = "interrupted" if message.state == "draft" else message.state  # it grows in the other chat
                parent = numbers.get(message.parent, 0)
                kept = replace(message, state=state, parent=parent)
                numbers[message.id] = leaf = _add(db, id, kept, time.time())
                shown = numbers.get(chat.leaf, leaf)
                db.execute("UPDATE chat SET leaf = ? WHERE id = ?", (shown, id))
            return _known(db, id)

    def rename(self, id: int, title: str) -> Chat:
        """Give a chat another title."""
        return self._change(id, "title", whole(title))

    def retitle(self, id: int, old: str, new: str) -> bool:
        """Give a chat another title unless it is not called `old` any more; True when it was done."""
        with self._writing() as db:
            query = "UPDATE chat SET title = ? WHERE id = ? AND title = ?"
            return bool(db.execute(query, (whole(new), id, whole(old))).rowcount)

    def set_model(self, id: int, model: str) -> Chat:
        """Say which model answers a chat from now on."""
        return self._change(id, "model", whole(model))

    def set_system(self, id: int, system: str) -> Chat:
        """Give a chat a system prompt of its own; an empty one takes it away."""
        return self._change(id, "system", whole(system))

    def set_pinned(self, message: int, pinned: bool) -> None:
        """Let a message stay in the context window however full it is, or no longer."""
        with self._writing() as db:
            if not db.execute("UPDATE message SET pinned = ? WHERE id = ?", (pinned, message)).rowcount:
                raise StoreError(f"there is no message {message}")

    def set_leaf(self, id: int, leaf: int) -> Chat:
        """Show another branch of a chat: the one that ends with this message, or none for 0."""
        with self._writing() as db:
            chat = _known(db, id)
            if leaf and not db.execute("SELECT 1 FROM message WHERE chat = ? AND id = ?", (id, leaf)).fetchone():
                raise StoreError(f"chat {id} has no message {leaf}")
            db.execute("UPDATE chat SET leaf = ? WHERE id = ?", (leaf, id))
            return replace(chat, leaf=leaf)

    def delete(self, id: int) -> None:
        """Delete a chat, all its messages, and the attached files that no other chat has."""
        with self._writing() as db:
            mine = "SELECT id FROM message WHERE chat = ?"
            db.execute(f"DELETE FROM attachment WHERE message IN ({mine})", (id,))
            db.execute("DELETE FROM message WHERE chat = ?", (id,))
            db.execute("DELETE FROM draft WHERE chat = ?", (id,))
            db.execute("DELETE FROM chat WHERE id = ?", (id,))
        with self._writing() as db:
            self._forget_blobs(db)

    def add(self, chat: int, message: Message, parent: int) -> Message:
        """Keep a new message below `parent`, 0 for the first of a chat. It becomes the end of the branch that is shown.

        Returns it as it was kept, with its number.
        """
        now = time.time()
        kept = replace(
            message,
            text=whole(message.text),
            thinking=whole(message.thinking),
            parent=parent,
            created=message.created or now,
        )
        with self._writing() as db:
            id = _add(db, chat, kept, now)
            db.execute("UPDATE chat SET leaf = ?, updated = ? WHERE id = ?", (id, now, chat))
        return replace(kept, id=id)

    def keep(self, message: Message) -> None:
        """Write a message that has a number anew: its text, thinking, state and receipt.

        A draft that comes late, from a thread that was overtaken, does not overwrite the answer that has ended.
        """
        query = """UPDATE message SET text = ?, thinking = ?, state = ?, receipt = ?, written = ?
                   WHERE id = ? AND (state IN ('draft', 'interrupted') OR ? <> 'draft')"""
        row = (whole(message.text), whole(message.thinking), message.state, _written(message.receipt))
        with self._writing() as db:
            changed = db.execute(query, (*row, time.time(), message.id, message.state)).rowcount
            if not changed and message.state != "draft":
                raise StoreError("this chat was deleted meanwhile; /new begins another")

    def reopen(self, message: int) -> None:
        """An answer that has ended is gone on with: it is a draft again, with what it has."""
        with self._writing() as db:
            row = (time.time(), message)
            db.execute("UPDATE message SET state = 'draft', written = ? WHERE id = ?", row)

    def path(self, chat: int) -> list[Message]:
        """The branch that is shown, first message first. A draft whose program has died is `interrupted`."""
        self._adopt_drafts(chat)
        query = """
            WITH RECURSIVE branch (id, depth) AS (
                SELECT leaf, 0 FROM chat WHERE id = :chat
                UNION ALL
                SELECT parent, depth + 1 FROM message JOIN branch USING (id) WHERE parent IS NOT NULL
            )
            SELECT {columns} FROM branch JOIN message USING (id) ORDER BY depth DESC"""
        return self._read(query.format(columns=_MESSAGE), chat)

    def messages(self, chat: int) -> list[Message]:
        """All messages of all branches, each after its parent."""
        self._adopt_drafts(chat)
        return self._read(f"SELECT {_MESSAGE} FROM message WHERE chat = :chat ORDER BY id", chat)

    def tree(self, chat: int) -> dict[int, list[int]]:
        """The numbers of the messages below each message, oldest first; those below 0 are the first of the chat."""
        below: dict[int, list[int]] = {}
        with self._reading() as db:
            query = "SELECT coalesce(parent, 0), id FROM message WHERE chat = ? ORDER BY id"
            for parent, id in db.execute(query, (chat,)):
                below.setdefault(parent, []).append(id)
        return below

    def siblings(self, message: int) -> list[int]:
        """The messages with the same parent, oldest first, itself included."""
        query = """SELECT sibling.id FROM message JOIN message AS sibling
                   ON sibling.chat = message.chat AND sibling.parent IS message.parent
                   WHERE message.id = ? ORDER BY sibling.id"""
        with self._reading() as db:
            return [id for (id,) in db.execute(query, (message,))]

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """The messages with all words of the query, newest first. Anything a person types is a query."""
        query = whole(query).strip()
        if not query:
            return []
        if self._full_text and words.indexed(query):
            return self._search_index(query, limit)
        return self._search_text(query, limit)

    def keep_attachment(
        self, content: bytes, name: str, kind: AttachmentKind, width: int = 0, height: int = 0
    ) -> Attachment:
        """Store the content of a file, once however often it is attached; the size of an image is in pixels."""
        sha256 = blobs.name_of(content)
        with self._writing() as db:  # the file is written inside, so that no other program deletes it in between
            _hold(db, sha256, len(content), time.time())
            path = blobs.write(self._blobs(), content)
        return Attachment(sha256, whole(name), kind, path, len(content), width, height)

    def add_prompt(self, text: str) -> None:
        """Remember what was typed, unless it is what was typed last."""
        text = whole(text)
        if not text.strip():
            return
        with self._writing() as db:
            last = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT 1").fetchone()
            if last != (text,):
                db.execute("INSERT INTO prompt (text) VALUES (?)", (text,))

    def set_drafts(self, chat: int, drafts: Sequence[Draft]) -> None:
        """Keep what was typed in a chat and not said yet, in place of what was; 0 is the chat that is none yet."""
        rows = [
            (chat, place, whole(draft.text), _attachments_text(draft.attachments)) for place, draft in enumerate(drafts)
        ]
        with self._writing() as db:
            db.execute("DELETE FROM draft WHERE chat = ?", (chat,))
            if chat and not _chat(db, chat):
                return  # it was deleted meanwhile, by another program maybe: nothing of it stays
            db.executemany("INSERT INTO draft (chat, place, text, attachments) VALUES (?, ?, ?, ?)", rows)

    def drafts(self, chat: int) -> list[Draft]:
        """What was typed in a chat and not said yet, as it was given."""
        with self._reading() as db:
            rows = db.execute("SELECT text, attachments FROM draft WHERE chat = ? ORDER BY place", (chat,)).fetchall()
        return [Draft(text, tuple(self._attachments_in(files))) for text, files in rows]

    def prompts(self, limit: int = 500) -> list[str]:
        """What was typed last, oldest first."""
        with self._reading() as db:
            rows = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [text for (text,) in reversed(rows)]

    @property
    def _where(self) -> str:
        return str(self._folder or "memory")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, said(self._where):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, said(self._where), schema.transaction(self._db):
            yield self._db

    def _prepare(self) -> bool:
        """Settle the connection and bring the tables up to date; True when there is a full-text index."""
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.create_function("contains", 2, words.contains, deterministic=True)
        self._db.create_function("blob_size", 1, self._blob_size)
        _write_ahead(self._db)
        schema.migrate(self._db)
        return schema.index(self._db)

    def _change(self, id: int, column: str, value: str) -> Chat:
        with self._writing() as db:
            db.execute(f"UPDATE chat SET {column} = ? WHERE id = ?", (value, id))
            return _known(db, id)

    def _adopt_drafts(self, chat: int) -> None:
        abandoned = "chat = ? AND state = 'draft' AND written < ?"
        row = (chat, time.time() - ABANDONED)
        with self._reading() as db:
            if not db.execute(f"SELECT 1 FROM message WHERE {abandoned}", row).fetchone():
                return
        with self._writing() as db:
            db.execute(f"UPDATE message SET state = 'interrupted' WHERE {abandoned}", row)

    def _search_index(self, query: str, limit: int) -> list[Hit]:
        statement = f"""
            SELECT message.id, snippet(search, 0, ?, ?, '…', 24), {_CHAT}
            FROM search JOIN message ON message.id = search.rowid JOIN chat ON chat.id = message.chat
            WHERE search MATCH ? ORDER BY search.rowid DESC LIMIT ?"""
        row = (words.OPEN, words.CLOSE, words.expression(query), limit)
        with self._reading() as db:
            return [Hit(Chat(*chat), id, snippet) for id, snippet, *chat in db.execute(statement, row)]

    def _search_text(self, query: str, limit: int) -> list[Hit]:
        """Read every message: for an SQLite without FTS5, and for what an index of words does not know."""
        statement = f"""
            SELECT message.id, message.text, {_CHAT} FROM message JOIN chat ON chat.id = message.chat
            WHERE message.state <> 'draft' AND contains(message.text, ?) ORDER BY message.id DESC LIMIT ?"""
        with self._reading() as db:
            rows = db.execute(statement, (query, limit))
            return [Hit(Chat(*chat), id, words.snippet(text, query)) for id, text, *chat in rows]

    def _blobs(self) -> Path:
        """The folder of attached files."""
        if self._folder:
            return self._folder / "pictures"  # so called since only pictures could be attached
        if self._temporary is None:
            self._temporary = Path(
                tempfile.mkdtemp(prefix="lechat-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
            )
        return self._temporary

    def _blob_size(self, sha256: str) -> int:
        """Bytes of a stored file; 0 when it is gone."""
        try:
            return (self._blobs() / sha256).stat().st_size
        except OSError:
            return 0

    def _attachments_of(self, db: sqlite3.Connection, chat: int) -> dict[int, list[Attachment]]:
        query = """SELECT message, sha256, name, kind, size, width, height FROM attachment JOIN blob USING (sha256)
                   WHERE message IN (SELECT id FROM message WHERE chat = ?) ORDER BY message, place"""
        attached: dict[int, list[Attachment]] = {}
        for message, sha256, name, kind, size, width, height in db.execute(query, (chat,)):
            file = Attachment(sha256, name, kind, self._blobs() / sha256, size, width or 0, height or 0)
            attached.setdefault(message, []).append(file)
        return attached

    def _read(self, query: str, chat: int) -> list[Message]:
        """The messages that a query for `_MESSAGE` finds."""
        with self._reading() as db:
            attached = self._attachments_of(db, chat)
            return [
                Message(
                    role=role,
                    text=text,
                    thinking=thinking,
                    attachments=tuple(attached.get(id, ())),
                    state=state,
                    receipt=_read(receipt),
                    pinned=bool(pinned),
                    id=id,
                    parent=parent,
                    created=created,
                )
                for id, parent, role, text, thinking, state, receipt, pinned, created in db.execute(
                    query, {"chat": chat}
                )
            ]

    def _attachments_in(self, text: str) -> Iterator[Attachment]:
        """The attachments of a draft that are still there."""
        for sha256, name, kind, size, width, height in msgspec.json.decode(text, type=list[_DraftFile]):
            path = self._blobs() / sha256
            if path.is_file():
                yield Attachment(sha256, name, kind, path, size, width, height)

    def _forget_blobs(self, db: sqlite3.Connection) -> None:
        """Delete the files that no message has and none is about to have; under the lock that guards new ones."""
        query = """SELECT sha256 FROM blob WHERE held < ?
                   AND NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = blob.sha256)
                   AND NOT EXISTS (SELECT 1 FROM draft WHERE instr(draft.attachments, blob.sha256))"""
        for (sha256,) in db.execute(query, (time.time() - HELD,)).fetchall():
            (self._blobs() / sha256).unlink(missing_ok=True)
            db.execute("DELETE FROM blob WHERE sha256 = ?", (sha256,))


def _made(folder: Path | None) -> str:
    """The database's file, made for its owner alone when it is new. Raises `OSError` where nothing can be written."""
    if folder is None:
        return ":memory:"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "history.db"
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    if not os.access(folder, os.W_OK):
        raise StoreError(f"the history in {folder} cannot be written; {WITHOUT}")
    return str(file)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Let readers and a writer go on side by side. A file system that cannot do it keeps its own journal."""
    end = time.monotonic() + BUSY
    while db.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)  # SQLite does not wait by itself while another program changes the mode


def _titled(matching: str) -> tuple[str, tuple[str, ...]]:
    """The condition that a title has these words. A title in ASCII is left to SQLite's LIKE, which is faster."""
    if not matching.strip():
        return "", ()
    patterns = tuple(words.pattern(word) for word in words.words(matching))
    like = " AND ".join(["title LIKE ? ESCAPE '\\'"] * len(patterns))
    ascii = "length(title) = length(CAST(title AS BLOB))"
    return f"WHERE CASE WHEN {ascii} THEN {like} ELSE contains(title, ?) END", (*patterns, matching)


def _chat(db: sqlite3.Connection, id: int) -> Chat | None:
    row = db.execute(f"SELECT {_CHAT} FROM chat WHERE id = ?", (id,)).fetchone()
    return Chat(*row) if row else None


def _known(db: sqlite3.Connection, id: int) -> Chat:
    chat = _chat(db, id)
    if chat is None:
        raise StoreError(f"there is no chat {id}; lechat chats ls lists them")
    return chat


def _hold(db: sqlite3.Connection, sha256: str, size: int, since: float) -> None:
    query = """INSERT INTO blob (sha256, size, held) VALUES (?, ?, ?)
               ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, held = excluded.held"""
    db.execute(query, (sha256, size, since))


def _attach(db: sqlite3.Connection, message: int, place: int, file: Attachment) -> None:
    _hold(db, file.sha256, file.size, 0)
    query = "INSERT INTO attachment (message, place, sha256, name, kind, width, height) VALUES (?, ?, ?, ?, ?, ?, ?)"
    row = (message, place, file.sha256, whole(file.name), file.kind, file.width or None, file.height or None)
    db.execute(query, row)


def _add(db: sqlite3.Connection, chat: int, message: Message, now: float) -> int:
    """A new message below its parent; returns its number."""
    query = """INSERT INTO message (chat, parent, role, text, thinking, state, receipt, pinned, created, written)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    said = (message.role, message.text, message.thinking, message.state, _written(message.receipt), message.pinned)
    id = db.execute(query, (chat, message.parent or None, *said, message.created, now)).lastrowid or 0
    for place, file in enumerate(message.attachments):
        _attach(db, id, place, file)
    return id


_DraftFile = tuple[str, str, AttachmentKind, int, int, int]
"""An attachment of a draft: SHA-256, name, kind, bytes, width, height."""


def _attachments_text(files: Sequence[Attachment]) -> str:
    rows = [(file.sha256, whole(file.name), file.kind, file.size, file.width, file.height) for file in files]
    return msgspec.json.encode(rows).decode()


def _written(receipt: Receipt | None) -> str | None:
    if receipt is None:
        return None
    valid: dict[str, Any] = {k: whole(v) if isinstance(v, str) else v for k, v in asdict(receipt).items()}
    return msgspec.json.encode(valid).decode()


_RECEIPT = msgspec.json.Decoder(Receipt)


def _read(receipt: str | None) -> Receipt | None:
    """A receipt as it was kept; None when it cannot be read, since the answer is worth more than how it was made."""
    try:
        return _RECEIPT.decode(receipt) if receipt else None
    except (msgspec.DecodeError, UnicodeError):
        return None
