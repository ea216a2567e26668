"""Vectors for the passages of a library, made in the background; any moment is a good one to stop."""

import asyncio
from collections.abc import Callable

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


async def embed_pending(
    library: Library, embedder: Embedder, report: Callable[[Progress], None] = lambda _: None
) -> int:
    """Give every passage a vector, those of the newest documents first; returns how many got one.

    Cancelling it stops; the next call continues. Raises `EngineError` or `LibraryError`.
    """
    vectors = await asyncio.to_thread(Vectors, library, await asyncio.to_thread(lambda: embedder.key), embedder.name)
    made = 0
    while pending := await asyncio.to_thread(vectors.pending):
        done = await asyncio.to_thread(vectors.count)
        total = done + len(pending)
        report(Progress(done, total))
        for ids in batches(pending, BATCH):
            texts = await asyncio.to_thread(vectors.texts, ids)
            found = await embedder.embed([each.text for each in texts])
            await asyncio.to_thread(vectors.add, list(zip([each.id for each in texts], found, strict=True)))
            made, done = made + len(texts), done + len(ids)
            report(Progress(done, total))
    return made


async def search(library: Library, question: str, embedder: Embedder | None, k: int = 10) -> list[Passage]:
    """The passages that match a question best, by its words and, with an embedder, by its meaning.

    Raises `LibraryError`, and `EngineError` when the embedder fails.
    """
    if embedder is None:
        return await asyncio.to_thread(library.search, question, k)
    vectors = await asyncio.to_thread(Vectors, library, embedder.key, embedder.name)
    if not await asyncio.to_thread(vectors.count):
        return await asyncio.to_thread(library.search, question, k)
    (vector,) = await embedder.embed([question], question=True)
    nearest = await asyncio.to_thread(vectors.nearest, vector)
    return await asyncio.to_thread(library.search, question, k, others=[nearest])
