"""The model names a chat, and when it does not."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui.engine.base import Delta, EngineError, Event, Fitted, Request
from lechat_tui.engine.echo import EchoEngine, Step
from lechat_tui.message import Receipt
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk import titles
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.titler import Titler


class Watched(EchoEngine):
    """Sets events when it begins an answer and when it ends one."""

    def __init__(self, *script: str | Sequence[Step]) -> None:
        super().__init__(*script)
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.began.set()
        self.ended.clear()
        try:
            async with aclosing(super().stream(request)) as events:
                async for event in events:
                    yield event
        finally:
            self.began.clear()
            self.ended.set()


def models_in(folder: Path, *, toy: bool = False) -> Models:
    (folder / "m.gguf").write_bytes(b"GGUF")
    return Models({"petit": Model("petit", "Petit", ("text",), Weights(str(folder / "m.gguf")), toy=toy)})


@pytest.fixture
def new_chat(store: Store, tmp_path: Path) -> Callable[..., Conversation]:
    def make(*script: str | Sequence[Step], toy: bool = False, **options: object) -> Conversation:
        models = models_in(tmp_path, toy=toy)
        engine = Watched("two hours", *script)
        return Conversation(store, engine, models, models.get("petit"), **options)  # type: ignore[arg-type]

    return make


async def ask(conversation: Conversation, text: str = "how long does bread rise?") -> None:
    async with aclosing(conversation.ask(text)) as events:
        async for _ in events:
            pass


async def test_the_model_names_the_chat_from_its_own_prefix(new_chat: Callable[..., Conversation]) -> None:
    conversation = new_chat('**"Rising bread."**\nIt is a title.')
    await ask(conversation)
    asked = conversation.engine.requests[0]  # type: ignore[attr-defined]
    assert titles.can_name(conversation) and await titles.name_chat(conversation)
    request = conversation.engine.requests[1]  # type: ignore[attr-defined]
    assert request.messages[: len(asked.messages)] == asked.messages and request.messages[-2].text == "two hours"
    assert (request.chat, request.sampling.max_tokens) == (asked.chat, titles.MAX_TITLE_TOKENS)
    assert conversation.chat and conversation.chat.title == "Rising bread"
    assert [chat.title for chat in conversation.store.chats()] == ["Rising bread"]
    assert [message.text for message in conversation.messages] == ["how long does bread rise?", "two hours"]
    assert not titles.can_name(conversation), "once is enough"


async def test_a_title_from_the_user_stays_even_if_it_is_set_while_the_model_writes(
    new_chat: Callable[..., Conversation],
) -> None:
    gate = asyncio.Event()
    conversation = new_chat([gate, Delta("Rising bread")])
    await ask(conversation)
    naming = asyncio.create_task(titles.name_chat(conversation))
    await asyncio.sleep(0)
    conversation.rename("Mine")
    gate.set()
    assert not await naming
    assert conversation.chat and conversation.chat.title == "Mine" and not titles.can_name(conversation)


async def test_private_chats_and_toy_models_and_the_setting_prevent_naming(
    new_chat: Callable[..., Conversation], store: Store
) -> None:
    wanted = new_chat()
    await ask(wanted)
    assert titles.can_name(wanted)
    for conversation in (new_chat(toy=True), new_chat(settings=Settings(titles=False))):
        await ask(conversation)
        assert not titles.can_name(conversation)
    private = new_chat()
    private.open(None, private=True)
    await ask(private)
    assert not titles.can_name(private)
    private.close_private()


async def test_a_chat_is_not_named_where_that_would_leave_a_message_out(new_chat: Callable[..., Conversation]) -> None:
    conversation = new_chat([Fitted(9, 9, left_out=(0,)), Delta("A title")])
    await ask(conversation)
    assert not await titles.name_chat(conversation)
    answer = conversation.messages[-1]
    assert answer.receipt
    conversation.messages[-1] = replace(answer, receipt=replace(answer.receipt, left_out=1))
    assert not titles.can_name(conversation)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Title: Bread", "Bread"),
        ("« Du pain »", "Du pain"),
        ("# Bread: how long", "Bread: how long"),
        ("one " * 40, " ".join(["one"] * 12)),
        ("\x1b[31mred", "␛[31mred"),
        (" \n", ""),
    ],
)
def test_a_title_is_one_clean_line(text: str, title: str) -> None:
    assert titles.clean_title(text) == title


async def test_a_chat_is_named_when_idle_for_a_while(new_chat: Callable[..., Conversation]) -> None:
    conversation = new_chat("Rising bread")
    named = asyncio.Event()
    await ask(conversation)
    Titler(conversation, named.set, idle=0).start()
    await asyncio.wait_for(named.wait(), 10)
    assert conversation.chat and conversation.chat.title == "Rising bread"


async def test_the_user_stops_the_naming_at_once(new_chat: Callable[..., Conversation]) -> None:
    conversation = new_chat([Delta("Ris"), asyncio.Event()], "the next answer")
    await ask(conversation)
    engine = conversation.engine
    assert isinstance(engine, Watched)
    titler = Titler(conversation, pytest.fail, idle=0)
    titler.start()
    async with asyncio.timeout(10):
        await engine.began.wait()
        titler.stop()
        await ask(conversation, "and then?")
    assert engine.closed == 3 and conversation.messages[-1].text == "the next answer"
    assert conversation.chat and conversation.chat.title == "how long does bread rise?"


async def test_a_model_that_fails_names_nothing_and_reports_nothing(new_chat: Callable[..., Conversation]) -> None:
    conversation = new_chat([EngineError("gone")])
    await ask(conversation)
    with pytest.raises(EngineError):
        await titles.name_chat(conversation)
    engine = conversation.engine
    assert isinstance(engine, Watched)
    Titler(conversation, pytest.fail, idle=0).start()
    engine.ended.clear()
    await asyncio.wait_for(engine.ended.wait(), 10)


def test_a_slow_model_is_not_kept_busy_with_a_title() -> None:
    slow = Receipt("m", prompt_tokens=40, ttft_ms=9000, tokens_per_s=2)
    fast = Receipt("m", prompt_tokens=4000, cached_tokens=3960, ttft_ms=300, tokens_per_s=20)
    assert titles.title_seconds(fast) < 2 < titles.MAX_TITLE_SECONDS < titles.title_seconds(slow)
    assert titles.title_seconds(Receipt("m")) == 0, "nothing was measured"
