"""One chat: asking, storing, switching models, summaries."""

import asyncio
import sqlite3
from contextlib import aclosing
from dataclasses import replace

import pytest

from lechat_tui.engine.base import Delta, Done, EngineError, Fitted, Prefill
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store, StoreError
from lechat_tui.talk.conversation import Conversation, replay_of
from lechat_tui.talk.prompt import horizon, left_out


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "data") as store:
        yield store


@pytest.fixture
def models(tmp_path):
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    file = Weights(str(weights))
    rows = [
        Model("text-model", "T", ("text",), file, temperature=0.4),
        Model("code-model", "C", ("code",), file, system="write code"),
        Model("vision-model", "V", ("vision",), file, projector=file),
        Model("absent", "A", ("text",), Weights("/nowhere/a.gguf")),
    ]
    return Models({model.id: model for model in rows})


class Scripted(Conversation):
    engine: EchoEngine


def new_chat(store, models, *script, model="text-model", **options) -> Scripted:
    return Scripted(store, EchoEngine(*script), models, models.get(model), **options)


async def ask(conversation, text, attachments=()):
    async with aclosing(conversation.ask(text, attachments)) as events:
        return [event async for event in events]


def stored(store) -> list[tuple[str, str, str]]:
    chat = store.latest()
    return [(m.role, m.text, m.state) for m in store.path(chat.id)] if chat else []


async def test_a_question_and_its_answer_are_stored(store, models):
    conversation = new_chat(store, models, "Bonjour !")
    events = await ask(conversation, "Say hello")
    assert isinstance(events[-1], Done)
    assert stored(store) == [("user", "Say hello", "complete"), ("assistant", "Bonjour !", "complete")]
    assert store.latest().title == "Say hello"
    assert [m.text for m in conversation.messages] == ["Say hello", "Bonjour !"]


def test_the_chats_system_prompt_overrides_the_users_and_the_models(store, models):
    assert new_chat(store, models, model="code-model").setup.system == "write code"
    assert new_chat(store, models, model="code-model", settings=Settings(system="be brief")).setup.system == "be brief"
    assert (
        new_chat(store, models, model="code-model", system="be kind", settings=Settings(system="x")).setup.system
        == "be kind"
    )


@pytest.mark.parametrize(
    ("own", "set_", "whole"),
    [("", "", "think [T]"), ("", "be brief", "be brief\n\nthink [T]"), ("be kind", "x", "be kind\n\nthink [T]")],
)
def test_a_reasoning_model_keeps_its_own_system_prompt(store, models, own, set_, whole):
    model = replace(models.get("code-model"), system="think [T]", thinking=("[T]", "[/T]"))
    conversation = Conversation(store, EchoEngine(), models, model, system=own, settings=Settings(system=set_))
    assert conversation.prompt()[0] == Message("system", whole)
    assert conversation.spec().system == "think [T]", "the engine knows whose control tokens these are"


async def test_the_context_window_is_the_one_that_the_engine_has_opened(store, models):
    conversation = new_chat(store, models, [Fitted(3, 4096, room=3072), Delta("a")], settings=Settings(context=16_384))
    assert conversation.window == 16_384, "before the first answer it is the one to ask for"
    await ask(conversation, "go")
    assert conversation.window == 4096
    conversation.change_settings(replace(conversation.settings, temperature=0.9))
    assert conversation.window == 4096, "sampling does not change how the model is loaded"
    conversation.change_settings(replace(conversation.settings, gpu_layers=3))
    assert conversation.window == 16_384


async def test_the_window_of_another_model_is_not_the_window_of_the_chat(store, models):
    script = [Fitted(3, 4096), Delta("a")], [Fitted(3, 512), Delta("b")]
    conversation = new_chat(store, models, *script, settings=Settings(context=16_384))
    await ask(conversation, "go")
    await exhausted(conversation.regenerate(model=models.get("code-model")))
    assert conversation.window == 4096
    conversation.switch(models.get("code-model"))
    assert conversation.window == 16_384


async def test_the_question_is_on_disk_before_the_engine_sees_it(store, models):
    class Looking(EchoEngine):
        def stream(self, request):
            assert stored(store) == [("user", "first", "complete")]
            return super().stream(request)

    conversation = Conversation(store, Looking("fine"), models, models.get("text-model"))
    await ask(conversation, "first")


