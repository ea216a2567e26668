"""Finds the processes that a program under test has left behind."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""See prctl(2)."""


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Within, processes whose parent has ended become children of this one."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children_of(parent: int) -> set[int]:
    """The IDs of the processes with this parent, without those that have ended."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = file.read_text("utf-8", "replace").rpartition(")")
        except OSError:  # it has ended
            continue
        state, owner, *_ = rest.split()
        if int(owner) == parent and state not in ("Z", "X"):
            found.add(int(name.split()[0]))
    return found


def left_after(seconds: float, before: set[int]) -> set[int]:
    """The children of this process that are not among `before`; waits so long for them to end."""
    end = time.monotonic() + seconds
    while (found := children_of(os.getpid()) - before) and time.monotonic() < end:
        time.sleep(0.02)
    return found
