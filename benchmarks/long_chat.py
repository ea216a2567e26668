"""Whether a turn costs the same however long the chat has become: time, and memory of both processes.

    python benchmarks/long_chat.py [MODEL.gguf] [--turns 100 500 2000] [--context 2048] [--tokens 12] [--without screen]

The program runs in a terminal of 120 by 40 and asks one question after the other in one chat, with the model in its
child process; the history is on disk. For each of the turns named, and those just before it, it prints the median time
of a turn, from the question to the end of the answer, the CPU time and the resident memory of both processes, and how
they compare with the first one. The context window is full before that, so that all prompts are about as long. The
turns between are not painted, to save time. `--without screen` asks without a screen, `--without model` lets the
question itself be the answer.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import cast

from terminal_program import Terminal

from lechat_tui import paths
from lechat_tui.engine.base import Engine, Event, Request
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.engine.local import LocalEngine
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.fit import Resources
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.chat.screen import ChatScreen

AROUND = 40
"""Turns up to each of those named that are measured with it."""

Measured = tuple[float, ...]
"""Seconds of a turn, and then, of this process and the child: CPU seconds so far, and bytes in memory."""

QUESTIONS = ("What is {a} + {b}?", "What is the capital of France?", "My name is Anna.", "What is my name? {a}")


class Asking(LeChat):
    """lechat, asking by itself."""

    turns: tuple[int, ...] = ()
    rows: list[Measured]

    def on_ready(self) -> None:
        """Ask after the first paint."""
        self.run_worker(self._ask_all())

    async def _ask_all(self) -> None:
        self.rows = await ask_all(self.turns, self._ask_one)
        self.exit()

    async def _ask_one(self, question: str, *, painted: bool) -> None:
        screen = cast(ChatScreen, self.screen)
        with nullcontext() if painted else self.batch_update():  # all is done but the painting
            screen.host.ask(question)
            while True:
                if not screen.parts.queue.answering:
                    return
                await asyncio.sleep(0.005)


async def ask_all(turns: Sequence[int], ask: Callable[..., Awaitable[None]]) -> list[Measured]:
    """Ask as often as wanted; returns what was measured after each turn."""
    rows = []
    for turn in range(max(turns)):
        question = QUESTIONS[turn % len(QUESTIONS)].format(a=turn % 7, b=turn // 7 % 9)
        began = time.perf_counter()
        await ask(question, painted=any(0 <= last - turn <= AROUND for last in turns))
        seconds = time.perf_counter() - began
        pids = os.getpid(), child()
        rows.append((seconds, *map(cpu, pids), *map(resident, pids)))
        await asyncio.sleep(0.01)  # for what follows an answer
        if turn == AROUND:
            gc.freeze()  # as cli/screen.py does
    return rows


async def ask_without_screen(conversation: Conversation, turns: Sequence[int]) -> list[Measured]:
    """The same with the conversation alone."""

    async def ask(question: str, *, painted: bool) -> None:
        async with aclosing(conversation.ask(question)) as events:
            async for _ in events:
                pass

    rows = await ask_all(turns, ask)
    await conversation.engine.close()
    return rows


class Forgetful(EchoEngine):
    """Keeps no list of what it was asked."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer with the question."""
        self.requests.clear()
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event


def child() -> int:
    """The engine's process; this one without a model."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(pids[0]) if pids else os.getpid()


def resident(pid: int) -> int:
    """Bytes in RAM, mapped files included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu(pid: int) -> float:
    """Seconds of CPU time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(options: argparse.Namespace) -> None:
    """Run the program in this terminal."""
    store = Store(paths.data())
    model = Model("m", "M", ("text",), Weights(str(options.model)), context=options.context, temperature=0.0, threads=1)
    engine: Engine = Forgetful()
    if options.without != "model":
        engine = LocalEngine(paths.logs(), states=paths.cache() / "states", limit=1_000_000_000)
    settings = Settings(max_tokens=options.tokens)
    conversation = Conversation(store, engine, Models({"m": model}), model, settings=settings)
    turns = tuple(options.turns)
    gc.freeze()
    if options.without == "screen":
        rows = asyncio.run(ask_without_screen(conversation, turns))
    else:
        app = Asking(conversation, jobs=Jobs(), machine=Resources)
        app.turns = turns
        app.run()
        rows = app.rows
    options.result.write_text(json.dumps(rows))


def report(rows: list[list[float]], turns: list[int]) -> None:
    """Print the figures."""
    first: tuple[float, ...] = ()
    for turn in turns:
        part = rows[max(turn - AROUND, 1) - 1 : turn]
        seconds, screen_cpu, child_cpu, screen, engine = zip(*part, strict=True)
        cpus = [(used[-1] - used[0]) / (len(part) - 1) for used in (screen_cpu, child_cpu)]
        figures = (statistics.median(seconds), *cpus, statistics.median(screen), statistics.median(engine))
        first = first or figures
        ratios = [now / before for now, before in zip(figures, first, strict=True)]
        print(f"turn {turn}, and how it compares with turn {turns[0]}:")
        names = "time", "CPU time, screen", "CPU time, child", "memory, screen", "memory, child"
        for name, figure, ratio in zip(names, figures, ratios, strict=True):
            text = f"{figure / 1e6:8.1f} MB" if name.startswith("memory") else f"{figure * 1000:8.1f} ms"
            print(f"  {name:<17} {text}   {ratio:.2f}")


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--turns", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--without", choices=("screen", "model"))
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.result:
        run(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        with Terminal(__file__, *sys.argv[1:], "--result", str(result), home=Path(folder)) as terminal:
            while terminal.runs():
                terminal.rest(0.5)
        report(json.loads(result.read_text()), options.turns)


if __name__ == "__main__":
    main()
