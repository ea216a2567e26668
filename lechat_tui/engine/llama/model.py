"""A loaded model: its weights, context, vocabulary, chat template, projector and adapters, and their lifetimes."""

import ctypes
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import llama_cpp

from lechat_tui.engine.background import Background
from lechat_tui.engine.base import EngineError, FlashAttention, Loading, LocalModel
from lechat_tui.engine.costs import release_pays
from lechat_tui.engine.llama.adapters import Adapters, file_identity
from lechat_tui.engine.llama.cache import Cache
from lechat_tui.engine.llama.prompt import ChatTemplate
from lechat_tui.engine.llama.saved_states import SavedStates
from lechat_tui.engine.llama.speculation import Speculation
from lechat_tui.engine.llama.state_files import StateFiles
from lechat_tui.engine.llama.thread_pool import ThreadPool
from lechat_tui.engine.llama.vision import Projector
from lechat_tui.engine.llama.vocab import Vocab
from lechat_tui.engine.llama.weights import Weights, metadata
from lechat_tui.machine import energy, hardware
from lechat_tui.machine.footprint import KvType, kv_bytes
from lechat_tui.machine.hardware import Machine
from lechat_tui.message import Adapter
from lechat_tui.units import size_text

MAX_BATCH = 512
"""The most tokens evaluated in one call."""

_KV_TYPES: Mapping[KvType, int] = {"f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}
_FLASH_ATTENTION: Mapping[FlashAttention, int] = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}


