"""A model on a server against one in a child process: what an answer costs the screen, and how soon it is shown.

    python benchmarks/servers.py [--tokens 3000] [--rounds 20]

A scripted server and a scripted child process send the same Markdown at 500 tokens per second to lechat in a terminal
of 120 by 40. CPU is that of lechat alone, during the second answer. Shown is the time from the moment a server sends a
word until the terminal gets it, with nothing else going on. Stopped is the time from Esc until llama-server (the
package xllamacpp, with chaton) says in its own metrics that it works on nothing. All are longer on a busy machine.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import cast

from screen_programs import answer
from terminal_program import ROOT, Terminal, percentile

from lechat_tui import paths
from lechat_tui.engine import wire
from lechat_tui.engine.base import Delta, DialectName, Done, Engine, Fitted
from lechat_tui.engine.local import LocalEngine
from lechat_tui.engine.remote.engine import RemoteEngine
from lechat_tui.engine.router import RouterEngine
from lechat_tui.message import Receipt
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.fit import Resources
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation

SPEED = 500
"""Tokens per second."""
WORDS = [chr(code) * 3 for code in range(0x410, 0x450)]
"""Sent one by one to see when each is shown."""
PAUSE = 0.15
"""Seconds between two of these, out of step with the frames."""
END = "LASTWORD"

LLAMA_SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.port = sys.argv[1], 4096, 1, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.endpoint_metrics = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


ANSWERS = count(1)


async def evenly(tokens: int) -> AsyncIterator[str]:
    """The pieces of an answer, each at its time, and the word that ends it."""
    began = time.perf_counter()
    for number, piece in enumerate(answer(tokens)):
        await asyncio.sleep(max(number / SPEED - (time.perf_counter() - began), 0))
        yield piece
    yield f"\n\n{END}{next(ANSWERS)}"


async def slowly() -> AsyncIterator[str]:
    """The words one by one; prints when each was sent."""
    for number, word in enumerate(WORDS):
        await asyncio.sleep(PAUSE + number % 7 * 0.003)
        yield f"{word} "
        print(time.perf_counter(), flush=True)


def serve(tokens: int) -> None:
    """Be a server with OpenAI's chat completions. Prints its port, and with no tokens when each word was sent."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row[:15] == b"content-length:"), 0
        )
        await reader.readexactly(length)
        if b"/chat/completions" in head.split(b"\r\n")[0]:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            async for piece in evenly(tokens) if tokens else slowly():
                event = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
                writer.write(f"data: {json.dumps(event)}\n\n".encode())
                await writer.drain()
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            writer.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
        else:
            body = json.dumps({"data": [{"id": "m", "max_model_len": 100_000}]}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

    asyncio.run(run())


def work(tokens: int) -> None:
    """Be the child process of a model: answer every request with the same pieces."""

    def send(turn: int, event: object) -> None:
        sys.stdout.buffer.write(wire.encode(wire.Reply(turn, event)))
        sys.stdout.buffer.flush()

    async def reply(turn: int) -> None:
        receipt = Receipt("m")
        send(turn, Fitted(10, 100_000, room=90_000, receipt=receipt))
        count = 0
        async for piece in evenly(tokens):
            count += 1
            send(turn, Delta(piece, tokens=count))
        send(turn, Done(receipt))

    for line in sys.stdin.buffer:
        match wire.decode_down(line):
            case wire.Load():
                send(0, wire.Loaded())
            case wire.Answer(turn):
                asyncio.run(reply(turn))
            case _:
                pass


def show(url: str, tokens: int) -> None:
    """Be lechat, with a model on the server at this address, or without one in a child process."""
    from lechat_tui.ui.app import LeChat

    weights = paths.data() / "none.gguf"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.touch()
    here = Model("m", "M", ("text",), Weights(str(weights)), context=100_000)
    dialect: DialectName = "openai" if tokens or not url else ""
    there = Model("m", "M", ("text",), server=url, model="m", context=4096, dialect=dialect)
    local = LocalEngine(worker=[sys.executable, __file__, "--worker", str(tokens)])
    engine = RouterEngine(local, lambda: cast(Engine, RemoteEngine()))
    model = there if url else here
    settings = Settings(titles=False)
    conversation = Conversation(Store(paths.data()), engine, Models({"m": model}), model, settings=settings)

    class Frozen(LeChat):
        def on_ready(self) -> None:
            self.set_timer(3.0, gc.freeze)

    gc.freeze()  # both as cli/screen.py does
    Frozen(conversation, jobs=Jobs(), machine=Resources).run()


@contextlib.contextmanager
def child(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """Another Python, with the first line of its output read by the caller."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *words]
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=none, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def cost(tokens: int, *, server: bool) -> float:
    """Milliseconds of CPU time per token."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = ""
        if server:
            process = stack.enter_context(child(__file__, "--server", str(tokens)))
            assert process.stdout
            url = process.stdout.readline().strip()
        terminal = stack.enter_context(Terminal(__file__, "--screen", url or "-", str(tokens), home=home))
        terminal.see("sk le chat")
        terminal.rest(3)
        for number in (1, 2):  # what is imported and made with the first answer is not counted
            before = terminal.cpu()
            terminal.type("Hello\r")
            terminal.see(f"{END}{number}")
            terminal.rest(1)
        return (terminal.cpu() - before) * 1000 / tokens


def latency() -> list[float]:
    """Milliseconds from sending a word until it is written to the terminal."""
    with tempfile.TemporaryDirectory() as folder, child(__file__, "--server", "0") as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        with Terminal(__file__, "--screen", url, "0", home=Path(folder)) as terminal:
            terminal.see("sk le chat")
            terminal.rest(4)
            terminal.type("Hello\r")
            shown, written = [], b""
            for word in WORDS:
                while word.encode() not in written:  # two may come at once
                    written += terminal.read(1)
                shown.append(time.perf_counter())
            sent = [float(process.stdout.readline()) for _ in WORDS]
    return [(a - b) * 1000 for a, b in zip(shown, sent, strict=True)]


def stops(rounds: int) -> list[float]:
    """Milliseconds from Esc until llama-server works on nothing."""
    model = str(paths.bundled("chaton") / "chaton-q8_0.gguf")
    waits = []
    with tempfile.TemporaryDirectory() as folder, child("-c", LLAMA_SERVER, model) as process:
        assert process.stdout
        url = next(line.strip() for line in process.stdout if line.startswith("http"))
        with Terminal(__file__, "--screen", url, "0", home=Path(folder)) as terminal:
            terminal.see("sk le chat")
            terminal.rest(3)
            for _ in range(rounds):
                terminal.type("Count from 1 to 200.\r")
                while not busy(url):
                    terminal.rest(0.01)
                terminal.rest(0.1)
                pressed = time.perf_counter()
                terminal.type("\x1b")
                while busy(url):
                    terminal.rest(0.001)
                waits.append((time.perf_counter() - pressed) * 1000)
                terminal.rest(1)
    return waits


def busy(url: str) -> bool:
    """Whether the server works on a request, by its own metrics."""
    with urllib.request.urlopen(f"{url}/metrics") as response:
        rows = response.read().decode().splitlines()
    return float(next(row.split()[1] for row in rows if row.startswith("llamacpp:requests_processing "))) > 0


def main() -> None:
    """Measure and print the results, or be one of the programs that are measured."""
    match sys.argv[1:]:
        case ["--server", tokens]:
            return serve(int(tokens))
        case ["--worker", tokens, *_]:
            return work(int(tokens))
        case ["--screen", url, tokens]:
            return show("" if url == "-" else url, int(tokens))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    here, there = cost(options.tokens, server=False), cost(options.tokens, server=True)
    print(
        f"CPU per token at {SPEED} tokens/s: child {here:.2f} ms, server {there:.2f} ms, ratio {there / here:.2f}",
        flush=True,
    )
    shown = latency()
    print(f"shown after {statistics.median(shown):.1f} ms, {percentile(shown, 0.95):.1f} ms (95%)", flush=True)
    waits = stops(options.rounds)
    print(f"stopped after {statistics.median(waits):.1f} ms, {max(waits):.1f} ms at most, {len(waits)} times")


if __name__ == "__main__":
    main()
