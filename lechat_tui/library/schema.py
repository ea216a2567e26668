"""The tables of a library. Its index holds no text of its own: it gets it from `scripts.py`."""

import sqlite3

from lechat_tui.library import vocabulary

VERSION = 1
"""Kept as `user_version`."""

WORDS_TOKENIZER = "porter unicode61 remove_diacritics 2 categories ''L* M* N* Co''"
"""Marks belong to words: the vowels of Indic scripts and of Thai are marks."""

TABLES = """
    CREATE TABLE source (
        path TEXT PRIMARY KEY
    ) WITHOUT ROWID;
    CREATE TABLE document (
        id       INTEGER PRIMARY KEY,
        path     TEXT NOT NULL UNIQUE,
        name     TEXT NOT NULL,
        format   TEXT NOT NULL,
        sha256   TEXT NOT NULL,
        size     INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        pages    INTEGER NOT NULL,
        passages INTEGER NOT NULL,
        added    REAL NOT NULL,
        notes    TEXT NOT NULL,
        problem  TEXT NOT NULL
    );
    CREATE TABLE passage (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES document,
        page     INTEGER NOT NULL,
        start    INTEGER NOT NULL,
        end      INTEGER NOT NULL,
        heading  TEXT NOT NULL,
        body     TEXT NOT NULL,
        gap      TEXT NOT NULL
    );
    CREATE INDEX passage_document ON passage (document);
"""
"""`source`: the folders and files that were added. `modified`: nanoseconds since the epoch. `problem`: why a file can't
be read. `gap`: the white space between a passage and the next one of its page."""

INDEX = f"""
    CREATE VIRTUAL TABLE words USING fts5 (heading, body, content = '', tokenize = '{WORDS_TOKENIZER}');
"""


def create(db: sqlite3.Connection) -> None:
    """Create the tables. Raises `sqlite3.OperationalError` without FTS5 or its trigrams."""
    db.executescript(f"BEGIN IMMEDIATE; {TABLES} {INDEX} {vocabulary.TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
