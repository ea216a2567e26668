"""Builds llama.cpp's chain of samplers from `Sampling`, leaving out each sampler that would have no effect."""

import ctypes

import llama_cpp

from lechat_tui.engine.base import EngineError
from lechat_tui.message import Sampling

PENALTY_TOKENS = 64
"""Tokens that the repeat penalty looks back on: llama.cpp's own default."""


class Sampler:
    """A chain of samplers; `close` frees it."""

    def __init__(self, sampling: Sampling, seed: int, vocabulary: int) -> None:
        """`vocabulary` is the number of tokens in the vocabulary. Raises `EngineError`."""
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if not chain:
            raise EngineError("the sampler could not be created; the machine may be out of memory")
        self._chain = chain
        if sampling.repeat_penalty != 1.0:
            penalty = sampling.repeat_penalty
            self._add(llama_cpp.llama_sampler_init_penalties(vocabulary, PENALTY_TOKENS, penalty, 0.0, 0.0))
        if sampling.temperature <= 0:
            self._add(llama_cpp.llama_sampler_init_greedy())
            return
        if sampling.top_k > 0:
            self._add(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            self._add(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
        if sampling.temperature != 1:
            self._add(llama_cpp.llama_sampler_init_temp(sampling.temperature))
        self._add(llama_cpp.llama_sampler_init_dist(seed))

    def _add(self, sampler: ctypes.c_void_p) -> None:
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: llama_cpp.llama_context_p, row: int = -1) -> int:
        """Sample a token from one row of the last evaluation's logits, by default the last row."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context, row))

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)
