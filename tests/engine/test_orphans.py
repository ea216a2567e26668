"""No engine process outlives its parent, whatever it is doing when the parent is killed."""

import os
import signal
import subprocess
import sys

import pytest
from chats import TEXT
from processes import adopting_orphans, children_of, left_after

PARENT = """
import asyncio, os, signal, sys
from contextlib import aclosing
from pathlib import Path
from lechat_tui.engine.base import Delta, Loading, LocalModel, Prefill, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Sampling

path, states, phase = sys.argv[1:]
kinds = {"loading": Loading, "prefill": Prefill, "decoding": Delta}
model = LocalModel("chaton", Path(path), context=4096, pace=20, tuning=TuningOptions(threads=1))
text = "The cat sat on the mat. " * 400 if phase == "prefill" else "Count from 1 to 200"
tokens = 4 if phase in ("idle", "suspended") else 400
request = Request(model, (Message("user", text),), Sampling(max_tokens=tokens), chat=1)

async def main():
    engine = LocalEngine(states=Path(states), limit=10**9)
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, kinds.get(phase, ())):
                print("now", flush=True)
                await asyncio.Event().wait()
    if phase == "suspended":
        os.kill(next(iter(engine._children.values()))._process.pid, signal.SIGSTOP)
    print("now", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("phase", ["loading", "prefill", "decoding", "idle", "suspended"])
def test_the_engine_ends_when_its_parent_is_killed(tmp_path, phase):
    before = children_of(os.getpid())
    with adopting_orphans():
        command = [sys.executable, "-c", PARENT, str(TEXT.path), str(tmp_path), phase]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
            assert parent.stdout and parent.stdout.readline() == b"now\n"
            engines = children_of(parent.pid)
            parent.send_signal(signal.SIGKILL)
        assert len(engines) == 1
        assert left_after(10, before) == set()
    assert not list(tmp_path.glob("*/*.part"))
