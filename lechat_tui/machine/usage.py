"""Reads how much memory processes use now: RAM from the system, GPU memory from NVIDIA's driver."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lechat_tui.machine.hardware import ROOT, Command, run

_MAPPED = re.compile(r"^RssFile:\s+(\d+) kB$", re.MULTILINE)


def mapped(pid: int, root: Path = ROOT) -> int | None:
    """Bytes of mapped files that a process has in RAM: the system can drop them, and every process shares them.

    None where the system does not report it. (Only a process itself may read how many others share them.)
    """
    try:
        found = _MAPPED.search((root / f"proc/{pid}/status").read_text("ascii", "replace"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def gpu(command: Command = run) -> Mapping[int, int]:
    """Bytes of GPU memory of each process that computes on a GPU of NVIDIA, by its ID; empty where there is none."""
    listing = command(["nvidia-smi", "--query-compute-apps=pid,used_gpu_memory", "--format=csv,noheader,nounits"])
    used: dict[int, int] = {}
    for pid, bytes in _rows(listing):
        used[pid] = used.get(pid, 0) + bytes  # a process has a row for each of its GPUs
    return used


def _rows(listing: str) -> Iterator[tuple[int, int]]:
    for line in listing.splitlines():
        pid, _, mebibytes = (part.strip() for part in line.partition(","))
        if pid.isdecimal() and mebibytes.isdecimal():
            yield int(pid), int(mebibytes) << 20
