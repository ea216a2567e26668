"""Passages by meaning: the vectors of a library, and those nearest to a question.

A vector is kept twice: as one bit for each of its numbers, which are compared first, and as a byte for each, which
decides among the best. The vectors of one model are never compared with those of another.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lechat_tui.library.passages import Passage
from lechat_tui.library.store import Library
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS embedder (
        id   INTEGER PRIMARY KEY,
        key  TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE IF NOT EXISTS code (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        embedder INTEGER NOT NULL REFERENCES embedder,
        passage  INTEGER NOT NULL,
        bits     BLOB NOT NULL
    );
    """,
    """
    CREATE INDEX IF NOT EXISTS code_passage ON code (passage);
    """,
    """
    CREATE TABLE IF NOT EXISTS vector (
        embedder INTEGER NOT NULL REFERENCES embedder,
        passage  INTEGER NOT NULL,
        value    BLOB NOT NULL,
        PRIMARY KEY (embedder, passage)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TRIGGER IF NOT EXISTS passage_delete AFTER DELETE ON passage BEGIN
        DELETE FROM code WHERE passage = old.id;
        DELETE FROM vector WHERE passage = old.id;
    END;
    """,
)
"""`code.bits`: the signs. `vector.value`: a byte for each number, in 127ths of the largest."""

CANDIDATES = 200
"""Vectors that are compared number by number, after their bits."""

BLOCK = 100_000
"""Codes compared at once."""

STEP = 5_000
"""Rows read at once, so that no other thread waits long for the library."""


@dataclass(frozen=True)
class Pending:
    """A passage without a vector, and the text to embed."""

    id: int
    text: str


