"""`lechat bench` on the bundled model, as a table and as JSON."""

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
    result = json.loads(run.stdout)
    assert result["model"] == "chaton" and result["tokens"] == 16
    for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "ttft_ms", "next_ttft_ms"):
        assert len(result[name]["rounds"]) == 2 and min(result[name]["rounds"]) <= result[name]["median"]
        assert min(result[name]["rounds"]) > 0
    assert result["load_s"] > 0 and result["memory_bytes"] > result["bytes"]


def test_every_round_evaluates_a_prompt_of_the_requested_length(bench):
    result = json.loads(bench("--json", "--ctx-size", "1024", *QUICK, "--prompt-tokens", "300").stdout)
    assert abs(result["prompt_tokens"] - 300) < 15 and result["context"] == 1024


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
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # background jobs of a shell ignore it
    )
    assert process.stderr and "measuring chaton" in process.stderr.readline()
    child = _child(process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and output == "" and "Traceback" not in errors
    ends = time.monotonic() + 30  # the child ends when its pipe is closed
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < ends:
            os.kill(child, 0)


def _child(process: subprocess.Popen[str]) -> int:
    """The process id of the engine, as soon as there is one."""
    command = ["pgrep", "-P", str(process.pid), "-f", "engine.worker"]
    while process.poll() is None:
        if found := subprocess.run(command, capture_output=True, check=False).stdout:
            return int(found)
    raise AssertionError("the benchmark ended without a child process")
