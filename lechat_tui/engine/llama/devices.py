"""The devices that llama.cpp can compute on, as ggml lists them."""

import ctypes
from functools import cache

from llama_cpp import llama_cpp as bindings

from lechat_tui.values import dataclass

_TYPES = ("CPU", "GPU", "integrated GPU", "accelerator")
"""`enum ggml_backend_dev_type` of ggml-backend.h."""


@dataclass(frozen=True)
class Device:
    """One of ggml's devices."""

    name: str
    description: str
    type: str
    memory: int
    """Bytes, as the device reports it; a CPU may report 0."""
    free: int

    @property
    def is_gpu(self) -> bool:
        return "GPU" in self.type

    @property
    def is_shared(self) -> bool:
        """Whether its memory is the CPU's. ggml calls the GPU of a Mac just a GPU (ggml-metal.cpp)."""
        return self.type == "integrated GPU" or self.name.startswith(("Metal", "MTL"))


def devices() -> list[Device]:
    """The devices this build of llama.cpp knows and this machine has."""
    ggml = _ggml()
    return [_device(ggml, ctypes.c_void_p(ggml.ggml_backend_dev_get(i))) for i in range(ggml.ggml_backend_dev_count())]


def gpu_memory() -> list[int] | None:
    """Bytes of each GPU that this build of llama.cpp can use, 0 for an unknown size; None when there is none.

    A GPU that shares the CPU's memory counts only where there is no other, as in llama.cpp itself.
    """
    return [device.memory for device in _used()] or None


def shares_memory() -> bool:
    """Whether the GPUs that are used have no memory of their own but use the CPU's, as on Apple silicon."""
    return any(device.is_shared for device in _used())


def _used() -> list[Device]:
    found = [device for device in devices() if device.is_gpu]
    return [device for device in found if device.type == "GPU"] or found


def _device(ggml: ctypes.CDLL, pointer: ctypes.c_void_p) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(pointer, ctypes.byref(free), ctypes.byref(total))
    kind = int(ggml.ggml_backend_dev_type(pointer))
    return Device(
        name=_string(ggml.ggml_backend_dev_name(pointer)),
        description=_string(ggml.ggml_backend_dev_description(pointer)),
        type=_TYPES[kind] if kind < len(_TYPES) else "other",
        memory=total.value,
        free=free.value,
    )


def _string(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "replace").strip()


@cache
def _ggml() -> ctypes.CDLL:
    """ggml's functions, which the Python module does not bind, in the library that it has loaded."""
    ggml = ctypes.CDLL(bindings._lib._name)
    pointer, sizes = ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)
    for name, arguments, result in (
        ("count", [], ctypes.c_size_t),
        ("get", [ctypes.c_size_t], pointer),
        ("name", [pointer], ctypes.c_char_p),
        ("description", [pointer], ctypes.c_char_p),
        ("memory", [pointer, sizes, sizes], None),
        ("type", [pointer], ctypes.c_int),
    ):
        function = getattr(ggml, f"ggml_backend_dev_{name}")
        function.argtypes, function.restype = arguments, result
    return ggml
