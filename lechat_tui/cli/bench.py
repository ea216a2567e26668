"""`lechat bench`: measures the speed of a model on this machine through the engine that answers every chat."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict, field, replace

from lechat_tui.cli import compose, printing
from lechat_tui.engine.base import Delta, Done, Engine, Event, Fitted, LocalModel, Prefill, Request, ScarceMemory
from lechat_tui.errors import LechatError
from lechat_tui.machine.split_files import size_on_disk
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.talk import phrases
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

FILLER = "The quick brown fox jumps over the lazy dog. "
LONG_ANSWER = "Count from 1 to 300"
STAGES = ("prefill", "next question", "decode")
BAR_WIDTH = 24
"""Characters."""


@dataclass(frozen=True)
class Benchmark:
    """What to measure and how often."""

    model: LocalModel
    sampling: Sampling
    prompt_tokens: int
    tokens: int
    rounds: int


@dataclass
class Figures:
    """The results; lists have one value per round."""

    load_s: float = 0.0
    memory: int = 0
    """Resident bytes of the engine's process, with its mapped weights; 0 if the system does not report it."""
    prompt_tokens: int = 0
    tokens: int = 0
    """Tokens sampled in a round, in which a model may end its answer early."""
    prefill: list[float] = field(default_factory=list)
    """Tokens per second."""
    decode: list[float] = field(default_factory=list)
    """Tokens per second after the first."""
    first_ms: list[float] = field(default_factory=list)
    """Time to the first token after a question of `prompt_tokens`."""
    next_ms: list[float] = field(default_factory=list)
    """The same for the next question of that chat, most of whose prompt is in the KV cache."""
    prefill_joules: list[float] = field(default_factory=list)
    """Joules for each token of prefill; empty where the machine does not report energy."""
    decode_joules: list[float] = field(default_factory=list)
    """The same for each token of decode, with its short prompt."""
    threads: str = ""
    """How many threads decoded at the end, and why; empty on a GPU."""
    engine: str = ""


@dataclass(frozen=True)
class TimedAnswer:
    """One answer."""

    text: str
    receipt: Receipt
    first_ms: float
    prefill: float
    """Tokens per second."""


def run(overrides: compose.Overrides, *, prompt_tokens: int, tokens: int, rounds: int, as_json: bool) -> None:
    """Measure and print. Raises `ConfigError`, `ModelError` and `EngineError`."""
    conversation = compose.conversation(overrides)
    with conversation.store:
        model = conversation.spec()
        if not isinstance(model, LocalModel):
            raise LechatError(f"{model.name} is on a server; bench measures only models on this machine")
        model = replace(model, pace=None)
        plan = Benchmark(model, conversation.setup.sampling(), prompt_tokens, tokens, rounds)
        figures = asyncio.run(_measured(conversation.engine, plan))
    printing.show(json.dumps(_as_object(plan, figures), indent=2) if as_json else _as_table(plan, figures))


async def _measured(engine: Engine, plan: Benchmark) -> Figures:
    progress = ProgressBar(plan)
    try:
        return await Runner(engine, plan, progress).run()
    finally:
        progress.clear()
        await engine.close()


