"""The scripted engine does what its script says."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from lechat_tui.engine.base import Delta, Done, EngineError, Event, Fitted, LocalModel, Prefill, Request
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message, Receipt

MODEL = LocalModel("echo", Path("/nowhere/echo.gguf"), context=512)


def request(text: str) -> Request:
    return Request(MODEL, (Message("user", text),))


async def answer(engine: EchoEngine, text: str = "one two three") -> list[Event]:
    async with aclosing(engine.stream(request(text))) as events:
        return [event async for event in events]


async def test_without_a_script_the_question_is_the_answer() -> None:
    events = await answer(EchoEngine())
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "one two three"


async def test_a_string_is_an_answer_with_all_its_events() -> None:
    events = await answer(EchoEngine("bon jour"))
    assert events[:4] == [Fitted(3, 512), Prefill(3, 3, 0), Delta("bon"), Delta(" jour")]
    assert isinstance(events[4], Done)
    assert (events[4].receipt.prompt_tokens, events[4].receipt.completion_tokens) == (3, 2)


async def test_bare_steps_are_one_answer_and_the_next_request_gets_the_next_one() -> None:
    engine = EchoEngine(Delta("Bon"), Delta("jour"), "second")
    assert (await answer(engine))[:2] == [Delta("Bon"), Delta("jour")]
    assert Delta("second") in await answer(engine)
    assert Delta("one") in await answer(engine), "the script is at its end"


async def test_a_done_of_the_script_is_the_only_one() -> None:
    done = Done(Receipt("echo", stop_reason="length"))
    assert await answer(EchoEngine([Delta("cut"), done])) == [Delta("cut"), done]


async def test_an_error_is_raised_at_its_place_in_the_script() -> None:
    events: list[Event] = []
    with pytest.raises(EngineError, match="died"):
        async with aclosing(EchoEngine([Delta("so far"), EngineError("died")]).stream(request("go"))) as stream:
            async for event in stream:
                events.append(event)
    assert events == [Delta("so far")]


async def test_it_waits_for_an_asyncio_event() -> None:
    go = asyncio.Event()
    events = EchoEngine([Delta("a"), go, Delta("b")]).stream(request("go"))
    assert await anext(events) == Delta("a")
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.wait({waiting}, timeout=0)
    assert not waiting.done()
    go.set()
    assert await waiting == Delta("b")
    await events.aclose()


async def test_it_records_its_requests_and_that_it_was_stopped() -> None:
    engine = EchoEngine("a b c")
    async with aclosing(engine.stream(request("first"))) as events:
        await anext(events)
    assert [r.messages[-1].text for r in engine.requests] == ["first"]
    assert engine.closed == 1


async def test_loading_is_recorded_and_raises_the_given_error() -> None:
    engine = EchoEngine(load_error=EngineError("no memory"))
    with pytest.raises(EngineError, match="no memory"):
        await engine.load(MODEL)
    assert engine.loaded == [MODEL]


async def test_with_a_pace_the_receipt_has_a_speed() -> None:
    events = await answer(EchoEngine("a b", pace=0.001))
    done = events[-1]
    assert isinstance(done, Done)
    assert 0 < done.receipt.tokens_per_s <= 1000


async def test_a_plan_counts_words_and_leaves_the_script_alone() -> None:
    engine = EchoEngine("scripted")
    chat = (Message("user", "word " * 300), Message("assistant", "one two"), Message("user", "three", pinned=True))
    fitted = await engine.plan(Request(MODEL, (*chat, Message("user", "word " * 200))))
    assert fitted == Fitted(201, 512, (0, 1), 384, (300, 2, 1, 200))
    assert Delta("scripted") in await answer(engine), "the script was not touched"
