"""What reopening a long chat costs: evaluating it again, or restoring its saved state, in one run.

    python benchmarks/resume.py [MODEL.gguf] [--context 4096] [--rounds 3] [--threads 2]

A chat that fills most of the context window is evaluated once and saved; then a short question continues it, in turns
by an engine that finds the state and by one that does not. Prints the median time to the first token of both, loading
excluded, the tokens each evaluated, the size of the file, and the ratio.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from lechat_tui import paths
from lechat_tui.engine.base import Done, LocalModel, ModelSpec, Request, TuningOptions
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Receipt, Sampling

CHAT = 1
PAGE = "The cat sat on the mat and looked at the moon. "
LIMIT = 100_000_000_000


async def asked(spec: ModelSpec, states: Path | None, *messages: Message) -> Receipt:
    """The receipt of one answer by an engine started for it."""
    engine = LocalEngine(states=states, limit=LIMIT)
    await engine.load(spec)
    request = Request(spec, messages, Sampling(temperature=0, max_tokens=4), CHAT)
    try:
        async with aclosing(engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.receipt
    finally:
        await engine.close()
    raise AssertionError("an answer ends with Done")


def written(states: Path) -> Path:
    """The saved state, once the child that ended has written it."""
    while not (files := list(states.glob("*/*.kv"))):
        time.sleep(0.05)
    return files[0]


async def talk(spec: ModelSpec, share: float) -> tuple[Message, ...]:
    """A chat of one question that fills this share of the context window, and an answer."""
    receipt = await asked(spec, None, Message("user", PAGE * 10))
    pages = int(spec.context * share / (receipt.prompt_tokens / 10))
    return Message("user", PAGE * pages), Message("assistant", "I have read it.")


async def measure(spec: ModelSpec, rounds: int) -> None:
    """Run both in turns and print the results."""
    chat = await talk(spec, 0.7)
    ways: dict[str, list[Receipt]] = {"read again": [], "from disk": []}
    with tempfile.TemporaryDirectory() as folder:
        states = Path(folder)
        await asked(spec, states, *chat, Message("user", "What is 2 + 2?"))
        original = await asyncio.to_thread(written, states)
        size = original.stat().st_size
        kept = Path(folder) / "kept"
        shutil.copy(original, kept)
        for _ in range(rounds):
            ways["read again"].append(await asked(spec, None, *chat, Message("user", "What is 7 + 5?")))
            shutil.copy(kept, original)  # the previous round's state has its question too
            ways["from disk"].append(await asked(spec, states, *chat, Message("user", "What is 7 + 5?")))
    medians = {way: statistics.median(receipt.ttft_ms for receipt in receipts) for way, receipts in ways.items()}
    for way, receipts in ways.items():
        last = receipts[-1]
        read = last.prompt_tokens - last.cached_tokens
        print(f"{way:<12} {medians[way]:9.0f} ms to the first token   {read:6} of {last.prompt_tokens} evaluated")
    print(
        f"{size / 1e6:.1f} MB on disk; from disk takes {medians['from disk'] / medians['read again']:.1%} of the time"
    )


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    spec = LocalModel("model", options.model, context=options.context, tuning=TuningOptions(threads=options.threads))
    asyncio.run(measure(spec, options.rounds))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