class Runner:
    """Runs a benchmark on an engine."""

    def __init__(self, engine: Engine, plan: Benchmark, progress: "ProgressBar") -> None:
        self._engine = engine
        self._plan = plan
        self._progress = progress
        self._figures = Figures()

    async def run(self) -> Figures:
        """Load the model and measure every round. Raises `EngineError`."""
        began = time.perf_counter()
        await self._load()
        self._figures.load_s = time.perf_counter() - began
        repeats = await self._repeats()
        for number in range(1, self._plan.rounds + 1):
            await self._round(number, f"Text {number}. " + FILLER * repeats)
        self._figures.memory = _memory_of_children()
        return self._figures

    async def _load(self) -> None:
        """Load the model; one that needs more memory than is free, after a warning."""
        try:
            await self._engine.load(self._plan.model, careful=True)
        except ScarceMemory as error:
            self._progress.clear()
            printing.say(f"lechat: {error}")
            await self._engine.load(self._plan.model)

    async def _round(self, number: int, text: str) -> None:
        """A long question, the next one in that chat, and a long answer."""
        figures = self._figures
        question = Message("user", text)
        self._progress.stage(number, 0)
        read = await self._ask(question, tokens=1)
        self._progress.stage(number, 1)
        answer = Message("assistant", read.text or "Yes.")
        further = await self._ask(question, answer, Message("user", "Continue."), tokens=1)
        self._progress.stage(number, 2)
        written = await self._ask(Message("user", LONG_ANSWER), tokens=self._plan.tokens)
        figures.prefill.append(read.prefill)
        figures.first_ms.append(read.first_ms)
        figures.next_ms.append(further.first_ms)
        figures.decode.append(written.receipt.tokens_per_s)
        figures.prompt_tokens = read.receipt.prompt_tokens - read.receipt.cached_tokens
        figures.tokens = written.receipt.completion_tokens
        figures.prefill_joules += _joules_per_token(read.receipt, figures.prompt_tokens)
        figures.decode_joules += _joules_per_token(written.receipt, figures.tokens)
        figures.threads = written.receipt.cpu
        figures.engine = written.receipt.engine

    async def _ask(self, *messages: Message, tokens: int) -> TimedAnswer:
        request = Request(self._plan.model, messages, replace(self._plan.sampling, max_tokens=tokens))
        began, first, text, reading = time.perf_counter(), 0.0, "", list[tuple[float, int]]()
        async with aclosing(self._engine.stream(request)) as events:
            async for event in events:
                now = time.perf_counter()
                self._progress.show(event)
                match event:
                    case Prefill(done):
                        reading.append((now, done))
                    case Delta():
                        first = first or now
                        text += event.text
                    case Done(receipt):
                        (start, cached), (end, whole) = reading[0], reading[-1]
                        speed = (whole - cached) / (end - start)
                        return TimedAnswer(text, receipt, ((first or now) - began) * 1000, speed)
                    case _:
                        pass
        raise AssertionError("an answer ends with Done")

    async def _repeats(self) -> int:
        """How many fillers make a prompt of the requested length, at least one."""
        few, many = [await self._count(FILLER * repeats) for repeats in (2, 6)]
        return max(1, 2 + round((self._plan.prompt_tokens - few) * 4 / (many - few)))

    async def _count(self, text: str) -> int:
        """The number of tokens of a prompt with this text."""
        async with aclosing(self._engine.stream(Request(self._plan.model, (Message("user", text),)))) as events:
            async for event in events:
                if isinstance(event, Fitted):
                    return event.tokens
        raise AssertionError("a prompt is fitted before it is read")


class ProgressBar:
    """A bar on a terminal; without one, a single line at the start."""

    def __init__(self, plan: Benchmark) -> None:
        self._plan = plan
        self._bar = sys.stderr.isatty()
        self._stage = (1, 0)
        self._pieces = 0
        what = f"{plan.prompt_tokens} prompt tokens, {plan.tokens} answer tokens"
        printing.say(f"lechat: measuring {plan.model.name} {plan.rounds} times: {what}; Ctrl+C stops")

    def stage(self, number: int, stage: int) -> None:
        """Start a part of a round."""
        self._stage, self._pieces = (number, stage), 0
        self._draw(0)

    def show(self, event: Event) -> None:
        """Show an event of the measured answer."""
        match event:
            case Prefill(done, total):
                self._draw(done / total if self._stage[1] == 0 else 0)
            case Delta():
                self._pieces += 1
                self._draw(min(1.0, self._pieces / self._plan.tokens) if self._stage[1] == 2 else 1)
            case _:
                pass

    def _draw(self, fraction: float) -> None:
        if self._bar:
            number, stage = self._stage
            whole = ((number - 1) * len(STAGES) + stage + fraction) / (self._plan.rounds * len(STAGES))
            bar = "=" * round(whole * BAR_WIDTH)
            text = f"round {number} of {self._plan.rounds}, {STAGES[stage]}"
            printing.rewrite(f"[{bar:<{BAR_WIDTH}}] {text:<36}")

    def clear(self) -> None:
        """Erase the bar."""
        if self._bar:
            printing.rewrite(" " * (BAR_WIDTH + 40), end="\r")


