"""Vectors for the passages of a library, made in the background; any moment is a good one to stop."""

from collections.abc import Callable
from threading import Event

from lechat_tui.engine.embedding import Embedder
from lechat_tui.library.passages import Passage
from lechat_tui.library.store import Library
from lechat_tui.library.vectors import Vectors, batches
from lechat_tui.values import dataclass

BATCH = 8
"""Passages whose vectors are stored at once: a kill loses at most so many."""


@dataclass(frozen=True)
class Progress:
    """How many of the passages have a vector."""

    done: int
    total: int


def embed_pending(
    library: Library,
    embedder: Embedder,
    report: Callable[[Progress], None] = lambda _: None,
    *,
    stop: Event | None = None,
) -> int:
    """Give every passage a vector, those of the newest documents first; returns how many got one.

    Takes seconds to days; call it in a thread. Setting `stop` ends it soon, and the next call continues. Raises
    `EngineError` or `LibraryError`.
    """
    vectors = Vectors(library, embedder.key, embedder.name)
    made = 0
    while pending := vectors.pending():
        done = vectors.count()
        total = done + len(pending)
        report(Progress(done, total))
        for ids in batches(pending, BATCH):
            if stop and stop.is_set():
                return made
            texts = vectors.texts(ids)
            found = embedder.embed([each.text for each in texts])
            vectors.add(list(zip([each.id for each in texts], found, strict=True)))
            made, done = made + len(texts), done + len(ids)
            report(Progress(done, total))
    return made


def search(library: Library, question: str, embedder: Embedder | None, k: int = 10) -> list[Passage]:
    """The passages that match a question best, by its words and, with an embedder, by its meaning.

    Raises `LibraryError`, and `EngineError` when the embedder fails.
    """
    if embedder is None:
        return library.search(question, k)
    vectors = Vectors(library, embedder.key, embedder.name)
    if not vectors.count():
        return library.search(question, k)
    (vector,) = embedder.embed([question], question=True)
    return library.search(question, k, others=[vectors.nearest(vector)])
