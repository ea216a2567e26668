"""The order of passages for a question.

The index proposes candidates, by the words of the question and by words of the vocabulary that are related to them. All
candidates are then ranked by the sum of two scores: BM25 of the words, and BM25 of the trigrams in them, which tells
inflected forms, compounds and misspellings from nothing at all.
"""

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from lechat_tui.library import scripts, vocabulary

RANK_CONSTANT = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

CANDIDATES, RELATED_CANDIDATES = 100, 50
"""Passages that are proposed by the words themselves, and by related words."""

MAX_SHARE = 0.1
"""A word that more of the passages have says little, and costs the most time."""

MIN_COMMON, MAX_COMMON = 5_000, 20_000
"""A word may always have as many passages, and never more."""

MAX_MATCHES = 60_000
"""Of all words together, the rarest first."""

MAX_RELATED = 2_000
"""A word that more passages have needs no related words, and related words that have more are left out."""

MAX_QUESTION_WORDS = 64

HEADING_WEIGHT = 2.0

GRAM = 3
"""Characters."""

GRAM_WEIGHT, PAIR_WEIGHT = 0.4, 0.7
"""Of a trigram, compared with a word, which has several; and of a pair, which in its script is nearly a word."""

SAMPLE = 500
"""Passages from which the frequency of a trigram is estimated."""

K1, B = 1.2, 0.75
"""Of BM25, as in FTS5 (https://www.sqlite.org/fts5.html, section 5.1.1)."""


class Sample:
    """Some passages that stand for all: how frequent is a trigram, and how long is a passage?"""

    def __init__(self, db: sqlite3.Connection, total: int) -> None:
        self.total = total
        """Of the passages, when the sample was taken."""
        self._texts = [scripts.folded(f"{heading}\n{body}") for _, heading, body in _spread(db)]
        self._length = sum(map(len, self._texts)) / max(len(self._texts), 1) or 1.0
        self._weights: dict[str, float] = {}

    def fits(self, total: int) -> bool:
        """Whether it still stands for so many passages."""
        return self.total * 0.9 <= total <= self.total * 1.1

    def weights(self, grams: Sequence[str]) -> list[tuple[str, float]]:
        """What trigrams and pairs tell: their inverse document frequency, times what they count for."""
        for gram in grams:
            if gram not in self._weights:
                counts_for = GRAM_WEIGHT if len(gram) == GRAM else PAIR_WEIGHT
                self._weights[gram] = counts_for * _idf(sum(gram in text for text in self._texts), len(self._texts))
        return [(gram, self._weights[gram]) for gram in grams]

    def score(self, weights: Sequence[tuple[str, float]], text: str) -> float:
        """BM25 of a folded text for weighted trigrams and pairs."""
        norm = K1 * (1 - B + B * len(text) / self._length)
        score = 0.0
        for gram, weight in weights:
            if count := text.count(gram):
                score += weight * count / (count + norm)
        return score * (K1 + 1)


def ranked(db: sqlite3.Connection, question: str, sample: Sample, others: Sequence[Sequence[int]] = ()) -> list[int]:
    """The IDs of the passages that match best, in order; `others` are rankings by something else than words."""
    words = scripts.words(question)[:MAX_QUESTION_WORDS]
    terms = {word: _terms(word) for word in words}
    counts = {term: _count(db, "words", term, MAX_COMMON + 1) for found in terms.values() for term in found}
    rare = _rare(counts, sample.total)
    scores = _by_words(db, rare) if rare else _by_common_words(db, [term for term, count in counts.items() if count])
    unusual = [word for word, found in terms.items() if all(counts[term] <= MAX_RELATED for term in found)]
    candidates = [*scores, *_by_relatives(db, unusual, sample.total)]
    weights = sample.weights(_parts_of(question))
    for id, text in _texts(db, candidates):
        scores[id] = scores.get(id, 0.0) + sample.score(weights, text)
    own = sorted(scores, key=lambda id: (-scores[id], id))
    return fused([own, *others]) if others else own


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


def _terms(word: str) -> list[str]:
    """The word, or the pairs of a run without spaces."""
    if not scripts.is_unspaced(word):
        return [quoted(scripts.by_words(word))]
    return [quoted(pair) for pair in scripts.pairs(word).split()[: max(len(word) - 1, 1)]]