class Llama:
    """llama.cpp with one model in it."""

    def __init__(
        self,
        spec: LocalModel,
        report: Callable[[Loading], None],
        states: Path | None = None,
        limit: int = 0,
        machine: Machine | None = None,
        *,
        careful: bool = False,
        weights: Weights | None = None,
    ) -> None:
        """Load the model. Raises `EngineError`; with `careful`, `ScarceMemory` if it needs more memory than is free.

        `report` takes the progress. `states` is the folder for saved states, of at most `limit` bytes; None saves none.
        `machine` is this one by default. `weights` are loaded already.
        """
        self.spec = spec
        self._weights = weights = weights or Weights(spec, report, machine, careful=careful)
        self._model = weights.model
        self.tuning = weights.tuning
        """How llama.cpp is set up for this machine, and why."""
        self._check_memory(weights.machine)
        self._params, self._released = self._context_params(), False
        opening = Background(partial(self._open_context, self._params))
        self.vocab = Vocab(llama_cpp.llama_model_get_vocab(self._model), metadata(self._model))
        self.template = ChatTemplate(self._template(), self.vocab, spec.system)
        self.context = opening.result()
        self._open_seconds = opening.seconds
        self.threads = None if self.tuning.gpu_layers else ThreadPool(self.context, spec.tuning, weights.machine)
        """Sets the number of threads while it runs; None where a GPU computes."""
        self.adapters = Adapters(self._model, self.context, weights.log)
        self.cache = Cache(self.context)
        self._folder, self._limit = states, limit
        self.saved_states = SavedStates(self.cache, self._state_files())
        self.speculation = Speculation() if spec.tuning.speculate and not spec.pace and self._can_truncate() else None
        """Makes draft tokens; None where that is turned off or cannot help."""
        self.projector = self._open_projector()
        self.energy = energy.meter(gpu=self.tuning.gpu_layers != 0)

    def close(self) -> None:
        """Free everything, in the order llama.cpp needs."""
        if self.projector:
            self.projector.close()
        if self.threads:
            self.threads.close()
        if not self._released:
            self.adapters.close()
            llama_cpp.llama_free(self.context)
        self._weights.close()

    def release(self, idle_seconds: float) -> bool:
        """Return buffers after so many seconds without a request, if that pays; True when they are returned."""
        return self._released or (self._release_pays(idle_seconds) and self.return_buffers())

    def return_buffers(self) -> bool:
        """Return the KV cache and the compute buffers to the system, until `reopen`; the weights stay mapped.

        What the cache holds is kept in memory or in a file: a few cells take much less than a whole window. False where
        they can't be kept, and nothing was returned.
        """
        if not self.saved_states.leave():
            return False
        self.cache.detach()
        llama_cpp.llama_free(self.context)
        self._released = True
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # GNU's allocator keeps what is freed
        return True

    def reopen(self) -> None:
        """Get the buffers again. Raises `EngineError` when there is no memory for them any more."""
        if not self._released:
            return
        self.context = self._open_context(self._params)
        self._released = False
        self.cache.attach(self.context)
        self.adapters.attach(self.context)
        if self.threads:
            self.threads.attach(self.context)

    def _release_pays(self, idle_seconds: float) -> bool:
        need, context, kv_type = self._weights.need, self.tuning.context, self.tuning.kv_type
        size = kv_bytes(need.shape, context, kv_type) + need.compute(context, kv_type) if need else None
        again = self._open_seconds + self.saved_states.resume_seconds
        return release_pays(size, again, idle_seconds, scarce=hardware.memory().is_short(), exact=self._can_truncate())

    def apply_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Apply these adapters and no others. Raises `EngineError`, and then nothing has changed."""
        if self.adapters.apply(adapters):
            self.saved_states.use_adapters(self.adapters.key, self._state_files)

    @property
    def window(self) -> int:
        """The context window in tokens."""
        return int(llama_cpp.llama_n_ctx(self.context))

    @property
    def quant(self) -> str:
        """The quantization of the weights, by llama.cpp's name for it."""
        name: bytes | None = llama_cpp.llama_ftype_name(llama_cpp.llama_model_ftype(self._model))
        return name.decode("utf-8", "replace") if name else ""

    @contextmanager
    def interruptible(self, stopped: Callable[[], bool]) -> Iterator[None]:
        """A context in which llama.cpp aborts an evaluation once `stopped` is true; only its CPU backend does so.

        For the long calls of prefill: llama.cpp asks at every node of its graph, which would slow down decoding.
        """

        def asked(_: object) -> bool:
            if self.threads:
                self.threads.still_reading()
            return stopped()

        callback = llama_cpp.ggml_abort_callback(asked)
        nothing = ctypes.c_void_p(0)
        llama_cpp.llama_set_abort_callback(self.context, callback, nothing)
        try:
            yield
        finally:
            llama_cpp.llama_set_abort_callback(self.context, llama_cpp.ggml_abort_callback(0), nothing)

    def _can_truncate(self) -> bool:
        """Whether the memory can drop its last tokens: a recurrent one cannot."""
        return not (llama_cpp.llama_model_is_recurrent(self._model) or llama_cpp.llama_model_is_hybrid(self._model))

    def _template(self) -> str:
        own: bytes | None = llama_cpp.llama_model_chat_template(self._model, None)
        if own:
            return own.decode("utf-8", "replace")
        if self.spec.template:
            return self.spec.template
        raise EngineError(
            f"{self.spec.path.name} has no chat template, so it was probably not made for chats; try an instruct "
            'version of it, or set a template for it in models.toml, as in template = "v7-tekken"'
        )

    def _state_files(self) -> StateFiles | None:
        """The files for states made with the adapters applied now; without a limit, existing ones are deleted."""
        files = StateFiles(self._folder, self.state_key(), self._limit) if self._folder else None
        return files if self._limit else None

    def state_key(self) -> str:
        """A name for everything that the numbers in the KV cache depend on."""
        params = self._params
        fields = {name: getattr(params, name) for name, *_ in params._fields_ if not name.startswith("n_threads")}
        parts = [
            file_identity(self.spec.path),
            file_identity(self.spec.projector) if self.spec.projector else None,
            {name: value for name, value in fields.items() if isinstance(value, int | float)},
            self._template(),
            self.spec.image_tokens,
            llama_cpp.__version__,
            *filter(None, [self.adapters.key]),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def _context_params(self) -> llama_cpp.llama_context_params:
        params: llama_cpp.llama_context_params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.tuning.context
        params.n_batch = MAX_BATCH
        params.n_ubatch = min(MAX_BATCH, self.tuning.batch)
        params.n_threads = self.tuning.threads
        params.n_threads_batch = self.tuning.threads_batch
        params.flash_attn_type = _FLASH_ATTENTION[self.tuning.flash_attention]
        params.type_k = params.type_v = _KV_TYPES[self.tuning.kv_type]
        return params

    def _check_memory(self, machine: Machine) -> None:
        """Raise `EngineError` for a KV cache larger than the RAM: the system would promise it, then end programs."""
        need, total = self._weights.need, machine.memory.total
        if need is None or total is None or self.tuning.gpu_layers:
            return
        kv = kv_bytes(need.shape, self.tuning.context, self.tuning.kv_type)
        if kv > total:
            raise EngineError(
                f"a context of {self.tuning.context} tokens needs {size_text(kv)} of memory, but this machine has "
                f"{size_text(total)}; use a smaller --ctx-size"
            )

    def _open_context(self, params: llama_cpp.llama_context_params) -> llama_cpp.llama_context_p:
        context: llama_cpp.llama_context_p | None = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            reason = self._weights.log.reason()
            raise EngineError(
                f"there is not enough memory for a context of {self.tuning.context} tokens{reason}; "
                "use a smaller --ctx-size"
            )
        return context

    def _open_projector(self) -> Projector | None:
        if not self.spec.projector:
            return None
        gpu = self.tuning.gpu_layers != 0
        tokens = self.spec.image_tokens
        return Projector(self.spec.projector, self._model, threads=self.tuning.threads_batch, gpu=gpu, tokens=tokens)
