"""Measures the energy that processor and GPUs use, where the machine reports it to everybody.

Linux counts that of the processor's packages, and of the memory where it is measured apart, in RAPL (the kernel's
powercap.rst); many systems let only root read it. NVIDIA's driver counts that of each GPU since Volta (NVML,
`nvmlDeviceGetTotalEnergyConsumption`). macOS reports power to root only (powermetrics), so nothing is measured there.

All are counters of a device: what other programs use in the meantime is in them, too.
"""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from lechat_tui.machine.hardware import ROOT
from lechat_tui.values import dataclass

ZONES = "sys/class/powercap"

COUNTED = ("package", "dram")
"""How the names of the zones begin whose energy adds up. `core` and `uncore` are parts of a package, and `psys`, where
it exists, has more than the processor in it.
"""


class Counter(Protocol):
    """A counter of energy."""

    wraps_at: float
    """The joules after which it begins again at 0."""

    def read(self) -> float:
        """Joules since some moment. Raises `OSError`."""
        ...


class RaplZone:
    """The counter of a processor's package, or of its memory."""

    def __init__(self, folder: Path) -> None:
        """Raises `OSError` where it can't be read, and `ValueError` for a zone without figures."""
        self.file = folder / "energy_uj"
        self.wraps_at = int((folder / "max_energy_range_uj").read_text("ascii")) / 1e6
        self.read()

    def read(self) -> float:
        """Joules since some moment. Raises `OSError`."""
        return int(self.file.read_text("ascii")) / 1e6


class NvidiaGpu:
    """The counter of a GPU of NVIDIA."""

    wraps_at = 2**64 / 1000

    def __init__(self, library: Any, handle: ctypes.c_void_p) -> None:
        """Raises `OSError` where the GPU does not count its energy."""
        self._library, self._handle = library, handle
        self.read()

    def read(self) -> float:
        """Joules since the driver was loaded. Raises `OSError`."""
        millijoules = ctypes.c_ulonglong()
        if self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules)):
            raise OSError("NVML does not report the energy of this GPU")
        return millijoules.value / 1000


@dataclass(frozen=True)
class Reading:
    """What the counters showed at a moment."""

    joules: tuple[float, ...]


class Meter:
    """Adds up some counters."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        self._counters = counters

    def start(self) -> Reading | None:
        """The counters now; None without any."""
        try:
            return Reading(tuple(counter.read() for counter in self._counters)) if self._counters else None
        except (OSError, ValueError):
            return None

    def since(self, start: Reading | None) -> float | None:
        """The joules used since then; None where that is unknown."""
        now = self.start()
        if start is None or now is None:
            return None
        spent = zip(self._counters, start.joules, now.joules, strict=True)
        return sum(new - old if new >= old else new - old + counter.wraps_at for counter, old, new in spent)


def meter(*, gpu: bool, root: Path = ROOT) -> Meter:
    """The meter of this machine: of the processor, and with `gpu` also of NVIDIA's GPUs."""
    return Meter([*_processor(root), *(_nvidia(_nvml()) if gpu else ())])


def unreadable(root: Path = ROOT) -> Path | None:
    """The first counter that exists but may not be read; None for none."""
    for folder in _zones(root):
        try:
            (folder / "energy_uj").read_bytes()
        except PermissionError:
            return folder / "energy_uj"
        except OSError:
            continue
    return None


def _zones(root: Path) -> Iterator[Path]:
    """The folders of the zones that are counted; those of `intel-rapl-mmio` are the same packages once more."""
    with suppress(OSError):
        for folder in sorted((root / ZONES).glob("intel-rapl:*")):
            if (folder / "name").read_text("ascii", "replace").startswith(COUNTED):
                yield folder


def _processor(root: Path) -> Iterator[Counter]:
    for folder in _zones(root):
        with suppress(OSError, ValueError):
            yield RaplZone(folder)


def _nvml() -> Any:
    """NVIDIA's management library; None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None


def _nvidia(library: Any) -> Iterator[Counter]:
    count = ctypes.c_uint()
    if library is None or library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return
    for number in range(count.value):
        handle = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)) == 0:
            with suppress(OSError):
                yield NvidiaGpu(library, handle)
