"""A document that does not fit: what the user chooses is sent, remembered for the chat, and told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from lechat_tui.attachments.documents import caption, document_file
from lechat_tui.attachments.passages import sources_of
from lechat_tui.cli.inputs import Input
from lechat_tui.cli.overflow import Overflow, fitting
from lechat_tui.documents.model import Document, Page
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.errors import NothingSent
from lechat_tui.message import Attachment, Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk import document_use
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.sources import page_of

ANIMALS = ("cat", "dog", "owl", "fox", "hen", "bat", "elk", "ape")
PAGES = tuple(
    Page(n, f"# About the {name}\n\n" + " ".join(f"The {name} eats food{n} on day {day}." for day in range(12)))
    for n, name in enumerate(ANIMALS, start=1)
)


@pytest.fixture
def conversation(tmp_path: Path) -> Iterator[Conversation]:
    """A chat with an engine that counts words, of which 400 fit."""
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    model = Model("m", "M", ("text",), Weights(str(weights)))
    with Store(None) as store:
        models = Models({"m": model})
        yield Conversation(store, EchoEngine(*["Fine."] * 9), models, model, settings=Settings(context=400))


def attached(conversation: Conversation, pages: Sequence[Page] = PAGES) -> Attachment:
    return conversation.keep_attachment(document_file(b"%PDF", Document("zoo.pdf", "pdf", tuple(pages))))


def choosing(*choices: str | None) -> tuple[list[str], Callable[..., object]]:
    """What a user is asked, and the function that answers so."""
    asked: list[str] = []
    left = list(choices)

    async def choose(title: str, rows: Sequence[document_use.Row]) -> str | None:
        asked.append(title)
        choice = left.pop(0)
        return rows[int(choice)][0] if choice and choice.isdecimal() else choice

    return asked, choose


async def ask(conversation: Conversation, text: str, choose, *files: Attachment) -> Message:  # type: ignore[no-untyped-def]
    """The question as it was stored."""
    async with aclosing(document_use.ask(conversation, Message("user", text, attachments=files), choose)) as events:
        async for _ in events:
            pass
    return conversation.messages[-2]


async def test_a_document_that_fits_is_sent_whole_and_its_tokens_are_counted(conversation: Conversation) -> None:
    asked, choose = choosing()
    question = await ask(conversation, "What do cats eat?", choose, attached(conversation, PAGES[:2]))
    details = question.attachments[0].details
    assert not asked and details and 100 < details.tokens < 240
    receipt = conversation.messages[-1].receipt
    assert receipt and receipt.documents == (caption(question.attachments[0]),)
    assert caption(question.attachments[0]) == f"zoo.pdf · whole document, 2 pages, {details.tokens} tokens"


async def test_passages_are_sent_with_every_following_question(conversation: Conversation) -> None:
    asked, choose = choosing("passages")
    question = await ask(conversation, "What does the owl eat?", choose, attached(conversation))
    assert asked[0].startswith("zoo.pdf needs ") and "and 300 fit" in asked[0]
    document, passages = question.attachments
    assert document.details and document.details.use == "passages" and passages.kind == "passages"
    assert {source.page for source in sources_of([question]).values()} >= {3}
    assert caption(document).startswith("zoo.pdf · ") and "passage" in caption(document) and "of 8" in caption(document)
    source = next(one for one in sources_of([question]).values() if one.page == 3)
    page = page_of(source, [question])
    assert page.text == PAGES[2].text and page.text[slice(*page.passage)] == source.body
    following = await ask(conversation, "What does the elk eat on day eleven in the morning?", choose)
    assert len(asked) == 1 and 7 in {source.page for source in sources_of([following]).values()}
    conversation.document_use = "beginning"
    other = await ask(conversation, "And what is first?", choose, attached(conversation))
    assert other.attachments[0].details and other.attachments[0].details.use == "beginning" and len(asked) == 1


async def test_the_beginning_and_a_range_of_pages(conversation: Conversation) -> None:
    _, choose = choosing("beginning", "pages", "1")
    question = await ask(conversation, "What is this?", choose, attached(conversation))
    details = question.attachments[0].details
    assert details and details.spans[0] == (1, 0, len(PAGES[0].text)) and len(details.spans) < 8
    assert caption(question.attachments[0]).startswith("zoo.pdf · the beginning, pages 1-")
    conversation.open(None)
    question = await ask(conversation, "What is this?", choose, attached(conversation))
    details = question.attachments[0].details
    assert details and details.use == "whole" and details.pages and not details.pages.startswith("1")


async def test_the_whole_document_in_parts(conversation: Conversation) -> None:
    _, choose = choosing("parts")
    question = await ask(conversation, "What do they eat?", choose, attached(conversation))
    details = question.attachments[0].details
    assert details and details.use == "parts" and details.pieces > 1
    assert question.text.startswith("Part 1 of ") and question.text.endswith("What do they eat?")
    assert question.text[slice(*question.pasted[0])].startswith("Part 1 of ")
    assert [message.role for message in conversation.messages] == ["user", "assistant"]
    assert conversation.chat and conversation.chat.title == "What do they eat?"


async def test_nothing_is_sent_when_nothing_is_chosen(conversation: Conversation) -> None:
    _, choose = choosing(None)
    with pytest.raises(NothingSent):
        await ask(conversation, "What is this?", choose, attached(conversation))
    assert not conversation.messages and conversation.chat is None


@pytest.mark.parametrize(
    ("overflow", "use", "hint"),
    [
        ("passages", "passages", "passage"),
        ("head", "beginning", "zoo.pdf · the beginning, pages 1-"),
        ("map", "parts", "zoo.pdf · whole document, read in "),
    ],
)
async def test_overflow_on_the_command_line(
    conversation: Conversation, overflow: Overflow, use: str, hint: str
) -> None:
    hints: list[str] = []
    question = Input("", "What does the fox eat?", ())
    asked = await fitting(conversation, question, [attached(conversation)], overflow, hints.append)
    assert asked.attachments[0].details and asked.attachments[0].details.use == use
    assert hint in hints[-1]
