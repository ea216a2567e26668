"""One library: documents, their passages, and the indexes that find them. One SQLite file, or memory."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from threading import RLock
from typing import Any

from lechat_tui import writing
from lechat_tui.documents.model import Document
from lechat_tui.library import ranking, schema, scripts, vocabulary
from lechat_tui.library.errors import LibraryError, library_errors
from lechat_tui.library.passages import Passage, cut, joined
from lechat_tui.values import dataclass

BUSY_SECONDS = 10.0
"""How long to wait for another program that writes."""

MAX_JOINED = 3
"""Neighbors that become one passage of a result."""

IN_MEMORY = "in memory"
"""What a library without a file is called in messages."""

_COLUMNS = "passage.id, document.name, document.path, page, start, end, heading, body, gap, document.id"
_FROM = f"SELECT {_COLUMNS} FROM passage JOIN document ON document.id = passage.document"


@dataclass(frozen=True)
class Entry:
    """A document of a library, without its text."""

    path: str
    name: str
    format: str
    sha256: str
    size: int
    """Bytes of the file."""
    modified: int
    """Nanoseconds since the epoch."""
    pages: int
    passages: int
    added: float
    """Seconds since the epoch."""
    notes: tuple[str, ...] = ()
    """What was lost or refused."""
    problem: str = ""
    """Why the file can't be read; empty for one that was read."""


@dataclass(frozen=True)
class Totals:
    """How much a library holds."""

    documents: int
    passages: int
    unreadable: int


class Matches:
    """All passages that have all of the words, in the order of the documents. Iterating reads them in batches."""

    BATCH = 200

    def __init__(self, library: "Library", expression: str) -> None:
        self._library = library
        self._expression = expression
        self.count, self.documents = library.counted(expression)

    def __iter__(self) -> Iterator[Passage]:
        after = 0
        while batch := self._library.batch(self._expression, after, self.BATCH):
            yield from batch
            after = batch[-1].id


