"""Reads a prompt: only what the KV cache does not hold, chunk by chunk. Draws no token."""

from collections.abc import Callable, Iterator, Sequence

from lechat_tui.engine.base import EngineError, Prefill
from lechat_tui.engine.llama.cache import Slot
from lechat_tui.engine.llama.decode import decode
from lechat_tui.engine.llama.model import BATCH, Llama
from lechat_tui.message import Attachment

Run = tuple[int, ...] | Attachment
"""What is evaluated in one go: ordinary tokens, or a picture."""


def length(llama: Llama, runs: Sequence[Run]) -> int:
    """The positions of the KV cache that the runs take."""
    return sum(len(slots_of(llama, run)) for run in runs)


def prefill(
    llama: Llama,
    runs: Sequence[Run],
    stopped: Callable[[], bool],
    chat: int | None = None,
    reuse: int | None = None,
) -> Iterator[Prefill]:
    """Evaluate what neither the cache nor a state set aside holds, chunk by chunk; ends early when stopped.

    `reuse` is how many of the slots that are held may be used at most; None is all of them.
    """
    wanted = [slot for run in runs for slot in slots_of(llama, run)]
    cached = llama.states.prepare(wanted, chat, stopped)
    if reuse is not None:
        cached = llama.cache.shorten(reuse)
    total = len(wanted)
    yield Prefill(cached, total, cached)
    start = 0
    for run in runs:
        slots = slots_of(llama, run)
        end = start + len(slots)
        while len(llama.cache.held) < end:
            if stopped():
                return
            done = len(llama.cache.held)
            chunk: Run = run if isinstance(run, Attachment) else run[done - start : done - start + llama.tuning.batch]
            with llama.interruptible(stopped):
                whole = _evaluate(llama, chunk)
            if not whole:
                llama.cache.mend()
                if stopped():
                    return
                raise EngineError("llama.cpp could not read the prompt; ask again, or try a smaller --ctx-size")
            llama.cache.extend(slots_of(llama, chunk))
            yield Prefill(len(llama.cache.held), total, cached)
        start = end


def _evaluate(llama: Llama, run: Run) -> bool:
    """Put a run at the end of the KV cache. False when it broke off."""
    if isinstance(run, tuple):
        return decode(llama.context, run)
    return bool(llama.projector and llama.projector.evaluate(run, llama.context, len(llama.cache.held), BATCH))


def slots_of(llama: Llama, run: Run) -> Sequence[Slot]:
    """The positions of the KV cache that a run takes."""
    if isinstance(run, tuple):
        return run
    return [run.sha256] * llama.projector.layout(run).positions if llama.projector else ()
