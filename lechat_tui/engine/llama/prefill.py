"""Evaluates a prompt, batch by batch, except for what the KV cache or a saved state holds already."""

import time
from collections.abc import Callable, Iterator, Sequence

import llama_cpp

from lechat_tui.engine.base import EngineError, Prefill
from lechat_tui.engine.llama.decode import decode
from lechat_tui.engine.llama.model import MAX_BATCH, Llama
from lechat_tui.engine.llama.segments import Segment, cells_of
from lechat_tui.message import Attachment


def prefill(
    llama: Llama,
    segments: Sequence[Segment],
    stopped: Callable[[], bool],
    chat: int | None = None,
    reuse: int | None = None,
    *,
    left_out: int = 0,
) -> Iterator[Prefill]:
    """Evaluate the prompt and yield progress; ends early when stopped. Raises `EngineError`.

    `reuse` is the most cells that may be used of those the cache holds; None is all of them. `left_out` is the number
    of messages of the chat that are not in the prompt.
    """
    wanted = [cell for segment in segments for cell in cells_of(llama, segment)]
    cached = llama.saved_states.restore_best(wanted, chat, stopped, left_out=left_out)
    if reuse is not None:
        cached = llama.cache.truncate(reuse)
    total = len(wanted)
    yield Prefill(cached, total, cached)
    began = time.perf_counter()
    try:
        yield from _batches(llama, segments, stopped, cached, total)
    finally:
        llama_cpp.llama_synchronize(llama.context)  # a GPU may still compute
        llama.saved_states.note_evaluation(len(llama.cache.cells) - cached, time.perf_counter() - began)


def _batches(
    llama: Llama, segments: Sequence[Segment], stopped: Callable[[], bool], cached: int, total: int
) -> Iterator[Prefill]:
    """Evaluate what the cache does not hold of the segments, and yield progress after each batch."""
    start = 0
    for segment in segments:
        end = start + len(cells_of(llama, segment))
        while len(llama.cache.cells) < end:
            if stopped():
                return
            batch = segment
            if isinstance(segment, tuple):
                done = len(llama.cache.cells) - start
                batch = segment[done : done + llama.tuning.batch]
            if len(llama.cache.cells) in (cached, total - len(cells_of(llama, batch))):
                llama.cache.checkpoint()  # another question, and this one again, will begin here
            with llama.interruptible(stopped):
                completed = _timed(llama, batch)
            if not completed:
                llama.cache.rollback()
                if stopped():
                    return
                raise EngineError("llama.cpp could not evaluate the prompt; ask again, or try a smaller --ctx-size")
            llama.cache.extend(cells_of(llama, batch))
            yield Prefill(len(llama.cache.cells), total, cached)
        start = end


def _timed(llama: Llama, segment: Segment) -> bool:
    """Evaluate a segment with the threads chosen for it; False when it broke off."""
    if not llama.threads:
        return _evaluate(llama, segment)
    tokens = 0 if isinstance(segment, Attachment) else len(segment)
    llama.threads.reading(tokens)
    began = time.perf_counter()
    completed = _evaluate(llama, segment)
    if completed:
        llama.threads.read(tokens, time.perf_counter() - began)
    return completed


def _evaluate(llama: Llama, segment: Segment) -> bool:
    """Evaluate a segment behind the cells of the KV cache; False when it broke off."""
    if isinstance(segment, Attachment):
        past = len(llama.cache.cells)
        return bool(llama.projector and llama.projector.evaluate(segment, llama.context, past, MAX_BATCH))
    return decode(llama.context, segment)
