"""Reads what this machine has: cores, memory and GPUs, with the limits of the container this process runs in.

A value that the system does not report is None or left out, never estimated.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from lechat_tui.values import dataclass

ROOT = Path("/")


ASSUMED_MEMORY_BYTES = 16_000_000_000
"""Stands for the machine's memory where the system does not report it."""

RESERVE_SHARE = 10
"""One in so many bytes of the memory should stay free, so that nothing else on the machine has to swap."""


FAST_CAPACITY = 0.75
"""A core counts as fast with at least this part of the fastest core's capacity."""


@dataclass(frozen=True)
class Memory:
    """The memory this process may use, in bytes."""

    total: int | None = None
    """RAM, or the container's limit where that is lower."""
    available: int | None = None
    """What can be allocated now without swapping (proc(5), MemAvailable), within the container's limit."""
    limit: int | None = None
    """The container's limit; None where there is none below the RAM."""

    def share(self, parts: int) -> int:
        """One of so many equal parts of the total, or of `ASSUMED_MEMORY_BYTES` where it is unknown."""
        return (self.total or ASSUMED_MEMORY_BYTES) // parts

    def is_short(self, wanted: int = 0) -> bool:
        """Whether allocating `wanted` more bytes would use up the reserve; False where that is unknown."""
        return self.available is not None and self.available - wanted < self.share(RESERVE_SHARE)


@dataclass(frozen=True)
class Machine:
    """What a program may use of this machine."""

    cores: int
    """Logical cores that this process may use, by its affinity and its container's quota; at least 1."""
    physical: int | None
    """Physical cores among them, of a processor with two kinds only the fast ones; None where unknown."""
    memory: Memory = Memory()


@dataclass(frozen=True)
class Gpu:
    """A GPU as the system reports it, whether llama.cpp can use it or not."""

    name: str
    vendor: str
    """`NVIDIA`, `AMD`, `Intel` or `Apple`."""
    total: int | None = None
    """Bytes of its memory; of a GPU that shares the machine's, the part it may use."""
    free: int | None = None
    driver: str = ""
    """For choosing a llama.cpp build: the driver's version, or `kfd` where AMD's compute driver is loaded."""
    shared: bool = False
    """Whether it has no memory of its own but uses the machine's, as on Apple silicon, DGX Spark and Jetson."""


Command = Callable[[Sequence[str]], str]
"""Runs a command and returns its output; empty when it does not exist, fails or hangs."""


def run(command: Sequence[str]) -> str:
    """The `Command` that runs it here. A driver that wakes up may need seconds; after ten it counts as hanging."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def gpus(root: Path = ROOT, command: Command = run, platform: str = sys.platform) -> tuple[Gpu, ...]:
    """The GPUs of this machine. Asks the drivers, which takes a moment."""
    if platform == "darwin":
        return tuple(_apple(command))
    nvidia = tuple(_nvidia_smi(command)) or tuple(_nvidia_kernel(root))
    return nvidia + tuple(_others(root))


_NOT_REPORTED = frozenset(("[N/A]", "N/A", "[Not Supported]"))
"""What nvidia-smi prints as the memory of a GPU that has none of its own."""


def _nvidia_smi(command: Command) -> Iterator[Gpu]:
    query = "--query-gpu=name,memory.total,memory.free,driver_version"
    for line in command(["nvidia-smi", query, "--format=csv,noheader,nounits"]).splitlines():
        match [part.strip() for part in line.rsplit(",", 3)]:
            case [name, total, free, driver] if name:
                shared = total in _NOT_REPORTED
                yield Gpu(name, "NVIDIA", _mebibytes(total), _mebibytes(free), driver, shared)


def _nvidia_kernel(root: Path) -> Iterator[Gpu]:
    """What the kernel module reports, for systems without `nvidia-smi`."""
    version = re.search(r"Kernel Module\D*(\d+(?:\.\d+)+)", _text(root / "proc/driver/nvidia/version"))
    for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        model = re.search(r"^Model:\s*(.+)$", _text(file), re.MULTILINE)
        if model:
            yield Gpu(model[1].strip(), "NVIDIA", driver=version[1] if version else "")


def _others(root: Path) -> Iterator[Gpu]:
    """The GPUs of AMD and Intel that the kernel lists."""
    for device in sorted((root / "sys/class/drm").glob("card*/device")):
        if not re.fullmatch(r"card\d+", device.parent.name):
            continue  # a connector, such as card0-HDMI-A-1
        vendor = {"0x1002": "AMD", "0x8086": "Intel"}.get(_text(device / "vendor"))
        if vendor:
            total, used = (_number(_text(device / f"mem_info_vram_{what}")) for what in ("total", "used"))
            name = _text(device / "product_name") or f"{vendor} {_text(device / 'device')}".strip()
            free = total - used if total and used is not None else None
            driver = "kfd" if vendor == "AMD" and (root / "sys/class/kfd").exists() else ""
            yield Gpu(name, vendor, total, free, driver)


def _apple(command: Command) -> Iterator[Gpu]:
    """The GPU of a Mac with Apple silicon, which shares the memory; the system limits how much of it may be wired."""
    name, memory, wired = (
        command(["/usr/sbin/sysctl", "-n", key]).strip()
        for key in ("machdep.cpu.brand_string", "hw.memsize", "iogpu.wired_limit_mb")
    )
    if name.startswith("Apple") and _number(memory):
        yield Gpu(name, "Apple", _mebibytes(wired) or None, shared=True)


def _mebibytes(text: str) -> int | None:
    number = _number(text)
    return None if number is None else number << 20


def read(root: Path = ROOT) -> Machine:
    """This machine; `root` is the folder of `/proc` and `/sys`."""
    allowed = allowed_cores()
    quota = _quota(root)
    fast = _fast(root, allowed)
    physical = _siblings(root, fast) if fast else _sysctl("hw.perflevel0.physicalcpu", "hw.physicalcpu")
    cores = len(allowed) if allowed else os.cpu_count() or 1
    if quota is not None:
        cores = max(1, min(cores, int(quota)))
    return Machine(cores, min(physical, cores) if physical else None, memory(root))


def allowed_cores() -> set[int]:
    """The logical cores this process may run on; empty where the system has no affinity."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()


