"""How much memory the machine has and how much of it is free, in bytes. Asks the system each time."""

import os
from pathlib import Path

UNKNOWN = 16_000_000_000
"""Taken for the machine's memory where the system does not say."""


def physical() -> int:
    """All there is."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN


def available() -> int | None:
    """What can be had without swapping, by Linux's own estimate (proc(5), MemAvailable); None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def reserve() -> int:
    """What should stay free, so that nothing else on the machine has to swap: a tenth of all."""
    return physical() // 10


def short(wanted: int = 0) -> bool:
    """True when the reserve is touched, or would be by taking so many bytes."""
    free = available()
    return free is not None and free - wanted < reserve()
