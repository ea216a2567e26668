"""The distinct words of a library: which of them contain a word, or begin like it.

So a compound is found by its parts and an inflected form by another, without an index of the parts of all texts.
"""

import sqlite3
from collections.abc import Iterable

from lechat_tui.library import scripts

TABLES = """
    CREATE TABLE term (
        id   INTEGER PRIMARY KEY,
        term TEXT NOT NULL UNIQUE
    );
    CREATE VIRTUAL TABLE terms USING fts5 (term, content = '', tokenize = 'trigram', detail = none, columnsize = 0);
"""

MIN_CHARACTERS = 4
"""Of a word that has relatives; shorter ones are inside of too many."""

MAX_RELATIVES = 24

_EXAMINED = 300
"""Words that are looked at to find them."""


def add(db: sqlite3.Connection, texts: Iterable[str]) -> None:
    """Add the words of these texts. They stay when the texts are removed."""
    found = {term for text in texts for term in scripts.terms(text)}
    for term in sorted(found):
        cursor = db.execute("INSERT OR IGNORE INTO term (term) VALUES (?)", (term,))
        if cursor.rowcount:
            db.execute("INSERT INTO terms (rowid, term) VALUES (?, ?)", (cursor.lastrowid, term))


def clear(db: sqlite3.Connection) -> None:
    """Forget all words."""
    db.execute("DELETE FROM term")
    db.execute("INSERT INTO terms (terms) VALUES ('delete-all')")


def relatives(db: sqlite3.Connection, word: str) -> list[str]:
    """Other words that contain this one or have its first two thirds, those of similar length first."""
    if len(word) < MIN_CHARACTERS:
        return []
    stem = word[: max(MIN_CHARACTERS, -(-len(word) * 2 // 3))]
    alike = db.execute(
        "SELECT term FROM term WHERE term >= ? AND term < ? LIMIT ?", (stem, f"{stem}\U0010ffff", _EXAMINED)
    )
    grams = " AND ".join(f'"{word[at : at + 3]}"' for at in range(len(word) - 2))
    containing = db.execute(
        "SELECT term FROM term WHERE id IN (SELECT rowid FROM terms WHERE terms MATCH ? LIMIT ?)", (grams, _EXAMINED)
    )
    found = {term for (term,) in alike} | {term for (term,) in containing if word in term}
    return sorted(found - {word}, key=lambda term: (abs(len(term) - len(word)), term))[:MAX_RELATIVES]
