"""Reads how busy the cores are that this process may use. Only Linux reports it; elsewhere the answer is None."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from lechat_tui.machine.hardware import ROOT, allowed_cores

_IDLE_COLUMNS = (3, 4)
"""`idle` and `iowait` in a row of `/proc/stat`."""

_COLUMNS = 8
"""The columns of `/proc/stat` that add up to the time of a core (proc(5)); those behind them are counted twice."""


class CpuLoad:
    """How many cores other programs use."""

    def __init__(self, root: Path = ROOT, own: Callable[[], float] = time.process_time) -> None:
        """`root` is the folder of `/proc`; `own` returns the CPU seconds of this process."""
        self._stat = root / "proc/stat"
        self._loadavg = root / "proc/loadavg"
        self._own = own
        self._rows = {f"cpu{core}".encode() for core in allowed_cores()}
        self.cores = len(self._rows) or os.cpu_count() or 1
        """Logical cores that this process may use, whatever its quota."""
        self._all = self.cores == os.cpu_count()
        self._last = self._counters()

    def taken(self) -> float | None:
        """Cores that other programs used on average since the last call; None where the system does not report it."""
        now, last = self._counters(), self._last
        self._last = now
        if not now or not last or now[0] <= last[0]:
            return None
        total, busy, own = (new - old for new, old in zip(now, last, strict=True))
        return max(0.0, (busy - own * _ticks_per_second()) * self.cores / total)

    def runnable(self) -> int | None:
        """Threads of other programs that run or wait for a core at this moment; None where that is unknown."""
        if not self._all:
            return None  # the system counts those on all cores
        try:
            running = self._loadavg.read_bytes().split()[3].partition(b"/")[0]
        except (OSError, IndexError):
            return None
        return max(0, int(running) - 1) if running.isdigit() else None

    def _counters(self) -> tuple[float, float, float] | None:
        """Ticks of all cores, those of them that were not idle, and the CPU seconds of this process."""
        try:
            rows = [row.split() for row in self._stat.read_bytes().splitlines() if row.startswith(b"cpu")]
            ticks = [[int(cell) for cell in row[1 : 1 + _COLUMNS]] for row in rows if row[0] in self._rows]
            busy = sum(sum(row) - sum(row[column] for column in _IDLE_COLUMNS) for row in ticks)
        except (OSError, ValueError, IndexError):
            return None
        return (sum(map(sum, ticks)), busy, self._own()) if ticks else None


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")
