"""How soon the engine stops while it evaluates a prompt, and how much of the prompt it keeps.

    python benchmarks/stop.py [MODEL.gguf] [--rounds 10] [--longest 2] [--threads 2]

Each round asks about a long new text, stops at a random moment, and measures the time until the engine has answered
another request (the token count of a short question). Then it asks again, prints what was kept, and stops.
"""

import argparse
import asyncio
import os
import random
import statistics
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from lechat_tui import paths
from lechat_tui.engine.base import LocalModel, Prefill, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Sampling


def question(spec: LocalModel, number: int, words: int) -> Request:
    """A question of this many words that shares no prefix with others."""
    text = " ".join(f"{number} {at}" for at in range(words // 2))
    return Request(spec, (Message("user", text),), Sampling(temperature=0, max_tokens=1))


async def read(engine: LocalEngine, request: Request, progress: list[Prefill], begun: asyncio.Event) -> None:
    """Ask, and record the progress of prefill."""
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, Prefill):
                progress.append(event)
                begun.set()


async def stop(engine: LocalEngine, request: Request, after: float) -> tuple[float, Prefill]:
    """Stop this many seconds after prefill began; returns the seconds until the engine is free, and the progress."""
    progress: list[Prefill] = []
    begun = asyncio.Event()
    reading = asyncio.create_task(read(engine, request, progress, begun))
    await begun.wait()
    await asyncio.sleep(after)
    began = time.perf_counter()
    reading.cancel()
    await asyncio.wait([reading])
    await engine.plan(replace(request, messages=(Message("user", "Hello"),)))
    return time.perf_counter() - began, progress[-1]


async def measure(spec: LocalModel, rounds: int, longest: float) -> None:
    """Measure and print the results."""
    engine = LocalEngine()
    chance = random.Random(1)
    waits: list[float] = []
    for number in range(rounds):
        request = question(spec, number, 2000)
        wait, last = await stop(engine, request, chance.uniform(0, longest))
        again, first = await stop(engine, request, 0)
        waits += [wait, again]
        print(f"  stopped after {last.done:5} tokens of {last.total}: free after {wait * 1000:5.1f} ms, ", end="")
        print(f"{first.cached} kept; stopped again at once: {again * 1000:5.1f} ms")
    await engine.close()
    print(f"{spec.path.name}: free after {statistics.median(waits) * 1000:.1f} ms, {max(waits) * 1000:.1f} at most")


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds until the stop, at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    asyncio.run(
        measure(
            LocalModel("model", options.model, context=8192, tuning=TuningOptions(threads=options.threads)),
            options.rounds,
            options.longest,
        )
    )


if __name__ == "__main__":
    main()
