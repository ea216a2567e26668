"""This machine, as `fit` looks at it. Asks the system, and what is installed; loads nothing."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models.fit import Resources

LIBRARIES = {"cuda": "NVIDIA", "hip": "AMD", "metal": "Apple", "vulkan": ""}
"""ggml's backends for GPUs and whose they drive; Vulkan drives them all."""

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"

CUDA = ((580, "cu130"), (525, "cu124"))
"""The least driver for each build for CUDA: every later 12.x runs on the driver that 12.0 came with."""


def here(folder: Path, root: Path = hardware.ROOT) -> Resources:
    """This machine's memory, its GPUs that llama.cpp can use, and the room on the disk that `folder` lies on."""
    read, gpus = hardware.read(root), hardware.gpus(root)
    known = tuple(gpu for gpu in gpus if gpu.total or gpu.vendor == "Apple")
    memory = read.memory.total or 0
    unified = memory if any(gpu.vendor == "Apple" for gpu in known) else 0
    return Resources(tuple(gpu for gpu in known if usable(gpu, backends())), unified, memory, room(folder))


def room(folder: Path) -> int | None:
    """Bytes free for files in this folder, which need not be there yet; None where the system does not say."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(nearest).free
    except (OSError, StopIteration):
        return None


def backends(package: Path | None = None) -> frozenset[str]:
    """What the installed llama-cpp-python was built for besides the CPU, told by its libraries in `package`."""
    if package is None:
        spec = find_spec("llama_cpp")  # finds it and imports nothing
        package = Path(spec.origin).parent if spec and spec.origin else Path()
    names = [file.name for file in (package / "lib").glob("*ggml-*")]
    return frozenset(backend for backend in LIBRARIES if any(f"ggml-{backend}" in name for name in names))


def usable(gpu: Gpu, built: frozenset[str]) -> bool:
    """Whether a llama.cpp built for these backends can use this GPU."""
    return any(LIBRARIES[backend] in ("", gpu.vendor) for backend in built)


def advice(gpu: Gpu, built: frozenset[str]) -> str:
    """What to install so that this GPU is used, as a sentence; empty when it is, or when nothing is known to help."""
    if usable(gpu, built):
        return ""
    wheel = _wheel(gpu)
    if not wheel:
        return f"{gpu.name} is not used: its driver {gpu.driver} is too old for CUDA 12; install a newer one"
    return (
        f"{gpu.name} is not used, since llama-cpp-python is built without {_backend(wheel)} here; this changes it: "
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