async def test_the_text_of_a_tool_call_is_not_part_of_the_answer(store, models):
    call = [Delta("Hi "), Delta("[TOOL_CALLS]", "tool"), Delta('foo[ARGS]{"x": 1}', "tool")]
    conversation = new_chat(store, models, call, "fine")
    await ask(conversation, "go")
    assert stored(store)[-1] == ("assistant", "Hi ", "complete")
    await ask(conversation, "and now?")
    sent = conversation.engine.requests[-1].messages
    assert [m.text for m in sent] == ["go", "Hi ", "and now?"], "nor is it sent back as text"


async def test_an_answer_that_is_only_a_tool_call_has_no_text_and_is_not_sent_back(store, models):
    conversation = new_chat(store, models, [Delta("[TOOL_CALLS]foo", "tool")], "fine")
    await ask(conversation, "go")
    await ask(conversation, "and now?")
    assert stored(store)[:3] == [
        ("user", "go", "complete"), ("assistant", "", "complete"), ("user", "and now?", "complete"),
    ]  # fmt: skip
    assert [m.text for m in conversation.engine.requests[-1].messages] == ["go", "and now?"]


async def test_nothing_is_created_before_the_first_question(store, models):
    new_chat(store, models)
    assert store.chats() == []


async def test_the_answer_is_on_disk_while_it_grows(store, models):
    conversation = new_chat(store, models, [Delta("one "), Delta("two "), Delta("three")], draft_interval=0.0)
    async with aclosing(conversation.ask("count")) as events:
        async for event in events:
            if event == Delta("two "):
                assert stored(store)[-1] == ("assistant", "one two ", "draft")


async def test_stopping_midway_keeps_what_has_arrived(store, models):
    conversation = new_chat(store, models, [Delta("one "), Delta("two "), asyncio.Event()])
    async with aclosing(conversation.ask("count")) as events:
        async for event in events:
            if event == Delta("two "):
                break
    assert stored(store)[-1] == ("assistant", "one two ", "stopped")
    assert conversation.messages[-1].receipt.stop_reason == "stopped"
    assert not conversation.busy


async def test_a_cancelled_task_keeps_what_has_arrived(store, models):
    conversation = new_chat(store, models, [Delta("one "), asyncio.Event()])
    arrived = asyncio.Event()

    async def run():
        async with aclosing(conversation.ask("count")) as events:
            async for event in events:
                if event == Delta("one "):
                    arrived.set()

    task = asyncio.create_task(run())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stored(store)[-1] == ("assistant", "one ", "stopped")


async def test_an_engine_that_fails_midway_keeps_what_has_arrived_and_the_next_question_works(store, models):
    conversation = new_chat(store, models, [Delta("half"), EngineError("it broke")], "whole")
    with pytest.raises(EngineError, match="it broke"):
        await ask(conversation, "first")
    assert stored(store)[-1] == ("assistant", "half", "failed")
    await ask(conversation, "second")
    assert stored(store)[-1] == ("assistant", "whole", "complete")


async def test_an_engine_that_fails_at_once_leaves_the_question_and_no_empty_answer(store, models):
    conversation = new_chat(store, models, [EngineError("no")])
    with pytest.raises(EngineError):
        await ask(conversation, "first")
    assert stored(store) == [("user", "first", "complete")]


async def test_a_model_that_is_not_downloaded_is_an_error_and_the_question_is_stored(store, models):
    conversation = new_chat(store, models, model="absent")
    with pytest.raises(ModelError, match="not on this machine"):
        await ask(conversation, "first")
    assert stored(store) == [("user", "first", "complete")]


async def test_thinking_is_stored_separately_and_not_sent_back(store, models):
    conversation = new_chat(store, models, [Delta("hm", "thinking"), Delta("yes")], "ok")
    await ask(conversation, "really?")
    await ask(conversation, "sure?")
    last = store.path(store.latest().id)[1]
    assert (last.thinking, last.text) == ("hm", "yes")


async def test_regenerating_makes_a_sibling_and_loses_nothing(store, models):
    conversation = new_chat(store, models, "one", "two")
    await ask(conversation, "pick")
    first = conversation.messages[-1].id
    async with aclosing(conversation.regenerate()) as events:
        async for _ in events:
            pass
    assert [m.text for m in conversation.messages] == ["pick", "two"]
    assert store.siblings(first) == [first, conversation.messages[-1].id]
    assert stored(store)[-1][1] == "two"


