"""Returning to a chat evaluates only what is new, also after a restart, and a damaged file is never used."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import random_models
from chats import PAGE, TEXT, VISION, Chat, children, eventually, picture

from lechat_tui.engine.base import Delta, Prefill
from lechat_tui.engine.costs import Costs
from lechat_tui.engine.llama.cache import Cache
from lechat_tui.engine.llama.cells import common_prefix
from lechat_tui.engine.llama.saved_states import SavedStates
from lechat_tui.engine.llama.state_files import StateFiles
from lechat_tui.engine.local import LocalEngine
from lechat_tui.machine.hardware import Memory

NEW = 24
"""The most tokens of a short question with what the template writes around it."""

LIMIT = 100_000_000

SLOW = Costs(evaluate=0.01)
"""Of a large model."""

Engines = Callable[..., LocalEngine]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engines]:
    """Starts engines that share one folder of states; all are closed at the end."""
    async with AsyncExitStack() as running:

        def start(**options) -> LocalEngine:
            local = LocalEngine(tmp_path / "logs", states=tmp_path / "states", **{"limit": LIMIT, **options})
            running.push_async_callback(local.close)
            return local

        yield start


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "states").glob("*/*"))


async def closed(local: LocalEngine) -> None:
    """Close, and wait until the children have written their states and are gone."""
    await local.close()
    await eventually(lambda: not children())


async def read_page(local: LocalEngine, number: int | None, model=TEXT, word: str = "One") -> Chat:
    """A chat with a page of text in the cache."""
    chat = Chat(model, number)
    await chat.ask(local, f"{word}. {PAGE}", tokens=4)
    assert chat.receipt and chat.receipt.prompt_tokens > 300
    return chat


async def test_going_to_another_chat_and_back_evaluates_only_what_is_new(engine, tmp_path):
    local = engine()
    first, second = await read_page(local, 1), await read_page(local, 2, word="Two")
    for chat in (first, second, first):
        await chat.ask(local, "What is 7 + 5?")
        assert chat.read <= NEW
        assert chat.progress[0].cached == chat.receipt.cached_tokens
    await closed(local)


async def test_private_chats_are_restored_from_memory_and_leave_no_file(engine, tmp_path):
    local = engine()
    first, second = await read_page(local, None), await read_page(local, None, word="Two")
    await first.ask(local, "What is 7 + 5?")
    assert first.read <= NEW
    await second.ask(local, "What is 7 + 5?")
    assert second.read <= NEW
    await closed(local)
    assert not files(tmp_path)


async def test_a_private_chat_is_not_in_the_file_of_the_next_chat(engine, tmp_path):
    local = engine()
    await read_page(local, None, word="Heliotrope")
    chat = await read_page(local, 5)
    await closed(local)
    (file,) = files(tmp_path)
    ((_, cells, _),) = StateFiles(tmp_path / "states", file.parent.name, LIMIT).states()
    assert len(cells) == chat.receipt.prompt_tokens + chat.receipt.completion_tokens


async def test_editing_an_early_question_and_returning_to_the_old_branch_evaluates_neither_twice(engine, tmp_path):
    local = engine()
    chat = await read_page(local, 1)
    old = list(chat.messages)
    chat.messages.clear()
    await chat.ask(local, f"Two. {PAGE}", tokens=4)
    assert chat.read > 300
    chat.messages = old
    await chat.ask(local, "What is 7 + 5?")
    assert chat.read <= NEW
    await closed(local)


async def test_editing_the_last_question_evaluates_only_the_edit(engine, tmp_path):
    local = engine()
    chat = await read_page(local, 1)
    await chat.ask(local, "What is 7 + 5?")
    del chat.messages[-2:]
    assert await chat.ask(local, "What is 7 + 6?") == "7 + 6 = 13."
    assert chat.read <= NEW
    await closed(local)


async def test_a_model_that_is_loaded_again_evaluates_only_what_is_new(engine, tmp_path):
    local = engine(room=1)  # room for one at a time
    chat = await read_page(local, 1)
    other = Chat(replace(TEXT, name="other"), 1, *chat.messages)
    await other.ask(local, "What is 7 + 5?")
    assert len(children()) == 1
    chat.messages = list(other.messages)
    assert await chat.ask(local, "What is 2 + 2?") == "2 + 2 = 4."
    assert chat.read <= 2 * NEW
    await closed(local)


@pytest.mark.parametrize("model", [TEXT, VISION], ids=["text", "picture"])
async def test_after_a_restart_only_what_is_new_is_evaluated(engine, tmp_path, model):
    local = engine()
    chat = await read_page(local, 3, model)
    if model.projector:
        assert await chat.ask(local, "What is in this picture?", picture(tmp_path, "red", "circle")) == "A red circle."
    await closed(local)
    assert [file.name for file in files(tmp_path)] == ["3.kv"]
    local = engine()
    await chat.ask(local, "What is 7 + 5?")
    assert chat.read <= NEW
    assert chat.progress[0].cached == chat.progress[0].done == chat.receipt.cached_tokens > 300
    await closed(local)


async def test_an_idle_chat_is_written_so_that_even_a_killed_child_loses_nothing(engine, tmp_path):
    local = engine()
    chat = await read_page(local, 1)
    await eventually(lambda: bool(files(tmp_path)) and files(tmp_path)[0].suffix == ".kv")
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    await eventually(lambda: all(child.ended for child in local._children.values()))
    await chat.ask(local, "What is 7 + 5?")
    assert chat.read <= NEW
    await closed(local)


def test_a_killed_program_leaves_no_child_and_its_child_writes_before_it_ends(tmp_path):
    script = f"""
