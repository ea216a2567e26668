"""Sets llama.cpp's threads while an answer is made, by what `threads.py` chooses."""

import time
from collections.abc import Callable, Sequence
from functools import cache

import llama_cpp

from lechat_tui.engine.base import TuningOptions
from lechat_tui.engine.llama.openmp import WaitPolicy
from lechat_tui.engine.llama.placement import SET_BY_USER
from lechat_tui.engine.llama.threads import READ_INTERVAL_SECONDS, Choice, FreeCores, Load, Mode, busy_text
from lechat_tui.engine.llama.tuning import default_threads
from lechat_tui.machine.hardware import Machine
from lechat_tui.machine.load import CpuLoad
from lechat_tui.message import Sampling

MIN_MEASURED_TOKENS = 64
"""A shorter piece of a prompt takes longer per token, and is not compared."""

SAME_AGAIN = "fixed with a seed or at temperature 0, so that the answer can be reproduced"
REPEATED = "as for the original answer"


class ThreadPool:
    """The threads of one context.

    Prefill gives the same numbers with any number of threads. Decoding does not: where flash attention splits the KV
    cache among the threads, the last bits of a logit depend on how many there are. So decoding uses a fixed number
    where the same answer may be wanted again, at temperature 0 or with a seed, and a receipt keeps the other numbers.
    """

    def __init__(
        self,
        context: llama_cpp.llama_context_p,
        options: TuningOptions,
        machine: Machine,
        load: Load | None = None,
    ) -> None:
        """`options` may set the numbers of threads; they are kept then. `load` is that of this machine by default."""
        self._context = context
        self._limit, self._why = default_threads(machine)
        load = load or CpuLoad()
        self._cores = FreeCores(self._limit, load.cores * self._limit / machine.cores, load)
        self._wait = WaitPolicy()
        self._decode = Choice(self._limit, can_yield=self._wait.available, trial_steps=8, warmup=1)
        self._prefill = Choice(self._limit, can_yield=self._wait.available, trial_steps=1, warmup=0, shares_first=True)
        self._set_decode = options.threads
        self._set_prefill = options.threads_batch or options.threads
        self._same_again = False
        self._recorded: dict[int, int] = {}
        self._is_fixed = False
        """Whether the number of threads for decoding is not free in this answer."""
        self.engines: Callable[[], int] = lambda: 1
        """Returns how many engines of the program work now; each takes its part of the cores."""
        self._mode = Mode(self._limit)
        self._written: Mode | None = None
        """The mode of the last token, while nothing else has set another one."""
        self._check_at = 0.0
        self.changes: list[int] = []
        """In pairs: tokens sampled before, and the number of threads from there on."""

    def attach(self, context: llama_cpp.llama_context_p) -> None:
        """Use this context from now on."""
        self._context = context
        self._written = None

    def close(self) -> None:
        """Restore the process's wait policy."""
        self._wait.set(yields=False)

    def begin(self, sampling: Sampling, recorded: Sequence[int] | None) -> None:
        """An answer begins; `recorded` has the pairs of the receipt of one that is to be repeated."""
        self._same_again = sampling.seed is not None or sampling.temperature <= 0
        pairs = zip(recorded[::2], recorded[1::2], strict=False) if recorded else ()
        self._recorded = {0: self._limit, **dict(pairs)} if recorded else {}
        self._is_fixed = bool(self._recorded or self._set_decode or self._same_again)
        self.changes = []
        self._written = None
        self._cores.begin()
        self._follow()
        self._decode.restart()
        self._prefill.restart()

    def reading(self, tokens: int) -> None:
        """So many tokens of a prompt are evaluated next; 0 for an image."""
        self._check_at = time.monotonic() + READ_INTERVAL_SECONDS
        self._written = None
        if tokens == 1:
            self.writing(0)  # llama.cpp computes it like a token of an answer
        elif self._set_prefill or not tokens:  # the projector's threads were set when it was loaded
            self._apply(self._fixed(self._set_prefill or self._limit))
        else:
            self._apply(self._prefill.mode)

    def still_reading(self) -> None:
        """Called often while tokens of a prompt are evaluated: on a busy machine, that can take many seconds."""
        if time.monotonic() < self._check_at:
            return
        self._cores.update(self._mode)
        self._follow()
        self._check_at = time.monotonic() + READ_INTERVAL_SECONDS
        if self._mode.threads > self._cores.level and not self._mode.yields:
            self._wait.set(yields=True)
            self._mode = Mode(self._mode.threads, yields=True)

    def read(self, tokens: int, seconds: float) -> None:
        """These tokens took so long."""
        if not self._set_prefill and tokens >= MIN_MEASURED_TOKENS and self._mode == self._prefill.mode:
            self._prefill.record(tokens, seconds)
        self._step(seconds)

    def writing(self, count: int) -> bool:
        """A token is evaluated next, after so many have been sampled; True if the number of threads changes for it."""
        mode = self._decode.mode
        if self._is_fixed:
            mode = self._fixed(self._fixed_number(count))
        if mode is self._written:
            return False
        changed = mode.threads != self._mode.threads
        self._apply(mode)
        self._written = mode
        if not self.changes or self.changes[-1] != mode.threads:
            self.changes += (count, mode.threads)
        return changed

    def wrote(self, units: float, seconds: float) -> None:
        """That took so long; `units` is what it costs in evaluations of one token."""
        if not self._is_fixed:
            self._decode.record(units, seconds)
        self._step(seconds)

    def sentence(self) -> str:
        """How many threads decode now and why, as in `1: other programs use 1.4 of 2 cores`."""
        count = self.changes[-1] if self.changes else self._limit
        reasons = [self._reason(count)]
        if self._cores.level < self._limit:
            busy = busy_text(self._cores.taken, self._limit)
            reasons = [*reasons, busy] if count > self._cores.level or reasons != [self._why] else [busy]
        return f"{count}: {'; '.join(reasons)}"

    def _reason(self, count: int) -> str:
        if self._recorded:
            return REPEATED
        if self._set_decode:
            return SET_BY_USER
        if self._same_again:
            return SAME_AGAIN
        if count > self._cores.level:
            return "measured to be faster while they share cores"
        if self._decode.measured and self._cores.level == self._limit:
            return f"measured to be faster than {self._limit}"
        return self._why

    def _fixed_number(self, count: int) -> int:
        """The number of threads for decoding where that is not free."""
        if self._recorded:
            return self._recorded[max(start for start in self._recorded if start <= count)]
        return self._set_decode or self._limit

    def _fixed(self, count: int) -> Mode:
        """That many threads, which yield where they share their cores with other programs."""
        return _modes(count)[count > self._cores.level]

    def _step(self, seconds: float) -> None:
        if self._cores.step(seconds, self._mode):
            self._follow()

    def _follow(self) -> None:
        engines = self.engines()
        level = min(self._cores.level, max(1, self._limit // engines))
        for choice in (self._decode, self._prefill):
            choice.allow_sharing(self._wait.available and engines == 1)
            choice.follow(level)

    def _apply(self, mode: Mode) -> None:
        decode, batch = self._set_decode or mode.threads, self._set_prefill or mode.threads
        llama_cpp.llama_set_n_threads(self._context, decode, batch)
        self._wait.set(yields=mode.yields)
        self._mode = mode


@cache
def _modes(count: int) -> tuple[Mode, Mode]:
    """So many threads that spin, and that yield."""
    return Mode(count), Mode(count, yields=True)