async def test_a_model_that_is_switched_to_gets_the_whole_chat(store, models):
    conversation = new_chat(store, models, "Nice to meet you", "def f(): ...")
    await ask(conversation, "I am Zoé")
    conversation.switch(models.get("code-model"))
    await ask(conversation, "write f")
    request = conversation.engine.requests[-1]
    assert request.model.name == "code-model"
    assert [m.text for m in request.messages] == ["write code", "I am Zoé", "Nice to meet you", "write f"]
    assert store.latest().model == "code-model"


async def test_a_model_without_image_support_gets_the_description_of_an_image(store, models):
    picture = store.keep_attachment(PNG, "cat.png", "image", 1, 1)
    conversation = new_chat(store, models, "A red circle.", "It was red.", model="vision-model")
    await ask(conversation, "What is it?", [picture])
    assert conversation.engine.requests[-1].messages[-1].attachments == (picture,)
    conversation.switch(models.get("text-model"))
    await ask(conversation, "Which colour?")
    sent = conversation.engine.requests[-1].messages
    assert sent[0].text == "(picture cat.png: A red circle.)\n\nWhat is it?" and sent[0].attachments == ()
    conversation.switch(models.get("vision-model"))
    assert conversation.prompt()[0].attachments == (picture,)


async def test_an_image_without_a_description_is_named_as_not_visible(store, models):
    picture = store.keep_attachment(PNG, "cat.png", "image", 1, 1)
    conversation = new_chat(store, models, "I see nothing.")
    await ask(conversation, "What is it?", [picture])
    assert conversation.engine.requests[-1].messages[0].text.startswith("(picture cat.png, not visible to this model)")


async def test_a_chat_continues_where_it_was(store, models):
    await ask(new_chat(store, models, "Hello Zoé", system="be kind"), "I am Zoé")
    later = new_chat(store, models, "Zoé", chat=store.latest())
    await ask(later, "who am I?")
    sent = later.engine.requests[-1].messages
    assert [m.text for m in sent] == ["be kind", "I am Zoé", "Hello Zoé", "who am I?"]


async def test_settings_override_the_models_values(store, models):
    conversation = new_chat(store, models, "x", settings=Settings(temperature=0.9, seed=5, context=777, system="short"))
    await ask(conversation, "hello")
    request = conversation.engine.requests[-1]
    assert (request.sampling.temperature, request.sampling.seed, request.model.context) == (0.9, 5, 777)
    assert request.messages[0] == Message("system", "short")


async def test_a_full_disk_does_not_stop_the_answer_and_is_reported_at_the_end(store, models, monkeypatch):
    conversation = new_chat(store, models, [Delta("one "), Delta("two "), Delta("three")], draft_interval=0.0)
    text = ""
    with pytest.raises(StoreError):
        async with aclosing(conversation.ask("count")) as events:
            async for event in events:
                if isinstance(event, Delta):
                    text += event.text
                    store.close()
    assert text == conversation.messages[-1].text == "one two three"


async def test_an_answer_that_could_not_be_written_is_written_when_there_is_room_again(tmp_path, models):
    full = False

    def small(*given, **options):
        db = sqlite3.connect(*given, **options)
        db.create_function("check_room", 0, lambda: 1 / 0 if full else 1)
        return db

    with Store(tmp_path, connect=small) as store:
        store._db.executescript("""
            CREATE TEMP TRIGGER no_room BEFORE INSERT ON main.message BEGIN SELECT check_room(); END;
            CREATE TEMP TRIGGER no_room_either BEFORE UPDATE ON main.message BEGIN SELECT check_room(); END;
        """)
        conversation = new_chat(store, models, [Delta("one "), Delta("two")], draft_interval=0.0)
        with pytest.raises(StoreError):
            async with aclosing(conversation.ask("count")) as events:
                async for event in events:
                    full = full or isinstance(event, Delta)
        assert conversation.messages[-1].text == "one two"
        with pytest.raises(StoreError):
            await ask(conversation, "not kept")
        assert [message.text for message in conversation.messages] == ["count", "one two"]
        full = False
        await ask(conversation, "and now?")
        stored = store.path(conversation.chat.id)
        assert [m.text for m in stored][:3] == ["count", "one two", "and now?"] and stored[1].state == "complete"


