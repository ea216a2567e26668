"""An embedding model in llama.cpp: texts to vectors of unit length. Only its child process uses it."""

import os
import re
from array import array
from pathlib import Path

import llama_cpp

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.embedding import Prefixes, prefixes
from lechat_tui.engine.llama.devices import gpu_memory
from lechat_tui.engine.llama.log import Log
from lechat_tui.engine.llama.weights import metadata

MAX_TOKENS = 1024
"""Of a text; a passage of a library has fewer. The rest of a longer one is ignored."""

MAX_CHARACTERS = 20_000
_RUN = re.compile(r"(\S{400})(?=\S)")
"""llama.cpp splits text by a recursive regular expression; a longer run could overflow the stack."""

GPU_ROOM = 4
"""A GPU is used if so many times the size of the file are free."""


class EmbeddingLlama:
    """llama.cpp with one embedding model in it."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the model. Raises `EngineError`."""
        self._log = Log()
        llama_cpp.llama_backend_init()
        self._model = self._load(path)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        known = metadata(self._model)
        self.prefixes: Prefixes = prefixes(f"{known.get('general.name', '')} {path.name}")
        """What is put before a question and before a passage."""
        self._limit = min(llama_cpp.llama_model_n_ctx_train(self._model) or MAX_TOKENS, MAX_TOKENS)
        self._context = self._open(path, threads, llama_cpp.LLAMA_POOLING_TYPE_UNSPECIFIED)
        pooling = llama_cpp.llama_pooling_type(self._context)
        if pooling == llama_cpp.LLAMA_POOLING_TYPE_RANK:
            raise EngineError(f"{path.name} is a reranking model, which makes no embeddings; use an embedding model")
        if pooling == llama_cpp.LLAMA_POOLING_TYPE_NONE:
            llama_cpp.llama_free(self._context)
            self._context = self._open(path, threads, llama_cpp.LLAMA_POOLING_TYPE_MEAN)
        self.size = int(llama_cpp.llama_model_n_embd(self._model))
        """Numbers in a vector."""

    def embed(self, text: str, *, question: bool) -> "array[float]":
        """The vector of a text, of length 1. Raises `EngineError`."""
        tokens = self._tokens((self.prefixes.question if question else self.prefixes.passage) + text)
        memory = llama_cpp.llama_get_memory(self._context)
        if memory:
            llama_cpp.llama_memory_clear(memory, True)
        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for place, token in enumerate(tokens):
                batch.token[place], batch.pos[place] = token, place
                batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = 1, 0, True
            if llama_cpp.llama_decode(self._context, batch):
                raise EngineError(f"the text could not be embedded{self._log.reason()}")
        finally:
            llama_cpp.llama_batch_free(batch)
        found = llama_cpp.llama_get_embeddings_seq(self._context, 0)
        if not found:
            raise EngineError("the model made no embedding; use an embedding model")
        return unit(array("f", found[: self.size]))

    def _load(self, path: Path) -> llama_cpp.llama_model_p:
        params = llama_cpp.llama_model_default_params()
        room = max(gpu_memory() or [0])
        params.n_gpu_layers = 999 if room > GPU_ROOM * path.stat().st_size else 0
        model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise EngineError(f"{path.name} could not be loaded{self._log.reason()}")
        return model

    def _open(self, path: Path, threads: int, pooling: int) -> llama_cpp.llama_context_p:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self._limit  # a text is computed in one batch
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.pooling_type = pooling
        context: llama_cpp.llama_context_p | None = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise EngineError(f"there is not enough memory for {path.name}{self._log.reason()}; close other programs")
        return context

    def _tokens(self, text: str) -> list[int]:
        """The tokens of a text, with those that the model expects at its ends; a long text is cut."""
        content = _RUN.sub(r"\1 ", text[:MAX_CHARACTERS]).encode("utf-8", "replace")
        size = len(content) + 8
        buffer = (llama_cpp.llama_token * size)()
        count = llama_cpp.llama_tokenize(self._vocab, content, len(content), buffer, size, True, False)
        tokens = list(buffer[: max(count, 0)])
        if len(tokens) > self._limit:
            tokens = [*tokens[: self._limit - 1], tokens[-1]]
        if not tokens:
            raise EngineError("there is no text to embed")
        return tokens


def unit(vector: "array[float]") -> "array[float]":
    """The vector with length 1. Raises `EngineError` for one that has none."""
    length = sum(value * value for value in vector) ** 0.5
    if not 0 < length < float("inf"):
        raise EngineError("the model made an embedding of zeros or of invalid numbers; use another embedding model")
    return array("f", (value / length for value in vector))
