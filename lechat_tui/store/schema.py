"""The tables of the history, and how an older history is migrated."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lechat_tui.store.errors import OTHER_WAYS, StoreError

SCRIPTS = (
    """
    CREATE TABLE chat (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        title   TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        leaf    INTEGER NOT NULL DEFAULT 0,
        system  TEXT NOT NULL,
        model   TEXT NOT NULL
    );
    CREATE INDEX chat_updated ON chat (updated);

    CREATE TABLE message (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        chat     INTEGER NOT NULL REFERENCES chat,
        parent   INTEGER,
        role     TEXT NOT NULL,
        text     TEXT NOT NULL,
        thinking TEXT NOT NULL,
        state    TEXT NOT NULL,
        receipt  TEXT,
        created  REAL NOT NULL,
        written  REAL NOT NULL,
        UNIQUE (chat, id),
        FOREIGN KEY (chat, parent) REFERENCES message (chat, id)
    );
    CREATE INDEX message_parent ON message (chat, parent);
    CREATE INDEX message_draft ON message (chat) WHERE state = 'draft';

    CREATE TABLE picture (
        sha256 TEXT PRIMARY KEY,
        held   REAL NOT NULL
    );
    CREATE TABLE attachment (
        message INTEGER NOT NULL REFERENCES message,
        place   INTEGER NOT NULL,
        sha256  TEXT NOT NULL REFERENCES picture,
        name    TEXT NOT NULL,
        width   INTEGER NOT NULL,
        height  INTEGER NOT NULL,
        PRIMARY KEY (message, place)
    ) WITHOUT ROWID;
    CREATE INDEX attachment_picture ON attachment (sha256);

    CREATE TABLE prompt (
        id   INTEGER PRIMARY KEY,
        text TEXT NOT NULL
    );
    """,
    "ALTER TABLE message ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;",
    """
    CREATE TABLE draft (
        chat     INTEGER NOT NULL,
        place    INTEGER NOT NULL,
        text     TEXT NOT NULL,
        pictures TEXT NOT NULL,
        PRIMARY KEY (chat, place)
    ) WITHOUT ROWID;
    """,
    """
    UPDATE message SET receipt = json_set(
        json_remove(
            receipt, '$.temperature', '$.top_p', '$.top_k', '$.min_p', '$.repeat_penalty', '$.seed', '$.max_tokens'
        ),
        '$.sampling',
        json_patch('{}', json_object(
            'temperature', json_extract(receipt, '$.temperature'),
            'top_p', json_extract(receipt, '$.top_p'),
            'top_k', json_extract(receipt, '$.top_k'),
            'min_p', json_extract(receipt, '$.min_p'),
            'repeat_penalty', json_extract(receipt, '$.repeat_penalty'),
            'seed', json_extract(receipt, '$.seed'),
            'max_tokens', json_extract(receipt, '$.max_tokens')
        ))
    )
    WHERE json_valid(receipt) AND json_type(receipt) = 'object' AND json_type(receipt, '$.sampling') IS NULL;
    """,
    """
    ALTER TABLE picture RENAME TO blob;
    ALTER TABLE blob ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
    UPDATE blob SET size = blob_size(sha256);

    CREATE TABLE attachment_of_any_kind (
        message INTEGER NOT NULL REFERENCES message,
        place   INTEGER NOT NULL,
        sha256  TEXT NOT NULL REFERENCES blob,
        name    TEXT NOT NULL,
        kind    TEXT NOT NULL,
        width   INTEGER,
        height  INTEGER,
        PRIMARY KEY (message, place)
    ) WITHOUT ROWID;
    INSERT INTO attachment_of_any_kind
        SELECT message, place, sha256, name, 'image', width, height FROM attachment;
    DROP TABLE attachment;
    ALTER TABLE attachment_of_any_kind RENAME TO attachment;
    CREATE INDEX attachment_blob ON attachment (sha256);

    ALTER TABLE draft RENAME COLUMN pictures TO attachments;
    UPDATE draft SET attachments = (
        SELECT json_group_array(json_array(
            json_extract(value, '$[0]'), json_extract(value, '$[1]'), 'image', blob_size(json_extract(value, '$[0]')),
            json_extract(value, '$[2]'), json_extract(value, '$[3]')
        )) FROM json_each(draft.attachments)
    );
    """,
    """
    ALTER TABLE message ADD COLUMN attached TEXT NOT NULL DEFAULT '';
    UPDATE message SET attached = (
        SELECT coalesce(group_concat(blob_text(file.sha256), char(10)), '') FROM attachment AS file
        WHERE file.message = message.id AND file.kind = 'text'
    ) WHERE id IN (SELECT file.message FROM attachment AS file WHERE file.kind = 'text');
    """,
    """
    ALTER TABLE chat ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
    UPDATE chat SET last = coalesce((SELECT max(message.id) FROM message WHERE message.chat = chat.id), 0);
    DROP INDEX chat_updated;
    CREATE INDEX chat_last ON chat (last);
    """,
    "ALTER TABLE message ADD COLUMN pasted TEXT NOT NULL DEFAULT '';",
    "ALTER TABLE attachment ADD COLUMN details TEXT NOT NULL DEFAULT '';",
    """
    ALTER TABLE chat ADD COLUMN libraries TEXT NOT NULL DEFAULT '';
    ALTER TABLE message ADD COLUMN citations TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE draft ADD COLUMN pasted TEXT NOT NULL DEFAULT '';
    ALTER TABLE prompt ADD COLUMN pasted TEXT NOT NULL DEFAULT '';
    """,
)
"""One script a version, in order; `PRAGMA user_version` counts those that have run. Add at the end, change none.

