"""The search through messages and titles."""

import sqlite3

from lechat_tui.store import queries
from lechat_tui.store.queries import CLOSE, OPEN
from lechat_tui.store.rows import CHAT_COLUMNS, Hit, chat_of, text


def search(db: sqlite3.Connection, query: str, limit: int, *, full_text: bool) -> list[Hit]:
    """The messages with all words of the query, newest first; whatever is typed is a valid query.

    Without a `full_text` index, and for a query that an index of words can't answer, every message is read.
    """
    query = query.strip()
    if not query:
        return []
    return (_by_index if full_text and queries.indexed(query) else _by_text)(db, query, limit)


def title_condition(matching: str) -> tuple[str, tuple[str, ...]]:
    """A WHERE clause for titles with these words, and its values; empty for no words.

    A title in ASCII is left to SQLite's LIKE, which is faster.
    """
    if not matching.strip():
        return "", ()
    patterns = tuple(queries.pattern(word) for word in queries.words(matching))
    like = " AND ".join(["title LIKE ? ESCAPE '\\'"] * len(patterns))
    ascii = "length(title) = length(CAST(title AS BLOB))"
    return f"WHERE CASE WHEN {ascii} THEN {like} ELSE contains(title, ?) END", (*patterns, matching)


def _by_index(db: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    statement = f"""
        SELECT message.id, snippet(search, -1, ?, ?, '…', 24), {CHAT_COLUMNS}
        FROM search JOIN message ON message.id = search.rowid JOIN chat ON chat.id = message.chat
        WHERE search MATCH ? ORDER BY search.rowid DESC LIMIT ?"""
    rows = db.execute(statement, (OPEN, CLOSE, queries.expression(query), limit))
    return [Hit(chat_of(chat), id, *queries.unmarked(snippet)) for id, snippet, *chat in rows]


def _by_text(db: sqlite3.Connection, query: str, limit: int) -> list[Hit]:
    statement = f"""
        SELECT message.id, message.text, message.attached, {CHAT_COLUMNS}
        FROM message JOIN chat ON chat.id = message.chat
        WHERE message.state <> 'draft' AND either_contains(message.text, message.attached, ?)
        ORDER BY message.id DESC LIMIT ?"""
    rows = db.execute(statement, (query, limit))
    return [
        Hit(chat_of(chat), id, *queries.snippet(f"{text(written)}\n{text(attached)}".rstrip("\n"), query))
        for id, written, attached, *chat in rows
    ]
