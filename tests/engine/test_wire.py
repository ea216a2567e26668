"""Frames survive the pipe, whatever is in them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui.engine import wire
from lechat_tui.engine.base import (
    Adapter,
    Delta,
    Done,
    EngineError,
    Fitted,
    Loading,
    LocalModel,
    Prefill,
    Request,
)
from lechat_tui.engine.worker import UNREADABLE
from lechat_tui.message import Attachment, Message, Receipt, Sampling

SPEC = LocalModel("m", Path("/a/b.gguf"), Path("/a/mmproj.gguf"), template="{{ x }}", context=512)
LAID = replace(SPEC, adapters=(Adapter("/a/l.gguf", 0.5, "ab"), Adapter("/a/m.gguf")))
CAT = Attachment("ab", "a.png", "image", Path("/a.png"), 99, 2, 3)
TALK = (
    Message("system", "be brief"),
    Message(
        "user", "\x1b[31m\nnul \0 </s> 🐈", attachments=(Attachment("ab", "a.png", "image", Path("/a.png"), 99, 2, 3),)
    ),
    Message("assistant", "yes", thinking="hm", receipt=Receipt("m")),
)

PINNED = Request(SPEC, (Message("user", "hello", pinned=True),))


@pytest.mark.parametrize(
    "frame",
    [
        wire.Load(SPEC),
        wire.Answer(3, Request(SPEC, TALK, Sampling(seed=7, max_tokens=5), reuse=9)),
        wire.Plan(4, PINNED),
        wire.Answer(5, Request(LAID, TALK)),
        wire.Stop(3),
        wire.Share(2),
    ],
)
def test_frames_to_the_child_arrive_unchanged(frame):
    line = wire.encode(frame)
    assert line.count(b"\n") == 1
    assert wire.decode_down(line) == frame


@pytest.mark.parametrize(
    "event",
    [
        Loading(0.5),
        wire.Loaded(),
        Fitted(3, 512, (1, 2)),
        Fitted(3, 512, room=384, costs=(1, 2), receipt=Receipt("m", quant="Q8_0")),
        Prefill(1, 2, 0),
        Delta("\n🐈", "thinking"),
        Done(Receipt("m", sampling=Sampling(seed=4), adapters=LAID.applied, kv_type="q8_0")),
        wire.Failed("no", "overflow"),
    ],
)
def test_frames_from_the_child_arrive_unchanged(event):
    line = wire.encode(wire.Reply(9, event))
    assert line.count(b"\n") == 1
    assert wire.decode_up(line) == wire.Reply(9, event)


@pytest.mark.parametrize(
    "line", [b"", b"{}\n", b"hello\n", b'["Delta"]\n', b'["Delta", 1, {"txt": 1}]\n', b'["Nope", 1, {}]\n']
)
def test_an_invalid_frame_is_a_readable_error(line):
    with pytest.raises(EngineError):
        wire.decode_up(line)
    with pytest.raises(EngineError):
        wire.decode_down(line)


@pytest.mark.parametrize(
    "line",
    [b"nonsense\n", b'["Answer", {"turn": "x"}]\n', b"\xff\xfe\n", b"[" * 10_000 + b"\n"],
    ids=["no JSON", "a wrong type", "no UTF-8", "too deep"],
)
def test_a_process_that_receives_a_frame_it_cannot_decode_ends_with_an_error(line):
    run = subprocess.run(
        [sys.executable, "-m", "lechat_tui.engine.worker"], input=line, capture_output=True, timeout=60
    )
    assert run.returncode == UNREADABLE and b"that this process cannot read" in run.stderr
