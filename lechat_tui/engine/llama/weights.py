"""The weights of a model: where they go on this machine, and llama.cpp's handle to them.

Imports little, so that a file can be read by one thread while another imports what needs it.
"""

import ctypes
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import llama_cpp

from lechat_tui.engine.base import EngineError, Loading, LocalModel, ScarceMemory
from lechat_tui.engine.llama.devices import gpu_memory, shares_memory
from lechat_tui.engine.llama.log import Log
from lechat_tui.engine.llama.placement import shape_of
from lechat_tui.engine.llama.tuning import Tuning, choose, shortage
from lechat_tui.machine import hardware
from lechat_tui.machine.footprint import GIB
from lechat_tui.machine.hardware import Machine
from lechat_tui.machine.placement import MemoryNeed
from lechat_tui.machine.split_files import size_on_disk


class Weights:
    """Loads a model's weights; freed by `close`."""

    def __init__(
        self,
        spec: LocalModel,
        report: Callable[[Loading], None],
        machine: Machine | None = None,
        *,
        careful: bool = False,
    ) -> None:
        """Load the weights. Raises `EngineError`; with `careful`, `ScarceMemory` if it needs more memory than is free.

        `report` takes the progress. `machine` is this one by default.
        """
        self.spec = spec
        self.log = Log()
        llama_cpp.llama_backend_init()
        self.machine, gpus = machine or hardware.read(), gpu_memory()
        available = self.machine.memory.available
        uncertain = gpus and spec.tuning.gpu_layers < 0 and not self._surely_fits(max(gpus))
        doubtful = available is not None and not self._surely_fits(available)
        predicted = self._predicted_need() if uncertain or doubtful else None
        tuned = partial(choose, spec, self.machine, gpus=gpus, shared=shares_memory())
        tuning = tuned(need=predicted)
        if available is not None and doubtful and (lack := shortage(self._file_bytes(), predicted, tuning, available)):
            if careful:
                raise ScarceMemory(f"{spec.name} is not loaded before it is needed: {lack}")
            report(Loading(0.0, lack))
        self.model = self._load(report, tuning)
        self.need = predicted or self._memory_need(self.model)
        """The memory the model needs; None where its file does not say."""
        self.tuning = tuned(need=self.need)
        """How llama.cpp is set up for this machine, and why."""

    def close(self) -> None:
        """Free the weights, after everything that uses them."""
        llama_cpp.llama_model_free(self.model)

    def _surely_fits(self, room: int) -> bool:
        """Whether the model plainly fits into so many bytes, so that its header need not be read first."""
        return self.spec.context <= 32_768 and 2 * self._file_bytes() + 4 * GIB <= room

    def _file_bytes(self) -> int:
        """The size of the weights and of the projector."""
        return sum(map(size_on_disk, filter(None, (self.spec.path, self.spec.projector))))

    def _predicted_need(self) -> MemoryNeed | None:
        """The memory the model will need, by its file's header; None where that is unknown."""
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        header: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(
            os.fsencode(self.spec.path), params
        )
        if not header:
            return None  # loading it will fail with the reason
        need = self._memory_need(header)
        llama_cpp.llama_model_free(header)
        return need

    def _memory_need(self, model: llama_cpp.llama_model_p) -> MemoryNeed | None:
        """The memory the model needs; None where its file does not say."""
        vocabulary = int(llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model)))
        shape = shape_of(metadata(model), vocabulary)
        projector = size_on_disk(self.spec.projector) if self.spec.projector else 0
        return MemoryNeed(shape, size_on_disk(self.spec.path), projector) if shape else None

    def _load(self, report: Callable[[Loading], None], tuning: Tuning) -> llama_cpp.llama_model_p:
        percent = -1

        def progress(fraction: float, _: object) -> bool:
            nonlocal percent
            if int(fraction * 100) > percent:
                percent = int(fraction * 100)
                report(Loading(fraction))
            return True

        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = tuning.gpu_layers if tuning.gpu_layers >= 0 else 999
        if tuning.mmap is not None:
            params.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP if tuning.mmap else llama_cpp.LLAMA_LOAD_MODE_NONE
        files = self.spec.verification.files if self.spec.verification else ()
        params.check_tensors = any(file.path == self.spec.path and not file.sha256 for file in files)
        callback = llama_cpp.llama_progress_callback(progress)  # kept by this frame while llama.cpp calls it
        params.progress_callback = callback
        model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(
            os.fsencode(self.spec.path), params
        )
        if not model:
            raise EngineError(f"{self.spec.path.name} could not be loaded{self.log.reason()}")
        return model


def metadata(model: llama_cpp.llama_model_p) -> dict[str, str]:
    """The GGUF's keys and values as llama.cpp prints them."""
    count = llama_cpp.llama_model_meta_count(model)
    keys = (_text(llama_cpp.llama_model_meta_key_by_index, model, i) for i in range(count))
    values = (_text(llama_cpp.llama_model_meta_val_str_by_index, model, i) for i in range(count))
    return dict(zip(keys, values, strict=True))


def _text(read: Callable[..., Any], model: llama_cpp.llama_model_p, index: int) -> str:
    """Call one of llama.cpp's functions that fill a buffer and return the length the text really has."""
    size = 256
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = int(read(model, index, buffer, size))
        if length < size:
            return buffer.value.decode("utf-8", "replace")
        size = length + 1
