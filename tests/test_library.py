"""Libraries: documents cut into passages, found by their words, counted, and removed again."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from lechat_tui.documents.model import Document, Page
from lechat_tui.library import ranking, scripts
from lechat_tui.library.errors import LibraryError, sentence
from lechat_tui.library.passages import MAX_WORDS, cut
from lechat_tui.library.store import Library

LONG = " ".join(f"Sentence {n} has a few words of its own, and then it ends." for n in range(200))


def document(*texts: str, name: str = "a.md", source: str = "markdown") -> Document:
    pages = tuple(Page(number, text, source) for number, text in enumerate(texts, 1))  # type: ignore[arg-type]
    return Document(name, "md", pages)


@pytest.fixture
def library() -> Iterator[Library]:
    with Library(None) as library:
        yield library


@pytest.mark.parametrize(
    "texts",
    [
        ("# A\n\nshort\n\n## B\n\n" + LONG, LONG + "\n\n  indented\n\n```\n# not a heading\n\nrow\n```\n"),
        ("x" * 50_000, "", " \n\n "),
        ("日本語の文章です。" * 400, "字" * 3000),
        ("\n".join(f"row {n};{n * 7};{n * 13}" for n in range(2000)),),
        ("# only a heading",),
    ],
    ids=["headings", "no spaces", "unspaced script", "rows", "heading alone"],
)
def test_passages_are_the_text_of_their_page_and_leave_only_white_space_out(texts):
    pages = document(*texts).pages
    passages = cut(document(*texts))
    for page in pages:
        own = [passage for passage in passages if passage.page == page.number]
        assert all(passage.body == page.text[passage.start : passage.end] for passage in own)
        assert all(one.end <= other.start for one, other in pairwise(own))
        assert "".join("".join(p.body.split()) for p in own) == "".join(page.text.split())
    assert all(scripts.count_words(passage.body) <= MAX_WORDS * 1.1 for passage in passages)
    assert all(passage.body.strip() == passage.body != "" for passage in passages)


def test_a_passage_has_the_headings_above_it_also_those_of_earlier_pages():
    filler = "word " * 60
    passages = cut(document(f"# Manual\n\n{filler}\n\n## Install ##\n\n{filler}", f"{filler}\n\n# Index\n\n{filler}"))
    assert [(p.page, p.heading) for p in passages] == [
        (1, "Manual"),
        (1, "Manual > Install"),
        (2, "Manual > Install"),
        (2, "Index"),
    ]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("who was installing heaters?", "The installer mounted a heater."),
        ("What is the Königinnenstraße?", "Koniginnenstrasse 5 is the address."),
        ("Schifffahrt", "Die Donaudampfschifffahrtsgesellschaft fährt."),
        ("مدرسة", "ذهب إلى المدرسة القريبة"),
        ("法国的首都是哪里", "巴黎是法国的首都和最大城市。"),
        ("東京タワーの高さ", "高さは333メートル。東京タワーは赤い。"),
        ("ภาษาไทย", "คนไทยพูดภาษาไทยทุกวัน"),
        ('"NOT (heading:', "not in heading mode"),
        ("हिन्दी भाषा", "यह हिन्दी में है।"),
    ],
)
def test_a_question_finds_its_passage_among_others(library, question, answer):
    others = [
        "Cats sleep all day.",
        "Die Katze schläft.",
        "القطة تنام",
        "猫在睡觉。",
        "ねこがねている",
        "แมวกำลังนอน",
        "बिल्ली सो रही है",
    ]
    for number, text in enumerate([*others, answer]):
        library.add(document(text, name=f"{number}.md"))
    assert library.search(question)[0].body == answer


@pytest.mark.parametrize("question", ["", "?!", "\0", '"', "zzzzqq", "a" * 10_000, "the the the"])
def test_a_question_without_a_match_finds_nothing(library, question):
    library.add(document("Something else entirely."))
    assert library.search(question) == []


@pytest.mark.parametrize(
    ("counts", "total", "kept"),
    [
        ({"the": 900, "zebra": 3}, 1000, ["zebra", "the"]),
        ({"the": 900_000, "zebra": 3, "gone": 0}, 10**6, ["zebra"]),
        ({"the": 900_000, "of": 800_000}, 10**6, []),
        ({"a": 19_000, "b": 19_001, "c": 19_002, "d": 19_003}, 10**6, ["a", "b", "c"]),
    ],
    ids=["few passages", "common word", "only common words", "many words"],
)
def test_common_words_are_left_out_where_there_are_many_passages(counts, total, kept):
    assert ranking._rare(counts, total) == kept


@pytest.mark.parametrize("question", ["the cat", "the dog cat"])
def test_a_question_of_common_words_alone_finds_passages(library, monkeypatch, question):
    monkeypatch.setattr(ranking, "MIN_COMMON", 2)
    for number in range(10):
        library.add(document(f"The {'cat' if number % 2 else 'dog'} of house {number}.", name=f"{number}.md"))
    found = library.search(question)
    assert found and any(word in found[0].body for word in question.split()[1:])


def test_neighbors_become_one_passage_and_duplicates_are_left_out(library):
    text = " ".join(f"{'Zebras graze.' if 20 < n < 100 else f'Filler number {n} stands here.'}" for n in range(160))
    library.add(document(text, name="one.md"), "one.md")
    library.add(document(text, name="copy.md"), "copy.md")
    for number in range(20):
        library.add(document(f"Nothing but number {number}.", name=f"{number}.md"))
    found = library.search("zebras", 5)
    assert len(found) == 1
    assert found[0].body == text[found[0].start : found[0].end]
    assert found[0].body.count("Zebras") == 79


def test_all_matches_are_counted_and_listed_beyond_one_batch(library):
    for number in range(450):
        library.add(document(f"Contract {number} of the Müller company, signed in Zürich.", name=f"{number}.md"))
    library.add(document("A contract with someone else."))
    matches = library.matches("contracts muller")
    assert (matches.count, matches.documents) == (450, 450)
    assert len({passage.document for passage in matches}) == 450
    assert library.matches("合同").count == 0


def test_a_document_is_replaced_and_removed_without_a_trace_in_the_indexes(library):
    library.add(document("Zebras graze."), "a.md", "1")
    library.add(document("Lions sleep."), "a.md", "2")
    assert library.search("zebras") == [] and len(library.search("lions")) == 1
    assert [(entry.path, entry.sha256) for entry in library.documents()] == [("a.md", "2")]
    assert library.remove("a.md") and not library.remove("a.md")
    assert library.search("lions") == [] and library.totals().passages == 0
    with library.reading() as db:
        for table, word in (("words", "lions"), ("terms", "lio")):
            db.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
            assert db.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", (word,)).fetchone() == (0,)


def test_the_passages_around_one_are_those_of_its_document(library):
    library.add(document(LONG, name="one.md"))
    library.add(document(LONG, name="two.md"))
    ids = [passage.id for passage in library.matches("sentence")]
    half = len(ids) // 2
    assert library.neighbors(ids[0])[0] is None and library.neighbors(ids[0])[1].id == ids[1]
    assert library.neighbors(ids[half - 1])[1] is None and library.neighbors(ids[half])[0] is None
    assert library.passage(ids[1]).body and library.passage(10**6) is None


def test_a_library_is_there_after_it_was_closed(tmp_path: Path):
    file = tmp_path / "libraries" / "notes.db"
    with Library(file) as library:
        library.add(document("Zebras graze."))
    with Library(file) as library:
        assert library.search("zebra")[0].document == "a.md"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("cause", ["no such module: fts5", "no such tokenizer: trigram"])
def test_an_sqlite_without_full_text_search_is_one_sentence(cause):
    text = sentence(sqlite3.OperationalError(cause), "notes")
    assert "full-text search" in text and "\n" not in text


def test_a_damaged_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "notes.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LibraryError, match="lechat library rm notes"):
        Library(tmp_path / "notes.db")
