"""The real engine in its child process, on the model that ships with the program."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from chats import TEXT, VISION, picture

from lechat_tui.engine.base import (
    ContextOverflow,
    Delta,
    Done,
    EngineError,
    Event,
    Fitted,
    Loading,
    ModelSpec,
    Prefill,
    Request,
)
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Attachment, Message, Receipt, Sampling

GREEDY = Sampling(temperature=0)


@pytest.fixture
async def engine(tmp_path) -> AsyncIterator[LocalEngine]:
    local = LocalEngine(tmp_path / "logs")
    yield local
    await local.close()


def child_process() -> int:
    """The process id of the engine's child."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "engine.worker"]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


class Chat:
    """A conversation as the engine sees it: it grows by a question and its answer."""

    def __init__(self, engine: LocalEngine, model: ModelSpec, *before: Message, sampling: Sampling = GREEDY) -> None:
        self.engine, self.model, self.sampling = engine, model, sampling
        self.messages = list(before)
        self.events: list[Event] = []

    async def ask(self, text: str, *pictures: Attachment, until: Callable[[str], bool] = lambda text: False) -> str:
        self.messages.append(Message("user", text, attachments=pictures))
        answer, self.events = "", []
        request = Request(self.model, tuple(self.messages), self.sampling)
        async with aclosing(self.engine.stream(request)) as events:
            async for event in events:
                self.events.append(event)
                answer += event.text if isinstance(event, Delta) and event.kind == "text" else ""
                if until(answer):
                    break
        self.messages.append(Message("assistant", answer))
        return answer

    @property
    def receipt(self) -> Receipt:
        done = self.events[-1]
        assert isinstance(done, Done)
        return done.receipt


async def test_a_conversation_is_answered_and_remembered(engine):
    chat = Chat(engine, TEXT)
    assert "Anna" in await chat.ask("My name is Anna.")
    assert await chat.ask("What is 7 + 5?") == "7 + 5 = 12."
    assert await chat.ask("What is the capital of France?") == "The capital of France is Paris."
    assert await chat.ask("What is my name?") == "Your name is Anna."


async def test_the_events_come_in_order(engine):
    chat = Chat(engine, TEXT)
    await chat.ask("What is 7 + 5?")
    order = [Loading, Fitted, Prefill, Delta, Done]
    kinds = [type(event) for event in chat.events]
    assert kinds == sorted(kinds, key=order.index) and set(kinds) == set(order)
    assert [event.fraction for event in chat.events if isinstance(event, Loading)] == sorted(
        event.fraction for event in chat.events if isinstance(event, Loading)
    )


async def test_a_second_turn_evaluates_only_what_is_new(engine):
    chat = Chat(engine, TEXT)
    await chat.ask("My name is Anna.")
    first = chat.receipt
    await chat.ask("What is 7 + 5?")
    assert chat.receipt.cached_tokens == first.prompt_tokens + first.completion_tokens
    new = chat.receipt.prompt_tokens - chat.receipt.cached_tokens
    assert 0 < new < 20


async def test_an_image_in_the_prefix_is_evaluated_once(engine, tmp_path):
    chat = Chat(engine, VISION)
    assert await chat.ask("What is in this picture?", picture(tmp_path, "red", "circle")) == "A red circle."
    seen = chat.receipt
    assert seen.pictures == 1
    assert list(seen.picture_tokens) == [chat.messages[0].attachments[0].sha256]
    assert 0 < sum(seen.picture_tokens.values()) < seen.prompt_tokens
    assert "red" in await chat.ask("What colour is it?")
    assert chat.receipt.cached_tokens == seen.prompt_tokens + seen.completion_tokens
    assert chat.receipt.prompt_tokens - chat.receipt.cached_tokens < 20


async def test_another_image_in_the_same_place_is_not_taken_for_the_first(engine, tmp_path):
    for colour, shape in (("red", "circle"), ("blue", "square"), ("red", "circle")):
        text = await Chat(engine, VISION).ask("What is in this picture?", picture(tmp_path, colour, shape))
        assert text == f"A {colour} {shape}."


async def test_editing_the_last_question_keeps_what_came_before_it(engine):
    chat = Chat(engine, TEXT)
    await chat.ask("My name is Anna.")
    before = chat.receipt
    await chat.ask("What is 7 + 5?")
    del chat.messages[-2:]
    assert await chat.ask("What is 7 + 6?") == "7 + 6 = 13."
    assert chat.receipt.cached_tokens > before.prompt_tokens + before.completion_tokens


async def test_the_engine_works_after_an_answer_was_stopped(engine):
    chat = Chat(engine, TEXT)
    text = await chat.ask("Count from 1 to 200", until=lambda text: "20" in text)
    assert "1" in text and "200" not in text
    assert await chat.ask("What is 7 + 5?") == "7 + 5 = 12."


async def test_the_engine_works_after_a_prefill_was_stopped(engine):
    long = replace(TEXT, context=32_768)
    chat = Chat(engine, long)
    request = Request(long, (Message("user", "word " * 9000),), GREEDY)
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Prefill) and event.done:
                break
    assert event.done < event.total
    assert await chat.ask("What is 7 + 5?") == "7 + 5 = 12."


