"""Servers that send what no server should: it costs a sentence and a bounded amount of memory."""

import asyncio
import gzip
import tracemalloc
from contextlib import aclosing

import pytest
from replay import Raw, choice, lines, replaying, sse, stream

from lechat_tui.engine.base import Delta, DialectName, Done, EngineError, Event, RemoteModel, Request, Server
from lechat_tui.engine.remote import connection
from lechat_tui.engine.remote import engine as engines
from lechat_tui.engine.remote.connection import Timeouts
from lechat_tui.engine.remote.engine import RemoteEngine
from lechat_tui.message import Message, Sampling

MODELS = {"data": [{"id": "m", "max_model_len": 4096}]}
CHAT = "/v1/chat/completions"


@pytest.fixture
async def engine():
    engine = RemoteEngine(Timeouts(connect=2.0, first=5.0, silence=5.0))
    yield engine
    await engine.close()


def request(server: Server) -> Request[RemoteModel]:
    return Request(RemoteModel("office/m", server, "m"), (Message("user", "Hello"),), Sampling(temperature=0.0))


async def answered(engine: RemoteEngine, url: str, dialect: DialectName = "openai", **key: str) -> list[Event]:
    server = Server(url, dialect=dialect, **key)
    async with aclosing(engine.stream(request(server))) as events:
        return [event async for event in events]


def text_of(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, Delta) and event.kind == "text")


HOSTILE = {
    "an endless event": stream(b"data: " + b"x" * 60_000),
    "an event without end, in lines": stream(b"data: x\n" * 8000),
    "not JSON": stream(b"data: {nope\n\n"),
    "a list": stream(b"data: [1]\n\n"),
    "deep": stream(b"data: " + b'{"a":' * 5000 + b"\n\n"),
    "a number without end": stream(b"data: " + b"9" * 40_000 + b"\n\n"),
    "an error": stream(sse({"error": {"message": "out of memory \x1b[2J"}})),
    "an error without an answer": stream(b'{"error": "model not loaded"}', kind="application/json"),
    "nothing": stream(b""),
    "HTML": stream(b"<html>", kind="text/html"),
    "JSON that does not stream": stream(b'{"choices": []}', kind="application/json"),
    "packed": Raw(headers=(("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")),
                  chunks=(gzip.compress(bytes(1_000_000)),)),
    "too long an answer": stream(sse(choice({"content": "x" * 600}), choice({"reasoning": "x" * 600}))),
}  # fmt: skip


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_server_costs_a_sentence(engine, reply, monkeypatch):
    monkeypatch.setattr(connection, "MAX_EVENT_BYTES", 50_000)
    monkeypatch.setattr(engines, "MAX_ANSWER_CHARACTERS", 1000)
    monkeypatch.setattr(engines, "DELAYS_SECONDS", ())
    async with replaying({"/v1/models": MODELS, CHAT: reply}) as replay:
        with pytest.raises(EngineError) as raised:
            await answered(engine, replay.url)
    assert 10 < len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)


async def test_values_of_wrong_types_are_ignored(engine):
    odd = [
        {"choices": {"a": 1}},
        {"choices": [1, {"delta": [1]}]},
        choice({"content": 5, "tool_calls": [None, {"function": 3}]}),
    ]
    timings = {"cache_n": -1, "prompt_n": 2**70, "predicted_n": True, "predicted_per_second": float("nan")}
    usage = {"prompt_tokens": "7", "completion_tokens": -1, "prompt_tokens_details": 3}
    last = {"choices": [], "usage": usage, "timings": timings, "prompt_progress": {"total": "x", "processed": -3}}
    async with replaying(
        {"/v1/models": MODELS, CHAT: stream(sse(*odd, choice({"content": "12"}, "stop"), last))}
    ) as replay:
        found = await answered(engine, replay.url, "llama-server")
    receipt = next(event.receipt for event in found if isinstance(event, Done))
    assert text_of(found) == "12"
    assert (receipt.prompt_tokens, receipt.completion_tokens, receipt.tokens_per_s) == (0, 0, 0.0)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "zlib", "nonsense"])
async def test_an_answer_is_read_as_utf_8_and_the_rest_is_replaced(engine, charset):
    content = sse(choice({"content": "a?b"}, "stop")).replace(b"a?b", b"a\xffb \\ud800 \xe2\x80\xa8c")
    reply = stream(content, kind=f"text/event-stream; charset={charset}")
    async with replaying({"/v1/models": MODELS, CHAT: reply}) as replay:
        assert text_of(await answered(engine, replay.url)) == "a\ufffdb ? \u2028c"