def _phrase(word: str) -> str:
    """The word, or the pairs of a run without spaces one behind the other."""
    if not scripts.is_unspaced(word):
        return quoted(scripts.by_words(word))
    pairs = scripts.pairs(word).split()
    return f"{quoted(pairs[0])} *" if len(pairs) == 1 else quoted(" ".join(pairs[:-1]))


def _grams(word: str, size: int = GRAM) -> list[str]:
    return [word[at : at + size] for at in range(len(word) - size + 1)]


def _parts_of(question: str) -> list[str]:
    """What the texts of candidates are compared by: trigrams, and pairs where a script has no spaces."""
    runs = scripts.runs(question)[:MAX_QUESTION_WORDS]
    return list(dict.fromkeys(gram for run in runs for gram in _grams(run, 2 if scripts.is_unspaced(run) else GRAM)))


def _rare(counts: Mapping[str, int], total: int) -> list[str]:
    """The terms without those that too many passages have, the rarest first."""
    limit = min(max(int(total * MAX_SHARE), MIN_COMMON), MAX_COMMON)
    found = sorted((term for term, count in counts.items() if count), key=lambda term: counts[term])
    matches = accumulate(counts[term] for term in found)
    return [term for term, sum in zip(found, matches, strict=True) if counts[term] <= limit and sum <= MAX_MATCHES]


def _by_words(db: sqlite3.Connection, terms: Sequence[str]) -> dict[int, float]:
    """The passages with the highest BM25, each with it."""
    if not terms:
        return {}
    statement = (
        f"SELECT rowid, -bm25(words, {HEADING_WEIGHT}, 1.0) AS score FROM words WHERE words MATCH ? "
        "ORDER BY score DESC, rowid LIMIT ?"
    )
    return dict(db.execute(statement, (" OR ".join(terms), CANDIDATES)))


def _by_common_words(db: sqlite3.Connection, terms: Sequence[str]) -> dict[int, float]:
    """Some passages that have all of these words, or else any of them; BM25 would have to read too much."""
    for operator in (" AND ", " OR ") if terms else ():
        statement = "SELECT rowid, 0.0 FROM words WHERE words MATCH ? LIMIT ?"
        if found := dict(db.execute(statement, (operator.join(terms), CANDIDATES))):
            return found
    return {}


def _by_relatives(db: sqlite3.Connection, words: Iterable[str], total: int) -> list[int]:
    """The passages that have the most of these words or of words related to them, rare ones first."""
    scores: defaultdict[int, float] = defaultdict(float)
    for word in map(scripts.by_words, words):
        related = vocabulary.relatives(db, word)
        if not related:
            continue
        expression = " OR ".join(map(quoted, [word, *related]))
        statement = "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?"
        found = [id for (id,) in db.execute(statement, (expression, MAX_RELATED + 1))]
        if len(found) <= MAX_RELATED:
            for id in found:
                scores[id] += _idf(len(found), total)
    return sorted(scores, key=lambda id: (-scores[id], id))[:RELATED_CANDIDATES]


def _texts(db: sqlite3.Connection, ids: Iterable[int]) -> list[tuple[int, str]]:
    """The text of these passages, folded."""
    wanted = list(dict.fromkeys(ids))
    marks = ", ".join("?" * len(wanted))
    rows = db.execute(f"SELECT id, heading, body FROM passage WHERE id IN ({marks})", wanted)
    return [(id, scripts.folded(f"{heading}\n{body}")) for id, heading, body in rows]


def _spread(db: sqlite3.Connection) -> Iterable[tuple[int, str, str]]:
    """Up to `SAMPLE` passages, evenly spread."""
    last = db.execute("SELECT coalesce(max(id), 0) FROM passage").fetchone()[0]
    statement = "SELECT id, heading, body FROM passage WHERE id >= ? ORDER BY id LIMIT 1"
    found = (db.execute(statement, (at,)).fetchone() for at in range(1, last + 1, max(1, last // SAMPLE)))
    return {row[0]: row for row in found if row}.values()


def _count(db: sqlite3.Connection, table: str, term: str, limit: int) -> int:
    """The number of passages with a term, counted up to a limit."""
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT ?)"
    return int(db.execute(statement, (term, limit)).fetchone()[0])


def _idf(count: int, total: int) -> float:
    """Inverse document frequency, never below zero."""
    return max(math.log((total - count + 0.5) / (count + 0.5)), 1e-6)
