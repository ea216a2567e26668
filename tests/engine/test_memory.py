"""Memory is freed when a model is unloaded, and does not grow in an engine that runs for long."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.engine.base import Done, LocalModel, ModelSpec, Request, TuningOptions
from lechat_tui.engine.costs import RELEASE_SECONDS, Costs, release_pays
from lechat_tui.engine.llama.answer import answer as answer_events
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Receipt, Sampling

FOLDER = paths.bundled("chaton")
TEXT = LocalModel("chaton", FOLDER / "chaton-q8_0.gguf", context=16_384, tuning=TuningOptions(threads=1))
VISION = replace(TEXT, name="chaton-vision", projector=FOLDER / "chaton-mmproj-q8_0.gguf")
MEGABYTE = 1_000_000


def children() -> dict[int, int]:
    """The engine's processes and the bytes of memory each holds."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "engine.worker"], capture_output=True, check=False)
    return {pid: resident(pid) for pid in map(int, found.stdout.split())}


def resident(pid: int) -> int:
    listing = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(listing.stdout) * 1024


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@asynccontextmanager
async def opened(logs: Path, room: int | None = None) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(logs, room=room)
    try:
        yield engine
    finally:
        await engine.close()


async def answer(engine: LocalEngine, model: ModelSpec, text: str) -> None:
    request = Request(model, (Message("user", text),), Sampling(temperature=0, max_tokens=24))
    async with aclosing(engine.stream(request)) as events:
        async for _ in events:
            pass


async def cycle(logs: Path) -> None:
    """Two models are loaded, answer, and are unloaded."""
    async with opened(logs) as engine:
        for model in (TEXT, VISION):
            await answer(engine, model, "What is 7 + 5?")
        assert len(children()) == 2


async def test_memory_is_freed_by_every_unload(tmp_path):
    await cycle(tmp_path)  # what Python imports once stays
    before, files = resident(os.getpid()), open_files()
    for _ in range(3):
        await cycle(tmp_path)
        assert not children()
    assert resident(os.getpid()) - before < 2 * MEGABYTE
    assert open_files() == files


async def test_two_models_used_by_turns_without_room_for_both_take_the_memory_of_one(tmp_path):
    async with opened(tmp_path, room=0) as engine:
        await answer(engine, TEXT, "What is 7 + 5?")
        [(first, alone)] = children().items()
        for model in (VISION, TEXT, VISION, TEXT):
            await answer(engine, model, "What is 7 + 5?")
            assert len(children()) == 1
        [(last, now)] = children().items()
    assert last != first and now < alone * 1.2


@pytest.mark.parametrize("text", ["What is 7 + 5?", "word " * 400], ids=["short", "long"])
async def test_an_engine_that_answers_again_and_again_does_not_grow(tmp_path, text):
    async with opened(tmp_path) as engine:
        for number in range(8):
            await answer(engine, TEXT, f"{number % 2} {text}")  # two chats: what is set aside of them is kept once each
        [before] = children().values()
        for number in range(24):
            await answer(engine, TEXT, f"{number % 2} {text}")
        [after] = children().values()
    assert after - before < 2 * MEGABYTE


def anonymous() -> int:
    """Bytes of this process's memory that are not mapped files."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("saved", [True, False], ids=["saved", "private"])
def test_an_idle_engine_returns_its_buffers_and_continues_the_chat_where_it_was(tmp_path, saved):
    spec = replace(TEXT, context=65_536)  # 64 MiB of keys and values
    question = Message("user", "What is 7 + 5? " + "Please. " * 400)

    def ask(*messages: Message) -> Receipt:
        request = Request(spec, messages, Sampling(temperature=0, max_tokens=8), chat=1 if saved else None)
        *_, done = answer_events(llama, request, lambda: False)
        assert isinstance(done, Done)
        return done.receipt

    with closing(Llama(spec, lambda _: None, tmp_path / "states", 10**9)) as llama:
        llama.saved_states.costs = Costs(evaluate=0.01)
        first = ask(question)
        assert not llama.release(RELEASE_SECONDS / 2)
        before = anonymous()
        assert llama.release(RELEASE_SECONDS) and llama.release(RELEASE_SECONDS)
        assert before - anonymous() > 60 * MEGABYTE
        llama.saved_states.forget(2)
        again = ask(question)
        assert again.cached_tokens == first.prompt_tokens - 1
        assert anonymous() > before - 20 * MEGABYTE


@pytest.mark.parametrize(
    ("size", "seconds", "idle", "scarce", "exact", "released"),
    [
        (10**9, 0.2, 299, False, True, False),
        (10**9, 0.2, 300, False, True, True),
        (10**9, 0.4, 3000, False, True, False),  # a wait that would be noticed
        (10**9, 0.4, 60, True, True, True),
        (10**9, 0.2, 300, False, False, False),  # a recurrent memory would lose its checkpoints
        (10**7, 0.2, 3000, True, True, False),
        (None, 0.2, 300, False, True, True),
    ],
)
def test_buffers_are_returned_where_nobody_waits_for_them_or_memory_is_scarce(
    size, seconds, idle, scarce, exact, released
):
    assert release_pays(size, seconds, idle, scarce=scarce, exact=exact) == released
