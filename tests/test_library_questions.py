"""Questions that are answered from a library: which passages go with them, and what of an answer about them is kept."""

import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from fakehost import FakeHost
from rich.style import Style

from lechat_tui.attachments.passages import prompt_text, sources_of, stored_passages
from lechat_tui.attachments.texts import inlined
from lechat_tui.commands.arguments import completed as completed_lines
from lechat_tui.commands.base import run
from lechat_tui.documents.model import Document, Page
from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.rows import Look
from lechat_tui.drawing.styles import ROLES
from lechat_tui.engine.base import Delta, Event, Retrieved
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.library import names
from lechat_tui.library.errors import LibraryError
from lechat_tui.message import Citation, Message
from lechat_tui.models.available import Models
from lechat_tui.store import Store
from lechat_tui.talk import exports
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.counting import wants_all
from lechat_tui.talk.libraries import completed, mentioned
from lechat_tui.talk.sources import listing, page_of, uncited
from lechat_tui.ui.dialogs.reader import _place, as_it_is

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]

RENT = "# Rent\n\nThe monthly rent is 1,250 euros [7]. It is due on the third working day."
DOGS = "# Rules\n\nThe tenant, Maria Keller, may not keep dogs."
GARAGE = "The garage costs 85 euros a month. Its contract ends in 2027."


def document(name: str, *pages: str) -> Document:
    return Document(name, "text", tuple(Page(n, text, "plain") for n, text in enumerate(pages, 1)), ())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library of two documents."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with names.create("home") as library:
        library.add(document("lease.pdf", RENT, DOGS), "/papers/lease.pdf")
        library.add(document("garage.txt", GARAGE), "/papers/garage.txt")
    return "home"


def conversation(store: Store, models: Models, *answer: str) -> Conversation:
    return Conversation(store, EchoEngine(*map(Delta, answer)), models, models.for_role("text"))


async def ask(conversation: Conversation, question: str) -> list[Event]:
    async with aclosing(conversation.ask(question)) as events:
        return [event async for event in events]


def sent(conversation: Conversation) -> str:
    return conversation.prompt()[-2].text


async def test_a_question_goes_with_numbered_passages_and_only_their_citations_get_into_the_answer(
    home: str, store: Store, models: Models
) -> None:
    talk = conversation(store, models, "The rent is 1,250 euros [", "1", "]. It is 99 euros [1][", "7].")
    talk.set_libraries([home])
    events = await ask(talk, "How high is the monthly rent?")
    assert isinstance(events[0], Retrieved)
    question, answer = talk.messages
    assert [file.kind for file in question.attachments] == ["passages"]
    assert question.attachments[0].name.endswith("passages from home")
    assert answer.text == "The rent is 1,250 euros [1]. It is 99 euros [1]."
    assert [(one.n, one.document, one.page, one.proved) for one in answer.citations] == [
        (1, "lease.pdf", 1, True),
        (1, "lease.pdf", 1, False),
    ]
    assert answer.citations[1].reason == "the number 99 is not in the passage"
    text = sent(talk)
    assert "[1] lease.pdf, page 1:\n# Rent\n" in text and "1,250 euros (7)." in text
    assert text.endswith("How high is the monthly rent?")
    again = Conversation(store, EchoEngine(), models, models.for_role("text"), chat=store.latest())
    assert again.messages == talk.messages and again.libraries == (home,)


async def test_a_passage_that_is_found_again_keeps_its_number(home: str, store: Store, models: Models) -> None:
    talk = conversation(store, models, "It is not in the documents.")
    await ask(talk, "@library:home May the tenant keep dogs?")
    assert talk.messages[0].text == "May the tenant keep dogs?"
    await ask(talk, "What does the garage cost? @library:home")
    await ask(talk, "@library:home May the tenant keep dogs, then?")
    numbers = [
        {source.place[2:]: source.n for source in stored_passages(message.attachments[0]).sources}
        for message in talk.messages[::2]
    ]
    assert all(numbers[2][place] == n for place, n in numbers[0].items() if place in numbers[2])
    known = sources_of(talk.messages)
    assert sorted(known) == list(range(1, len(known) + 1))
    assert len({source.place for source in known.values()}) == len(known)


