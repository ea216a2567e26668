"""Reading the machine from files as Linux has them, and from the drivers' commands."""

import os
from pathlib import Path

import pytest

from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Gpu, Machine, Memory
from lechat_tui.machine.load import CpuLoad

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the files are those of Linux")

GIB = 1 << 30


def machine(root: Path, files: dict[str, str], *, siblings: str = "{core}") -> Machine:
    """The machine that these files describe; every core lists its hyperthread siblings."""
    for core in os.sched_getaffinity(0):
        folder = root / f"sys/devices/system/cpu/cpu{core}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings.format(core=core) + "\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return hardware.read(root)


MEMINFO = {
    "proc/meminfo": "MemTotal:       16777216 kB\nMemFree:  100 kB\nMemAvailable:    8388608 kB\nHugePages_Total: 0\n"
}
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def test_memory_and_cores_are_read(tmp_path):
    assert machine(tmp_path, MEMINFO) == Machine(CORES, CORES, Memory(16 * GIB, 8 * GIB))


def test_hyperthreads_of_one_core_are_one_physical_core(tmp_path):
    assert machine(tmp_path, MEMINFO, siblings="0-63").physical == 1


@pytest.mark.parametrize(
    "files",
    [
        {"sys/devices/cpu_core/cpus": "0\n", "sys/devices/cpu_atom/cpus": "1-15\n"},
        {f"sys/devices/system/cpu/cpu{core}/cpu_capacity": "530" if core else "1024" for core in range(CORES)},
    ],
)
def test_slow_cores_beside_fast_ones_are_not_counted(tmp_path, files):
    assert machine(tmp_path, files).physical == 1


def test_the_load_is_what_others_use_of_the_cores_of_this_process(tmp_path):
    def stat(busy: int) -> None:
        rows = (f"cpu{core} {busy} 0 0 {1000 - busy} 0 0 0 0 0 0" for core in (*range(CORES), 4000))
        (tmp_path / "proc/stat").write_text("\n".join(("cpu  1 2 3 4", *rows, "intr 5")))

    (tmp_path / "proc").mkdir()
    own = iter((0.0, 0.0, CORES * 10 * 0.25))
    stat(0)
    load = CpuLoad(tmp_path, lambda: next(own))
    (tmp_path / "proc/stat").write_text((tmp_path / "proc/stat").read_text().replace(" 1000 ", " 2000 "))
    assert load.taken() == 0
    stat(1000)  # all of the second ten seconds, a quarter of it in this process
    rows = (tmp_path / "proc/stat").read_text().replace(" 1000 0 0 0 ", " 1000 0 0 2000 ")
    (tmp_path / "proc/stat").write_text(rows)
    assert load.taken() == pytest.approx(0.75 * CORES)


def test_what_the_system_does_not_report_is_left_out(tmp_path):
    assert hardware.read(tmp_path) == Machine(CORES, None, Memory(None, None, None))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, CORES),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, CORES),
        ({"proc/self/cgroup": "0::/user.slice/mine.scope\n", "sys/fs/cgroup/user.slice/cpu.max": "100000 100000"}, 1),
    ],
)
def test_a_containers_quota_limits_the_cores(tmp_path, files, cores):
    found = machine(tmp_path, files)
    assert (found.cores, found.physical) == (cores, cores)


def test_a_containers_limit_counts_as_memory_and_its_cached_files_as_available(tmp_path):
    group = "sys/fs/cgroup/"
    limits = {group + "memory.max": str(4 * GIB), group + "memory.current": str(3 * GIB)}
    stat = {group + "memory.stat": f"anon 5\nfile {2 * GIB}\n"}
    assert hardware.memory(tree(tmp_path, MEMINFO | limits | stat)) == Memory(4 * GIB, 3 * GIB, limit=4 * GIB)


def test_cgroup_v1_limits_memory_too(tmp_path):
    group = "sys/fs/cgroup/memory/"
    limits = {group + "memory.limit_in_bytes": str(4 * GIB), group + "memory.usage_in_bytes": str(2 * GIB)}
    stat = {group + "memory.stat": f"cache {GIB}\ntotal_cache {GIB}\n"}
    assert hardware.memory(tree(tmp_path, MEMINFO | limits | stat)) == Memory(4 * GIB, 3 * GIB, limit=4 * GIB)


def test_among_nested_groups_the_lowest_limit_and_the_least_memory_left_count(tmp_path):
    outer, inner = "sys/fs/cgroup/mine.slice/", "sys/fs/cgroup/mine.slice/mine.scope/"
    files = {
        "proc/self/cgroup": "0::/mine.slice/mine.scope\n",
        outer + "memory.max": str(4 * GIB),
        outer + "memory.current": str(3 * GIB),
        inner + "memory.max": str(2 * GIB),
        inner + "memory.current": "0",
    }
    assert hardware.memory(tree(tmp_path, MEMINFO | files)) == Memory(2 * GIB, GIB, limit=2 * GIB)


