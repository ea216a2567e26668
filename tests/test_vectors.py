"""Passages by meaning, with a scripted embedder."""

import random

import pytest

from lechat_tui.documents.model import Document, Page
from lechat_tui.engine.base import EngineError
from lechat_tui.library import names
from lechat_tui.library.background import Synchronizer
from lechat_tui.library.embedding import BATCH, embed_pending, search
from lechat_tui.library.store import Library
from lechat_tui.library.vectors import Vectors, embedders_of


class Scripted:
    """Knows two languages of one word each: `cat` and `chat` mean the same."""

    name = "scripted"
    MEANINGS = (("cat", "chat"), ("dog", "chien"), ("boat", "bateau"))

    def __init__(self, key: str = "k", *, fails_after: int = 10_000) -> None:
        self.key = key
        self.asked: list[str] = []
        self._left = fails_after

    def embed(self, texts, *, question=False):
        self.asked += texts
        self._left -= len(texts)
        if self._left < 0:
            raise EngineError("the model stopped")
        return [self._vector(text) for text in texts]

    def close(self):
        pass

    def _vector(self, text):
        vector = [0.01] * 16
        for place, words in enumerate(self.MEANINGS):
            vector[place] = 1.0 if any(word in text.split() for word in words) else -0.2
        length = sum(value * value for value in vector) ** 0.5
        return [value / length for value in vector]


@pytest.fixture
def library():
    with Library(None) as library:
        yield library


def fill(library: Library, *texts: str) -> None:
    for number, text in enumerate(texts):
        library.add(Document(f"{number}.txt", "text", (Page(1, text, "plain"),)), f"/{number}.txt")


def test_a_question_in_another_language_finds_its_passage(library):
    fill(library, "the cat sleeps", "the dog runs", "a boat sails")
    embedder = Scripted()
    assert embed_pending(library, embedder) == 3
    assert (search(library, "un bateau", embedder))[0].body == "a boat sails"
    assert search(library, "un bateau", None) == []


def test_a_stop_loses_no_more_than_a_batch_and_the_next_run_continues_with_the_newest(library):
    fill(library, *(f"text {number}" for number in range(3 * BATCH)))
    first = Scripted(fails_after=BATCH + 1)
    with pytest.raises(EngineError):
        embed_pending(library, first)
    assert first.asked[0] == f"text {3 * BATCH - 1}"
    vectors = Vectors(library, "k", "scripted")
    assert vectors.count() == BATCH
    assert embed_pending(library, Scripted()) == 2 * BATCH
    assert vectors.count() == 3 * BATCH


def test_vectors_of_two_models_are_not_mixed_and_those_of_a_removed_document_vanish(library):
    fill(library, "the cat sleeps", "the dog runs")
    embed_pending(library, Scripted("one"))
    embed_pending(library, Scripted("two"))
    assert [key for key, _ in embedders_of(library)] == ["two", "one"]
    vectors = Vectors(library, "one", "scripted")
    asked = Scripted()._vector("un chat")
    before = vectors.nearest(asked)
    library.remove("/0.txt")
    assert len(before) == 2 and vectors.nearest(asked) == before[1:]
    assert vectors.count() == 1


def test_the_nearest_of_many_are_those_of_a_full_comparison(library):
    numbers = random.Random(1)
    fill(library, *(f"text {number}" for number in range(600)))
    vectors = Vectors(library, "k", "scripted")
    every = {id: unit([numbers.gauss(0, 1) for _ in range(64)]) for id in vectors.pending()}
    vectors.add(every.items())
    asked = unit([a + b / 2 for a, b in zip(every[7], every[8], strict=True)])
    exact = sorted(every, key=lambda id: -sum(a * b for a, b in zip(every[id], asked, strict=True)))
    assert vectors.nearest(asked, 3) == exact[:3]
    assert exact[0] == 7


def test_vectors_are_made_in_the_background_and_a_stop_ends_that(tmp_path, monkeypatch):
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path))
    with names.create("papers") as library:
        fill(library, *(f"text {number}" for number in range(40)))
        synchronizer, embedder = Synchronizer(), Scripted()
        synchronizer.embed("papers", embedder)
        synchronizer.wait(30, vectors=True)
        vectors = Vectors(library, "k", "scripted")
        assert vectors.count() == 40
        synchronizer.stop()
        fill(library, "another text")
        synchronizer.embed("papers", embedder)
        synchronizer.wait(30, vectors=True)
        assert vectors.count() == 39, "the first text was replaced"


def unit(vector):
    length = sum(value * value for value in vector) ** 0.5
    return [value / length for value in vector]