import asyncio, os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from lechat_tui.engine.local import LocalEngine
from test_states import read_page
from chats import children
async def main():
    local = LocalEngine(None, states=Path({str(tmp_path / "states")!r}), limit=10**8)
    await read_page(local, 1)
    print(*children(), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        child = int(program.stdout.readline())
        program.kill()
    asyncio.run(eventually(lambda: not Path(f"/proc/{child}").exists()))
    assert [file.name for file in files(tmp_path)] == ["1.kv"]


async def test_a_deleted_chat_is_forgotten_on_disk_and_in_the_child(engine, tmp_path):
    local = engine()
    first = await read_page(local, 1)
    await read_page(local, 2, word="Two")
    await closed(local)
    local = engine()
    await first.ask(local, "What is 7 + 5?")
    local.forget(1)
    local.forget(2)
    assert not files(tmp_path)
    await closed(local)
    assert not files(tmp_path)


async def test_nothing_is_written_with_a_limit_of_0_and_existing_files_are_deleted(engine, tmp_path):
    local = engine()
    await read_page(local, 1)
    await closed(local)
    assert files(tmp_path)
    local = engine(limit=0)
    await read_page(local, 1)
    await closed(local)
    assert not files(tmp_path)


async def test_the_folder_stays_within_its_limit_and_the_least_recently_used_file_is_deleted(engine, tmp_path):
    local = engine()
    await read_page(local, 1)
    await closed(local)
    size = files(tmp_path)[0].stat().st_size
    local = engine(limit=int(size * 2.5))
    two = await read_page(local, 2, word="Two")
    await closed(local)
    local = engine(limit=int(size * 2.5))
    await read_page(local, 1)
    await read_page(local, 3, word="Three")
    await closed(local)
    kept = {file.name for file in files(tmp_path)}
    assert kept == {"1.kv", "3.kv"} and sum(file.stat().st_size for file in files(tmp_path)) <= size * 2.5
    local = engine()
    await two.ask(local, "What is 7 + 5?")
    assert two.read > 300
    await closed(local)


def cut(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def emptied(data: bytearray) -> bytearray:
    return bytearray()


def flipped_in_the_state(data: bytearray) -> bytearray:
    data[-1000] ^= 4
    return data


def flipped_in_a_token(data: bytearray) -> bytearray:
    at = data.index(b'"slots":[') + 30
    while not 48 <= data[at] <= 57:
        at += 1
    data[at] ^= 1
    return data


def of_another_kind(data: bytearray) -> bytearray:
    return bytearray(b"not a state\n" * 1000)


def of_another_model(data: bytearray) -> bytearray:
    return bytearray(data.replace(b'"key":"', b'"key":"f', 1))


def longer(data: bytearray) -> bytearray:
    return data + b"x"


@pytest.mark.parametrize(
    "damage", [cut, emptied, flipped_in_the_state, flipped_in_a_token, of_another_kind, of_another_model, longer]
)
async def test_a_damaged_file_is_deleted_and_the_answer_is_right(engine, tmp_path, damage):
    local = engine()
    chat = await read_page(local, 1)
    await closed(local)
    (file,) = files(tmp_path)
    file.write_bytes(damage(bytearray(file.read_bytes())))
    local = engine()
    assert await chat.ask(local, "What is 7 + 5?", tokens=12) == "7 + 5 = 12."
    assert chat.receipt.cached_tokens == 0 and not file.exists()
    await closed(local)


async def test_the_saved_state_of_a_model_file_that_was_replaced_is_not_used(engine, tmp_path):
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(TEXT.path.read_bytes())
    model = replace(TEXT, path=copy)
    local = engine()
    chat = await read_page(local, 1, model)
    await closed(local)
    os.utime(copy, (1, 1))
    local = engine()
    await chat.ask(local, "What is 7 + 5?")
    assert chat.receipt.cached_tokens == 0
    await closed(local)


async def test_a_folder_that_cannot_be_written_is_not_an_error(engine, tmp_path):
    (tmp_path / "states").write_text("a file where the folder should be")
    local = engine()
    chat = await read_page(local, 1)
    assert await chat.ask(local, "What is 7 + 5?", tokens=12) == "7 + 5 = 12."
    await closed(local)


def test_a_full_disk_keeps_nothing_and_leaves_nothing(tmp_path):
    disk = StateFiles(tmp_path, "key", LIMIT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        kept = disk.write(1, [1, 2, 3], bytearray(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not kept and not list((tmp_path / "key").iterdir())
    assert disk.write(1, [1, 2, 3], bytearray(1_000_000))


def test_a_write_is_given_up_when_a_request_waits_and_the_old_file_stays(tmp_path):
    disk = StateFiles(tmp_path, "key", LIMIT)
    assert disk.write(1, [1, 2], bytearray(b"old"))
    looks = iter([False, False, False, True])
    assert not disk.write(1, [1, 2, 3], bytearray(12_000_000), lambda: next(looks))
    assert [file.name for file in (tmp_path / "key").iterdir()] == ["1.kv"]
    assert disk.read(disk.path(1), lambda: False) == ((1, 2), bytearray(b"old"))


def test_only_the_owner_can_read_the_files(tmp_path):
    disk = StateFiles(tmp_path / "states", "key", LIMIT)
    disk.write(1, [1, "picture"], bytearray(b"state"))
    assert disk.path(1).stat().st_mode & 0o777 == 0o600
    assert disk.path(1).parent.stat().st_mode & 0o777 == 0o700


def test_an_abandoned_file_is_deleted(tmp_path):
    old, young = tmp_path / "key" / "1-old.part", tmp_path / "key" / "2-young.part"
    old.parent.mkdir()
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    StateFiles(tmp_path, "key", LIMIT)
    assert not old.exists() and young.exists()


async def test_stopping_during_prefill_is_quick_and_keeps_what_was_evaluated(engine, tmp_path):
    local = engine()
    model = replace(TEXT, context=16_384)
    chat = Chat(model, 1)
    await chat.ask(local, PAGE * 8, until=lambda event: isinstance(event, Prefill) and event.done > 1000)
    stopped = chat.progress[-1]
    assert stopped.done < stopped.total
    del chat.messages[-1:]
    await Chat(model, 1, *chat.messages[:-1]).ask(local, "What is 7 + 5?", until=lambda e: isinstance(e, Delta))
    again = Chat(model, 1)
    await again.ask(local, PAGE * 8, tokens=4)
    assert again.receipt.cached_tokens >= stopped.done
    await closed(local)


async def test_a_memory_that_cannot_be_cut_is_restored_whole_or_at_a_checkpoint(engine, tmp_path):
    random_models.recurrent(tmp_path / "recurrent.gguf", TEXT.path)
    model = replace(TEXT, name="recurrent", path=tmp_path / "recurrent.gguf")
    local = engine()
    chat = await read_page(local, 1, model)
    await read_page(local, 2, model, word="Two")
    text = await chat.ask(local, "What is 7 + 5?")
    del chat.messages[-2:]
    assert await chat.ask(local, "What is 7 + 5?") == text
    assert chat.read <= NEW
    await closed(local)


class FakeCache:
    """A cache with cells and no llama.cpp behind it."""

    def __init__(self, cells: list[int]) -> None:
        self.cells = cells
        self.state_bytes = 1000

    def save(self) -> bytearray:
        return bytearray(self.state_bytes)

    def restore(self, cells: list[int], data: bytearray) -> bool:
        self.cells = list(cells)
        return True

    def usable(self, cells: list[int], wanted: list[int]) -> int:
        return common_prefix(cells, wanted)

    def reusable(self, wanted: list[int]) -> int:
        return common_prefix(self.cells, wanted)

    def keep_common_prefix(self, wanted: list[int]) -> int:
        self.cells = self.cells[: common_prefix(self.cells, wanted)]
        return len(self.cells)


@pytest.mark.parametrize(
    ("memory", "restored"),
    [
        (Memory(total=100_000, available=50_000), 299),
        (Memory(total=100_000, available=10_500), 0),
        (Memory(total=10_000, available=10_000, limit=10_000), 0),
    ],
    ids=["enough", "the reserve would be used up", "a sixteenth of the container's memory is too little"],
)
def test_the_machines_memory_decides_whether_a_snapshot_is_taken(memory, restored):
    first, second = list(range(300)), list(range(1000, 1300))
    cache = FakeCache(list(first))
    states = SavedStates(cast("Cache", cache), memory=lambda: memory, costs=SLOW)
    assert states.restore_best(second, 2) == 0
    cache.cells = list(second)
    assert states.restore_best(first, 1) == restored


@pytest.mark.parametrize(("costs", "restored"), [(SLOW, 299), (Costs(evaluate=1e-6), 100)], ids=["slow", "fast"])
def test_a_state_is_restored_where_evaluating_takes_longer(tmp_path, costs, restored):
    disk = StateFiles(tmp_path, "key", LIMIT)
    assert disk.write(1, range(300), bytearray(1_000_000), costs=costs)
    cache = FakeCache(list(range(100)))
    states = SavedStates(cast("Cache", cache), StateFiles(tmp_path, "key", LIMIT))
    assert states.costs == costs, "what one process measured, the next one knows"
    assert states.restore_best(list(range(300)), 1) == restored


def test_what_a_long_chat_leaves_out_is_not_kept_and_what_was_written_is_not_kept_twice(tmp_path):
    cache = FakeCache(list(range(300)))
    states = SavedStates(cast("Cache", cache), StateFiles(tmp_path, "key", LIMIT), costs=SLOW, room=LIMIT)
    states.restore_best(list(range(301)), 1)
    for left_out in range(1, 20):
        cache.cells = list(range(300))
        states.restore_best([0, *range(1000 * left_out, 1000 * left_out + 200)], 1, left_out=left_out)
    cache.cells = list(range(300))
    states.restore_best([*range(290), *range(2000, 2020)], 1, left_out=20)  # the end of an answer was cut
    assert len(list(states.known_cells())) == 1, "the cache itself"
    cache.cells = list(range(300))
    states.restore_best(list(range(5000, 5300)), 2)
    assert len(list(states.known_cells())) == 2
    states.flush_idle(lambda: False)
    assert [file.name for file in (tmp_path / "key").iterdir()] == ["1.kv"]
    assert len(list(states.known_cells())) == 2, "in the file instead of memory"
    cache.cells = list(range(5000, 5300))
    assert states.restore_best(list(range(301)), 1) == 300