class Library:
    """Documents as passages. It may be used from any thread; `file` None is a library in memory."""

    def __init__(self, file: Path | None) -> None:
        """Open a library, creating its file when there is none. Raises `LibraryError`."""
        self.file = file
        self.name = file.stem if file else IN_MEMORY
        self._lock = RLock()
        self._sample: ranking.Sample | None = None
        with library_errors(self.name):
            if file:
                writing.private_folder(file.parent)
                file.touch(mode=0o600)
            self._db = sqlite3.connect(
                file or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except LibraryError:
            self._db.close()
            raise

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def add(self, document: Document, path: str = "", sha256: str = "", *, size: int = 0, modified: int = 0) -> int:
        """Add a document, or replace the one of this path, in one transaction; the number of its passages.

        Raises `LibraryError`.
        """
        passages = cut(document)
        gaps = _gaps(document, passages)
        file = (path or document.name, document.name, document.format, sha256, size, modified)
        entry = Entry(*file, len(document.pages), len(passages), time.time(), document.notes)
        with self.writing() as db:
            key = _insert(db, entry)
            for passage, gap in zip(passages, gaps, strict=True):
                row = (key, passage.page, passage.start, passage.end, passage.heading, passage.body, gap)
                id = db.execute("INSERT INTO passage VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid or 0
                prepared = _prepared(id, passage.heading, passage.body)
                db.execute("INSERT INTO words (rowid, heading, body) VALUES (?, ?, ?)", prepared)
            vocabulary.add(db, (page.text for page in document.pages))
        return len(passages)

    def add_unreadable(self, entry: Entry) -> None:
        """Note a file that can't be read, with its `problem`, instead of its passages. Raises `LibraryError`."""
        with self.writing() as db:
            _insert(db, entry)

    def remove(self, path: str) -> bool:
        """Remove the document of this path; whether there was one. Raises `LibraryError`."""
        with self.writing() as db:
            return _delete(db, path)

    def touch(self, path: str, size: int, modified: int) -> None:
        """Note the size and the time of a file whose content is the same as before. Raises `LibraryError`."""
        with self.writing() as db:
            db.execute("UPDATE document SET size = ?, modified = ? WHERE path = ?", (size, modified, path))

    def sources(self) -> list[str]:
        """The folders and files that were added, as absolute paths. Raises `LibraryError`."""
        with self.reading() as db:
            return [path for (path,) in db.execute("SELECT path FROM source ORDER BY path")]

    def add_sources(self, paths: Iterable[str]) -> None:
        """Add folders and files, as absolute paths, without reading them. Raises `LibraryError`."""
        with self.writing() as db:
            db.executemany("INSERT OR IGNORE INTO source VALUES (?)", ((path,) for path in paths))

    def remove_source(self, path: str) -> bool:
        """Remove a folder or file from those that were added; whether it was one. Raises `LibraryError`."""
        with self.writing() as db:
            return db.execute("DELETE FROM source WHERE path = ?", (path,)).rowcount > 0

    def documents(self) -> list[Entry]:
        """All documents, by path. Raises `LibraryError`."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT path, name, format, sha256, size, modified, pages, passages, added, notes, problem "
                "FROM document ORDER BY path"
            ).fetchall()
        return [_entry(row) for row in rows]

    def totals(self) -> Totals:
        """How many documents and passages there are. Raises `LibraryError`."""
        with self.reading() as db:
            documents, unreadable = db.execute("SELECT count(*), count(nullif(problem, '')) FROM document").fetchone()
            return Totals(documents - unreadable, _passages(db), unreadable)

    def search(self, question: str, k: int = 10, *, others: Sequence[Sequence[int]] = ()) -> list[Passage]:
        """The passages that match the question best, at most `k`: neighbors are joined, duplicates left out.

        `others` are rankings by something else than words: IDs of passages, best first. Raises `LibraryError`.
        """
        with self.reading() as db:
            return self._chosen(ranking.ranked(db, question, self._sampled(db), others), k)

    def matches(self, words: str) -> Matches:
        """All passages with all of the words, for counting and listing. Raises `LibraryError`."""
        expression = ranking.all_words(words)
        if not expression:
            raise LibraryError("give at least one word to look for")
        return Matches(self, expression)

    def passage(self, id: int) -> Passage | None:
        """The passage with this number; None when it is not there any more. Raises `LibraryError`."""
        return next((passage for passage, _, _ in self._rows([id])), None)

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """The passages with these numbers that are there. Raises `LibraryError`."""
        return {passage.id: passage for passage, _, _ in self._rows(ids)}

    def page_text(self, path: str, page: int) -> str:
        """The text of a page as far as it is in passages, at the same places; empty if there is none.

        Raises `LibraryError`.
        """
        with self.reading() as db:
            rows = db.execute(
                "SELECT start, body, gap FROM passage JOIN document ON document.id = passage.document "
                "WHERE path = ? AND page = ? ORDER BY start",
                (path, page),
            ).fetchall()
        text = ""
        for start, body, gap in rows:
            text = f"{text[:start]:<{start}}{body}{gap}"
        return text

    def neighbors(self, id: int) -> tuple[Passage | None, Passage | None]:
        """The passage before and the one behind, of the same document. Raises `LibraryError`."""
        around = {
            key: (passage, document) for passage, _, document in self._rows([id - 1, id, id + 1]) if (key := passage.id)
        }
        own = around.get(id)
        before, after = (
            found[0] if own and (found := around.get(id + step)) and found[1] == own[1] else None for step in (-1, 1)
        )
        return before, after

    def counted(self, expression: str) -> tuple[int, int]:
        """The number of passages and of documents that match an FTS5 expression. Raises `LibraryError`."""
        with self.reading() as db:
            passages, documents = db.execute(
                "SELECT count(*), count(DISTINCT document) FROM passage WHERE id IN "
                "(SELECT rowid FROM words WHERE words MATCH ?)",
                (expression,),
            ).fetchone()
        return passages, documents

    def batch(self, expression: str, after: int, limit: int) -> list[Passage]:
        """The next passages that match an FTS5 expression, by number. Raises `LibraryError`."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid FROM words WHERE words MATCH ? AND rowid > ? ORDER BY rowid LIMIT ?",
                (expression, after, limit),
            ).fetchall()
        return [passage for passage, _, _ in self._rows(id for (id,) in rows)]

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database, to read from. Raises `LibraryError`."""
        with self._lock, library_errors(self.name):
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The database within a transaction: all or nothing. Raises `LibraryError`."""
        with self._lock, library_errors(self.name):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _prepare(self) -> None:
        with library_errors(self.name):
            if self.file:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose documents, never the file
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                schema.create(self._db)
            elif version > schema.VERSION:
                raise LibraryError(f"the library {self.name} was created by a newer lechat; update lechat")

    def _sampled(self, db: sqlite3.Connection) -> ranking.Sample:
        """A sample of the passages; another one when their number has changed by a tenth."""
        total = _passages(db)
        if self._sample is None or not self._sample.fits(total):
            self._sample = ranking.Sample(db, total)
        return self._sample

    def _rows(self, ids: Iterable[int]) -> list[tuple[Passage, str, int]]:
        """Passages by number, each with the white space behind it and the number of its document."""
        wanted = list(ids)
        with self.reading() as db:
            marks = ", ".join("?" * len(wanted))
            rows = db.execute(f"{_FROM} WHERE passage.id IN ({marks}) ORDER BY passage.id", wanted).fetchall()
        return [
            (Passage(name, page, start, end, heading, body, path, id), gap, document)
            for id, name, path, page, start, end, heading, body, gap, document in rows
        ]

    def _chosen(self, ids: Sequence[int], k: int) -> list[Passage]:
        """The first `k` of a ranking, after neighbors were joined and duplicates left out."""
        ids = ids[: k * MAX_JOINED]
        rows = {row[0].id: row for row in self._rows(ids)}
        groups: list[list[int]] = []
        seen: set[str] = set()
        for id in ids:
            if id not in rows or (text := " ".join(rows[id][0].body.casefold().split())) in seen:
                continue
            beside = next((group for group in groups if _are_neighbors(rows, group, id)), None)
            if beside is not None:
                beside.append(id)
                beside.sort()
            elif len(groups) < k:
                groups.append([id])
            else:
                continue
            seen.add(text)
        return [_merged(rows, group) for group in groups]


def _are_neighbors(rows: dict[int, tuple[Passage, str, int]], group: list[int], id: int) -> bool:
    """Whether a passage stands directly before or behind a group of passages, on the same page."""
    if len(group) >= MAX_JOINED or id not in (group[0] - 1, group[-1] + 1):
        return False
    (passage, _, document), (other, _, owner) = rows[id], rows[group[0]]
    return document == owner and passage.page == other.page


def _merged(rows: dict[int, tuple[Passage, str, int]], group: list[int]) -> Passage:
    passage, gap, _ = rows[group[0]]
    for id in group[1:]:
        following, next_gap, _ = rows[id]
        passage, gap = joined(passage, following, gap), next_gap
    return passage


def _gaps(document: Document, passages: Sequence[Passage]) -> list[str]:
    """The white space between each passage and the next one of its page."""
    texts = {page.number: page.text for page in document.pages}
    following = [*passages, None][1:]
    return [
        texts[one.page][one.end : other.start] if other and other.page == one.page else ""
        for one, other in zip(passages, following, strict=True)
    ]


def _passages(db: sqlite3.Connection) -> int:
    """The number of passages; counting their rows would take a while."""
    return int(db.execute("SELECT coalesce(sum(passages), 0) FROM document").fetchone()[0])


def _entry(row: tuple[Any, ...]) -> Entry:
    return replace(Entry(*row), notes=tuple(filter(None, row[-2].split("\n"))))


def _insert(db: sqlite3.Connection, entry: Entry) -> int:
    """Add a document, or replace the one of its path; its number."""
    _delete(db, entry.path)
    *values, notes, problem = astuple(entry)
    row = (*values, "\n".join(" ".join(note.split()) for note in notes), problem)
    return db.execute("INSERT INTO document VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid or 0


def _delete(db: sqlite3.Connection, path: str) -> bool:
    found = db.execute("SELECT id FROM document WHERE path = ?", (path,)).fetchone()
    if not found:
        return False
    for row in db.execute("SELECT id, heading, body FROM passage WHERE document = ?", found).fetchall():
        db.execute("INSERT INTO words (words, rowid, heading, body) VALUES ('delete', ?, ?, ?)", _prepared(*row))
    db.execute("DELETE FROM passage WHERE document = ?", found)
    db.execute("DELETE FROM document WHERE id = ?", found)
    if not db.execute("SELECT 1 FROM document").fetchone():
        vocabulary.clear(db)
    return True


def _prepared(id: int, heading: str, body: str) -> tuple[int, str, str]:
    """A row of the index of words."""
    return id, scripts.by_words(heading), scripts.by_words(body)