async def test_a_private_chat_leaves_nothing_on_disk(tmp_path, models):
    with Store(None) as private:
        conversation = new_chat(private, models, "secret answer")
        await ask(conversation, "secret")
        assert [m.text for m in conversation.messages] == ["secret", "secret answer"]
    assert not list(tmp_path.rglob("*.db*"))


def test_the_title_is_the_first_line_shortened(store, models):
    async def main():
        await ask(new_chat(store, models), "\n\n  " + "long " * 40 + "\nsecond line")

    asyncio.run(main())
    title = store.latest().title
    assert title.startswith("long long") and title.endswith("…") and len(title) == 60


def test_the_used_context_is_counted_by_the_last_receipt(store, models):
    chat = store.new_chat("t")
    first = store.add(chat.id, Message("user", "a"), 0)
    store.add(chat.id, Message("assistant", "b", receipt=Receipt("m", prompt_tokens=7, completion_tokens=3)), first.id)
    assert new_chat(store, models, chat=chat).used == 10


async def exhausted(events):
    async with aclosing(events) as every:
        return [event async for event in every]


def sent(conversation) -> list[tuple[str, str, bool]]:
    return [(m.role, m.text, m.pinned) for m in conversation.prompt()]


async def test_a_summary_replaces_everything_before_it_except_pinned_messages(store, models):
    conversation = new_chat(store, models, "Hi Anna", "Blue", "She is Anna and likes blue. ", "Anna", system="be brief")
    await ask(conversation, "I am Anna")
    await ask(conversation, "I like blue")
    conversation.pin(0, True)
    await exhausted(conversation.compact("the names"))
    assert conversation.engine.requests[-1].messages[-1].text.endswith("Above all, keep: the names")
    await ask(conversation, "who am I?")
    assert [(m.role, m.text) for m in conversation.engine.requests[-1].messages] == [
        ("system", "be brief"),
        ("user", "I am Anna"),
        ("assistant", "Hi Anna"),
        ("user", "(Summary of the conversation so far: She is Anna and likes blue.)"),
        ("user", "who am I?"),
    ]
    assert stored(store)[4] == ("summary", "She is Anna and likes blue. ", "complete")
    later = new_chat(store, models, chat=store.latest())
    assert sent(later) == sent(conversation), "a chat that is opened again continues from its summary"


async def test_only_the_last_summary_is_sent_and_it_was_made_from_the_earlier_one(store, models):
    conversation = new_chat(store, models, "a", "first summary", "b", "second summary")
    await ask(conversation, "one")
    await exhausted(conversation.compact())
    await ask(conversation, "two")
    await exhausted(conversation.compact())
    assert "first summary" in conversation.engine.requests[-1].messages[0].text
    assert sent(conversation) == [("user", "(Summary of the conversation so far: second summary)", True)]


async def test_a_summary_that_is_stopped_or_fails_changes_nothing(store, models):
    script = (
        "a",
        [Delta("She is"), asyncio.Event()],
        [Delta("She"), EngineError("it broke")],
        [Delta("hm", "thinking")],
        [Delta("She is brave. " * 100)],
    )
    conversation = new_chat(store, models, *script)
    await ask(conversation, "one")
    before = stored(store)
    async with aclosing(conversation.compact()) as events:
        assert await anext(events) == Delta("She is")
    with pytest.raises(EngineError, match="it broke"):
        await exhausted(conversation.compact())
    with pytest.raises(EngineError, match="wrote no summary"):
        await exhausted(conversation.compact())
    with pytest.raises(EngineError, match="longer than the chat"):
        await exhausted(conversation.compact())
    assert stored(store) == before and len(conversation.messages) == 2 and not conversation.busy


async def test_after_a_summary_only_its_tokens_count_as_used(store, models):
    script = [
        [Fitted(900, 2000, room=1000), Delta("a"), Done(Receipt("m", prompt_tokens=900, completion_tokens=10))],
        [Delta("s"), Done(Receipt("m", prompt_tokens=950, completion_tokens=40))],
    ]
    conversation = new_chat(store, models, *script)
    await ask(conversation, "one")
    assert conversation.used == 910 and conversation.nearly_full
    await exhausted(conversation.compact())
    assert conversation.used == 40 and not conversation.nearly_full