@pytest.mark.parametrize("limit", ["max", str(64 * GIB), "9223372036854771712"])
def test_a_limit_above_the_machines_memory_is_no_limit(tmp_path, limit):
    files = MEMINFO | {"sys/fs/cgroup/memory.max": f"{limit}\n"}
    assert hardware.memory(tree(tmp_path, files)) == Memory(16 * GIB, 8 * GIB)


def test_memory_is_short_when_a_tenth_of_it_would_not_stay_free():
    memory = Memory(total=1000, available=300)
    assert not memory.is_short() and not memory.is_short(200) and memory.is_short(201)
    assert not Memory(total=1000, available=None).is_short(10**12), "unknown is not short"


def test_a_share_of_unknown_memory_is_one_of_an_assumed_size():
    assert Memory(total=1000).share(2) == 500
    assert Memory().share(16) == 1_000_000_000


def test_this_machine_can_be_read():
    found = hardware.read()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.physical is None or 1 <= found.physical <= found.cores
    assert found.memory.total and found.memory.available and 0 < found.memory.available <= found.memory.total


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def silent(_: object) -> str:
    """A `Command` on a system without any driver."""
    return ""


def test_nvidia_smi_lists_gpus(tmp_path):
    found = "NVIDIA GeForce RTX 4090, 24564, 23900, 580.65.06\nTesla, T4, [N/A], [N/A], 535.104\nnonsense\n"
    assert hardware.gpus(tmp_path, lambda command: found if command[0] == "nvidia-smi" else "", "linux") == (
        Gpu("NVIDIA GeForce RTX 4090", "NVIDIA", 24564 << 20, 23900 << 20, "580.65.06"),
        Gpu("Tesla, T4", "NVIDIA", None, None, "535.104", shared=True),
    )


def test_without_nvidia_smi_the_kernel_module_names_the_gpu(tmp_path):
    files = {
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\n",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t NVIDIA GeForce RTX 3060\nIRQ:   \t 130\n",
    }
    assert hardware.gpus(tree(tmp_path, files), silent, "linux") == (
        Gpu("NVIDIA GeForce RTX 3060", "NVIDIA", driver="550.54.14"),
    )


def test_gpus_of_amd_and_intel_are_in_sysfs(tmp_path):
    files = {
        "sys/class/drm/card0/device/vendor": "0x1002\n",
        "sys/class/drm/card0/device/product_name": "AMD Radeon RX 7900 XTX\n",
        "sys/class/drm/card0/device/mem_info_vram_total": f"{24 * GIB}\n",
        "sys/class/drm/card0/device/mem_info_vram_used": f"{GIB}\n",
        "sys/class/drm/card0-HDMI-A-1/device/vendor": "0x1002\n",
        "sys/class/kfd/kfd/topology/generation_id": "2\n",
        "sys/class/drm/card1/device/vendor": "0x8086\n",
        "sys/class/drm/card1/device/device": "0x56a0\n",
        "sys/class/drm/card2/device/vendor": "0x1a03\n",
    }
    assert hardware.gpus(tree(tmp_path, files), silent, "linux") == (
        Gpu("AMD Radeon RX 7900 XTX", "AMD", 24 * GIB, 23 * GIB, "kfd"),
        Gpu("Intel 0x56a0", "Intel"),
    )


@pytest.mark.parametrize(
    ("wired", "total"), [("0", None), ("28672", 28 * GIB), ("", None)], ids=["not set", "set", "older system"]
)
def test_apple_silicon_is_one_gpu(tmp_path, wired, total):
    output = {
        "machdep.cpu.brand_string": "Apple M3 Pro\n",
        "hw.memsize": f"{32 * GIB}\n",
        "iogpu.wired_limit_mb": wired,
    }
    assert hardware.gpus(tmp_path, lambda command: output[command[-1]], "darwin") == (
        Gpu("Apple M3 Pro", "Apple", total, shared=True),
    )


def test_an_intel_mac_has_no_usable_gpu(tmp_path):
    output = {
        "machdep.cpu.brand_string": "Intel(R) Core(TM) i7",
        "hw.memsize": "17179869184",
        "iogpu.wired_limit_mb": "",
    }
    assert hardware.gpus(tmp_path, lambda command: output[command[-1]], "darwin") == ()


def test_a_machine_without_a_gpu_has_none(tmp_path):
    assert hardware.gpus(tmp_path, silent, "linux") == ()


def test_a_command_that_does_not_exist_or_fails_gives_nothing():
    assert hardware.run(["/nowhere/at-all"]) == hardware.run(["false"]) == ""
    assert hardware.run(["echo", "gpu"]) == "gpu\n"
