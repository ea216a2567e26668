"""Branches, forks, deleted chats, private chats, and answers that are continued."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.engine.base import Delta, Done, EngineError, Event, Fitted, Prefill
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Receipt
from lechat_tui.models import catalog
from lechat_tui.models.available import Models
from lechat_tui.settings.config import Settings
from lechat_tui.store import Draft, Store, StoreError
from lechat_tui.talk.branches import Branch
from lechat_tui.talk.conversation import Conversation


def new_chat(store: Store, models: Models, *script: object, draft_interval: float = 0.4) -> Conversation:
    engine = EchoEngine(*script)  # type: ignore[arg-type]
    return Conversation(store, engine, models, models.get("petit"), draft_interval=draft_interval)


def holding(folder: Path, words: bytes) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and words in file.read_bytes().lower()]


async def all_of(events: AsyncGenerator[Event, None]) -> list[Event]:
    async with aclosing(events):
        return [event async for event in events]


def texts(conversation: Conversation) -> list[str]:
    return [message.text for message in conversation.messages]


async def test_an_edited_question_is_a_branch_and_the_first_one_stays(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "1a", "2a", "2b")
    await all_of(conversation.ask("one"))
    await all_of(conversation.ask("two"))
    await all_of(conversation.ask("deux", instead=conversation.messages[2].id))
    assert texts(conversation) == ["one", "1a", "deux", "2b"]
    assert conversation.branches() == [Branch(1, 1), Branch(1, 1), Branch(2, 2), Branch(1, 1)]
    conversation.show_sibling(2, 1)
    assert texts(conversation) == ["one", "1a", "two", "2a"]
    conversation.open(store.chats()[0])
    assert texts(conversation) == ["one", "1a", "two", "2a"], "the chat remembers the branch"
    with pytest.raises(StoreError, match="there is no branch 3 here; there are 2"):
        conversation.show_sibling(2, 3)


async def test_the_first_question_can_be_edited_too(store: Store, models: Models) -> None:
    conversation = new_chat(store, models)
    await all_of(conversation.ask("one"))
    await all_of(conversation.ask("une", instead=conversation.messages[0].id))
    assert texts(conversation) == ["une", "une"]
    conversation.show_sibling(0, 1)
    assert texts(conversation) == ["one", "one"]


async def test_going_back_to_a_branch_shows_what_was_shown_there_last(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "a", "b", "other")
    await all_of(conversation.ask("one"))
    await all_of(conversation.regenerate())
    conversation.show_sibling(1, 1)
    await all_of(conversation.ask("une", instead=conversation.messages[0].id))
    conversation.show_sibling(0, 1)
    assert texts(conversation) == ["one", "a"], "not b, which is newer"


async def test_any_answer_can_be_regenerated_also_by_another_model(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "1a", "2a", "1b")
    await all_of(conversation.ask("one"))
    await all_of(conversation.ask("two"))
    await all_of(conversation.regenerate(index=1, model=models.get("codeur")))
    assert texts(conversation) == ["one", "1b"]
    request = conversation.engine.requests[-1]  # type: ignore[attr-defined]
    assert request.model.name == "codeur"
    assert [message.text for message in request.messages] == ["write code", "one"]
    assert conversation.model.id == "petit" and store.chats()[0].model == "petit"


async def test_an_answer_that_never_begins_leaves_the_earlier_one_in_view(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "1a", "2a", [EngineError("no memory")])
    await all_of(conversation.ask("one"))
    await all_of(conversation.ask("two"))
    with pytest.raises(EngineError):
        await all_of(conversation.regenerate(index=0))
    assert texts(conversation) == ["one", "1a", "two", "2a"]


async def test_a_fork_is_a_chat_of_its_own_up_to_a_message(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "1a", "2a")
    await all_of(conversation.ask("one"))
    await all_of(conversation.ask("two"))
    conversation.pin(0, True)
    fork = conversation.fork(1, "elsewhere")
    assert [(m.text, m.pinned) for m in store.path(fork.id)] == [("one", True), ("1a", False)]
    assert [m.receipt for m in store.path(fork.id)] == [m.receipt for m in conversation.messages[:2]]
    assert texts(conversation) == ["one", "1a", "two", "2a"] and store.chats()[0].title == "elsewhere"


async def test_a_deleted_chat_comes_back_whole_with_its_branches_and_pictures(store: Store, models: Models) -> None:
    conversation = new_chat(store, models, "a", "b")
    picture = store.keep_attachment(b"pixels", "cat.png", "image", 1, 1)
    await all_of(conversation.ask("one", [picture]))
    await all_of(conversation.regenerate())
    conversation.show_sibling(1, 1)
    assert conversation.chat
    chat = conversation.chat
    conversation.open(None)
    conversation.delete(chat)
    assert store.chats() == [] and not picture.path.exists()
    [back] = conversation.undelete()
    assert (back.title, back.created) == (chat.title, chat.created)
    conversation.open(back)
    assert texts(conversation) == ["one", "a"] and conversation.branches()[1] == Branch(1, 2)
    assert conversation.messages[0].attachments[0].path.read_bytes() == b"pixels"
    assert conversation.undelete() == []


async def test_a_stopped_answer_is_continued_in_place(store: Store, models: Models) -> None:
    more = [Delta("three"), Delta(" four"), Done(Receipt("petit", completion_tokens=2))]
    conversation = new_chat(store, models, [Delta("one "), Delta("two "), asyncio.Event()], more)
    async with aclosing(conversation.ask("count")) as events:
        async for event in events:
            if event == Delta("two "):
                break
    await all_of(conversation.continue_answer())
    assert texts(conversation) == ["count", "one two three four"]
    kept = store.path(store.chats()[0].id)
    assert (kept[1].text, kept[1].state) == ("one two three four", "complete")
    assert kept[1].receipt and kept[1].receipt.pieces == 2
    assert store.siblings(kept[1].id) == [kept[1].id]
    request = conversation.engine.requests[-1]  # type: ignore[attr-defined]
    assert request.continues and [m.text for m in request.messages] == ["count", "one two "]
    assert conversation.unfinished is None


async def test_continuing_keeps_every_word_if_killed_and_the_state_if_nothing_arrives(
    store: Store, models: Models
) -> None:
    cut = [Delta("one "), Done(Receipt("petit", stop_reason="length"))]
    script = cut, [EngineError("died")], [Delta("two "), Delta("three")]
    conversation = new_chat(store, models, *script, draft_interval=0.0)
    await all_of(conversation.ask("count"))
    with pytest.raises(EngineError):
        await all_of(conversation.continue_answer())
    assert (store.path(1)[1].text, store.path(1)[1].state) == ("one ", "cut")
    async with aclosing(conversation.continue_answer()) as events:
        async for event in events:
            if event == Delta("three"):
                assert (store.path(1)[1].text, store.path(1)[1].state) == ("one two three", "draft")


async def test_thinking_that_was_cut_is_continued(store: Store, models: Models) -> None:
    cut = [Delta("hm", "thinking"), Done(Receipt("petit", stop_reason="length"))]
    conversation = new_chat(store, models, cut, [Delta("m", "thinking"), Delta("12")])
    await all_of(conversation.ask("7 + 5?"))
    await all_of(conversation.continue_answer())
    assert (conversation.messages[1].thinking, conversation.messages[1].text) == ("hmm", "12")
    assert conversation.engine.requests[-1].messages[-1].thinking == "hm"  # type: ignore[attr-defined]


async def test_a_private_chat_is_saved_only_on_request(store: Store, models: Models, tmp_path: Path) -> None:
    conversation = new_chat(store, models, "public", "psst", "psst again", "kept")
    await all_of(conversation.ask("hello"))
    conversation.open(None, private=True)
    picture = conversation.store.keep_attachment(b"secret pixels", "s.png", "image", 1, 1)
    await all_of(conversation.ask("xyzzy", [picture]))
    conversation.store.add_prompt("xyzzy")
    conversation.store.set_drafts(1, [Draft("xyzzy")])
    assert conversation.private and conversation.engine.requests[-1].chat is None  # type: ignore[attr-defined]
    assert not holding(tmp_path, b"xyzzy")
    conversation.open(None)
    assert not conversation.private and not picture.path.exists() and len(store.chats()) == 1
    conversation.open(None, private=True)
    await all_of(conversation.ask("secret", [conversation.store.keep_attachment(b"pixels", "p.png", "image", 1, 1)]))
    chat = conversation.save_private()
    assert chat and store.chats()[0].id == chat.id and texts(conversation) == ["secret", "psst again"]
    assert store.path(chat.id)[0].attachments[0].path.read_bytes() == b"pixels"
    await all_of(conversation.ask("on"))
    assert [m.text for m in store.path(chat.id)] == ["secret", "psst again", "on", "kept"]


def test_drafts_are_stored_by_chat_with_their_images(store: Store) -> None:
    picture = store.keep_attachment(b"pixels", "cat.png", "image", 2, 3)
    drafts = [Draft("half a thou", (picture,)), Draft("waits")]
    store.set_drafts(0, [Draft("new")])
    chat = store.new_chat("x")
    store.set_drafts(chat.id, drafts)
    assert (store.drafts(0), store.drafts(chat.id)) == ([Draft("new")], drafts)
    picture.path.unlink()
    assert store.drafts(chat.id)[0] == Draft("half a thou"), "a picture that is gone is left out"
    store.delete(chat.id)
    assert store.drafts(chat.id) == [] and store.drafts(0) == [Draft("new")]


# On the real engine


@pytest.fixture
async def chaton(store: Store, tmp_path: Path) -> AsyncIterator[Conversation]:
    rows = catalog.read(paths.bundled("models.toml"))
    engine = LocalEngine(tmp_path / "logs")
    yield Conversation(store, engine, Models(rows), rows["chaton"], settings=Settings(temperature=0, context=512))
    await engine.close()


QUESTION = "Write a Python function that adds two numbers."


def text_of(conversation: Conversation) -> str:
    return conversation.messages[-1].text


async def test_continuing_evaluates_one_token_again_and_ends_like_the_whole_answer(chaton: Conversation) -> None:
    await all_of(chaton.ask(QUESTION))
    whole = text_of(chaton)
    for longest in (1, 2, 3, 7):
        chaton.change_settings(replace(chaton.settings, max_tokens=longest))
        await all_of(chaton.regenerate())
        pieces = 1
        while chaton.unfinished:
            chaton.change_settings(replace(chaton.settings, max_tokens=longest if pieces < 4 else None))
            prefill = [event for event in await all_of(chaton.continue_answer()) if isinstance(event, Prefill)]
            assert prefill[0].total - prefill[0].cached == 1, "the last token, for its logits"
            pieces += 1
        assert text_of(chaton) == whole and pieces > 2
        assert chaton.messages[-1].receipt and chaton.messages[-1].receipt.pieces == pieces


async def test_an_edit_evaluates_only_what_follows_it(chaton: Conversation) -> None:
    await all_of(chaton.ask("What is the capital of France?"))
    first = chaton.messages[1].receipt
    await all_of(chaton.ask("What is 7 + 5?"))
    events = await all_of(chaton.ask("What is 8 + 5?", instead=chaton.messages[2].id))
    prefill = next(event for event in events if isinstance(event, Prefill))
    assert first and prefill.cached >= first.prompt_tokens + first.completion_tokens
    assert text_of(chaton) == "8 + 5 = 13."


async def test_a_stopped_answer_continues_from_the_last_stored_token(chaton: Conversation) -> None:
    await all_of(chaton.ask(QUESTION))
    whole = text_of(chaton)
    async with aclosing(chaton.regenerate()) as events:
        async for event in events:
            if isinstance(event, Delta) and len(text_of(chaton)) > 20:
                break
    assert len(text_of(chaton)) < len(whole)
    prefill = [event for event in await all_of(chaton.continue_answer()) if isinstance(event, Prefill)]
    assert prefill[0].total - prefill[0].cached == 1
    assert text_of(chaton) == whole


async def test_an_answer_that_filled_the_window_continues_without_the_oldest_messages(chaton: Conversation) -> None:
    chaton.change_settings(replace(chaton.settings, context=256))
    for number in range(4):
        await all_of(chaton.ask(f"What is {number} + 5?"))
    chaton.change_settings(replace(chaton.settings, max_tokens=6))
    await all_of(chaton.ask(QUESTION))
    chaton.change_settings(replace(chaton.settings, context=256, max_tokens=None))
    begun = replace(chaton.messages[-1], text="Here it is. " * 34)
    chaton.store.keep(begun)
    chaton.messages[-1] = begun
    fitted = [event for event in await all_of(chaton.continue_answer()) if isinstance(event, Fitted)]
    assert fitted[0].left_out and fitted[0].tokens < 256
    assert text_of(chaton).startswith(begun.text)


async def test_continuing_without_a_saved_state_evaluates_the_answer_and_repeats_none_of_it(
    chaton: Conversation,
) -> None:
    await all_of(chaton.ask(QUESTION))
    whole = text_of(chaton)
    chaton.change_settings(replace(chaton.settings, max_tokens=8))
    await all_of(chaton.regenerate())
    await chaton.engine.close()  # its child is gone, and what it held
    chaton.change_settings(replace(chaton.settings, max_tokens=None))
    await all_of(chaton.continue_answer())
    assert text_of(chaton) == whole


async def test_an_answer_with_thinking_is_evaluated_between_its_control_tokens(chaton: Conversation) -> None:
    await all_of(chaton.ask("What is 7 + 5?"))
    assert chaton.chat
    begun = Message("assistant", "7 + ", thinking="a sum", state="stopped", parent=chaton.messages[0].id)
    chaton.store.add(chaton.chat.id, begun, begun.parent)
    chaton.open(chaton.chat and chaton.store.chat(chaton.chat.id))
    await all_of(chaton.continue_answer())
    assert text_of(chaton).startswith("7 + ") and chaton.messages[-1].thinking == "a sum"
