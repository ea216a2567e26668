"""Chooses the number of threads while the engine runs: how many cores are free, and what is measured to be fastest.

llama.cpp's threads meet at a barrier after every matrix, several hundred times per token, and wait there by spinning.
Where another program takes the core of one thread, all the others wait for it: two threads on two busy cores are many
times slower than one. So there is never a thread for a core that others use, unless sharing cores is measured to be
faster; then the threads yield their core while they wait. Does not import llama_cpp; time and load are passed in.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

READ_INTERVAL_SECONDS = 0.25
"""Time between two readings of the load; shorter ones are too coarse, since the system counts in hundredths."""

FIRST_READ_SECONDS = 0.1
"""The same at the beginning of an answer, where the last reading is old."""

OLD_SECONDS = 2.0
"""After so long without a reading, the average since then no longer says how busy the machine is now."""

MIN_GAIN = 1.1
"""How many times faster more threads must be expected to be before a level is left for a higher one."""

MIN_ADVANTAGE = 1.05
"""How many times faster another mode must be measured to be before it is used."""

TRIAL_SHARE = 0.01
"""The most of the time that slower modes may take to be tried again."""

SLOW_TRIAL = 3.0
"""A trial ends early when it is so many times slower."""

MIN_SHORTFALL = 0.15
"""Cores that the threads got less than they use by spinning: another program has taken them."""

MAX_PATIENCE_SECONDS = 30.0
"""The longest wait for another try of more threads where the load cannot be read."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How many threads compute, and whether they yield their core while they wait for each other."""

    threads: int
    yields: bool = False


class Load(Protocol):
    """How busy the machine is with other programs; `machine.load.CpuLoad` reads it."""

    cores: int
    """Logical cores that this process may use, whatever its quota."""

    def taken(self) -> float | None:
        """Cores that others used on average since the last call; None where that is unknown."""
        ...

    def runnable(self) -> int | None:
        """Threads of others that run or wait for a core at this moment; None where that is unknown."""
        ...


def busy_text(taken: float, cores: int) -> str:
    """How busy the machine is, as a part of a sentence."""
    return f"other programs use {min(taken, cores):.1f} of {cores} cores"


def fitting(free: float, limit: int) -> int:
    """The number of threads that is expected to be fastest with so many cores free, 1 to `limit`."""
    fewer = max(1, min(limit, int(free)))
    more = min(limit, fewer + 1)
    return more if _expected(more, free) > _expected(fewer, free) else fewer


def _expected(threads: int, free: float) -> float:
    """Speed in threads: while another program has the core of one, all wait."""
    return threads * max(0.0, 1.0 - max(0.0, threads - free))


class FreeCores:
    """How many cores are free for this process, and how many threads fit on them: the level."""

    def __init__(
        self,
        limit: int,
        room: float,
        load: Load,
        clock: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.process_time,
    ) -> None:
        """`limit` is the most threads, `room` the cores there are; `own` returns the CPU seconds of this process."""
        self._limit, self._room = limit, room
        self._load, self._clock, self._own = load, clock, own
        self.taken = 0.0
        """Cores that other programs use."""
        self.level = limit
        self._readings = (0.0, 0.0)
        self._read_at = clock() - OLD_SECONDS
        self._interval = FIRST_READ_SECONDS
        self._waited = 0.0
        self._unreadable = UnreadableLoad(limit)
        self._own_at = own()

    def begin(self) -> None:
        """An answer begins."""
        if self._clock() - self._read_at < OLD_SECONDS:
            return
        taken, now = self._load.taken(), self._load.runnable()
        self._restart(FIRST_READ_SECONDS)
        if taken is not None:
            taken = taken if now is None else min(taken, now)
            self._readings = (taken, taken)
            self._use(self._room - taken)

    def step(self, seconds: float, mode: Mode) -> bool:
        """A step in this mode took so long; True when the load was read again."""
        self._waited += seconds
        if self._waited < self._interval:
            return False
        self.update(mode)
        return True

    def update(self, mode: Mode) -> None:
        """Read the load now, unless the last reading is too near."""
        elapsed = self._clock() - self._read_at
        if elapsed < self._interval:
            self._waited = elapsed
            return
        taken, own = self._load.taken(), self._own() - self._own_at
        self._restart(READ_INTERVAL_SECONDS)
        if taken is None:
            self._use(self._unreadable.free(mode, own / elapsed, elapsed))
            return
        self._readings = (self._readings[1], taken)
        self._use(self._room - max(self._readings))  # fewer threads at once, more after two calm readings

    def _restart(self, interval: float) -> None:
        self._read_at, self._own_at = self._clock(), self._own()
        self._interval, self._waited = interval, 0.0

    def _use(self, free: float) -> None:
        """Set the level for so many free cores."""
        self.taken = max(0.0, self._room - free)
        free = min(float(self._limit), free)
        best = fitting(free, self._limit)
        if best < self.level or _expected(best, free) > MIN_GAIN * _expected(self.level, free):
            self.level = best


