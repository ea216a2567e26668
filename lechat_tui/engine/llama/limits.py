"""Bounds on time and memory while code of others runs: a chat template that anybody may have written.

Only the main thread sets them: there Python handles the signal of the timer. Time is the processor time of that thread,
which neither other programs nor other threads shorten. Memory is limited on Linux only.
"""

import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_SHORTEST_SECONDS = 0.01
"""The timer is set to no less, so that it does not expire all the time near the end."""


class TooLong(Exception):
    """The time is up."""


@contextmanager
def limited(seconds: float, extra_bytes: int) -> Iterator[None]:
    """Run the block with so many seconds of processor time and so much more memory than the process has now.

    Raises `TooLong`, and `MemoryError` for what does not fit. In any other thread nothing is limited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _limit_memory(extra_bytes)
    end, running = time.thread_time() + seconds, True

    def expire(signal_number: int, frame: FrameType | None) -> None:
        if not running:
            return
        left = end - time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, max(left, _SHORTEST_SECONDS))
        if left <= 0:
            raise TooLong  # Python ignores it inside a callback of its own; then the timer expires again

    previous = signal.signal(signal.SIGPROF, expire)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # it counts all threads, so it never expires too late
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
        if before is not None:
            resource.setrlimit(resource.RLIMIT_AS, before)


def _limit_memory(extra_bytes: int) -> tuple[int, int] | None:
    """Limit the address space; returns the limits in force before, or None if nothing was changed."""
    if sys.platform != "linux":
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = pages * resource.getpagesize() + extra_bytes
        if soft != resource.RLIM_INFINITY and soft <= wanted:
            return None
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    except (OSError, ValueError, IndexError):
        return None
    return soft, hard