def memory(root: Path = ROOT) -> Memory:
    """The memory this process may use, read from the system at each call."""
    meminfo = _meminfo(root)
    total, available = meminfo.get("MemTotal") or _sysctl("hw.memsize"), meminfo.get("MemAvailable")
    groups = [group for group in _memory_groups(root) if total is None or group.limit < total]
    if not groups:
        return Memory(total, available)
    limit, left = min(group.limit for group in groups), min(group.left for group in groups)
    return Memory(limit, left if available is None else min(available, left), limit)


def _fast(root: Path, cores: set[int]) -> set[int]:
    """The performance cores among these: with slow ones beside them, all threads would wait for the slowest."""
    listed = _core_list(_text(root / "sys/devices/cpu_core/cpus"))  # Intel processors with two kinds of cores
    if cores & listed:
        return cores & listed
    files = {core: root / f"sys/devices/system/cpu/cpu{core}/cpu_capacity" for core in cores}  # ARM
    capacity = {core: _number(_text(file)) or 0 for core, file in files.items()}
    fastest = max(capacity.values(), default=0)
    return {core for core in cores if capacity[core] >= FAST_CAPACITY * fastest}


def _core_list(text: str) -> set[int]:
    """The cores in a list of the kernel, as in `0-7,16`."""
    ranges = (part.partition("-") for part in text.split(",") if part)
    pairs = ((_number(first), _number(last or first)) for first, _, last in ranges)
    return {core for first, last in pairs if first is not None and last is not None for core in range(first, last + 1)}


def _siblings(root: Path, cores: set[int]) -> int | None:
    """The number of physical cores among these: hyperthreads of one core list the same siblings."""
    topology = (root / f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list" for core in cores)
    groups = {_text(file) for file in topology}
    return None if "" in groups else len(groups)


def _cgroups(root: Path) -> list[Path]:
    """The folders of the cgroups that limit this process: its own and their parents (v2), then the v1 ones."""
    top = root / "sys/fs/cgroup"
    lines = _text(root / "proc/self/cgroup").splitlines()
    own = next((Path(line.removeprefix("0::/")) for line in lines if line.startswith("0::/")), Path())
    return [top / group for group in (own, *own.parents)] + [top / "cpu", top / "memory"]


def _quota(root: Path) -> float | None:
    """The number of cores that the CFS quota allows; None without one."""
    shares: list[float] = []
    for folder in _cgroups(root):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        limit = _number(quota or _text(folder / "cpu.cfs_quota_us"))
        every = _number(period or _text(folder / "cpu.cfs_period_us"))
        if limit and every:
            shares.append(limit / every)
    return min(shares, default=None)


@dataclass(frozen=True)
class _MemoryGroup:
    """A control group that limits memory, in bytes."""

    limit: int
    left: int
    """What is not used yet. Cached files do not count as used, since the kernel drops them when memory is needed."""


def _memory_groups(root: Path) -> Iterator[_MemoryGroup]:
    for folder in _cgroups(root):
        limit = _number(_text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes"))
        if limit is None:
            continue
        used = _number(_text(folder / "memory.current") or _text(folder / "memory.usage_in_bytes")) or 0
        rows = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
        cached = _number(rows.get("file", rows.get("total_cache", "0"))) or 0
        yield _MemoryGroup(limit, max(0, limit - max(0, used - cached)))


def _meminfo(root: Path) -> Mapping[str, int]:
    """`/proc/meminfo` in bytes; empty where it does not exist."""
    rows = (line.partition(":") for line in _text(root / "proc/meminfo").splitlines())
    sizes = ((name, _number(size.replace("kB", "").strip())) for name, _, size in rows)
    return {name: size * 1024 for name, size in sizes if size is not None}


@cache
def _sysctl(*names: str) -> int | None:
    """The first of these numbers that macOS knows; they never change while a program runs."""
    if sys.platform != "darwin":
        return None
    for name in names:
        result = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False)
        if number := _number(result.stdout.strip()):
            return number
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