class UnreadableLoad:
    """How many cores are free, where the system does not say how busy it is: by the CPU time that our threads get.

    Threads that spin use all that they get. That more cores are free is only seen by trying, ever more rarely.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = float(limit)
        self._calm = 0.0
        self._patience = 1.0

    def free(self, mode: Mode, got: float, seconds: float) -> float:
        """Cores that are free, after so many seconds in this mode in which our threads got so many cores."""
        short = mode.threads - got
        if short > MIN_SHORTFALL and not mode.yields and mode.threads > 1:
            self._free, self._calm = got, 0.0
            self._patience = min(MAX_PATIENCE_SECONDS, 2 * self._patience)
            return self._free
        self._calm += seconds
        if self._free < self._limit and self._calm >= self._patience and short <= MIN_SHORTFALL:
            self._free, self._calm = min(float(self._limit), int(self._free) + 1.0), 0.0
        elif self._free >= self._limit and self._calm > MAX_PATIENCE_SECONDS:
            self._patience = 1.0
        return self._free


@dataclass
class Trial:
    """A few steps in another mode."""

    mode: Mode
    warmup: int
    """Steps that do not count, while threads wake up."""
    steps: int = 0
    units: float = 0.0
    seconds: float = 0.0
    all_units: float = 0.0
    all_seconds: float = 0.0

    def add(self, units: float, seconds: float) -> None:
        self.all_units += units
        self.all_seconds += seconds
        if self.warmup:
            self.warmup -= 1
            return
        self.steps += 1
        self.units += units
        self.seconds += seconds

    @property
    def cost(self) -> float:
        return self.seconds / self.units if self.units else 0.0


@dataclass
class Challenger:
    """A mode that may be faster than the one in use."""

    due: float
    """Seconds of work after which it is tried."""
    pause: float = 0.0
    """Seconds of work between its last trial and this one."""


@dataclass
class Level:
    """What was learned while so many threads had a core of their own."""

    best: Mode
    challengers: dict[Mode, Challenger] = field(default_factory=dict)


class Choice:
    """The mode for one kind of work: the one that was measured to be fastest while as many cores were free."""

    def __init__(
        self, limit: int, *, can_yield: bool, trial_steps: int, warmup: int, shares_first: bool = False
    ) -> None:
        """`shares_first` begins with all threads sharing cores wherever others use some.

        That is for work between whose barriers a thread computes for long, and of which there is often too little to
        try anything else.
        """
        self._limit, self._can_yield, self._shares_first = limit, can_yield, shares_first
        self._trial_steps, self._warmup = trial_steps, warmup
        self._number = limit
        self._levels = {limit: Level(Mode(limit))}
        self._trial: Trial | None = None
        self.mode = self._level.best
        """The mode of the next step."""
        self._cost = 0.0
        """Seconds per unit in the best mode, lately."""
        self._steps = 0
        self._worked = 0.0
        self._due = float("inf")

    @property
    def measured(self) -> bool:
        """Whether the mode differs from what the load alone suggests."""
        return self._level.best != Mode(self._number)

    def follow(self, level: int) -> None:
        """So many threads have a core of their own now."""
        if level == self._number:
            return
        best = self._inherited(level)
        if best == self._level.best and best.yields:  # threads that share cores take them, so the level says little
            self._levels.setdefault(level, Level(best)).best = best
        elif level not in self._levels:
            self._levels[level] = Level(best)
        self._number = level
        self._enter()

    def allow_sharing(self, allowed: bool) -> None:
        """Whether threads may share cores: two engines that do would make each other slower."""
        if allowed == self._can_yield:
            return
        self._can_yield = allowed
        for number, level in self._levels.items():
            if not allowed and level.best.yields:
                level.best = Mode(number)
            level.challengers = {mode: one for mode, one in level.challengers.items() if not mode.yields}
        self._enter()

    def restart(self) -> None:
        """Other work begins, whose cost is not comparable: what a step costs grows with the context before it."""
        self._enter()

    def record(self, units: float, seconds: float) -> None:
        """A step of so many units of work took so long in the current mode."""
        self._worked += seconds
        if self._trial:
            self._record_trial(self._trial, units, seconds)
            return
        self._steps += 1
        if self._steps <= self._warmup:
            return
        cost, counted = seconds / units, self._steps - self._warmup
        self._cost += (cost - self._cost) / min(counted, 2 * self._trial_steps)
        if counted < self._trial_steps:
            return
        if counted == self._trial_steps:
            self._find_challengers()
        if self._worked >= self._due:
            self._start_trial()

    @property
    def _level(self) -> Level:
        return self._levels[self._number]

    def _inherited(self, level: int) -> Mode:
        """The mode to begin another level with: what was measured to be faster than a thread for each free core."""
        best = self._level.best
        if best.yields and level < self._limit:
            return best
        if self._shares_first and self._can_yield and level < self._limit:
            return Mode(self._limit, yields=True)
        if best.yields or best.threads >= self._number:
            return Mode(level)
        return Mode(min(best.threads, level))

    def _enter(self) -> None:
        """Begin with the best mode of this level; what it costs now is not known yet."""
        self._trial, self._cost, self._steps, self._due = None, 0.0, 0, float("inf")
        self.mode = self._level.best

    def _find_challengers(self) -> None:
        """Find what to compare the best mode with. One that shares cores is tried soon, fewer or more threads later."""
        level, best = self._level, self._level.best
        fewer = best.threads * 3 // 4 if not best.yields else self._number
        more = min(self._number, -(-best.threads * 4 // 3)) if not best.yields else self._number
        modes = {Mode(count) for count in (fewer, more) if count}
        if self._number < self._limit and self._can_yield:
            modes.add(Mode(self._limit, yields=True))
        step = self._cost * self._trial_steps
        for mode in modes - {best} - set(level.challengers):
            soon = mode.yields or best.yields
            level.challengers[mode] = Challenger(self._worked + (0.0 if soon else step / TRIAL_SHARE))
        level.challengers.pop(best, None)
        self._due = min((one.due for one in level.challengers.values()), default=float("inf"))

    def _start_trial(self) -> None:
        challengers = self._level.challengers
        mode = min(challengers, key=lambda mode: challengers[mode].due)
        self._trial, self.mode = Trial(mode, self._warmup), mode

    def _record_trial(self, trial: Trial, units: float, seconds: float) -> None:
        trial.add(units, seconds)
        slow = trial.all_seconds > SLOW_TRIAL * self._cost * (trial.all_units + units)
        if trial.steps < self._trial_steps and not slow:
            return
        level, best = self._level, self._level.best
        self._trial = None
        if not slow and trial.cost * MIN_ADVANTAGE < self._cost:
            level.best = trial.mode
            level.challengers[best] = Challenger(self._worked + 4 * trial.all_seconds)
            self._cost = trial.cost
        else:
            challenger = level.challengers[trial.mode]
            lost = max(0.0, trial.all_seconds - self._cost * trial.all_units)
            challenger.pause = max(lost / TRIAL_SHARE, 2 * challenger.pause, 4 * trial.all_seconds)
            challenger.due = self._worked + challenger.pause
        self._steps = self._warmup + self._trial_steps
        self.mode = level.best
        self._find_challengers()
