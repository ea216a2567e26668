"""The models that this user's lechat processes have loaded, and the memory that each uses now."""

import os
import re
import subprocess
from dataclasses import replace

from lechat_tui.errors import LechatError
from lechat_tui.machine import usage
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

WORKER = "lechat_tui.engine.worker"
_ROW = re.compile(rf"\s*(\d+)\s+(\d+)\s+(\d+)\s+([\d:.-]+)\s+.*? -m {re.escape(WORKER)} (.+)")
"""A row of `ps`: process, parent, resident memory in KiB, age, and the command line, which ends in the model's name."""


@dataclass(frozen=True)
class Running:
    """One loaded model."""

    model: str
    pid: int
    """Of its engine process."""
    program: int
    """Process ID of the lechat that has loaded it."""
    bytes: int
    """RAM, mapped weights included."""
    seconds: int
    """Age of the process."""
    mapped_bytes: int | None = None
    """The part of it that is mapped files, most of it weights; None where that is unknown."""
    gpu_bytes: int | None = None
    """GPU memory; None where no GPU reports it."""

    @property
    def memory(self) -> str:
        """The memory as text, as in `0.4 GB, 12.9 GB on the GPU`."""
        return size_text(self.bytes) + (f", {size_text(self.gpu_bytes)} on the GPU" if self.gpu_bytes else "")


def loaded() -> list[Running]:
    """The loaded models. Takes a moment. Raises `LechatError` if the system does not list processes."""
    return _with_memory(listed(_listing()))


def own_memory() -> dict[str, str]:
    """The memory of each model that this program has loaded, as text, by the model's id. Takes a moment."""
    try:
        rows = [row for row in listed(_listing()) if row.program == os.getpid()]
    except LechatError:
        return {}
    return {row.model: row.memory for row in _with_memory(rows)}


def _with_memory(rows: list[Running]) -> list[Running]:
    gpu = usage.gpu() if rows else {}
    return [
        replace(row, mapped_bytes=usage.mapped(row.pid), gpu_bytes=gpu.get(row.pid, 0) if gpu else None) for row in rows
    ]


def listed(listing: str) -> list[Running]:
    """The engine processes in the output of `ps -o pid=,ppid=,rss=,etime=,args=`."""
    matches = filter(None, map(_ROW.fullmatch, listing.splitlines()))
    return [Running(row[5].strip(), int(row[1]), int(row[2]), int(row[3]) * 1024, _seconds(row[4])) for row in matches]


def _listing() -> str:
    command = ["ps", "-ww", "-U", str(os.getuid()), "-o", "pid=,ppid=,rss=,etime=,args="]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise LechatError("this system's ps does not list processes, so loaded models cannot be shown") from error
    return done.stdout


def _seconds(age: str) -> int:
    """Seconds of an age that `ps` prints as `[[DD-]HH:]MM:SS`."""
    days, _, clock = age.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(float(part or 0))
    return int(days or 0) * 86_400 + seconds
