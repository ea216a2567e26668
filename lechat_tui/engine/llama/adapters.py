"""LoRA adapters: loads their files beside a model and applies them to its context."""

import ctypes
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.log import Log
from lechat_tui.message import Adapter

FileIdentity = tuple[str, int, int]
"""Name, size and modification time in nanoseconds: a file that is written again is another."""

Handle = Any
"""llama.cpp's pointer to an adapter, which ctypes and the bindings' types describe differently."""

ALPHA = b"adapter.lora.alpha"

REASONS = (
    ("failed to load", "it is not a GGUF file, or is cut short"),
    ("gguf_init", "it is not a GGUF file, or is cut short"),
    ("general.type", "it is a GGUF file, but not an adapter"),
    ("adapter.type", "it is an adapter, but not a LoRA"),
    ("arch mismatch", "it was made for a model of another architecture"),
    ("does not exist in base model", "it was made for another model"),
    ("incorrect shape", "it was made for a model of another size"),
    ("file bounds", "it is cut short"),
    ("allocate", "there is not enough memory"),
)
"""What llama.cpp logs (src/llama-adapter.cpp), and what it means."""


class Adapters:
    """The adapters of one model and its context. They are freed with the model at the latest."""

    def __init__(self, model: llama_cpp.llama_model_p, context: llama_cpp.llama_context_p, log: Log) -> None:
        self._model = model
        self._context = context
        self._log = log
        self._loaded: dict[FileIdentity, Handle] = {}
        self._scales: Sequence[float] = ()
        """Of the loaded ones, in their order."""
        self.key = ""
        """Names what is applied, files and scales; empty for nothing."""

    def apply(self, adapters: Sequence[Adapter]) -> bool:
        """Apply these adapters and no others; False when they are applied already.

        The scales of a file that is named twice are added. When this returns True, the KV cache has become invalid.
        Raises `EngineError`, and then nothing has changed.
        """
        files = {_existing(adapter.path): adapter.path for adapter in adapters}
        scales = dict.fromkeys(files, 0.0)
        for adapter in adapters:
            scales[_existing(adapter.path)] += adapter.scale
        key = json.dumps(sorted(scales.items())) if scales else ""
        if key == self.key:
            return False
        new = self._load({file: path for file, path in files.items() if file not in self._loaded})
        before, self._loaded = self._loaded, {file: (self._loaded | new)[file] for file in files}
        self._set(list(scales.values()))
        self.key = key
        for file in before.keys() - files.keys():
            llama_cpp.llama_adapter_lora_free(before[file])
        return True

    def attach(self, context: llama_cpp.llama_context_p) -> None:
        """Apply the same adapters to this context, which replaces the other one."""
        self._context = context
        self._set(self._scales)

    def close(self) -> None:
        """Apply nothing, and free what was applied."""
        self.apply(())

    def _set(self, scales: Sequence[float]) -> None:
        """Hand the loaded adapters to the context; one with a scale of 0 has no effect there."""
        handles = (llama_cpp.llama_adapter_lora_p_ctypes * len(scales))(*self._loaded.values())
        numbers = (ctypes.c_float * len(scales))(*scales)
        if llama_cpp.llama_set_adapters_lora(self._context, handles, len(scales), numbers):
            raise EngineError("llama.cpp rejected the adapters; try again without them")
        self._scales = scales

    def _load(self, files: Mapping[FileIdentity, Path]) -> dict[FileIdentity, Handle]:
        """Load these files, all of them or none. Raises `EngineError`."""
        loaded: dict[FileIdentity, Handle] = {}
        try:
            for file, path in files.items():
                loaded[file] = self._open(path)
        except EngineError:
            for handle in loaded.values():
                llama_cpp.llama_adapter_lora_free(handle)
            raise
        return loaded

    def _open(self, path: Path) -> Handle:
        self._log.error = ""
        handle: Handle = llama_cpp.llama_adapter_lora_init(self._model, bytes(path))
        if not handle:
            raise EngineError(_rejection(path, _reason(self._log.error)))
        if problem := _problem(handle):
            llama_cpp.llama_adapter_lora_free(handle)
            raise EngineError(_rejection(path, problem))
        return handle


def file_identity(path: Path) -> FileIdentity:
    """Identifies a file with its present content, without reading it."""
    stat = path.stat()
    return path.name, stat.st_size, stat.st_mtime_ns


def _problem(handle: Handle) -> str:
    """Why lechat cannot apply an adapter that llama.cpp has loaded; empty when it can."""
    if llama_cpp.llama_adapter_get_alora_n_invocation_tokens(handle):
        return "it is an activated LoRA (aLoRA), which lechat does not support"
    alpha = ctypes.create_string_buffer(64)
    if llama_cpp.llama_adapter_meta_val_str(handle, ALPHA, alpha, len(alpha)) < 0:
        return "it has no alpha (adapter.lora.alpha), so its strength is unknown"
    return ""


def _existing(path: Path) -> FileIdentity:
    """The identity of the file. Raises `EngineError` when there is none."""
    try:
        if path.is_file():
            return file_identity(path)
    except OSError as error:
        raise EngineError(_rejection(path, f"it cannot be read: {error.strerror}")) from error
    raise EngineError(_rejection(path, "there is no such file"))


def _reason(error: str) -> str:
    """Why llama.cpp rejected an adapter, from its log."""
    known = (meaning for logged, meaning in REASONS if logged in error)
    return next(known, error.partition("adapter: ")[2] or error or "llama.cpp gave no reason")


def _rejection(path: Path, reason: str) -> str:
    return f"the adapter {path} cannot be applied: {reason}; try again without it"