async def test_undo_removes_the_question_and_the_branch_stays_in_the_history(store, models):
    conversation = new_chat(store, models, "a", "b", "c")
    await ask(conversation, "one")
    await ask(conversation, "two")
    [gone] = conversation.undo()
    assert gone.text == "two" and [m[1] for m in stored(store)] == ["one", "a"]
    await ask(conversation, "three")
    assert [m[1] for m in stored(store)] == ["one", "a", "three", "c"]
    assert store.siblings(gone.id) == [gone.id, conversation.messages[2].id]


async def test_the_first_message_that_is_still_sent_depends_on_pins_and_summaries(store, models):
    conversation = new_chat(store, models, system="be brief")

    def horizons(*counts: int) -> list[int]:
        return [horizon(conversation.messages, count, images=False) for count in counts]

    for question in ("one", "two", "three"):
        await ask(conversation, question)
    assert horizons(0, 1, 2, 3, 4) == [0, 1, 2, 3, 4]
    conversation.pin(0, True)
    assert horizons(0, 2) == [0, 4], "what is pinned is not left out"
    await exhausted(conversation.compact())
    await ask(conversation, "four")
    assert horizons(0, 1, 2) == [6, 8, 9], "the summary stays, what follows it may go"


async def test_the_number_of_left_out_messages_is_known_when_the_chat_is_opened_again(store, models):
    receipt = Receipt("m", left_out=2)
    await ask(new_chat(store, models, [Delta("x"), Done(receipt)]), "one")
    assert left_out(new_chat(store, models, chat=store.latest()).messages) == 2


async def test_a_stopped_answer_keeps_the_receipt_from_before_the_first_token(store, models):
    promised = Receipt("text-model", quant="Q8_0", sampling=Sampling(seed=99), prompt_tokens=7)
    script = [Fitted(7, 100, room=75, receipt=promised), Prefill(7, 7, 5), Delta("half"), asyncio.Event()]
    conversation = new_chat(store, models, script)
    async with aclosing(conversation.ask("go")) as events:
        async for event in events:
            if event == Delta("half"):
                break
    receipt = store.path(1)[-1].receipt
    assert receipt and receipt.ttft_ms > 0
    assert replace(receipt, ttft_ms=0) == replace(promised, cached_tokens=5, completion_tokens=1, stop_reason="stopped")


async def test_an_answer_is_reproduced_from_its_receipt(store, models):
    receipt = Receipt("text-model", sampling=Sampling(0.9, 0.8, 4, 0.1, seed=5), cached_tokens=3)
    conversation = new_chat(store, models, [Delta("x"), Done(receipt)], "y")
    await ask(conversation, "pick")
    await exhausted(conversation.regenerate(replay_of(receipt)))
    request = conversation.engine.requests[-1]
    assert (request.sampling, request.reuse) == (Sampling(0.9, 0.8, 4, 0.1, seed=5), 3)


async def test_a_plan_is_for_the_next_question_and_asks_nothing(store, models):
    conversation = new_chat(store, models, settings=Settings(context=40))
    await ask(conversation, "one two three")
    messages, fitted = await conversation.plan(Message("user", "word " * 26))
    assert [m.text for m in messages[:2]] == ["one two three"] * 2
    assert fitted.costs == (3, 3, 26) and fitted.room == 30 and fitted.left_out == (0, 1) and fitted.fits
    _, fitted = await conversation.plan(Message("user", "word " * 31))
    assert not fitted.fits and fitted.tokens == 31
    assert len(conversation.engine.requests) == 1 and len(stored(store)) == 2


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082"
)


async def test_the_engine_gets_the_id_of_a_chat_but_never_of_a_private_one(store, models):
    conversation = new_chat(store, models)
    await ask(conversation, "hello")
    assert [request.chat for request in conversation.engine.requests] == [conversation.chat.id]
    conversation.delete(conversation.chat)
    assert conversation.engine.forgotten == [conversation.chat.id]
    with Store(None) as memory:
        private = new_chat(memory, models)
        await ask(private, "hello")
        assert [request.chat for request in private.engine.requests] == [None]
        private.delete(private.chat)
        assert private.engine.forgotten == []
