"""What this machine offers to a model: memory, the GPUs that the installed llama.cpp can use, and disk space."""

import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models.fit import Resources

LIBRARIES = {"cuda": "NVIDIA", "hip": "AMD", "metal": "Apple", "vulkan": ""}
"""ggml's GPU backends and the vendor whose GPUs they support; Vulkan supports all."""

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"

CUDA = ((580, "cu130"), (525, "cu124"))
"""The minimum driver version for each CUDA build; any CUDA 12.x runs on the driver of 12.0."""


def detect(folder: Path, root: Path = hardware.ROOT) -> Resources:
    """The resources of this machine; the disk space is that of the disk that `folder` is on."""
    memory = hardware.read(root).memory.total or 0
    return offered(hardware.gpus(root), memory, backends(), free_disk(folder))


def offered(gpus: Iterable[Gpu], memory: int, built: frozenset[str], disk: int | None = None) -> Resources:
    """What GPUs and so many bytes of memory offer to a llama.cpp built for these backends."""
    known = tuple(gpu for gpu in gpus if (gpu.total or gpu.shared) and usable(gpu, built))
    unified = memory if known and all(gpu.shared for gpu in known) else 0
    return Resources(known, unified, memory, disk)


def free_disk(folder: Path) -> int | None:
    """Free bytes on the disk of a folder, which need not exist yet; None if the system does not report it."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(nearest).free
    except (OSError, StopIteration):
        return None


def backends(package: Path | None = None) -> frozenset[str]:
    """The GPU backends of the installed llama-cpp-python, by the libraries in its folder `package`."""
    if package is None:
        spec = find_spec("llama_cpp")  # does not import it
        package = Path(spec.origin).parent if spec and spec.origin else Path()
    names = [file.name for file in (package / "lib").glob("*ggml-*")]
    return frozenset(backend for backend in LIBRARIES if any(f"ggml-{backend}" in name for name in names))


def usable(gpu: Gpu, built: frozenset[str]) -> bool:
    """Whether a llama.cpp built for these backends can use this GPU."""
    return any(LIBRARIES[backend] in ("", gpu.vendor) for backend in built)


def advice(gpu: Gpu, built: frozenset[str]) -> str:
    """How to make llama.cpp use this GPU; empty if it already does or if nothing is known to help."""
    if usable(gpu, built):
        return ""
    wheel = _wheel(gpu)
    if not wheel:
        return f"{gpu.name} is not used, because its driver {gpu.driver} is too old for CUDA 12; install a newer one"
    return (
        f"{gpu.name} is not used, because llama-cpp-python is installed without {_backend(wheel)}; to change that: "
        f"pip install --force-reinstall --no-deps --only-binary llama-cpp-python "
        f"--index-url {WHEELS}/{wheel} llama-cpp-python"
    )


def _wheel(gpu: Gpu) -> str:
    match gpu.vendor:
        case "NVIDIA":
            major = int(gpu.driver.partition(".")[0]) if gpu.driver.partition(".")[0].isdecimal() else 0
            return next((wheel for least, wheel in CUDA if major >= least), "" if major else "cu124")
        case "AMD":
            return "rocm72" if gpu.driver else "vulkan"
        case "Apple":
            return "metal"
        case _:
            return "vulkan"


def _backend(wheel: str) -> str:
    return {"c": "CUDA", "r": "ROCm", "m": "Metal", "v": "Vulkan"}[wheel[0]]
