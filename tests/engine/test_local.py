"""The parent's side of the pipe, with children that are slow, noisy, silent or dying."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from chats import eventually

from lechat_tui.engine.base import (
    ContextOverflow,
    Delta,
    Done,
    EngineError,
    Event,
    Fitted,
    Loading,
    LocalModel,
    ModelSpec,
    Request,
    ScarceMemory,
)
from lechat_tui.engine.child import Timeouts
from lechat_tui.engine.local import LocalEngine
from lechat_tui.machine.hardware import Memory
from lechat_tui.message import Message

PREAMBLE = """
import json, os, signal, sys
def say(kind, turn, **body):
    sys.stdout.write(json.dumps([kind, turn, body]) + "\\n"); sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    if not line: os._exit(0)
    return json.loads(line)
def loaded():
    hear(); say("Loading", 0, fraction=0.5); say("Loaded", 0)
def answer():
    while True:
        kind, body = hear()
        if kind == "Answer": return body["turn"]
def done(turn):
    say("Done", turn, receipt={"model": "fake"})
"""


def spec(tmp_path: Path, name: str = "fake") -> ModelSpec:
    path = tmp_path / f"{name}.gguf"
    path.write_bytes(b"x" * 100)
    return LocalModel(name, path)


def engine(script: str, tmp_path: Path, **options) -> LocalEngine:
    return LocalEngine(tmp_path / "logs", worker=(sys.executable, "-c", PREAMBLE + script), **options)


def children() -> list[int]:
    """The process IDs of the children of this process."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "def say"]
    return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]


def request(model: ModelSpec) -> Request:
    return Request(model, (Message("user", "hello"),))


async def heard(engine: LocalEngine, model: ModelSpec) -> list[object]:
    async with aclosing(engine.stream(request(model))) as events:
        return [event async for event in events]


async def test_an_answer_comes_through_with_its_loading(tmp_path):
    script = "loaded()\nwhile True:\n t = answer(); say('Delta', t, text='hi'); done(t)"
    local = engine(script, tmp_path)
    events = await heard(local, spec(tmp_path))
    assert isinstance(events[0], Loading)
    assert events[-2] == Delta("hi") and isinstance(events[-1], Done)
    assert [type(e) for e in await heard(local, spec(tmp_path))] == [Delta, Done]
    await local.close()


async def test_a_child_that_dies_during_an_answer_is_reported_and_the_next_question_works(tmp_path):
    flag = tmp_path / "died"
    script = f"""
loaded(); t = answer(); say('Delta', t, text='half')
if not os.path.exists({str(flag)!r}):
    open({str(flag)!r}, 'w').close()
    print('GGML_ASSERT failed', file=sys.stderr, flush=True)
    os.abort()
done(t); hear()
"""
    local = engine(script, tmp_path)
    events_seen = []
    with pytest.raises(EngineError, match=r"fake was killed by signal 6 \(GGML_ASSERT failed\)"):
        async with aclosing(local.stream(request(spec(tmp_path)))) as events:
            async for event in events:
                events_seen.append(event)
    assert Delta("half") in events_seen
    assert isinstance((await heard(local, spec(tmp_path)))[-1], Done)
    await local.close()


async def test_a_child_that_cannot_load_reports_why_and_is_retried(tmp_path):
    local = engine("hear(); say('Failed', 0, reason='the file is broken')", tmp_path)
    for _ in range(2):
        with pytest.raises(EngineError, match="the file is broken"):
            await local.load(spec(tmp_path))
    await local.close()


async def test_a_child_that_sends_garbage_is_ended_and_reported(tmp_path):
    local = engine("loaded(); answer(); print('Segmentation fault'); sys.stdout.flush(); hear()", tmp_path)
    with pytest.raises(EngineError, match="frame"):
        await heard(local, spec(tmp_path))
    await local.close()


async def test_stopping_reaches_the_child_and_the_rest_of_the_answer_is_not_taken_for_the_next(tmp_path):
    log = tmp_path / "stops"
    script = f"""
loaded(); t = answer(); say('Delta', t, text='one')
kind, body = hear()
open({str(log)!r}, 'w').write(f"{{kind}} {{body['turn']}}")
say('Delta', t, text='late'); done(t)
t = answer(); say('Delta', t, text='two'); done(t); hear()
"""
    local = engine(script, tmp_path)
    async with aclosing(local.stream(request(spec(tmp_path)))) as events:
        async for event in events:
            if event == Delta("one"):
                break
    assert [e for e in await heard(local, spec(tmp_path)) if isinstance(e, Delta)] == [Delta("two")]
    assert log.read_text() == "Stop 1"
    await local.close()