BLOCK = b"x" * 100_000
EVENTS = (("Content-Type", "text/event-stream"),)
ENDLESS = {
    "a line": (Raw(200, EVENTS, (b"data: ", *[BLOCK] * 400)), MODELS),
    "lines of one event": (Raw(200, EVENTS, (b"data: x\n" * 9000,), times=100), MODELS),
    "a comment": (Raw(200, EVENTS, (b":", *[BLOCK] * 400)), MODELS),
    "an answer": (Raw(200, EVENTS, (sse(choice({"content": "x" * 9000}), done=False),), times=2000), MODELS),
    "a list of models": (Raw(), Raw(chunks=(b'{"data": [', *[b'{"id": "m"},' * 9000] * 200))),
    "an error": (Raw(500, chunks=(BLOCK,), times=400), MODELS),
}


@pytest.mark.parametrize(("reply", "models"), ENDLESS.values(), ids=ENDLESS)
async def test_what_never_ends_takes_bounded_memory(engine, reply, models, monkeypatch):
    monkeypatch.setattr(connection, "MAX_EVENT_BYTES", 500_000)
    monkeypatch.setattr(engines, "DELAYS_SECONDS", ())
    async with replaying({"/v1/models": models, CHAT: reply}) as replay:
        tracemalloc.start()
        try:
            with pytest.raises(EngineError):
                async with aclosing(engine.stream(request(Server(replay.url, dialect="openai")))) as events:
                    async for _ in events:  # nothing is kept here
                        pass
            assert tracemalloc.get_traced_memory()[1] < 32_000_000
        finally:
            tracemalloc.stop()


async def test_a_line_without_end_is_refused_of_ollama_too(engine):
    reply = Raw(headers=(("Content-Type", "application/x-ndjson"),), chunks=(BLOCK,), times=100)
    show = {"model_info": {"llama.context_length": 8192}}
    async with replaying({"/api/show": show, "/api/chat": reply}) as replay:
        with pytest.raises(EngineError, match="more than lechat accepts"):
            await answered(engine, replay.url, "ollama")


async def test_a_flood_leaves_time_for_everything_else(engine):
    flood = sse(*[choice({"content": "x"})] * 500, done=False)
    reply = Raw(200, EVENTS, (*[flood] * 20, sse(choice({}, "stop"))))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with replaying({"/v1/models": MODELS, CHAT: reply}) as replay:
        counting = asyncio.create_task(count())
        found = await answered(engine, replay.url)
        counting.cancel()
    assert len(text_of(found)) == 10_000
    assert turns > 20, "the event loop is free at least once for each block that arrives"


async def test_fragments_of_a_tool_call_are_no_text(engine):
    def call(index: int, **function: str) -> dict:
        return choice({"tool_calls": [{"index": index, "function": function}]})

    parts = [call(0, name="find", arguments=""), call(1, name="read", arguments="{"), call(0, arguments='{"a"'),
             call(0, arguments=": 1}"), choice({"content": "Done."}), choice({}, "tool_calls")]  # fmt: skip
    show = {"model_info": {"llama.context_length": 8192}}
    whole = {"message": {"content": "Done.", "tool_calls": [{"function": {"name": "find", "arguments": {"a": 1}}}]}}
    ollama = stream(lines(whole, {"done": True, "message": {}}), kind="application/x-ndjson")
    async with replaying(
        {"/v1/models": MODELS, CHAT: stream(sse(*parts)), "/api/show": show, "/api/chat": ollama}
    ) as replay:
        for dialect in ("openai", "ollama"):
            found = await answered(engine, replay.url, dialect)
            assert text_of(found) == "Done."
            tool = "".join(event.text for event in found if isinstance(event, Delta) and event.kind == "tool")
            assert tool.startswith("find")
            assert isinstance(found[-1], Done)


async def test_a_key_that_a_server_repeats_is_not_in_the_error(engine, monkeypatch):
    monkeypatch.setenv("OFFICE_KEY", "sk-very-secret")
    refused = Raw(401, chunks=(b'{"error": {"message": "wrong key sk-very-secret"}}',))
    inside = stream(sse({"error": "no quota for sk-very-secret"}))
    for reply in (refused, inside):
        async with replaying({"/v1/models": MODELS, CHAT: reply}) as replay:
            with pytest.raises(EngineError, match=r"\[API key\]") as raised:
                async with aclosing(
                    engine.stream(request(Server(replay.url, "OFFICE_KEY", dialect="openai")))
                ) as events:
                    async for _ in events:
                        pass
        assert "sk-very-secret" not in str(raised.value)
