"""Whole conversations, the same with a model of this machine and with one on a real llama-server."""

import asyncio
import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from calling import caller
from PIL import Image, ImageDraw
from replay import Raw, choice, replaying, sse, stream

from lechat_tui import paths
from lechat_tui.cli import compose
from lechat_tui.drawing.themes import read_themes
from lechat_tui.engine.base import ContextOverflow, Delta, EngineError, Fitted, Prefill, Server
from lechat_tui.engine.remote.discovery import connect
from lechat_tui.inline.session import Session
from lechat_tui.message import Attachment
from lechat_tui.models import servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, read
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation

pytest.importorskip("xllamacpp")


def row_on(server: Server) -> Model:
    """The model that the server offers."""
    with ThreadPoolExecutor() as pool:  # this thread has an event loop already
        found = pool.submit(asyncio.run, connect(server)).result()
    (row,) = servers.rows("office", found.server, "here", found.models)
    return row


@pytest.fixture(scope="session")
def server_row(llama_server) -> Model:
    return row_on(llama_server.server)


@pytest.fixture(params=["local", "server"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def row(request, kind) -> Model:
    here = read(paths.bundled("models.toml"))["chaton-vision"]
    return request.getfixturevalue("server_row") if kind == "server" else here


def begun(store: Store, row: Model) -> Conversation:
    models = Models({**read(paths.bundled("models.toml")), row.id: row})
    settings = Settings(temperature=0.0, context=1024, threads=1, titles=False)
    return Conversation(store, compose.engine(), models, row, settings=settings)


@pytest.fixture
async def conversation(row, tmp_path):
    with Store(tmp_path / "data") as store:
        conversation = begun(store, row)
        yield conversation
        await conversation.engine.close()


async def ask(conversation: Conversation, text: str, *files: Attachment) -> str:
    async with aclosing(conversation.ask(text, files)) as events:
        return await collected(events)


async def collected(events) -> str:
    return "".join([event.text async for event in events if isinstance(event, Delta) and event.kind == "text"])


def circle(folder: Path, store: Store) -> Attachment:
    picture = Image.new("RGB", (256, 256), (205, 205, 205))
    ImageDraw.Draw(picture).ellipse((60, 60, 200, 200), fill="red")
    picture.save(folder / "circle.png")
    return store.keep_attachment((folder / "circle.png").read_bytes(), "circle.png", "image", 256, 256)


async def test_questions_are_answered_from_what_was_said_before(conversation):
    assert await ask(conversation, "What is 7 + 5?") == "7 + 5 = 12."
    assert await ask(conversation, "My name is Ada.")
    assert "Ada" in await ask(conversation, "What is my name?")
    receipt = conversation.messages[-1].receipt
    assert receipt.cached_tokens > 0
    assert receipt.completion_tokens > 3
    assert receipt.stop_reason == "end"
    assert bool(receipt.server) == bool(conversation.model.server)


async def test_a_long_question_is_read_with_progress(conversation):
    conversation.change_settings(replace(conversation.settings, max_tokens=1))
    async with aclosing(conversation.ask("word " * 500)) as events:
        read = [event async for event in events if isinstance(event, Prefill)]
    assert read[-1].total > 400
    assert all(event.cached <= event.done <= event.total for event in read)


async def test_an_answer_that_breaks_off_is_kept_and_continued(tmp_path):
    broken = Raw(
        200, (("Content-Type", "text/event-stream"),), (sse(choice({"content": "7 + 5"}), done=False),), cut=True
    )
    rest = stream(sse(choice({"content": " = 12."}, "stop")))
    offered = {
        "/v1/models": {"data": [{"id": "m", "max_model_len": 4096, "owned_by": "vllm"}]},
        "/tokenize": {"count": 9},
    }
    async with replaying({**offered, "/v1/chat/completions": [broken, rest]}) as replay:
        row = Model("office/m", "M", ("text",), server=replay.url, model="m", dialect="vllm")
        with Store(tmp_path / "data") as store:
            conversation = begun(store, row)
            with pytest.raises(EngineError, match="broke off; what has arrived is kept"):
                await ask(conversation, "What is 7 + 5?")
            assert (conversation.messages[-1].text, conversation.messages[-1].state) == ("7 + 5", "failed")
            async with aclosing(conversation.continue_answer()) as events:
                assert await collected(events) == " = 12."
            assert (conversation.messages[-1].text, conversation.messages[-1].state) == ("7 + 5 = 12.", "complete")
            await conversation.engine.close()


async def test_an_answer_is_stopped_kept_and_continued(conversation, request):
    arrived = ""
    async with aclosing(conversation.ask("Count from 1 to 30.")) as events:
        async for event in events:
            arrived += event.text if isinstance(event, Delta) else ""
            if len(arrived) > 20:
                break
    if conversation.model.server:
        await stopped_within(request.getfixturevalue("llama_server"), 0.1)
    assert conversation.messages[-1].state == "stopped"
    async with aclosing(conversation.continue_answer()) as events:
        rest = await collected(events)
    assert conversation.messages[-1].text == arrived + rest
    assert conversation.messages[-1].text.rstrip(" .").endswith("30")


async def stopped_within(server, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while await asyncio.to_thread(server.busy):
        assert time.monotonic() < deadline, "the server is still working"


async def test_answers_branch_and_are_regenerated_and_cut(conversation):
    await ask(conversation, "What is 7 + 5?")
    first = conversation.messages[-1]
    async with aclosing(conversation.regenerate()) as events:
        assert await collected(events) == first.text
    assert conversation.messages[-1].id != first.id
    async with aclosing(conversation.ask("What is 7 + 4?", instead=conversation.messages[0].id)) as events:
        assert await collected(events) == "7 + 4 = 11."
    conversation.change_settings(replace(conversation.settings, max_tokens=3))
    await ask(conversation, "Count from 1 to 30.")
    assert (conversation.messages[-1].state, conversation.messages[-1].receipt.completion_tokens) == ("cut", 3)


async def test_the_answer_of_another_model_stands_beside_the_first(conversation, request):
    await ask(conversation, "What is 7 + 5?")
    first = conversation.messages[-1]
    here = conversation.models.get("chaton")
    other = here if conversation.model.server else request.getfixturevalue("server_row")
    async with aclosing(conversation.regenerate(model=other)) as events:
        assert await collected(events) == "7 + 5 = 12."
    second = conversation.messages[-1]
    assert conversation.store.siblings(second.id) == [first.id, second.id]
    assert [first.receipt.model, second.receipt.model] == [conversation.model.id, other.id]
    assert [bool(first.receipt.server), bool(second.receipt.server)] == [bool(conversation.model.server), other != here]


async def test_a_chat_is_replaced_by_its_summary(conversation):
    await ask(conversation, "My name is Ada.")
    await ask(conversation, "What is 7 + 5?")
    async with aclosing(conversation.compact()) as events:
        text = await collected(events)
    assert text.strip()
    assert conversation.messages[-1].role == "summary"
    assert [text in message.text for message in conversation.prompt()] == [True]
    assert await ask(conversation, "What is 2 + 3?")


async def test_an_image_is_seen(conversation, tmp_path):
    assert await ask(conversation, "What is in this picture?", circle(tmp_path, conversation.store)) == "A red circle."
    assert conversation.messages[-1].receipt.pictures == 1


async def test_a_chat_is_planned_trimmed_and_summed_up(conversation):
    await ask(conversation, "What is 7 + 5?")
    _, planned = await conversation.plan()
    assert (planned.limit, planned.estimated, planned.left_out) == (1024, False, ())
    assert planned.tokens > 10
    with pytest.raises(ContextOverflow):
        await ask(conversation, "word " * 3000)
    conversation.change_settings(replace(conversation.settings, max_tokens=8))
    for number in range(12):
        async with aclosing(conversation.ask(f"{number} " + "Say something. " * 12)) as events:
            left = [event.left_out async for event in events if isinstance(event, Fitted)]
    assert left[-1]
    assert conversation.messages[-1].receipt.left_out == len(left[-1])
    assert conversation.messages[-1].receipt.prompt_tokens <= planned.room


async def test_models_here_and_there_answer_in_turn(conversation, request):
    row = request.getfixturevalue("server_row")
    await ask(conversation, "My name is Ada.")
    for model in (conversation.models.get("chaton"), conversation.models.catalog.get(row.id) or row):
        conversation.switch(model)
        assert "Ada" in await ask(conversation, "What is my name?")
        assert conversation.messages[-1].receipt.model == model.id


def test_a_chat_in_the_scrollback_is_answered(row, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("What is 7 + 5?\n/why\n/regen\n/compact\n"))
    with Store(tmp_path / "data") as store:
        Session(begun(store, row), read_themes()).run()
    shown = capsys.readouterr().out
    assert shown.count("7 + 5 = 12.") >= 2
    assert row.id in shown
    assert bool(row.server) == (" on 127.0.0.1:" in shown)


def test_a_one_shot_question_is_answered(kind, llama_server, tmp_path, monkeypatch, capfd):
    lechat = caller(tmp_path, monkeypatch, capfd)
    id = "chaton"
    if kind == "server":
        connected = lechat("connect", llama_server.url, "--name", "office")
        assert connected.returncode == 0, connected.stderr
        (id,) = (line.split()[0] for line in connected.stdout.splitlines())
    answered = json.loads(lechat("-m", id, "--output", "json", "What is 7 + 5?").stdout)
    assert (answered["text"], answered["model"]) == ("7 + 5 = 12.", id)
    assert answered["receipt"]["server"] == ("" if kind == "local" else llama_server.server.label)
    events = [
        json.loads(line) for line in lechat("-m", id, "--output", "stream-json", "-c", "Hello").stdout.splitlines()
    ]
    assert {"fitted", "text", "done"} <= {event["type"] for event in events}


def test_a_server_is_listed_inspected_and_forgotten(llama_server, tmp_path, monkeypatch, capfd):
    lechat = caller(tmp_path, monkeypatch, capfd)
    (id,) = (line.split()[0] for line in lechat("connect", llama_server.url, "--name", "office").stdout.splitlines())
    assert id in lechat("connect", "--list").stdout
    fits = lechat("fit", "--on", "office").stdout
    assert "does not report the memory of its machine" in fits
    assert "2,048 tokens  loaded" in fits
    assert json.loads(lechat("fit", id, "--on", llama_server.url, "--json").stdout)["models"][0]["loaded"]
    assert "has no model other" in lechat("fit", "other", "--on", "office").stderr
    assert "connected servers: office" in lechat("fit", "--on", "home").stderr
    assert lechat("connect", "--remove", "office").returncode == 0
    assert lechat("-m", id, "Hello").returncode == 1


@pytest.mark.parametrize("kind", ["llama_server", "python_server"])
def test_the_check_for_any_server_finds_these_in_order(request, kind):
    if kind == "python_server":
        pytest.importorskip("starlette_context", reason="needs llama-cpp-python[server]")
    url = request.getfixturevalue(kind).url
    tool = Path(__file__).parent.parent.parent / "tools" / "check_server"
    checked = subprocess.run([sys.executable, tool, url], capture_output=True, text=True, timeout=100)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("\nok ") == 7


async def test_a_server_with_openais_chat_completions_alone_answers(request, tmp_path):
    pytest.importorskip("starlette_context", reason="needs llama-cpp-python[server]")
    server = request.getfixturevalue("python_server")
    with Store(tmp_path / "data") as store:
        conversation = begun(store, row_on(server))
        assert await ask(conversation, "What is 7 + 5?") == "7 + 5 = 12."
        await ask(conversation, "My name is Ada.")
        assert "Ada" in await ask(conversation, "What is my name?")
        assert conversation.messages[-1].receipt.completion_tokens > 3
        async with aclosing(conversation.ask("Count from 1 to 30.")) as events:
            async for event in events:
                if isinstance(event, Delta):
                    break
        assert conversation.messages[-1].state == "stopped"
        with pytest.raises(EngineError, match="can't continue an answer; /regen"):
            async with aclosing(conversation.continue_answer()) as events:
                await collected(events)
        conversation.change_settings(replace(conversation.settings, max_tokens=3))
        await ask(conversation, "Count from 1 to 30.")
        assert conversation.messages[-1].state == "cut"
        with pytest.raises(ContextOverflow):
            await ask(conversation, "word " * 3000)
        async with aclosing(conversation.compact()) as events:
            assert await collected(events)
        await conversation.engine.close()