async def test_a_killed_child_is_reported_and_the_next_question_works(engine):
    chat = Chat(engine, TEXT)
    await engine.load(TEXT)
    child = child_process()

    def kill(text: str) -> bool:
        if "7" in text:
            os.kill(child, signal.SIGKILL)
        return False

    with pytest.raises(EngineError, match="signal 9"):
        await chat.ask("Count from 1 to 200", until=kill)
    assert await Chat(engine, TEXT).ask("What is 7 + 5?") == "7 + 5 = 12."


async def test_thinking_is_separate_from_the_answer(engine):
    chat = Chat(engine, TEXT)
    text = await chat.ask("Think step by step: what is 7 + 5?")
    thoughts = "".join(e.text for e in chat.events if isinstance(e, Delta) and e.kind == "thinking")
    assert thoughts and "7 + 5 = 12." in text and "THINK" not in thoughts + text


async def test_messages_that_do_not_fit_are_left_out_and_reported(engine):
    small = replace(TEXT, context=512)
    chat = Chat(engine, small)
    for _ in range(12):
        await chat.ask("What is the capital of France? " * 6)
    fitted = next(event for event in chat.events if isinstance(event, Fitted))
    assert fitted.left_out and fitted.left_out[0] == 0 and fitted.tokens <= fitted.limit == 512
    assert chat.receipt.left_out == len(fitted.left_out)


async def test_a_pinned_message_stays_with_its_answer_however_full_the_context_is(engine):
    chat = Chat(engine, replace(TEXT, context=512))
    await chat.ask("My name is Anna.")
    chat.messages = [replace(message, pinned=True) for message in chat.messages]
    for _ in range(12):
        await chat.ask("What is the capital of France? " * 6)
    fitted = next(event for event in chat.events if isinstance(event, Fitted))
    assert fitted.left_out and fitted.left_out[0] == 2 and fitted.fits


async def test_a_plan_counts_what_an_answer_evaluates(engine, tmp_path):
    chat = Chat(engine, VISION, Message("system", "Answer in French."))
    await chat.ask("What is in this picture?", picture(tmp_path, "red", "circle"))
    await chat.ask("What is 7 + 5?")
    planned = await engine.plan(Request(VISION, tuple(chat.messages[:-1]), GREEDY))
    assert planned.tokens == chat.receipt.prompt_tokens and planned.fits and not planned.left_out
    around = planned.tokens - sum(planned.costs)
    assert len(planned.costs) == 4 and 0 < around <= 8 * len(planned.costs)
    blind = await engine.plan(Request(VISION, (replace(chat.messages[1], attachments=()),), GREEDY))
    assert planned.costs[1] > blind.costs[0] + 4, "the picture is counted"


async def test_a_plan_for_a_question_that_does_not_fit_gives_its_length(engine):
    chat = (Message("user", "hello " * 50), Message("assistant", "hello"), Message("user", "word " * 3000))
    fitted = await engine.plan(Request(TEXT, chat, GREEDY))
    assert not fitted.fits and fitted.left_out == (0, 1) and fitted.tokens > fitted.room == 1536
    assert fitted.costs[2] <= fitted.tokens < fitted.costs[2] + 8


async def test_a_plan_does_not_change_the_cache(engine):
    chat = Chat(engine, TEXT)
    await chat.ask("My name is Anna.")
    first = chat.receipt
    await engine.plan(Request(TEXT, (Message("user", "something else " * 20),), GREEDY))
    await chat.ask("What is 7 + 5?")
    assert chat.receipt.cached_tokens == first.prompt_tokens + first.completion_tokens


async def test_a_receipt_describes_the_answer_and_is_sent_before_the_first_token(engine):
    model = replace(TEXT, sha256="ab" * 32)
    chat = Chat(engine, model, sampling=Sampling(temperature=0.5, top_k=9, repeat_penalty=1.1, max_tokens=30))
    await chat.ask("What is 7 + 5?")
    receipt = chat.receipt
    assert (receipt.quant, receipt.sha256, receipt.file) == ("Q8_0", "ab" * 32, "chaton-q8_0.gguf")
    assert receipt.sampling == Sampling(0.5, top_k=9, repeat_penalty=1.1, seed=receipt.sampling.seed, max_tokens=30)
    assert len(receipt.template) == 12 and receipt.engine.startswith("llama-cpp-python ")
    promised = next(event for event in chat.events if isinstance(event, Fitted)).receipt
    assert promised and (promised.sampling, promised.template) == (receipt.sampling, receipt.template)


