"""The engine for servers against recordings of every dialect, with faults."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import aclosing
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from PIL import Image
from recorded import ANSWERS, TEXT, Recorded
from replay import CERTIFICATE, Raw, choice, replaying, sse, stream

from lechat_tui.cli import fit_on
from lechat_tui.engine.base import (
    ContextOverflow,
    Delta,
    Done,
    EngineError,
    Event,
    Fitted,
    RemoteModel,
    Request,
    Server,
    Waiting,
)
from lechat_tui.engine.remote import pacing
from lechat_tui.engine.remote.connection import Connection, Timeouts
from lechat_tui.engine.remote.discovery import connect
from lechat_tui.engine.remote.engine import RemoteEngine
from lechat_tui.engine.remote.marks import RepeatedBeginning, ThinkingMarks
from lechat_tui.engine.remote.pictures import data_uri
from lechat_tui.engine.remote.pieces import ServerModel
from lechat_tui.engine.remote.probe import DIALECTS, find
from lechat_tui.engine.remote.server import base_url
from lechat_tui.message import Attachment, Message, Receipt, Sampling
from lechat_tui.models import servers

MODELS = {"data": [{"id": "m", "max_model_len": 4096}]}
QUESTION = (Message("user", "What is 7 + 5?"),)


def request(server: Server, *messages: Message, context: int = 0, **more) -> Request[RemoteModel]:
    model = RemoteModel("office/m", server, "m", context)
    return Request(model, messages or QUESTION, **{"sampling": Sampling(temperature=0.0), **more})


async def events(engine: RemoteEngine, asked: Request[RemoteModel]) -> list[Event]:
    async with aclosing(engine.stream(asked)) as stream:
        return [event async for event in stream]


def text_of(found: list[Event], kind: str = "text") -> str:
    return "".join(event.text for event in found if isinstance(event, Delta) and event.kind == kind)


def receipt_of(found: list[Event]) -> Receipt:
    return next(event.receipt for event in found if isinstance(event, Done))


async def immediately(seconds: float) -> None:
    pass


@pytest.fixture
async def engine():
    engine = RemoteEngine(Timeouts(connect=2.0, first=5.0, silence=5.0), sleep=immediately)
    yield engine
    await engine.close()


def routes(recorded: Recorded) -> dict:
    show = {"model_info": {"llama.context_length": 8192}}
    listed = {"/v1/models": MODELS, "/api/v1/models": {"models": [{"key": "m"}]}, "/api/show": show}
    return {**listed, recorded.path: recorded.raw}


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.dialect)
async def test_an_answer_is_the_same_in_every_dialect(engine, recorded):
    async with replaying(routes(recorded)) as replay:
        found = await events(engine, request(Server(replay.url, dialect=recorded.dialect), context=2048))
    receipt = receipt_of(found)
    assert (text_of(found), text_of(found, "thinking")) == (TEXT, recorded.thinking)
    assert (receipt.prompt_tokens, receipt.completion_tokens) == recorded.usage
    assert (receipt.stop_reason, receipt.model, receipt.context) == ("end", "office/m", 2048)
    assert receipt.server in replay.url


class Cut(httpx2.AsyncByteStream):
    """The beginning of a body, and then a broken connection."""

    def __init__(self, content: bytes, *, broken: bool) -> None:
        self._content = content
        self._broken = broken

    async def __aiter__(self):
        yield self._content
        if self._broken:
            raise httpx2.ReadError("gone")


@pytest.mark.parametrize("recorded", ANSWERS, ids=lambda recorded: recorded.dialect)
async def test_an_answer_that_is_cut_anywhere_keeps_what_arrived_and_says_one_sentence(recorded, monkeypatch):
    monkeypatch.setattr("lechat_tui.engine.remote.engine.DELAYS_SECONDS", ())
    content = b""
    at = 0

    def answer(asked: httpx2.Request) -> httpx2.Response:
        if asked.method == "GET" or not asked.url.path.endswith(recorded.path):
            return httpx2.Response(200, json={**MODELS, "models": [{"key": "m"}]})
        cut = Cut(content, broken=at % 2 == 0)
        return httpx2.Response(200, headers={"Content-Type": recorded.kind}, stream=cut)

    engine = RemoteEngine(sleep=immediately)
    server = Server("http://localhost:1", dialect=recorded.dialect)
    known, _ = await engine._opened(server)
    known.connection._client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    ends = (b"\n", b"}") if recorded.dialect == "ollama" else (b"\n\n",)
    marked = b"<thi" in recorded.content
    before = whole = ""
    for at in range(len(recorded.content)):
        content = recorded.content[:at]
        found: list[Event] = []
        sentence = ""
        try:
            async with aclosing(engine.stream(request(server))) as stream:
                async for event in stream:
                    found.append(event)
        except EngineError as error:
            sentence = str(error)
        everything = text_of(found, "thinking") + text_of(found)
        if content.endswith(ends):
            whole = everything
        assert everything in (before, whole), "an event counts when it is complete, and is never lost again"
        assert everything.startswith(before) or marked, "a mark is text until all of it is there"
        before = everything
        assert bool(sentence) != any(isinstance(event, Done) for event in found)
        assert len(sentence) < 200 and "\n" not in sentence
    assert text_of(found) == TEXT
    await engine.close()


async def test_the_kind_of_a_server_is_found_out():
    props = {"default_generation_settings": {"n_ctx": 512}}
    vllm = {"data": [{"id": "m", "owned_by": "vllm"}]}
    kinds: dict[str, dict[str, Any]] = {
        "llama-server": {"/props": props, "/v1/models": MODELS},
        "ollama": {"/api/version": {"version": "0.33.0"}, "/v1/models": MODELS},
        "lm-studio": {"/api/v1/models": {"models": []}, "/v1/models": MODELS},
        "vllm": {"/version": {"version": "0.33"}, "/v1/models": vllm},
        "openai": {"/v1/models": MODELS},
    }
    for expected, answers in kinds.items():
        async with replaying(answers) as replay:
            connection = Connection(Server(replay.url))
            assert (await find(connection)).name == expected
            await connection.close()
    mistral = Connection(Server("https://api.mistral.ai"))
    assert (await find(mistral)).name == "mistral"


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("openai", {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 20, "stop": ["END"]}),
        ("mistral", {"temperature": 0.5, "top_p": 0.9, "random_seed": 7, "max_tokens": 20, "stop": ["END"]}),
        ("vllm", {"top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "seed": 7}),
        ("llama-server", {"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "max_tokens": 20}),
        ("ollama", {"options": {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1,
                                "seed": 7, "num_predict": 20, "stop": ["END"], "num_ctx": 1024}, "truncate": False}),
    ],
)  # fmt: skip
async def test_sampling_is_sent_as_the_server_calls_it(engine, dialect, expected):
    recorded = next(answer for answer in ANSWERS if answer.dialect == dialect)
    sampling = Sampling(0.5, 0.9, 40, 0.1, 1.1, 7, 20, ("END",))
    async with replaying(routes(recorded)) as replay:
        found = await events(engine, request(Server(replay.url, dialect=dialect), context=1024, sampling=sampling))
    body = next(call.body for call in replay.calls if call.path == recorded.path)
    assert {key: body[key] for key in expected} == expected
    note = next(event.note for event in found if isinstance(event, Fitted))
    assert ("ignores top-k, min-p and repeat penalty" in note) == (dialect in ("openai", "mistral"))


TEMPLATE = {"enable_thinking": False, "thinking": False}
NO_THINKING = {
    "openai": {"reasoning_effort": "none"},
    "mistral": {"reasoning_effort": "none"},
    "llama-server": {"reasoning_effort": "none", "chat_template_kwargs": TEMPLATE},
    "vllm": {"reasoning_effort": "none", "chat_template_kwargs": TEMPLATE},
    "sglang": {"reasoning_effort": "none", "chat_template_kwargs": TEMPLATE},
    "ollama": {"think": False},
    "lm-studio": {},
}


@pytest.mark.parametrize(("dialect", "expected"), NO_THINKING.items())
async def test_thinking_is_turned_off_as_each_server_wants_it(engine, dialect, expected):
    recorded = next(answer for answer in ANSWERS if answer.dialect == dialect)
    quiet = Sampling(temperature=0.0, think="off")
    async with replaying(routes(recorded)) as replay:
        server = Server(replay.url, dialect=dialect)
        await events(engine, request(server))
        found = await events(engine, request(server, sampling=quiet))
        asked, told = [call.body for call in replay.calls if call.path == recorded.path]
    assert {key: told[key] for key in told.keys() - asked.keys()} == expected
    note = next(event.note for event in found if isinstance(event, Fitted))
    assert ("LM Studio has no switch for thinking" in note) == (dialect == "lm-studio")
    assert receipt_of(found).sampling.think == ("auto" if dialect == "lm-studio" else "off")


async def test_an_image_is_made_smaller_before_it_is_sent(tmp_path):
    noise = Image.effect_noise((1600, 800), 90).convert("RGB")
    plain = Image.new("RGB", (300, 200), "red")
    for number, (picture, size, kind) in enumerate([(noise, (1540, 770), "jpeg"), (plain, (300, 200), "png")]):
        file = tmp_path / f"{number}.png"
        picture.save(file)
        sent = data_uri(Attachment(str(number), file.name, "image", file, file.stat().st_size, *picture.size))
        head, _, content = sent.partition(";base64,")
        assert head == f"data:image/{kind}"
        assert Image.open(BytesIO(base64.b64decode(content))).size == size


async def test_a_model_that_cannot_think_is_not_told_to(engine):
    recorded = next(answer for answer in ANSWERS if answer.dialect == "ollama")
    show = {"capabilities": ["completion"], "model_info": {"llama.context_length": 8192}}
    async with replaying({**routes(recorded), "/api/show": show}) as replay:
        asked = request(Server(replay.url, dialect="ollama"), sampling=Sampling(think="on"))
        found = await events(engine, asked)
    assert "think" not in next(call.body for call in replay.calls if call.path == recorded.path)
    assert "can't think" in next(event.note for event in found if isinstance(event, Fitted))


@pytest.mark.parametrize("dialect", ["llama-server", "vllm", "mistral", "ollama", "openai"])
async def test_an_answer_is_continued_as_each_server_wants_it(engine, dialect):
    recorded = next(answer for answer in ANSWERS if answer.dialect == dialect)
    unfinished = Message("assistant", "7 + 5", state="cut")
    server_says = {
        "openai": ANSWERS[0].raw,
        "mistral": stream(sse(choice({"content": "7 + "}), choice({"content": "5 is 12."}, "stop"))),
    }
    async with replaying({**routes(recorded), recorded.path: server_says.get(dialect, recorded.raw)}) as replay:
        asked = request(Server(replay.url, dialect=dialect), *QUESTION, unfinished, context=1024, continues=True)
        if dialect == "openai":
            with pytest.raises(EngineError, match="can't continue an answer"):
                await events(engine, asked)
            return
        found = await events(engine, asked)
    body = next(call.body for call in replay.calls if call.path == recorded.path)
    assert body["messages"][-1]["content"] == "7 + 5"
    assert body["messages"][-1].get("prefix", False) == (dialect == "mistral")
    assert body.get("continue_final_message", False) == (dialect == "vllm")
    assert text_of(found) == (" is 12." if dialect == "mistral" else TEXT)


async def test_what_may_pass_is_tried_again_before_the_first_token(engine):
    busy = Raw(429, (("Retry-After", "3"),), (b'{"error": {"message": "slow down"}}',))
    unavailable = Raw(503, chunks=(b"<html>",))
    recorded = ANSWERS[0]
    async with replaying({**routes(recorded), recorded.path: [busy, unavailable, recorded.raw]}) as replay:
        found = await events(engine, request(Server(replay.url, dialect="openai")))
    waited = [event.reason for event in found if isinstance(event, Waiting)]
    assert ["slow down" in waited[0], "503" in waited[1]] == [True, True]
    assert text_of(found) == TEXT


async def test_nothing_is_tried_again_after_the_first_token(engine):
    broken = Raw(
        headers=(("Content-Type", "text/event-stream"),), chunks=(sse(choice({"content": "Hé"}), done=False),), cut=True
    )
    async with replaying({**routes(ANSWERS[0]), ANSWERS[0].path: broken}) as replay:
        with pytest.raises(EngineError, match="broke off; what has arrived is kept"):
            await events(engine, request(Server(replay.url, dialect="openai")))
        assert [call.path for call in replay.calls].count(ANSWERS[0].path) == 1


async def test_a_server_that_is_not_there_is_named_with_what_to_do(engine):
    with pytest.raises(EngineError, match="localhost:9 does not answer; start the server, or choose another model"):
        await events(engine, request(Server("http://localhost:9", dialect="openai")))


async def test_a_key_is_sent_to_its_server_only_and_shown_nowhere(engine, monkeypatch):
    monkeypatch.setenv("OFFICE_KEY", "sk-very-secret")
    recorded = ANSWERS[0]
    async with replaying(routes(recorded)) as other:
        moved = Raw(307, (("Location", f"{other.url}{recorded.path}"),))
        async with replaying({**routes(recorded), recorded.path: [recorded.raw, moved]}) as replay:
            server = Server(replay.url, key_env="OFFICE_KEY", dialect="openai")
            found = await events(engine, request(server))
            assert {call.headers["authorization"] for call in replay.calls} == {"Bearer sk-very-secret"}
            with pytest.raises(EngineError, match="redirects to http://") as raised:
                await events(engine, request(server))
        assert other.calls == []
    assert "sk-very-secret" not in repr((found, server, str(raised.value), receipt_of(found)))


async def test_a_key_that_is_missing_or_rejected_is_explained(engine, tmp_path, monkeypatch):
    monkeypatch.delenv("OFFICE_KEY", raising=False)
    file = tmp_path / "key"
    file.write_text("sk-old\n")
    rejected = Raw(401, chunks=(b'{"error": {"message": "invalid key"}}',))
    async with replaying({"/v1/models": rejected}) as replay:
        for more, sentence in (
            ({"key_env": "OFFICE_KEY"}, "set OFFICE_KEY to the API key"),
            ({"key_file": str(tmp_path / "none")}, "can't be read"),
            ({"key_file": str(file)}, "rejects the API key in .*: invalid key"),
            ({}, "requires an API key; lechat connect .* --key-env VARIABLE"),
        ):
            with pytest.raises(EngineError, match=sentence):
                await events(engine, request(Server(replay.url, dialect="openai", **more)))


async def test_the_oldest_messages_are_left_out_of_a_short_window(engine):
    recorded = ANSWERS[0]
    chat = [Message("user" if at % 2 == 0 else "assistant", f"{at} " + "word " * 100) for at in range(21)]
    async with replaying({**routes(recorded), "/v1/models": {"data": [{"id": "m", "max_model_len": 1024}]}}) as replay:
        server = Server(replay.url, dialect="openai")
        found = await events(engine, request(server, *chat))
        fitted = next(event for event in found if isinstance(event, Fitted))
        plan = await engine.plan(request(server, *chat))
        with pytest.raises(ContextOverflow, match="do not fit into the context window of m"):
            await events(engine, request(server, Message("user", "word " * 5000)))
    sent = next(call.body for call in replay.calls if call.path == recorded.path)["messages"]
    assert (fitted.limit, fitted.estimated) == (1024, True)
    assert len(sent) == len(chat) - len(fitted.left_out) < 10
    assert sent[-1]["content"] == chat[-1].text
    assert len(plan.costs) == len(chat)


async def test_a_server_that_finds_the_prompt_too_long_is_an_overflow(engine):
    too_long = Raw(400, chunks=(b'{"error": {"message": "the request exceeds the available context size"}}',))
    async with replaying({"/v1/models": MODELS, "/v1/chat/completions": too_long}) as replay:
        with pytest.raises(ContextOverflow):
            await events(engine, request(Server(replay.url, dialect="openai")))


async def test_closing_the_answer_closes_the_connection(engine):
    endless = Raw(
        headers=(("Content-Type", "text/event-stream"),),
        chunks=(sse(choice({"content": "x"}), done=False),) * 500,
        pause=0.02,
    )
    async with replaying({"/v1/models": MODELS, "/v1/chat/completions": endless}) as replay:
        async with aclosing(engine.stream(request(Server(replay.url, dialect="openai")))) as stream:
            async for event in stream:
                if isinstance(event, Delta):
                    break
        async with asyncio.timeout(1):
            await replay.closed.wait()


async def test_a_certificate_is_trusted_only_if_its_authority_is_named(engine, tmp_path):
    recorded = ANSWERS[0]
    async with replaying(routes(recorded), tls=True) as replay:
        trusted = Server(replay.url, cacert=str(CERTIFICATE), dialect="openai")
        assert text_of(await events(engine, request(trusted))) == TEXT
        calls = len(replay.calls)
        for server, sentence in (
            (Server(replay.url, dialect="openai"), "is not trusted .*; --cacert FILE "),
            (Server(replay.url, cacert=str(tmp_path / "none"), dialect="openai"), "can't be read"),
            (Server(replay.url, cacert=__file__, dialect="openai"), "can't be read"),
        ):
            with pytest.raises(EngineError, match=sentence):
                await events(engine, request(server))
        assert len(replay.calls) == calls


async def test_https_to_a_server_without_tls_says_so(engine):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(
            EngineError, match="does not speak TLS; if it is plain HTTP, begin the address with http://"
        ):
            await events(engine, request(Server(url, dialect="openai")))


async def test_a_proxy_is_used_for_other_machines_only(engine, monkeypatch):
    recorded = ANSWERS[0]
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with replaying(routes(recorded)) as here, replaying({}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.routes = {f"http://office.example{path}": reply for path, reply in routes(recorded).items()}
        assert text_of(await events(engine, request(Server("http://office.example", dialect="openai")))) == TEXT
        proxied = len(proxy.calls)
        assert text_of(await events(engine, request(Server(here.url, dialect="openai")))) == TEXT
        assert proxied == len(proxy.calls) > 0


class Pieces(httpx2.AsyncByteStream):
    """Pieces that arrive at these intervals in seconds."""

    def __init__(self, *intervals: float) -> None:
        self._intervals = intervals

    async def __aiter__(self):
        for number, seconds in enumerate(self._intervals):
            if seconds:
                await asyncio.sleep(seconds)
            yield b"%d" % number


@pytest.mark.parametrize(
    ("intervals", "pauses"),
    [((0.0, 0.0, 0.0), 0), ((0.02, 0.02, 0.02), 0), ((0.02, 0.002, 0.0, 0.002), 2)],
    ids=["already there", "slow", "fast"],
)
async def test_pieces_are_read_together_only_if_they_follow_each_other_fast(intervals, pauses, monkeypatch):
    now, slept = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now))
    assert [piece async for piece in pacing.Paced(Pieces(*intervals), 5.0, 5.0)] == [
        b"%d" % n for n in range(len(intervals))
    ]
    assert slept.count(pacing.PAUSE_SECONDS) == pauses


async def test_a_server_that_falls_silent_is_not_waited_for_but_one_that_loads_a_model_is(monkeypatch):
    recorded = ANSWERS[0]
    late = Raw(headers=recorded.raw.headers, chunks=recorded.raw.chunks, pause=0.3)
    silent = Raw(headers=recorded.raw.headers, chunks=(sse(choice({"content": "Hé"}), done=False), b"x"), pause=0.3)
    engine = RemoteEngine(Timeouts(connect=2.0, first=5.0, silence=0.1))
    async with replaying({**routes(recorded), recorded.path: [late, silent]}) as replay:
        asked = request(Server(replay.url, dialect="openai"))
        assert text_of(await events(engine, asked)) == TEXT
        with pytest.raises(EngineError, match=r"did not answer in time; .*what has arrived is kept"):
            await events(engine, asked)
    await engine.close()


async def test_offline_mode_allows_this_machine_only(engine, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    async with replaying(routes(ANSWERS[0])) as replay:
        assert text_of(await events(engine, request(Server(replay.url, dialect="openai")))) == TEXT
    with pytest.raises(EngineError, match="needs the network, and lechat is offline"):
        await events(engine, request(Server("http://office.example", dialect="openai")))


def halves(text: str) -> Iterator[tuple[str, str]]:
    return ((text[:at], text[at:]) for at in range(len(text)))


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>a</think>\n\nb", "a", "b"),
        ("\n[THINK]a[/THINK]b", "a", "b"),
        ("<think>a", "a", ""),
        ("plain <think>a</think>", "", "plain <think>a</think>"),
        ("<thin air", "", "<thin air"),
        ("  ", "", "  "),
    ],
)
def test_thinking_in_the_text_is_found_however_it_arrives(text, thinking, answer):
    for parts in halves(text):
        marks = ThinkingMarks()
        deltas = [out for part in parts if part for out in marks.feed(Delta(part))] + list(marks.rest())
        assert "".join(d.text for d in deltas if d.kind == "thinking") == thinking
        assert "".join(d.text for d in deltas if d.kind == "text") == answer


@pytest.mark.parametrize(("text", "expected"), [("Once upon", " upon"), ("On top", "On top"), ("On", "On")])
def test_a_repeated_beginning_is_dropped(text, expected):
    for parts in halves(text):
        repeated = RepeatedBeginning("Once")
        deltas = [out for part in parts if part for out in repeated.feed(Delta(part))] + list(repeated.rest())
        assert "".join(delta.text for delta in deltas) == expected


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("https://api.mistral.ai/v1/", "https://api.mistral.ai"),
        ("http://h/llm/v1/chat/completions", "http://h/llm"),
        ("http://[::1]:11434/api", "http://[::1]:11434"),
        ("http://h?key=1", "http://h"),
    ],
)
def test_addresses_are_understood_as_people_copy_them(typed, url):
    assert base_url(typed) == url


@pytest.mark.parametrize("typed", ["ftp://h", "http://", "http://user:pass@h", "http://h:port", "http://[::1"])
def test_other_addresses_are_rejected(typed):
    with pytest.raises(EngineError):
        base_url(typed)


def test_every_dialect_has_a_recording():
    assert {recorded.dialect for recorded in ANSWERS} == set(DIALECTS)


async def test_what_a_server_has_loaded_is_told_as_far_as_it_reports_that():
    tags = {"models": [{"name": "big", "size": 9 * 10**9}, {"name": "small", "size": 2 * 10**9}]}
    loaded = {"name": "big", "size": 10 * 10**9, "size_vram": 6 * 10**9, "context_length": 4096}
    show = {"model_info": {"llama.context_length": 8192}}
    answers = {"/api/tags": tags, "/api/show": show, "/api/ps": {"models": [loaded]}}
    async with replaying(answers) as replay:
        found = await connect(Server(replay.url, dialect="ollama"), running=True)
    big, small = fit_on.table(found.models)
    assert "9.0 GB" in big and "4,096 tokens" in big and big.endswith("loaded: 10.0 GB, 6.0 GB on a GPU")
    assert "8,192 tokens" in small and small.endswith("not loaded")


async def test_ollama_is_not_asked_for_a_window_as_long_as_it_was_trained():
    found = [ServerModel("llama3", context=131_072), ServerModel("tiny", context=2048)]
    rows = servers.rows("ollama", Server("http://localhost:11434", dialect="ollama"), "here", found)
    assert [(row.context, row.trained) for row in rows] == [(16_384, 131_072), (2048, 2048)]
    rows = servers.rows("office", Server("http://localhost:8000", dialect="vllm"), "here", found)
    assert [row.context for row in rows] == [131_072, 2048], "it has that open already"


async def test_a_server_that_was_replaced_by_another_kind_is_recognized(engine):
    busy = Raw(503, chunks=(b"{}",))
    ollama = next(answer for answer in ANSWERS if answer.dialect == "ollama")
    async with replaying({"/v1/models": MODELS, "/v1/chat/completions": busy}) as replay:

        def stopped(call: object) -> Raw:
            replay.routes |= {**routes(ollama), "/api/version": {"version": "0.33"}}
            return busy

        replay.routes["/v1/chat/completions"] = stopped
        found = await events(engine, request(Server(replay.url)))
    assert text_of(found) == TEXT
    assert receipt_of(found).engine == "Ollama"
