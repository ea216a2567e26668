"""The number of threads that is chosen while the engine runs: on simulated machines, and in llama.cpp."""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import pytest

from lechat_tui import paths
from lechat_tui.engine.base import Done, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.decode import decode
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.openmp import WaitPolicy
from lechat_tui.engine.llama.thread_pool import ThreadPool
from lechat_tui.engine.llama.threads import Choice, FreeCores, Mode, fitting
from lechat_tui.machine.hardware import Machine
from lechat_tui.message import Message, Sampling

TOKEN = 0.012
"""Seconds for a token with one thread that has a core of its own."""


@dataclass
class Simulated:
    """A machine on which other programs compute with so many threads, and an engine on it."""

    cores: int
    others: float = 0.0
    readable: bool = True
    useful: int = 64
    """More threads than this are no faster, and each costs a little: the memory is the limit."""
    yielding: float = 1.5
    """The cost of threads that yield, relative to those that spin; less the longer they compute without a barrier."""
    now: float = 0.0
    own: float = 0.0
    total_taken: float = 0.0
    read_at: float = 0.0

    def cost(self, mode: Mode) -> float:
        """Seconds for a token."""
        crowd = self.cores / max(self.cores, mode.threads + self.others)
        best = TOKEN / min(mode.threads, self.useful) * (1 + 0.01 * max(0, mode.threads - self.useful))
        if mode.yields:
            return best / crowd * (self.yielding if mode.threads > 1 else 1)
        return best / crowd * (10 if mode.threads > 1 and crowd < 1 else 1)

    def run(self, mode: Mode) -> float:
        seconds = self.cost(mode)
        got = min(1.0, self.cores / (mode.threads + self.others)) if self.others else 1.0
        self.own += seconds * mode.threads * got
        self.total_taken += seconds * min(self.others, max(self.cores - mode.threads, self.others * got))
        self.now += seconds
        return seconds

    def rest(self, seconds: float) -> None:
        """The engine does nothing."""
        self.now += seconds
        self.total_taken += seconds * min(self.others, self.cores)

    def taken(self) -> float | None:
        elapsed, taken = self.now - self.read_at, self.total_taken
        self.read_at, self.total_taken = self.now, 0.0
        return taken / elapsed if self.readable and elapsed else None

    def runnable(self) -> int | None:
        return round(self.others) if self.readable else None


class Engine:
    """Writes tokens as `thread_pool.py` has it done."""

    def __init__(self, machine: Simulated, *, can_yield: bool = True, reads: bool = False) -> None:
        self.machine = machine
        self.free = FreeCores(machine.cores, machine.cores, machine, lambda: machine.now, lambda: machine.own)
        steps, warmup = (1, 0) if reads else (8, 1)
        self.choice = Choice(machine.cores, can_yield=can_yield, trial_steps=steps, warmup=warmup, shares_first=reads)

    def write(self, tokens: int) -> float:
        """The seconds that it takes."""
        began = self.machine.now
        self.free.begin()
        for _ in range(tokens):
            mode = self.choice.mode
            seconds = self.machine.run(mode)
            self.choice.record(1, seconds)
            if self.free.step(seconds, mode):
                self.choice.follow(self.free.level)
        return self.machine.now - began


def best(machine: Simulated) -> float:
    """Seconds for a token in the fastest mode."""
    modes = [Mode(count, yields) for count in range(1, machine.cores + 1) for yields in (False, True)]
    return min(map(machine.cost, modes))


@pytest.mark.parametrize(
    ("machine", "least"),
    [
        (Simulated(2), 0.98),
        (Simulated(2, readable=False), 0.98),
        (Simulated(16, useful=10), 0.9),  # as on a laptop whose memory, heat or slow cores are the limit
        *((Simulated(cores, others), 0.9) for cores in (2, 8) for others in (1, 2, 4)),
        (Simulated(4, 1, readable=False), 0.9),
        (Simulated(8, 20), 0.9),
    ],
    ids=str,
)
def test_the_speed_is_near_that_of_the_best_fixed_number(machine: Simulated, least: float) -> None:
    engine = Engine(machine)
    engine.write(200)
    assert 1000 * best(machine) / engine.write(1000) >= least


@pytest.mark.parametrize(("cores", "others"), [(2, 1), (2, 2), (2, 4), (8, 4)])
def test_a_prompt_of_a_few_batches_is_read_as_fast_as_in_the_best_mode_on_a_busy_machine(
    cores: int, others: int
) -> None:
    machine = Simulated(cores, others, yielding=1.1)
    engine = Engine(machine, reads=True)
    seconds = 0.0
    for _ in range(4):
        machine.rest(10)  # somebody reads the answer
        engine.free.begin()
        engine.choice.follow(engine.free.level)
        engine.choice.restart()
        seconds += engine.write(2)
    assert 8 * best(machine) / seconds >= 0.9


@pytest.mark.parametrize("readable", [True, False])
def test_threads_follow_what_other_programs_leave(readable: bool) -> None:
    machine = Simulated(4, readable=readable)
    engine = Engine(machine)
    engine.write(400)
    assert engine.choice.mode == Mode(4)
    machine.others = 2
    slow = engine.write(20)  # at most two tokens are computed with threads that stall each other
    assert slow < 20 * best(machine) + 0.4
    engine.write(400)
    assert engine.choice.mode.threads == 2
    machine.others = 0
    began = machine.now
    while engine.choice.mode != Mode(4):
        engine.write(1)
        assert machine.now - began < (1.0 if readable else 40.0)


