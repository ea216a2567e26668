"""Embedding models in their child process."""

import pytest
from embedding_files import write_tiny

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.embedding import LocalEmbedder, prefixes
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf import read_header


def test_texts_with_the_same_words_are_near_and_a_model_says_what_it_is(tmp_path):
    file = write_tiny(tmp_path / "tiny.gguf")
    embedder = LocalEmbedder("tiny", file)
    try:
        same, other = embedder.embed(["the dog ran in the garden", "a boat on the sea"])
        (asked,) = embedder.embed(["dog in garden"], question=True)
        assert abs(sum(value * value for value in same) - 1) < 1e-5
        assert sum(map(float.__mul__, asked, same)) > sum(map(float.__mul__, asked, other)) + 0.2
        long = "sea " * 5_000 + "x" * 50_000
        assert len((embedder.embed([long]))[0]) == len(same) == 32
    finally:
        embedder.close()
    assert read_header(file).embeds and not read_header(file).problem
    assert LocalEmbedder("copy", file.rename(tmp_path / "b.gguf")).key == embedder_key(tmp_path / "b.gguf")


def embedder_key(file):
    return LocalEmbedder("tiny", file).key


def test_a_child_that_dies_is_a_sentence_and_the_next_text_starts_another(tmp_path):
    embedder = LocalEmbedder("tiny", write_tiny(tmp_path / "tiny.gguf"))
    try:
        embedder.embed(["cat"])
        embedder._process.kill()
        embedder._process.wait()
        assert len(embedder.embed(["cat"])) == 1
        embedder._worker = ("sh", "-c", "read line; echo not JSON")
        embedder.close()
        with pytest.raises(EngineError, match="ask again"):
            embedder.embed(["cat"])
    finally:
        embedder.close()


def test_a_file_that_is_no_embedding_model_is_a_sentence(tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(100))
    embedder = LocalEmbedder("bad", bad)
    with pytest.raises(EngineError, match=r"bad\.gguf could not be loaded"):
        embedder.embed(["cat"])
    embedder.close()


def test_an_embedding_model_never_chats(tmp_path):
    models = Models({})
    file = str(write_tiny(tmp_path / "tiny.gguf"))
    assert models.embedder(file).roles == ("embed",)
    with pytest.raises(ModelError, match="can't chat"):
        models.require(file)
    with pytest.raises(ModelError, match="lechat pull"):
        models.for_role("embed")


def test_prefixes_are_found_by_the_name():
    assert prefixes("Multilingual E5 Small").question == "query: "
    assert prefixes("nomic-embed-text-v1.5").passage == "search_document: "
    assert prefixes("all-MiniLM-L6-v2") == prefixes("")