async def test_the_sources_of_an_answer_that_cites_none_are_found(home: str, store: Store, models: Models) -> None:
    talk = conversation(store, models, "The tenant, Maria Keller, may not keep dogs. Cats are very popular in Peru.")
    await ask(talk, "@library:home May the tenant keep dogs?")
    number = next(n for n, source in sources_of(talk.messages).items() if source.body == DOGS)
    about, found = uncited(talk.messages)
    assert about.startswith("the answer cites n") and about.endswith("; the most similar are:")
    assert found == f"[{number}] lease.pdf, page 2: “The tenant, Maria Keller, may not keep dogs.”"
    assert found in listing(talk.messages) and "passages that the model was given:" in listing(talk.messages)


async def test_nothing_found_is_said_before_the_model_is_asked_and_to_the_model(
    home: str, store: Store, models: Models
) -> None:
    talk = conversation(store, models, "It is not in the documents [3].")
    events = await ask(talk, "@library:home Zxqv wqzv?")
    assert events[0] == Retrieved("nothing in home matches this question")
    assert "no passage matches. Say that the answer is not in the documents." in sent(talk)
    with pytest.raises(LibraryError, match="there is no library attic; there are: home"):
        await ask(talk, "@library:attic Who?")


async def test_a_counting_question_is_answered_from_all_matches(home: str, store: Store, models: Models) -> None:
    with names.find(home) as library:
        for number in range(30):
            library.add(document(f"letter{number}.txt", "A letter about the boiler."), f"/papers/letter{number}.txt")
    talk = conversation(store, models, "30 [1]")
    events = await ask(talk, "@library:home How many letters mention the boiler?")
    assert isinstance(events[0], Retrieved)
    assert (
        events[0].note
        == "all matches were counted: 30 passages of 30 documents in home have the words “letters boiler”"
    )
    assert "- letter29.txt: 1\n" in sent(talk)


COUNTING = {
    "How many contracts are there?": True,
    "List all tenants": True,
    "Which contracts mention dogs?": True,
    "Wie viele Verträge gibt es?": True,
    "Welche Verträge enden 2027?": True,
    "Combien de contrats ?": True,
    "有多少份合同？": True,
    "كم عدد العقود؟": True,
    "Who is the tenant?": False,
    "Wie hoch ist die Miete?": False,
    "How high is the rent?": False,
}


@pytest.mark.parametrize("question", COUNTING)
def test_questions_that_count_or_list_are_recognized_in_several_languages(question: str) -> None:
    assert wants_all(question) == COUNTING[question]


def test_a_question_that_points_at_the_chat_is_searched_with_its_words() -> None:
    chat = (Message("user", "Who rents the flat in Lindenstraße?"), Message("assistant", "Maria Keller does [1]."))
    assert set(completed("And how much does she pay?", chat).split()) > {"lindenstrasse", "keller"}
    assert completed("What does the household insurance of the company cover?", chat).endswith("cover?")
    assert mentioned("@library:home and @library:a.b who?") == ("and who?", ("home", "a.b"))


async def test_sources_are_listed_exported_and_shown_on_their_page(home: str, store: Store, models: Models) -> None:
    talk = conversation(store, models, "The rent is 1,250 euros [1]. The rent is 12 euros [1].")
    await ask(talk, "@library:home How high is the monthly rent?")
    line = "[1] lease.pdf, page 1: “The monthly rent is 1,250 euros [7].”"
    line += " (unverified: the number 12 is not in the passage)"
    assert listing(talk.messages) == f"{line}\n    /papers/lease.pdf"
    assert talk.chat
    assert "- [1] lease.pdf, page 1: “The monthly rent is 1,250 euros" in exports.text_of(store, talk.chat, "md")
    assert "<li>[1] lease.pdf, page 1: “The monthly rent" in exports.text_of(store, talk.chat, "html")
    saved = exports.text_of(store, talk.chat, "json")
    assert json.loads(saved)["messages"][1]["citations"][0]["proved"] is True
    back = exports.import_chat(store, exports.from_json(saved.encode()))
    assert _said(store.path(back.id)) == _said(talk.messages)

    page = page_of(sources_of(talk.messages)[1])
    start, end = page.passage
    assert page.text == f"/papers/lease.pdf\n\n{RENT}" and page.text[start:end] == RENT
    with names.find(home) as library:
        library.remove("/papers/lease.pdf")
    assert "its document is no longer in the library" in page_of(sources_of(talk.messages)[1]).text