async def test_an_answer_is_reproduced_from_as_much_of_the_cache_as_the_first_time(engine):
    hot = Sampling(temperature=2.0, max_tokens=80)
    for _ in range(4):
        chat = Chat(engine, TEXT, Message("user", "My name is Anna."), Message("assistant", "Hello!"), sampling=hot)
        first = await chat.ask("Tell me a story")
        receipt = chat.receipt
        sampling = replace(hot, seed=receipt.sampling.seed)
        request = Request(TEXT, tuple(chat.messages[:-1]), sampling, reuse=receipt.cached_tokens)
        async with aclosing(engine.stream(request)) as events:
            text = [event async for event in events]
        assert "".join(e.text for e in text if isinstance(e, Delta) and e.kind == "text") == first
        assert isinstance(text[-1], Done) and text[-1].receipt.cached_tokens == receipt.cached_tokens


async def test_a_question_larger_than_the_context_is_an_overflow(engine):
    with pytest.raises(ContextOverflow, match="--ctx-size"):
        await Chat(engine, TEXT).ask("x" * 200_000)
    assert await Chat(engine, TEXT).ask("What is 7 + 5?") == "7 + 5 = 12."


async def test_an_answer_ends_at_its_limit_and_at_the_end_of_the_context(engine):
    chat = Chat(engine, TEXT, sampling=replace(GREEDY, max_tokens=7))
    await chat.ask("Count from 1 to 200")
    assert (chat.receipt.completion_tokens, chat.receipt.stop_reason) == (7, "length")
    chat = Chat(engine, replace(TEXT, context=256))
    await chat.ask("Count from 1 to 200")
    assert chat.receipt.stop_reason == "length"


async def test_a_seed_reproduces_the_answer(engine):
    hot = Sampling(temperature=3, seed=11, max_tokens=60)
    first = Chat(engine, TEXT, sampling=hot)
    story = await first.ask("Tell me a story")
    assert first.receipt.sampling.seed == 11
    fresh = replace(TEXT, name="a process of its own, whose cache holds nothing")
    assert story == await Chat(engine, fresh, sampling=hot).ask("Tell me a story")
    assert story != await Chat(engine, TEXT, sampling=replace(hot, seed=12)).ask("Tell me a story")


async def test_typed_control_tokens_are_text(engine):
    chat = Chat(engine, TEXT)
    for typed in ("[INST]", "</s>", "[TOOL_CALLS]", "<__media__>", "[brackets]"):
        assert typed in await chat.ask(f"Repeat after me: {typed}")


async def test_the_prompt_is_shown_with_its_control_tokens_and_images(engine, tmp_path):
    asked = Message("user", "Say [INST] é", attachments=(picture(tmp_path, "red", "circle"),))
    plan = await engine.plan(Request(VISION, (asked,), GREEDY, shows_prompt=True))
    assert "".join(part.text for part in plan.prompt if part.kind != "image").endswith("Say [INST] é[/INST]")
    kinds = {kind: [part.text for part in plan.prompt if part.kind == kind] for kind in ("control", "image")}
    assert kinds["image"] == [asked.attachments[0].name] and kinds["control"].count("[INST]") == 1
    assert not (await engine.plan(Request(VISION, (asked,), GREEDY))).prompt


async def test_a_file_that_is_not_a_model_is_a_readable_error(engine, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(TEXT.path.read_bytes()[:100_000])
    with pytest.raises(EngineError, match=r"broken\.gguf could not be loaded"):
        await engine.load(replace(TEXT, path=broken))
    with pytest.raises(EngineError, match="may belong to another model"):
        await engine.load(replace(TEXT, projector=TEXT.path))
    await engine.close()
    assert "Fatal" not in (tmp_path / "logs" / "engine.log").read_text()


async def test_an_image_that_cannot_be_read_is_a_readable_error(engine, tmp_path):
    gone = Attachment("0", "gone.png", "image", tmp_path / "gone.png", 1, 1, 1)
    with pytest.raises(EngineError, match=r"gone\.png cannot be read"):
        await Chat(engine, VISION).ask("What is it?", gone)
    with pytest.raises(EngineError, match="does not support images"):
        await Chat(engine, TEXT).ask("What is it?", picture(tmp_path, "red", "circle"))


async def test_two_models_stay_warm_beside_each_other(engine, tmp_path):
    await asyncio.gather(engine.load(TEXT), engine.load(VISION))
    for model in (TEXT, VISION, TEXT):
        chat = Chat(engine, model)
        await chat.ask("What is 7 + 5?")
        assert not any(isinstance(event, Loading) for event in chat.events)


async def test_a_pace_is_kept(engine):
    slow = Chat(engine, replace(TEXT, pace=100), sampling=replace(GREEDY, max_tokens=40))
    await slow.ask("Count from 1 to 200")
    assert 60 < slow.receipt.tokens_per_s < 110


async def test_control_tokens_of_the_catalogs_system_prompt_are_kept(engine):
    messages = (Message("system", "Be brief. [THINK]so[/THINK]"), Message("user", "What is 7 + 5? [THINK]"))
    typed = await engine.plan(Request(TEXT, messages, GREEDY))
    meant = await engine.plan(Request(replace(TEXT, system="[THINK]so[/THINK]"), messages, GREEDY))
    assert meant.tokens - typed.tokens == meant.costs[0] - typed.costs[0] < 0
    assert meant.costs[1] == typed.costs[1], "what a person types is text"
