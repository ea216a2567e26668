"""The energy of an answer, on machines that report it, report it to root only, or do not."""

import ctypes
from pathlib import Path
from typing import Any

import pytest

from lechat_tui.commands.receipts import table
from lechat_tui.machine import energy
from lechat_tui.machine.energy import Meter
from lechat_tui.message import Receipt
from lechat_tui.talk import phrases


def zone(root: Path, folder: str, name: str, microjoules: int) -> Path:
    """A zone of RAPL as the kernel lists it, whose counter wraps at 1,000 J."""
    path = root / "sys/class/powercap" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text("1000000000\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    return path / "energy_uj"


def test_packages_and_memory_add_up_and_counters_begin_again(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 999_000_000)
    part = zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    zone(tmp_path, "intel-rapl:1", "psys", 1_000_000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000)
    meter = energy.meter(gpu=False, root=tmp_path)
    start = meter.start()
    package.write_text("17500000\n")
    memory.write_text("500000\n")
    part.write_text("9000000\n")
    assert meter.since(start) == pytest.approx(12.5 + 1.5)
    package.unlink()
    assert meter.since(start) is None
    assert energy.meter(gpu=False, root=tmp_path / "none").start() is None
    assert Meter([]).since(None) is None


def test_a_counter_for_root_only_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    assert energy.unreadable(tmp_path) is None
    opened = Path.open

    def forbidden(path: Path, *given: Any, **more: Any) -> Any:
        if path == package:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *given, **more)

    monkeypatch.setattr(Path, "open", forbidden)  # root, as in a container, may read everything
    assert energy.unreadable(tmp_path) == package
    assert energy.meter(gpu=False, root=tmp_path).start() is None


class Nvml:
    """NVIDIA's library on a machine with a new GPU and one that does not count."""

    millijoules = 7_000

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, handle: Any) -> int:
        handle._obj.value = number + 1
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: ctypes.c_void_p, millijoules: Any) -> int:
        millijoules._obj.value = self.millijoules
        return 0 if handle.value == 1 else 3


def test_a_gpu_that_counts_its_energy_is_read_from_the_driver() -> None:
    library = Nvml()
    meter = Meter(list(energy._nvidia(library)))
    start = meter.start()
    library.millijoules = 49_500
    assert meter.since(start) == pytest.approx(42.5)
    assert list(energy._nvidia(None)) == []


@pytest.mark.parametrize(
    ("joules", "tokens", "text"),
    [
        (None, 34, ""),
        (0.0, 34, ""),
        (8.5, 34, "8.5 J, 4 tokens/J"),
        (1234.5, 10, "1,234 J, 0.0081 tokens/J"),
        (2.0, 0, "2.0 J"),
    ],
)
def test_what_is_not_reported_is_not_shown(joules: float | None, tokens: int, text: str) -> None:
    receipt = Receipt("petit", completion_tokens=tokens, joules=joules)
    assert phrases.energy(receipt) == text
    assert phrases.figures(receipt).endswith(f", {text}" if text else "tokens/s")
    assert dict(table(receipt)).get("energy", "").startswith(text)