def _said(messages: Sequence[Message]) -> list[object]:
    return [(message.text, message.citations, [file.sha256 for file in message.attachments]) for message in messages]


def test_passages_come_right_before_the_question(home: str, store: Store) -> None:
    from lechat_tui.talk.libraries import find

    found = find("May the tenant keep dogs?", [home], (), 4096)
    with Store(None) as memory:
        file = memory.keep_attachment(found.file.content, found.file.name, "passages")
        note = memory.keep_attachment(b"hello", "note.txt", "text")
        text = inlined(Message("user", "Dogs?", attachments=(file, note))).text
        assert text.startswith("note.txt:\n```\nhello")
        assert text.endswith(f"{prompt_text(found.passages)}\n\nDogs?")
        small = find("May the tenant keep dogs?", [home], (), 20)
        assert len(small.passages.sources) == 1 and len(small.passages.sources[0].body) <= 24


async def test_a_library_is_attached_to_a_chat_and_its_passages_are_shown_by_commands(
    home: str, store: Store, models: Models
) -> None:
    host = FakeHost(conversation(store, models, "The rent is 1,250 euros [1]."))
    await run(host, "/sources")
    await run(host, "/library")
    assert host.notes[-1] == "libraries: home; this chat uses none; /library NAME attaches one"
    assert [row.line for row in completed_lines(host, "/library h")] == ["/library home"]
    with pytest.raises(LibraryError):
        await run(host, "/library attic")
    await run(host, "/library home")
    await ask(host.conversation, "How high is the monthly rent?")
    assert host.conversation.messages[0].attachments
    await run(host, "/sources 1")
    assert host.marked == RENT
    await run(host, "/sources [7]")
    assert host.errors[-1].startswith("there is no passage [7]; this chat has passage")
    await run(host, "/library off")
    await ask(host.conversation, "And now?")
    assert not host.conversation.messages[2].attachments


def test_citations_are_marked_in_an_answer_and_unverified_ones_say_so_without_color() -> None:
    text = "It is 5 [1]. It is 6 [2]. `a[1]`"
    citations = (
        Citation(1, "a", 1, 0, 1, "", proved=True, mark=(8, 11)),
        Citation(2, "a", 1, 0, 1, "", proved=False, reason="no", mark=(21, 24)),
    )
    answer = Answer(Message("assistant", text, citations=citations))
    rows = answer.rows(60, LOOK)
    assert [row.text.strip() for row in rows if row.text.strip()] == [
        "It is 5 [1]. It is 6 [2?]. a[1]",
        "1 of 2 citations is unverified; /sources says why",
    ]
    clicked = {text: style.meta["cited"] for row in rows for text, style in row.runs if "cited" in style.meta}
    assert clicked == {"[1]": 1, "[2?]": 2}
    assert answer.rows(60, LOOK) is rows
    plain = Answer(Message("assistant", text))
    assert not any("cited" in style.meta for row in plain.rows(60, LOOK) for _, style in row.runs)


def test_a_marked_text_is_marked_at_the_same_words_after_it_was_wrapped() -> None:
    text = "one two three four five\nsix seven"
    for start, end in ((4, 13), (8, 29), (24, 27)):
        wrapped = as_it_is(text, 9).plain
        marked = wrapped[_place(text, wrapped, start) : _place(text, wrapped, end)]
        assert marked.replace("\n", "").split() == text[start:end].replace("\n", "").split()