`chat.last` is the ID of the message that was added last, in any branch; 0 for a chat without one. It orders the chats:
IDs only grow, whatever the clock says.
`draft.chat` is 0 for a chat that has no question yet; `draft.place` is 0 for the prompt and more for what is queued.
`blob.held` is when a file was stored that no message has yet, in seconds since the epoch; 0 once one does. `width` and
`height` are NULL for anything but an image. `message.attached` is the text of the attached files, for the search;
`pasted` is where the long pastes of a text are, as JSON: a list of pairs, or empty. `attachment.details` says how a
document is used, as JSON, and is empty for any other file. `chat.libraries` are the names of the libraries that are
attached to a chat, a line each. `message.citations` are those of an answer, as JSON, or empty.
A connection that runs these scripts must have the functions `blob_size` and `blob_text`.
"""

_INDEX = """
    DROP TRIGGER IF EXISTS search_add;
    DROP TRIGGER IF EXISTS search_change;
    DROP TRIGGER IF EXISTS search_delete;
    DROP TABLE IF EXISTS search;
    CREATE VIRTUAL TABLE search USING fts5 (
        text, attached, content = 'message', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO search (rowid, text, attached) SELECT id, text, attached FROM message WHERE state <> 'draft';

    CREATE TRIGGER search_add AFTER INSERT ON message WHEN new.state <> 'draft' BEGIN
        INSERT INTO search (rowid, text, attached) VALUES (new.id, new.text, new.attached);
    END;
    CREATE TRIGGER search_change AFTER UPDATE OF text, state ON message BEGIN
        INSERT INTO search (search, rowid, text, attached)
            SELECT 'delete', old.id, old.text, old.attached WHERE old.state <> 'draft';
        INSERT INTO search (rowid, text, attached)
            SELECT new.id, new.text, new.attached WHERE new.state <> 'draft';
    END;
    CREATE TRIGGER search_delete AFTER DELETE ON message WHEN old.state <> 'draft' BEGIN
        INSERT INTO search (search, rowid, text, attached) VALUES ('delete', old.id, old.text, old.attached);
    END;
"""
"""The full-text index of the messages and of the text files attached to them. Drafts are not in it: they would be
indexed again at every write.

It has no version of its own: a history may go from an SQLite with FTS5 to one without, and back.
"""

_TRIGGERS = ("search_add", "search_change", "search_delete")


def migrate(db: sqlite3.Connection, scripts: Sequence[str] = SCRIPTS) -> None:
    """Run the scripts that have not run, each in one transaction. Raises `StoreError` when the history is newer."""
    while (version := _version(db)) < len(scripts):
        with transaction(db):
            if _version(db) == version:  # another program may have been faster
                _run(db, scripts[version])
                db.execute(f"PRAGMA user_version = {version + 1}")
    if version > len(scripts):
        raise StoreError(f"this history was written by a newer lechat; update lechat, or {OTHER_WAYS}")


def check_current(db: sqlite3.Connection) -> bool:
    """Whether there is a full-text index, of a history that can't be migrated. Raises `StoreError` if it must be."""
    if _version(db) != len(SCRIPTS):
        raise StoreError(f"this history is from another version of lechat and is read-only; {OTHER_WAYS}")
    return _has_fts5(db) and _indexed(db)


def index(db: sqlite3.Connection) -> bool:
    """Make the full-text index, or suspend it; False when this SQLite has no FTS5."""
    able = _has_fts5(db)
    if able and not _indexed(db):
        with transaction(db):
            if not _indexed(db):
                _run(db, _INDEX)
    if not able and _has_triggers(db):
        with transaction(db):  # triggers that can't run would refuse every message; the index is rebuilt later
            for trigger in _TRIGGERS:
                db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    return able


def erase(db: sqlite3.Connection, *, full_text: bool) -> None:
    """Remove what was deleted from the full-text index and from the write-ahead log, which keep it for a while.

    FTS5 only marks words as deleted, and drops them when it merges its segments (https://www.sqlite.org/fts5.html,
    section 6.8); its option `secure-delete` needs SQLite 3.42, and no older SQLite could read the index then.
    """
    if full_text:
        db.execute("INSERT INTO search (search) VALUES ('optimize')")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with no other writer in between."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _has_fts5(db: sqlite3.Connection) -> bool:
    try:
        db.execute("CREATE VIRTUAL TABLE temp.probe USING fts5 (text)")
    except sqlite3.DatabaseError:
        return False
    db.execute("DROP TABLE temp.probe")
    return True


def _indexed(db: sqlite3.Connection) -> bool:
    """Whether there is an index that is kept up to date; one of an earlier version has no attached files."""
    table = db.execute("SELECT sql FROM sqlite_master WHERE name = 'search'").fetchone()
    return _has_triggers(db) and bool(table) and "attached" in table[0]


def _has_triggers(db: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (?, ?, ?)"
    return bool(db.execute(query, _TRIGGERS).fetchone()[0] == len(_TRIGGERS))


def _run(db: sqlite3.Connection, script: str) -> None:
    for statement in _statements(script):
        db.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