def _joules_per_token(receipt: Receipt, tokens: int) -> list[float]:
    """One figure; none where it is unknown."""
    return [receipt.joules / tokens] if receipt.joules and tokens else []


def _memory_of_children() -> int:
    """Resident bytes of this process's children; 0 if `ps` cannot tell."""
    try:
        listing = subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,rss="], stdout=subprocess.PIPE, text=True)
    except OSError:
        return 0
    lines = listing.communicate()[0].splitlines()
    rows = [[int(cell) for cell in line.split()] for line in lines]
    return 1024 * sum(size for pid, parent, size in rows if parent == os.getpid() and pid != listing.pid)


def _as_object(plan: Benchmark, figures: Figures) -> dict[str, object]:
    """The JSON object: medians and the values of all rounds."""

    def row(values: list[float], digits: int) -> dict[str, object]:
        return {"median": round(statistics.median(values), digits), "rounds": [round(v, digits) for v in values]}

    return {
        "model": plan.model.name,
        "file": plan.model.path.name,
        "bytes": size_on_disk(plan.model.path),
        "adapters": [asdict(adapter) for adapter in plan.model.applied],
        "context": plan.model.context,
        "prompt_tokens": figures.prompt_tokens,
        "tokens": figures.tokens,
        "load_s": round(figures.load_s, 3),
        "memory_bytes": figures.memory or None,
        "prefill_tokens_per_s": row(figures.prefill, 2),
        "decode_tokens_per_s": row(figures.decode, 2),
        "prefill_joules_per_token": row(figures.prefill_joules, 6) if figures.prefill_joules else None,
        "decode_joules_per_token": row(figures.decode_joules, 6) if figures.decode_joules else None,
        "ttft_ms": row(figures.first_ms, 1),
        "next_ttft_ms": row(figures.next_ms, 1),
        "threads": figures.threads,
        "engine": figures.engine,
    }


def _as_table(plan: Benchmark, figures: Figures) -> str:
    """The table of the results."""

    def row(name: str, values: list[float], unit: str, of: str) -> str:
        median, low, high = (f"{value:,.1f}" for value in (statistics.median(values), min(values), max(values)))
        return f"{name:<20} {median:>10} {unit:<10} ({low} to {high}) {of}"

    memory = size_text(figures.memory) if figures.memory else "unknown"
    file = f"{plan.model.path.name}, {size_text(size_on_disk(plan.model.path))}"
    file = "; ".join((file, *map(str, plan.model.applied)))
    return "\n".join(
        (
            f"{plan.model.name} ({file}), context {plan.model.context:,}, {figures.engine}",
            row("prefill", figures.prefill, "tokens/s", f"of {figures.prompt_tokens:,} tokens"),
            row("decode", figures.decode, "tokens/s", f"of {figures.tokens:,} tokens"),
            row("time to first token", figures.first_ms, "ms", "after the prompt"),
            row("  next question", figures.next_ms, "ms", "in the same chat"),
            f"{'load':<20} {figures.load_s:>10,.1f} s",
            f"{'memory':<20} {memory:>10}",
            *_energy_rows(figures),
            *([f"{'threads':<20} {figures.threads}"] if figures.threads else ()),
            f"Medians of {plan.rounds} rounds, with the lowest and highest values in parentheses.",
        )
    )


def _energy_rows(figures: Figures) -> Iterator[str]:
    """What a token costs; nothing where the machine does not report it."""
    for name, values in (("prefill", figures.prefill_joules), ("decode", figures.decode_joules)):
        if values:
            joules = statistics.median(values)
            yield f"{f'energy of {name}':<20} {joules:>10,.3f} J/token    {phrases.per_joule(1, joules)}"