class Vectors:
    """The vectors of one model in a library. It may be used from any thread."""

    def __init__(self, library: Library, key: str, name: str) -> None:
        """`key` identifies the model. Raises `LibraryError`."""
        self._library = library
        with library.writing() as db:
            for statement in TABLES:
                db.execute(statement)
            db.execute("INSERT INTO embedder (key, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, name))
            self._embedder = db.execute("SELECT id FROM embedder WHERE key = ?", (key,)).fetchone()[0]
        self._passages = array("q")
        """The passage of each code that was read."""
        self._codes = bytearray()
        self._read = 0
        """The last code that was read."""

    def count(self) -> int:
        """How many passages have a vector. Raises `LibraryError`."""
        with self._library.reading() as db:
            found = db.execute("SELECT count(*) FROM code WHERE embedder = ?", (self._embedder,)).fetchone()
        return int(found[0])

    def pending(self) -> Sequence[int]:
        """The passages without a vector, those of the newest documents first. Raises `LibraryError`."""
        with self._library.reading() as db:
            rows = db.execute(
                "SELECT passage.id FROM passage JOIN document ON document.id = passage.document "
                "WHERE NOT EXISTS (SELECT 1 FROM vector WHERE embedder = ? AND vector.passage = passage.id) "
                "ORDER BY document.id DESC, passage.id",
                (self._embedder,),
            )
            return array("q", (id for (id,) in rows))

    def texts(self, ids: Sequence[int]) -> list[Pending]:
        """What to embed of these passages; those that are gone are left out. Raises `LibraryError`."""
        found = self._library.passages(ids)
        return [Pending(id, text_of(found[id])) for id in ids if id in found]

    def add(self, vectors: Iterable[tuple[int, Sequence[float]]]) -> None:
        """Store vectors of length 1, each with its passage, in one transaction. Raises `LibraryError`."""
        rows = [(id, _bits(vector), _bytes(vector)) for id, vector in vectors]
        with self._library.writing() as db:
            for id, bits, value in rows:
                if not db.execute("SELECT 1 FROM passage WHERE id = ?", (id,)).fetchone():
                    continue  # removed meanwhile
                if db.execute(
                    "INSERT INTO vector VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (self._embedder, id, value)
                ).rowcount:
                    db.execute(
                        "INSERT INTO code (embedder, passage, bits) VALUES (?, ?, ?)", (self._embedder, id, bits)
                    )

    def nearest(self, question: Sequence[float], k: int = 100) -> list[int]:
        """The passages whose vectors are nearest to a question's, at most `k`, best first. Raises `LibraryError`."""
        import numpy as np

        self._update()
        if not self._passages:
            return []
        best = self._by_bits(np.frombuffer(_bits(question), np.uint8), max(CANDIDATES, k))
        values = self._values(best)
        asked = np.asarray(question, np.float32)
        scores = {id: _cosine(np.frombuffer(value, np.int8), asked) for id, value in values.items()}
        return sorted(scores, key=lambda id: -scores[id])[:k]

    def _update(self) -> None:
        """Read the codes that were added since. Those of removed passages stay, and are dropped when they are best."""
        while True:
            with self._library.reading() as db:
                rows = db.execute(
                    "SELECT id, passage, bits FROM code WHERE embedder = ? AND id > ? ORDER BY id LIMIT ?",
                    (self._embedder, self._read, STEP),
                ).fetchall()
            for id, passage, bits in rows:
                self._passages.append(passage)
                self._codes += bits
                self._read = id
            if len(rows) < STEP:
                return

    def _by_bits(self, asked: "Numbers", k: int) -> list[int]:
        import numpy as np

        codes = np.frombuffer(self._codes, np.uint8).reshape(len(self._passages), -1)
        distances = np.concatenate(
            [_distances(codes[start : start + BLOCK], asked) for start in range(0, len(codes), BLOCK)]
        )
        passages = np.frombuffer(self._passages, np.int64)
        if k >= len(distances):
            return [int(id) for id in passages]
        return [int(id) for id in passages[np.argpartition(distances, k)[:k]]]

    def _values(self, ids: Sequence[int]) -> dict[int, bytes]:
        with self._library.reading() as db:
            marks = ", ".join("?" * len(ids))
            rows = db.execute(
                f"SELECT passage, value FROM vector WHERE embedder = ? AND passage IN ({marks})",
                (self._embedder, *ids),
            ).fetchall()
        return dict(rows)


def embedders_of(library: Library) -> list[tuple[str, str]]:
    """Key and name of each model that made vectors of this library, the last one first. Raises `LibraryError`."""
    with library.reading() as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'embedder'").fetchone():
            return []
        return [(key, name) for key, name in db.execute("SELECT key, name FROM embedder ORDER BY id DESC")]


def text_of(passage: Passage) -> str:
    """What is embedded of a passage: its headings, then its text."""
    return f"{passage.heading}\n{passage.body}" if passage.heading else passage.body


def batches(ids: Sequence[int], size: int) -> Iterable[list[int]]:
    """The numbers in lists of at most this size."""
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch


def _distances(codes: "Numbers", asked: "Numbers") -> "Numbers":
    """The number of bits in which each code differs."""
    import numpy as np

    found: Numbers = np.bitwise_count(codes ^ asked).sum(axis=1, dtype=np.uint16)
    return found


def _cosine(value: "Numbers", asked: "Numbers") -> float:
    """The cosine of the angle between a stored vector and a question's, both of any length."""
    import numpy as np

    numbers = value.astype(np.float32)
    length = float(np.linalg.norm(numbers))
    return float(numbers @ asked) / length if length else 0.0


def _bits(vector: Sequence[float]) -> bytes:
    """A bit for each number: whether it is above zero."""
    import numpy as np

    return np.packbits(np.asarray(vector, np.float32) > 0).tobytes()


def _bytes(vector: Sequence[float]) -> bytes:
    """A byte for each number, in units of 1/127 of the largest."""
    import numpy as np

    numbers = np.asarray(vector, np.float32)
    largest = float(np.abs(numbers).max()) or 1.0
    return bytes(np.rint(numbers * (127 / largest)).astype(np.int8).tobytes())
