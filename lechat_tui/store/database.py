"""The history: chats, and the tree of messages in each."""

import sqlite3
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec

from lechat_tui import private_memory
from lechat_tui.message import Attachment, AttachmentKind, Details, Message, Role, Span, State
from lechat_tui.plaintext import storable
from lechat_tui.store import blobs, connection, drafts, retention, schema, search
from lechat_tui.store.blobs import Blobs
from lechat_tui.store.errors import StoreError, store_errors
from lechat_tui.store.rows import (
    CHAT_COLUMNS,
    Chat,
    Draft,
    Hit,
    Listing,
    chat_of,
    decode_citations,
    decode_receipt,
    decode_spans,
    encode_citations,
    encode_receipt,
    encode_spans,
    moment,
    text,
    whole,
)

if TYPE_CHECKING:
    from lechat_tui.documents.model import Document

ABANDONED_SECONDS = 5.0
"""An answer that grows and was not written for this long is interrupted: its program has died."""

_LATEST_FIRST = "ORDER BY last DESC, id DESC"
"""The order of the chats in every list: by the last message, whatever the clock showed when it was added."""

_MESSAGE_COLUMNS = "id, coalesce(parent, 0), role, text, thinking, state, receipt, pinned, created, pasted, citations"


class Store(AbstractContextManager["Store"]):
    """The history in a folder, or in memory for a private chat.

    Every method may be called from any thread, may wait for the disk, and raises `StoreError`. Several programs may
    have the same folder open.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
        clock: Callable[[], float] = lambda: time.time(),
    ) -> None:
        """`clock` returns the seconds since the epoch."""
        self._folder = folder
        self._clock = clock
        self._where = str(folder or "memory")
        private_memory.sweep()
        if folder is None:
            private_memory.forbid_core_dumps()
        self._lock = threading.Lock()
        self._blobs = Blobs(folder / "pictures" if folder else None)  # from when only pictures could be attached
        with store_errors(self._where):
            self._db = self._connected(connect)
            try:
                self._full_text = self._prepare()
                self._opened = connection.identity(folder)
                """The file, which SQLite would write to also when it was removed or replaced."""
            except BaseException:
                self._db.close()
                raise
        if folder is None:
            weakref.finalize(self, self._db.close)  # a private chat may be dropped with the conversation that has it

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def private(self) -> bool:
        """Whether it is in memory, and nothing in it may ever reach the disk."""
        return self._folder is None

    def close(self) -> None:
        """Close the files. A private chat is gone then."""
        with self._lock, store_errors(self._where):
            self._db.close()
            self._blobs.close()

    # Chats

    def chats(self, limit: int = 100, offset: int = 0, matching: str = "") -> list[Chat]:
        """The chats, the one added to last first; with `matching`, those whose title has all its words."""
        where, words = search.title_condition(storable(matching))
        query = f"SELECT {CHAT_COLUMNS} FROM chat {where} {_LATEST_FIRST} LIMIT ? OFFSET ?"
        with self._reading() as db:
            return [chat_of(row) for row in db.execute(query, (*words, limit, offset))]

    def listing(self, matching: str = "") -> Listing:
        """The IDs and dates of all chats, or of those whose title has all words of `matching`."""
        where, words = search.title_condition(storable(matching))
        ids, updated = array("q"), array("d")
        with self._reading() as db:
            rows = db.execute(f"SELECT id, updated FROM chat {where} {_LATEST_FIRST}", words)
            for id, when in rows:
                ids.append(whole(id))
                updated.append(moment(when))
        return Listing(ids, updated)

    def chats_of(self, ids: Sequence[int]) -> list[Chat]:
        """The chats with these IDs, in any order, without those that were deleted."""
        query = f"SELECT {CHAT_COLUMNS} FROM chat WHERE id IN (SELECT value FROM json_each(?))"
        with self._reading() as db:
            return [chat_of(row) for row in db.execute(query, (msgspec.json.encode(list(ids)).decode(),))]

    def chat(self, id: int) -> Chat | None:
        """The chat with this ID."""
        with self._reading() as db:
            return _chat(db, id)

    def latest(self) -> Chat | None:
        """The chat that was added to last, which is the first in every list."""
        return next(iter(self.chats(limit=1)), None)

    def unused_for(self, seconds: float, now: float) -> list[int]:
        """The IDs of the chats that nothing was added to for so long, however wrong the clock is: see `retention`."""
        with self._reading() as db:
            return retention.unused_for(db, seconds, now)

    def new_chat(self, title: str, *, system: str = "", model: str = "") -> Chat:
        """Start a chat."""
        now = self._clock()
        with self._writing() as db:
            return _existing(db, _insert_chat(db, Chat(0, title, now, now, 0, system, model)))

    def add_chat(self, chat: Chat, messages: Sequence[Message]) -> Chat:
        """Store a whole chat with these messages, each after its parent, under new IDs.

        A message whose parent is not among them is a first one. Shown is the branch of the chat's leaf, or of the last
        message when that is not among them. The attachments are stored already: see `keep_attachment`.
        """
        ids: dict[int, int] = {}
        with self._writing() as db:
            id = _insert_chat(db, chat)
            for message in messages:
                state = "interrupted" if message.state == "draft" else message.state  # it grows in the other chat
                copy = replace(message, state=state, parent=ids.get(message.parent, 0))
                ids[message.id] = leaf = _insert_message(db, self._blobs, id, copy, self._clock())
                db.execute("UPDATE chat SET leaf = ?, last = ? WHERE id = ?", (ids.get(chat.leaf, leaf), leaf, id))
            return _existing(db, id)

    def rename(self, id: int, title: str) -> Chat:
        """Give a chat another title."""
        with self._writing() as db:
            return _changed(db, id, "title", title)

    def retitle(self, id: int, old: str, new: str) -> bool:
        """Give a chat another title if it still has the old one; whether it had."""
        with self._writing() as db:
            query = "UPDATE chat SET title = ? WHERE id = ? AND title = ?"
            return bool(db.execute(query, (storable(new), id, storable(old))).rowcount)

    def set_model(self, id: int, model: str) -> Chat:
        """Set the model that answers a chat."""
        with self._writing() as db:
            return _changed(db, id, "model", model)

    def set_system(self, id: int, system: str) -> Chat:
        """Set the system prompt of a chat; an empty one removes it."""
        with self._writing() as db:
            return _changed(db, id, "system", system)

    def set_libraries(self, id: int, names: Sequence[str]) -> Chat:
        """Set the libraries that a chat is answered from."""
        with self._writing() as db:
            return _changed(db, id, "libraries", "\n".join(names))

    def set_leaf(self, id: int, leaf: int) -> Chat:
        """Show the branch of a chat that ends with this message; 0 shows none."""
        with self._writing() as db:
            chat = _existing(db, id)
            if leaf and not db.execute("SELECT 1 FROM message WHERE chat = ? AND id = ?", (id, leaf)).fetchone():
                raise StoreError(f"chat {id} has no message {leaf}")
            db.execute("UPDATE chat SET leaf = ? WHERE id = ?", (leaf, id))
            return replace(chat, leaf=leaf)

    def delete(self, *ids: int) -> None:
        """Delete chats, all their messages, drafts and typed prompts, and the attached files that no other chat has.

        Nothing of them is left in the files of the history, unless another program reads it at this moment.
        """
        with self._writing() as db:
            drafts.delete_prompts(db, ids)
            for id in ids:
                db.execute("DELETE FROM attachment WHERE message IN (SELECT id FROM message WHERE chat = ?)", (id,))
                db.execute("DELETE FROM message WHERE chat = ?", (id,))
                db.execute("DELETE FROM draft WHERE chat = ?", (id,))
                db.execute("DELETE FROM chat WHERE id = ?", (id,))
        with self._writing() as db:
            blobs.forget_unused(db, self._blobs)
        with self._reading() as db:
            schema.erase(db, full_text=self._full_text)

    # Messages

    def add(self, chat: int, message: Message, parent: int) -> Message:
        """Store a new message below `parent`, 0 for the first of a chat, and show the branch that ends with it.

        Returns it as it was stored, with its ID.
        """
        now = self._clock()
        stored = replace(
            message,
            text=storable(message.text),
            thinking=storable(message.thinking),
            parent=parent,
            created=message.created or now,
        )
        with self._writing() as db:
            id = _insert_message(db, self._blobs, chat, stored, now)
            db.execute("UPDATE chat SET leaf = ?, updated = ?, last = ? WHERE id = ?", (id, now, id, chat))
        return replace(stored, id=id)

    def keep(self, message: Message) -> None:
        """Write the text, thinking, citations, state and receipt of a stored message.

        A draft that comes late, from a thread that was overtaken, does not overwrite the answer that has ended.
        """
        query = """UPDATE message SET text = ?, thinking = ?, state = ?, receipt = ?, citations = ?, written = ?
                   WHERE id = ? AND (state IN ('draft', 'interrupted') OR ? <> 'draft')"""
        row = (storable(message.text), storable(message.thinking), message.state, encode_receipt(message.receipt),
               encode_citations(message.citations))  # fmt: skip
        with self._writing() as db:
            changed = db.execute(query, (*row, self._clock(), message.id, message.state)).rowcount
            if not changed and message.state != "draft":
                raise StoreError("this chat was deleted by another program; /new starts another")

    def reopen(self, message: int) -> None:
        """Make an answer a draft again, with the text it has, before it is continued."""
        with self._writing() as db:
            db.execute("UPDATE message SET state = 'draft', written = ? WHERE id = ?", (self._clock(), message))

    def set_pinned(self, message: int, pinned: bool) -> None:
        """Pin a message, so that it stays in the context window however full that is, or unpin it."""
        with self._writing() as db:
            if not db.execute("UPDATE message SET pinned = ? WHERE id = ?", (pinned, message)).rowcount:
                raise StoreError(f"there is no message {message}")

    def path(self, chat: int) -> list[Message]:
        """The branch that is shown, first message first. A draft whose program has died is `interrupted`."""
        query = """
            WITH RECURSIVE branch (id, depth) AS (
                SELECT leaf, 0 FROM chat WHERE id = :chat
                UNION ALL
                SELECT parent, depth + 1 FROM message JOIN branch USING (id) WHERE parent < id
            )
            SELECT {columns} FROM branch JOIN message USING (id) ORDER BY depth DESC"""
        return self._messages(query.format(columns=_MESSAGE_COLUMNS), chat)

    def messages(self, chat: int) -> list[Message]:
        """All messages of all branches, each after its parent."""
        return self._messages(f"SELECT {_MESSAGE_COLUMNS} FROM message WHERE chat = :chat ORDER BY id", chat)

    def tree(self, chat: int) -> dict[int, list[int]]:
        """The IDs of the messages below each message, oldest first; those below 0 are the first of the chat."""
        below: dict[int, list[int]] = {}
        with self._reading() as db:
            query = (
                "SELECT coalesce(parent, 0), id FROM message WHERE chat = ? AND coalesce(parent, 0) < id ORDER BY id"
            )
            for parent, id in db.execute(query, (chat,)):
                below.setdefault(parent, []).append(id)
        return below

    def siblings(self, message: int) -> list[int]:
        """The IDs of the messages with the same parent, oldest first, itself included."""
        query = """SELECT sibling.id FROM message JOIN message AS sibling
                   ON sibling.chat = message.chat AND sibling.parent IS message.parent
                   WHERE message.id = ? ORDER BY sibling.id"""
        with self._reading() as db:
            return [id for (id,) in db.execute(query, (message,))]

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        """The messages with all words of the query, newest first; whatever is typed is a valid query."""
        with self._reading() as db:
            return search.search(db, storable(query), limit, full_text=self._full_text)

    def keep_attachment(
        self,
        content: bytes,
        name: str,
        kind: AttachmentKind,
        width: int = 0,
        height: int = 0,
        document: "Document | None" = None,
        details: Details | None = None,
    ) -> Attachment:
        """Store a file, once however often it is attached. Width and height, in pixels, are those of an image.

        What a document was converted to is stored beside it.
        """
        sha256 = blobs.name_of(content)
        with self._writing() as db:  # the file is written inside, so that no other program deletes it in between
            blobs.hold(db, sha256, len(content), self._clock())
            path = self._blobs.write(content, document)
        return Attachment(sha256, storable(name), kind, path, len(content), width, height, details)

    # What was typed

    def set_drafts(self, chat: int, unsent: Sequence[Draft]) -> None:
        """Replace the drafts of a chat; 0 is the chat that has no question yet."""
        with self._writing() as db:
            drafts.set_drafts(db, chat, unsent)

    def drafts(self, chat: int) -> list[Draft]:
        """The drafts of a chat, in their order."""
        with self._reading() as db:
            return drafts.drafts(db, self._blobs, chat)

    def add_prompt(self, text: str, pasted: Sequence[Span] = ()) -> None:
        """Add a line to the prompt history, unless it is empty or the last one again."""
        with self._writing() as db:
            drafts.add_prompt(db, text, pasted)

    def prompts(self, limit: int = 500) -> list[str]:
        """The last prompts, oldest first."""
        with self._reading() as db:
            return drafts.prompts(db, limit)

    def prompt_pastes(self, limit: int = 500) -> dict[str, tuple[Span, ...]]:
        """Of the last prompts with long pastes, where these are."""
        with self._reading() as db:
            return drafts.prompt_pastes(db, limit)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, store_errors(self._where):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, store_errors(self._where):
            if self._opened and self._opened != connection.identity(self._folder):
                raise StoreError(
                    f"the history in {self._where} was removed; /export saves this chat, then restart lechat"
                )
            with schema.transaction(self._db):
                yield self._db

    def _connected(self, connect: Callable[..., sqlite3.Connection]) -> sqlite3.Connection:
        file = connection.database_file(self._folder)
        return connect(file, timeout=connection.BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> bool:
        """Set up the connection and migrate the tables; whether there is a full-text index."""
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        self._db.execute("PRAGMA synchronous = FULL")
        connection.add_functions(self._db, self._blobs)
        connection.use_write_ahead_log(self._db)
        schema.migrate(self._db)
        return schema.index(self._db)

    def _interrupt_abandoned(self, chat: int) -> None:
        """Mark the drafts whose program has died.

        A living one writes several times a second, so that a time far ahead means as little life as one long past.
        """
        abandoned = "chat = ? AND state = 'draft' AND abs(written - ?) > ?"
        row = (chat, self._clock(), ABANDONED_SECONDS)
        with self._reading() as db:
            if not db.execute(f"SELECT 1 FROM message WHERE {abandoned}", row).fetchone():
                return
        with self._writing() as db:
            db.execute(f"UPDATE message SET state = 'interrupted' WHERE {abandoned}", row)

    def _messages(self, query: str, chat: int) -> list[Message]:
        """The messages that a query for `_MESSAGE_COLUMNS` finds."""
        self._interrupt_abandoned(chat)
        with self._reading() as db:
            attached = blobs.attachments_of(db, self._blobs, chat)
            return [
                Message(
                    role=role if role in get_args(Role) else "assistant",
                    text=text(words),
                    thinking=text(thinking),
                    attachments=tuple(attached.get(id, ())),
                    pasted=decode_spans(text(pasted), text(words)),
                    citations=decode_citations(text(citations)),
                    state=state if state in get_args(State) else "interrupted",
                    receipt=decode_receipt(text(receipt)),
                    pinned=bool(pinned),
                    id=id,
                    parent=whole(parent),
                    created=moment(created),
                )
                for id, parent, role, words, thinking, state, receipt, pinned, created, pasted, citations in db.execute(
                    query, {"chat": chat}
                )
            ]


def _chat(db: sqlite3.Connection, id: int) -> Chat | None:
    row = db.execute(f"SELECT {CHAT_COLUMNS} FROM chat WHERE id = ?", (id,)).fetchone()
    return chat_of(row) if row else None


def _existing(db: sqlite3.Connection, id: int) -> Chat:
    chat = _chat(db, id)
    if chat is None:
        raise StoreError(f"there is no chat {id}; lechat chats ls lists them")
    return chat


def _changed(db: sqlite3.Connection, id: int, column: str, value: str) -> Chat:
    db.execute(f"UPDATE chat SET {column} = ? WHERE id = ?", (storable(value), id))
    return _existing(db, id)


def _insert_chat(db: sqlite3.Connection, chat: Chat) -> int:
    """A new chat with no message; returns its ID."""
    query = "INSERT INTO chat (title, created, updated, system, model, libraries) VALUES (?, ?, ?, ?, ?, ?)"
    texts = storable(chat.system), storable(chat.model), storable("\n".join(chat.libraries))
    row = (storable(chat.title), chat.created, chat.updated, *texts)
    return db.execute(query, row).lastrowid or 0


def _insert_message(db: sqlite3.Connection, files: Blobs, chat: int, message: Message, now: float) -> int:
    """A new message below its parent; returns its ID."""
    query = """INSERT INTO message (chat, parent, role, text, thinking, state, receipt, pinned, created, written,
               attached, pasted, citations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    row = (message.role, message.text, message.thinking, message.state, encode_receipt(message.receipt), message.pinned)
    attached = "\n".join(files.text(file.sha256) for file in message.attachments if file.has_searched_text)
    more = attached, encode_spans(message.pasted), encode_citations(message.citations)
    id = db.execute(query, (chat, message.parent or None, *row, message.created, now, *more)).lastrowid or 0
    for place, file in enumerate(message.attachments):
        blobs.attach(db, id, place, file)
    return id
