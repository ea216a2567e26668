"""`lechat bench` as a person and a program use it, on the model that ships with lechat."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from calling import Lechat, caller

COMMAND = (sys.executable, "-m", "lechat_tui", "bench")
QUICK = ("--rounds", "2", "--prompt-tokens", "64", "--tokens", "16")


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "LECHAT_"))}
    return {**kept, "LECHAT_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hub")}


@pytest.fixture
def bench(tmp_path, monkeypatch, capfd) -> Lechat:
    return partial(caller(tmp_path, monkeypatch, capfd), "bench")


def test_json_has_every_figure(bench):
    run = bench("--json", *QUICK)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["model"] == "chaton" and said["tokens"] == 16
    for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "ttft_ms", "next_ttft_ms"):
        assert len(said[name]["rounds"]) == 2 and min(said[name]["rounds"]) <= said[name]["median"]
        assert min(said[name]["rounds"]) > 0
    assert said["load_s"] > 0 and said["memory_bytes"] > said["bytes"]


def test_every_round_evaluates_a_prompt_of_the_requested_length(bench):
    said = json.loads(bench("--json", "--ctx-size", "1024", *QUICK, "--prompt-tokens", "300").stdout)
    assert abs(said["prompt_tokens"] - 300) < 15 and said["context"] == 1024


def test_without_a_terminal_there_is_a_table_and_no_bar(bench, tmp_path):
    run = bench("chaton", *QUICK)
    assert all(word in run.stdout for word in ("chaton-q8_0.gguf", "prefill", "decode", "first token", "memory"))
    assert run.stderr.count("\n") == 1 and "\r" not in run.stderr
    assert not (tmp_path / "home" / "data").exists()


def test_an_error_is_one_line(bench):
    run = bench("ministral-3-8b")
    assert run.returncode == 1 and "lechat pull ministral-3-8b" in run.stderr and run.stdout == ""
    run = bench("--ctx-size", "256", "--prompt-tokens", "4000")
    assert run.returncode == 3 and "--ctx-size" in run.stderr and run.stdout == ""


def test_an_interrupt_ends_the_benchmark_and_its_child(environment):
    process = subprocess.Popen(
        [*COMMAND, "--rounds", "100000"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell starts what is behind deaf to it
    )
    assert process.stderr and "measuring chaton" in process.stderr.readline()
    child = _child(process)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and said == "" and "Traceback" not in errors
    ends = time.monotonic() + 30  # the child ends by itself when its pipe does
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < ends:
            os.kill(child, 0)


def _child(process: subprocess.Popen[str]) -> int:
    """The engine's process, as soon as there is one."""
    command = ["pgrep", "-P", str(process.pid), "-f", "engine.worker"]
    while process.poll() is None:
        if found := subprocess.run(command, capture_output=True, check=False).stdout:
            return int(found)
    raise AssertionError("it ended without a child")