def test_two_engines_share_the_cores() -> None:
    first, second = Engine(Simulated(4)), Engine(Simulated(4))
    first.write(200)
    for engine in (first, second):
        engine.choice.allow_sharing(False)
    for _ in range(400):
        for engine, other in ((first, second), (second, first)):
            engine.machine.others = other.choice.mode.threads
            engine.write(1)
    assert first.choice.mode == second.choice.mode == Mode(2)


def test_other_programs_get_their_cores_where_threads_cannot_yield() -> None:
    engine = Engine(Simulated(2, 1), can_yield=False)
    engine.write(200)
    assert engine.choice.mode == Mode(1)


@pytest.mark.parametrize(
    ("free", "threads"),
    [(2, 2), (1.7, 2), (1.5, 1), (1.3, 1), (0.3, 1), (0, 1), (7.95, 8), (7.5, 7), (6, 6), (30, 8)],
)
def test_a_thread_needs_a_core_of_its_own(free: float, threads: int) -> None:
    assert fitting(free, 2 if free <= 2 else 8) == threads


@pytest.mark.parametrize(("average", "now", "threads"), [(0.0, 0, 4), (3.0, 0, 4), (0.1, 2, 4), (3.0, 2, 2)])
def test_an_answer_begins_with_what_is_free_now(average: float, now: int, threads: int) -> None:
    class Known:
        cores = 4
        taken: Callable[[], float | None] = staticmethod(lambda: average)
        runnable: Callable[[], int | None] = staticmethod(lambda: now)

    cores = FreeCores(4, 4, Known(), lambda: 100.0, lambda: 0.0)
    cores.begin()
    assert cores.level == threads


class Busy:
    """The load of a machine on which others use so many cores."""

    cores = 2

    def __init__(self, taken: float) -> None:
        self._taken = taken

    def taken(self) -> float:
        return self._taken

    def runnable(self) -> int:
        return round(self._taken)


@pytest.fixture
def yielding() -> Iterator[None]:
    """Threads that never spin for long: on a busy machine, these tests would take minutes."""
    policy = WaitPolicy()
    policy.set(yields=True)
    yield
    policy.set(yields=False)


SEEDED = Sampling(1.0, seed=1, max_tokens=8)
RANDOM = Sampling(1.0, max_tokens=8)


@pytest.mark.parametrize(
    ("options", "sampling", "recorded", "taken", "changes", "reason"),
    [
        (TuningOptions(), RANDOM, None, 0, (1, 2), "2: one for each physical core"),
        (TuningOptions(), RANDOM, None, 1, (1, 1), "1: other programs use 1.0 of 2 cores"),
        (TuningOptions(), SEEDED, None, 1, (1, 2), "2: fixed with a seed or at temperature 0"),
        (TuningOptions(), Sampling(0.0, max_tokens=8), None, 1, (1, 2), "2: fixed with a seed or at temperature 0"),
        (TuningOptions(threads=2), RANDOM, None, 1, (1, 2), "2: set by you or the catalog; other programs use 1.0"),
        (TuningOptions(), SEEDED, (1, 2, 4, 1, 6, 2), 1, (1, 2, 4, 1, 6, 2), "2: as for the original answer"),
    ],
)
@pytest.mark.usefixtures("yielding")
def test_an_answer_is_computed_with_the_threads_of_its_receipt(options, sampling, recorded, taken, changes, reason):
    spec = LocalModel("chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=512, tuning=options)
    machine = Machine(2, 2)
    with closing(Llama(spec, lambda _: None, machine=machine)) as llama:
        llama.threads = ThreadPool(llama.context, options, machine, Busy(taken))
        request = Request(spec, (Message("user", "Count from 1 to 300"),), sampling, threads=recorded)
        done = list(answer(llama, request, lambda: False))[-1]
        assert isinstance(done, Done) and done.receipt.threads == changes
        assert done.receipt.cpu.startswith(reason)
        assert llama_cpp.llama_n_threads(llama.context) == changes[-1]


@pytest.mark.usefixtures("yielding")
def test_prefill_gives_the_same_logits_with_any_number_of_threads():
    spec = LocalModel("chaton", paths.bundled("chaton") / "chaton-q8_0.gguf", context=1024)
    with closing(Llama(spec, lambda _: None)) as llama:
        seen = set()
        for threads in (1, 2, 3):
            llama.cache.clear()
            llama_cpp.llama_set_n_threads(llama.context, threads, threads)
            for size in (128, 128, 128, 128, 128, 100, 7, 3, 2):  # beyond 512 cells, flash attention works differently
                decode(llama.context, range(300, 300 + size))
            logits = llama_cpp.llama_get_logits_ith(llama.context, -1)
            seen.add(ctypes.string_at(logits, 4 * llama.vocab.size))
        assert len(seen) == 1


@pytest.mark.skipif(not WaitPolicy().available, reason="this OpenMP has no such policy")
def test_threads_yield_while_a_pool_of_idle_ones_exists():
    def threads() -> set[str]:
        return {path.name for path in Path("/proc/self/task").iterdir()}

    before, policy = threads(), WaitPolicy()
    policy.set(yields=True)
    policy.set(yields=True)
    idle = threads() - before
    assert len(idle) == (os.cpu_count() or 1) + 1
    policy.set(yields=False)
    deadline = time.monotonic() + 10
    while idle & threads():
        assert time.monotonic() < deadline
