"""The order of passages for a question: a ranking by words and one by parts of words, fused."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from lechat_tui.library import scripts

INDEXES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("words", scripts.by_words),
    ("trigrams", scripts.by_trigrams),
)
"""The two indexes, and what each gets of a text."""

RANK_CONSTANT = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

CANDIDATES = 100
"""Passages that each ranking contributes."""

MAX_SHARE = 0.1
"""A word that more of the passages have says little, and costs the most time."""

MIN_COMMON = 100
"""Passages that a word may always have."""

MAX_QUESTION_WORDS = 64

HEADING_WEIGHT = 2.0


def ranked(db: sqlite3.Connection, question: str, others: Sequence[Sequence[int]] = ()) -> list[int]:
    """The IDs of the passages that match best, in order."""
    words = scripts.words(question)[:MAX_QUESTION_WORDS]
    lists = [_by_index(db, "words", [_words_term(word) for word in words])]
    lists.append(_by_index(db, "trigrams", [quoted(word) for word in words if _has_trigrams(word)]))
    return fused([*lists, *others])


def fused(lists: Iterable[Sequence[int]]) -> list[int]:
    """Rankings as one: the sum of 1 / (60 + rank)."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in lists:
        for rank, id in enumerate(ranking, 1):
            scores[id] += 1 / (RANK_CONSTANT + rank)
    return sorted(scores, key=lambda id: -scores[id])


def all_words(text: str) -> str:
    """An FTS5 expression for the passages with all of these words; empty when there is none."""
    return " AND ".join(_phrase(word) for word in scripts.words(text)[:MAX_QUESTION_WORDS])


def quoted(word: str) -> str:
    """A word of FTS5's query language; in quotes, nothing is an operator."""
    return '"' + word.replace('"', '""') + '"'


def _has_trigrams(word: str) -> bool:
    return len(scripts.by_trigrams(word).strip()) >= 3


def _words_term(word: str) -> str:
    """The word, or any of the pairs of a run without spaces."""
    if not scripts.is_unspaced(word):
        return quoted(word)
    return " OR ".join(quoted(pair) for pair in dict.fromkeys(scripts.pairs(word).split()[: max(len(word) - 1, 1)]))


def _phrase(word: str) -> str:
    """The word, or the pairs of a run without spaces one behind the other."""
    if not scripts.is_unspaced(word):
        return quoted(word)
    pairs = scripts.pairs(word).split()
    return f"{quoted(pairs[0])} *" if len(pairs) == 1 else quoted(" ".join(pairs[:-1]))


def _by_index(db: sqlite3.Connection, table: str, terms: Sequence[str]) -> list[int]:
    terms = _rare(db, table, [part for term in terms for part in term.split(" OR ")])
    if not terms:
        return []
    statement = (
        f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}, {HEADING_WEIGHT}, 1.0), rowid LIMIT ?"
    )
    return [id for (id,) in db.execute(statement, (" OR ".join(terms), CANDIDATES))]


def _rare(db: sqlite3.Connection, table: str, terms: Sequence[str]) -> list[str]:
    """The terms without those that too many passages have; the rarest always stays."""
    total = db.execute("SELECT count(*) FROM passage").fetchone()[0]
    limit = max(int(total * MAX_SHARE), MIN_COMMON)
    counts = {term: _count(db, table, term, limit + 1) for term in dict.fromkeys(terms)}
    found = [term for term, count in counts.items() if 0 < count <= limit]
    return found or [term for term, count in counts.items() if count]


def _count(db: sqlite3.Connection, table: str, term: str, limit: int) -> int:
    """The number of passages with a term, counted up to a limit."""
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT ?)"
    return int(db.execute(statement, (term, limit)).fetchone()[0])
