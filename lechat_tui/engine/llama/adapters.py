"""LoRA adapters: their files, loaded beside a model, and which of them lie over it. Knows no prompt and no KV cache."""

import ctypes
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.llama.log import Log
from lechat_tui.message import Adapter

Identity = tuple[str, int, int]

Handle = Any
"""llama.cpp's pointer to an adapter, which ctypes and the bindings' types describe differently."""

ALPHA = b"adapter.lora.alpha"

REASONS = (
    ("failed to load", "it is not a GGUF file, or is cut short"),
    ("gguf_init", "it is not a GGUF file, or is cut short"),
    ("general.type", "it is a GGUF file, but no adapter"),
    ("adapter.type", "it is an adapter, but no LoRA"),
    ("arch mismatch", "it was made for a model of another architecture"),
    ("does not exist in base model", "it was made for another model"),
    ("incorrect shape", "it was made for a model of another size"),
    ("file bounds", "it is cut short"),
    ("allocate", "there is not enough memory"),
)
"""What llama.cpp says (src/llama-adapter.cpp), and what that means."""


class Adapters:
    """The adapters of one model and its context. They are freed with the model at the latest."""

    def __init__(self, model: llama_cpp.llama_model_p, context: llama_cpp.llama_context_p, log: Log) -> None:
        self._model = model
        self._context = context
        self._log = log
        self._loaded: dict[Identity, Handle] = {}
        self.key = ""
        """A name for what lies over the model, files and scales; empty for nothing."""

    def lay(self, adapters: Sequence[Adapter]) -> bool:
        """Lay these over the model, and none else; False when they lie there already.

        Of a file named twice the scales add up. When it returns True, what is in the KV cache is of no use any more.
        Raises `EngineError`, and then nothing has changed.
        """
        files = {_found(adapter.path): adapter.path for adapter in adapters}
        scales = dict.fromkeys(files, 0.0)
        for adapter in adapters:
            scales[_found(adapter.path)] += adapter.scale
        key = json.dumps(sorted(scales.items())) if scales else ""
        if key == self.key:
            return False
        fresh = self._load({file: path for file, path in files.items() if file not in self._loaded})
        before, self._loaded = self._loaded, {file: (self._loaded | fresh)[file] for file in files}
        self._set(list(scales.values()))
        self.key = key
        for file in before.keys() - files.keys():
            llama_cpp.llama_adapter_lora_free(before[file])
        return True

    def close(self) -> None:
        """Lay nothing over the model, and free what lay there."""
        self.lay(())

    def _set(self, scales: Sequence[float]) -> None:
        """Hand what is loaded to the context; a scale of 0 does nothing there."""
        handles = (llama_cpp.llama_adapter_lora_p_ctypes * len(scales))(*self._loaded.values())
        numbers = (ctypes.c_float * len(scales))(*scales)
        if llama_cpp.llama_set_adapters_lora(self._context, handles, len(scales), numbers):
            raise EngineError("llama.cpp took no adapter; /set lora off goes on without")

    def _load(self, files: Mapping[Identity, Path]) -> dict[Identity, Handle]:
        """Load these files, all of them or none. Raises `EngineError`."""
        loaded: dict[Identity, Handle] = {}
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
            raise EngineError(_refused(path, _reason(self._log.error)))
        if complaint := _complaint(handle):
            llama_cpp.llama_adapter_lora_free(handle)
            raise EngineError(_refused(path, complaint))
        return handle


def _complaint(handle: Handle) -> str:
    """What is wrong with an adapter that llama.cpp takes; empty when nothing is."""
    if llama_cpp.llama_adapter_get_alora_n_invocation_tokens(handle):
        return "it works from certain words on only, which lechat does not do"
    alpha = ctypes.create_string_buffer(64)
    if llama_cpp.llama_adapter_meta_val_str(handle, ALPHA, alpha, len(alpha)) < 0:
        return "it does not say its alpha (adapter.lora.alpha), so nobody knows how strong it is"
    return ""


def _found(path: Path) -> Identity:
    """The file as it is now. Raises `EngineError` when there is none."""
    try:
        if path.is_file():
            return identity(path)
    except OSError as error:
        raise EngineError(_refused(path, f"it cannot be read: {error.strerror}")) from error
    raise EngineError(_refused(path, "there is no such file"))


def _reason(error: str) -> str:
    """Why llama.cpp refused an adapter, from what it said."""
    known = (meaning for said, meaning in REASONS if said in error)
    return next(known, error.partition("adapter: ")[2] or error or "llama.cpp does not say why")


def _refused(path: Path, reason: str) -> str:
    return f"the adapter {path} cannot be laid over the model: {reason}; /set lora off goes on without it"


def identity(path: Path) -> Identity:
    """A file as it is now: written again, it is another."""
    stat = path.stat()
    return path.name, stat.st_size, stat.st_mtime_ns