async def test_a_question_that_is_too_long_is_an_overflow(tmp_path):
    script = "loaded(); t = answer(); say('Failed', t, reason='too long', cause='overflow'); hear()"
    local = engine(script, tmp_path)
    with pytest.raises(ContextOverflow, match="too long"):
        await heard(local, spec(tmp_path))
    await local.close()


async def test_noise_on_stderr_goes_to_the_log_only(tmp_path, capfd):
    script = "print('x' * 100000, file=sys.stderr); loaded(); t = answer(); done(t); hear()"
    local = engine(script, tmp_path)
    assert isinstance((await heard(local, spec(tmp_path)))[-1], Done)
    await local.close()
    assert capfd.readouterr() == ("", "")
    assert "xxx" in (tmp_path / "logs" / "engine.log").read_text()


async def test_a_log_that_cannot_be_written_is_not_an_error(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    local = engine("loaded(); t = answer(); done(t); hear()", tmp_path)
    assert isinstance((await heard(local, spec(tmp_path)))[-1], Done)
    await local.close()


async def test_the_least_recently_used_model_makes_room(tmp_path):
    born = tmp_path / "born"
    script = f"""
model = hear()[1]['model']['name']; open({str(born)!r}, 'a').write(model + ' '); say('Loaded', 0)
while True: done(answer())
"""
    local = engine(script, tmp_path, room=250)
    a, b, c = (spec(tmp_path, name) for name in "abc")
    for model in (a, b, a, c, a, b):
        await heard(local, model)
    assert born.read_text().split() == ["a", "b", "c", "b"]
    await local.close()


async def test_a_split_model_is_weighed_by_all_its_parts(tmp_path):
    paths = [tmp_path / f"large-0000{part}-of-00002.gguf" for part in (1, 2)]
    for path, size in zip(paths, (10, 190), strict=True):
        path.write_bytes(b"x" * size)
    local = engine("loaded()\nwhile True: done(answer())", tmp_path, room=250)
    await heard(local, spec(tmp_path))
    (small,) = children()
    await heard(local, LocalModel("large", paths[0]))
    (large,) = children()
    assert large != small, "100 and 200 bytes do not fit into 250"
    await local.close()


async def test_a_child_ends_when_its_pipe_is_closed_and_is_killed_when_it_does_not(tmp_path):
    deaf = "import time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN); loaded()\nwhile True: time.sleep(9)"
    pid = tmp_path / "pid"
    local = engine(f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n{deaf}", tmp_path, timeouts=Timeouts(eof=0.2))
    await local.load(spec(tmp_path))
    await local.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_a_child_that_does_not_obey_a_stop_is_replaced_and_the_next_question_works(tmp_path):
    flag = str(tmp_path / "first")
    script = f"""
loaded()
while True:
    t = answer(); first = not os.path.exists({flag!r}); open({flag!r}, 'w').close()
    say('Delta', t, text=str(os.getpid()))
    if first: hear()
    done(t)
"""
    local = engine(script, tmp_path, timeouts=Timeouts(stop=0.3))
    frozen = 0
    async with aclosing(local.stream(request(spec(tmp_path)))) as events:
        async for event in events:
            if isinstance(event, Delta):
                frozen = int(event.text)
                os.kill(frozen, signal.SIGSTOP)
                break
    second, third = heard(local, spec(tmp_path)), heard(local, spec(tmp_path))
    answers = await asyncio.wait_for(asyncio.gather(second, third), 30)
    assert all(isinstance(events[-1], Done) and Delta(str(frozen)) not in events for events in answers)
    await gone([frozen])
    await local.close()


async def test_a_child_that_obeys_a_stop_stays_however_late_the_next_question_comes(tmp_path):
    script = "loaded()\nwhile True: t = answer(); say('Delta', t, text=str(os.getpid())); hear(); done(t)"
    local = engine(script, tmp_path, timeouts=Timeouts(stop=5))
    for _ in range(3):
        async with aclosing(local.stream(request(spec(tmp_path)))) as events:
            async for event in events:
                if isinstance(event, Delta):
                    break
    assert isinstance(event, Delta) and [str(pid) for pid in children()] == [event.text]
    await local.close()


@pytest.mark.parametrize(
    "script",
    [
        "hear(); os.kill(os.getpid(), signal.SIGSTOP); say('Loaded', 0); done(answer()); hear()",
        "loaded(); t = answer(); os.kill(os.getpid(), signal.SIGSTOP); done(t); hear()",
    ],
    ids=["while it loads", "while it answers"],
)
async def test_a_child_that_was_suspended_is_continued(tmp_path, script):
    local = engine(script, tmp_path, timeouts=Timeouts(silence=0.2))
    async with asyncio.timeout(10):
        assert isinstance((await heard(local, spec(tmp_path)))[-1], Done)
    await local.close()


async def test_a_child_that_was_suspended_while_idle_answers_at_once(tmp_path):
    local = engine("loaded(); done(answer()); done(answer()); hear()", tmp_path, timeouts=Timeouts(silence=60))
    await heard(local, spec(tmp_path))
    os.kill(children()[0], signal.SIGSTOP)
    async with asyncio.timeout(10):
        assert isinstance((await heard(local, spec(tmp_path)))[-1], Done)
    os.kill(children()[0], signal.SIGSTOP)
    async with asyncio.timeout(2.5):
        await local.close()


async def test_an_abort_shows_its_own_reason_and_no_debugger(tmp_path):
    script = "loaded(); t = answer(); say('Delta', t, text=os.environ['GGML_NO_BACKTRACE']); done(t); hear()"
    local = engine(script, tmp_path)
    assert Delta("1") in await heard(local, spec(tmp_path))
    await local.close()


WARM = """
loaded()
while True: done(answer())
"""


async def gone(pids: list[int]) -> None:
    """Wait until none of the processes is there."""
    await eventually(lambda: not any(map(there, pids)))


def there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_model_that_is_not_used_is_unloaded_after_a_while_and_loaded_again(tmp_path):
    local = engine(WARM, tmp_path, keep_warm=0.3)
    await heard(local, spec(tmp_path))
    await gone(children())
    assert any(isinstance(event, Loading) for event in await heard(local, spec(tmp_path)))
    await local.close()


async def test_a_model_that_answers_is_not_unloaded_however_long_it_takes(tmp_path):
    script = "loaded(); t = answer(); say('Delta', t, text='one'); hear(); done(t)"
    local = engine(script, tmp_path, keep_warm=0.05)
    async with aclosing(local.stream(request(spec(tmp_path)))) as events:
        async for event in events:
            if event == Delta("one"):
                (busy,) = children()
                await local.load(spec(tmp_path, "idle"))
                await gone([pid for pid in children() if pid != busy])
                assert children() == [busy]
                break
    await gone([busy])
    await local.close()


async def test_when_memory_is_short_only_the_model_used_last_stays(tmp_path):
    scarce = False
    local = engine(WARM, tmp_path, memory=lambda: Memory(10_000, 0 if scarce else 10_000))
    models = [spec(tmp_path, name) for name in "abc"]
    for model in models:
        await heard(local, model)
    assert len(children()) == 3
    scarce = True
    await heard(local, spec(tmp_path, "d"))
    (pid,) = children()
    await heard(local, spec(tmp_path, "d"))
    assert children() == [pid]
    await local.close()


async def test_the_warm_models_take_half_of_the_memory_that_a_container_leaves(tmp_path):
    contained = Memory(total=500, available=500, limit=500)
    local = engine(WARM, tmp_path, memory=lambda: contained)
    for name in "abc":
        await heard(local, spec(tmp_path, name))
    assert len(children()) == 2, "three models of 100 bytes do not fit into 250"
    await local.close()


async def test_a_models_size_is_what_its_child_reports(tmp_path):
    script = "hear(); say('Loaded', 0, memory=1000)\nwhile True: done(answer())"
    local = engine(script, tmp_path, room=1500)
    for name in "aba":
        await heard(local, spec(tmp_path, name))
        assert len(children()) == 1
    await local.close()


async def test_a_load_that_fails_is_retried_after_unloading_the_idle_models(tmp_path):
    script = """
model = hear()[1]['model']['name']; others = os.popen(f"pgrep -c -P {os.getppid()} -f 'def say'").read()
if model == 'b' and int(others) > 1: say('Failed', 0, reason='no memory on the GPU'); hear()
say('Loaded', 0)
while True: done(answer())
"""
    local = engine(script, tmp_path)
    await heard(local, spec(tmp_path, "a"))
    assert isinstance((await heard(local, spec(tmp_path, "b")))[-1], Done)
    assert len(children()) == 1
    await local.close()


async def test_a_question_loads_what_a_careful_load_has_refused_even_while_it_does(tmp_path):
    script = """
kind, load = hear()
if load["careful"]:
    say("Failed", 0, reason="it needs more than is free", cause="memory"); os._exit(0)
say("Loading", 0, fraction=0, note="it needs more"); say("Loading", 0, fraction=1); say("Loaded", 0)
while True: done(answer())
"""
    local, model = engine(script, tmp_path), spec(tmp_path)
    with pytest.raises(ScarceMemory):
        await local.load(model, careful=True)
    refused = asyncio.create_task(local.load(spec(tmp_path, "other"), careful=True))
    await asyncio.sleep(0)
    for asked in (model, spec(tmp_path, "other")):
        events = await heard(local, asked)
        assert any(isinstance(event, Loading) and event.note for event in events) and isinstance(events[-1], Done)
    await asyncio.gather(refused, return_exceptions=True)
    await local.close()


async def test_loads_and_unloads_in_any_order_leave_no_process(tmp_path):
    local = engine(WARM, tmp_path, room=250)
    models = [spec(tmp_path, name) for name in "abcde"]
    seen = set()
    for at in (0, 1, 2, 1, 4, 3, 0, 0, 2, 4, 1):
        await heard(local, models[at])
        seen |= set(children())
        assert len(children()) <= 2
    await asyncio.gather(*(local.load(model) for model in models))
    seen |= set(children())
    await local.close()
    await gone(list(seen))


async def test_a_child_that_writes_at_its_end_is_waited_for_only_when_its_memory_is_needed(tmp_path):
    flag = tmp_path / "written"

    def written(model: str) -> bool:
        return Path(f"{flag}{model}").exists()

    script = f"""
model = hear()[1]['model']['name']; say('Loaded', 0)
for line in sys.stdin:
    turn = json.loads(line)[1].get('turn')
    if turn: done(turn)
os.close(1)
import time
end = time.monotonic() + (0.3 if model == 'a' else 20)
while time.monotonic() < end and not os.path.exists({str(flag)!r} + 'now'): time.sleep(0.02)
open({str(flag)!r} + model, 'w').close()
"""
    local = engine(script, tmp_path, room=150)
    await heard(local, spec(tmp_path, "a"))
    await heard(local, spec(tmp_path, "b"))
    assert written("a")
    (pid,) = children()
    await local.close()
    assert there(pid) and not written("b")
    (tmp_path / "writtennow").touch()
    await eventually(lambda: written("b"))


async def test_two_callers_that_wait_for_one_load_share_one_child(tmp_path):
    born = tmp_path / "born"
    script = f"open({str(born)!r}, 'a').write('x'); loaded(); t = answer(); done(t); hear()"
    local = engine(script, tmp_path)
    _, events = await asyncio.gather(local.load(spec(tmp_path)), heard(local, spec(tmp_path)))
    assert isinstance(events[-1], Done) and born.read_text() == "x"
    await local.close()


async def test_a_plan_loads_the_model_and_may_fail(tmp_path):
    script = """
loaded()
kind, body = hear(); say('Fitted', body['turn'], tokens=7, limit=100, costs=[3, 4], room=75)
kind, body = hear(); say('Failed', body['turn'], reason='no projector')
t = answer(); say('Delta', t, text='hi'); done(t); hear()
"""
    local, model = engine(script, tmp_path), spec(tmp_path)
    assert await local.plan(request(model)) == Fitted(7, 100, room=75, costs=(3, 4))
    with pytest.raises(EngineError, match="no projector"):
        await local.plan(request(model))
    assert Delta("hi") in await heard(local, model)
    await local.close()


async def test_a_child_that_dies_during_a_plan_is_reported(tmp_path):
    local = engine("loaded(); hear(); os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    with pytest.raises(EngineError, match="signal 9"):
        await local.plan(request(spec(tmp_path)))
    await local.close()


async def until_text(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    async for event in events:
        yield event
        if isinstance(event, Delta):
            return


async def test_children_that_answer_at_the_same_time_are_told_to_share_the_cores(tmp_path):
    script = "loaded(); t = answer(); say('Delta', t, text='one'); say('Delta', t, text=str(hear())); done(t)"
    local = engine(script, tmp_path)
    async with aclosing(local.stream(request(spec(tmp_path)))) as events:
        async for event in events:
            if event == Delta("one"):
                async with aclosing(local.stream(request(spec(tmp_path, "other")))) as others:
                    assert Delta("one") in [other async for other in until_text(others)]
            elif isinstance(event, Delta):
                assert event.text == str(["Share", {"engines": 2}])
    await local.close()
