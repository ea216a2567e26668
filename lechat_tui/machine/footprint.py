"""How much memory a model needs, and how much of a machine's memory a model may use. Arithmetic alone.

Keys and values: context x layers x KV heads x head size x 2 numbers, of 2 bytes (f16) or 34/32 bytes (q8_0: blocks of
32 with a scale).

The compute buffer holds the largest set of tensors that a graph of `batch` tokens needs at the same time; all others
reuse its memory (`ggml-alloc.c`). For a decoder like llama.cpp's `llama` and `mistral3` it is the largest of three, in
bytes per token of the batch. E is the width of the hidden state, Q heads x head size, K KV heads x head size, F the
inner width of the feed-forward network, V the vocabulary and C the context:

- the logits: 4 x V, and 4 x 2E of hidden states before them;
- the feed-forward network: 4 x (3F + 3E + Q), beside the mask, which stays for the next layer: 2 x C in f16;
- without flash attention, the scores of a layer: 4 x C x (heads + 1, the mask in f32), with 4 x (3E + 2Q + 2K).

With a KV cache of q8_0, queries and keys are rotated, which takes up to 4 x E more. Measured against llama.cpp's own
allocation by `benchmarks/memory.py`.
"""

from collections.abc import Sequence
from typing import Literal

from lechat_tui.values import dataclass

KvType = Literal["f16", "q8_0"]

GIB = 1 << 30

GPU_BATCH = 512
"""Tokens in one graph on a GPU, which reads a prompt fastest in large batches."""

CPU_BATCH = 128
"""The same on a CPU, which reads no faster in larger ones."""

CONTEXT_STEPS = tuple(1024 * n for n in (2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256))
"""Context windows worth choosing between, in tokens."""

MIN_CHAT_CONTEXT = 8192
"""Tokens of context that a conversation should have."""

IMAGE_TOKENS = 2048
"""Tokens of two images, which a conversation with a model that supports images should have beside them."""

MIN_OFFLOAD_SHARE = 1 / 4
"""The share of a model's layers that a GPU must hold for it to be used at all."""

CONTEXT_MULTIPLE = 256
"""llama.cpp rounds a context up to a multiple of it."""

DESKTOP_BYTES = GIB // 2
"""GPU memory that the desktop and the driver use."""

GPU_BACKEND_BYTES = 3 * GIB // 4
"""GPU memory for the backend's own context, kernels and scratch; an estimate on the safe side."""

CPU_BACKEND_BYTES = 3 * GIB // 8
"""The same for the CPU backend: the child process itself, the vocabulary, the outputs."""

IMAGE_ENCODING_BYTES = 3 * GIB // 10
"""What the projector needs to encode an image, beside its weights."""

UNIFIED_SHARE = 2 / 3
"""The share of a Mac's memory that Metal may use unless `iogpu.wired_limit_mb` says otherwise (more on large ones)."""


@dataclass(frozen=True)
class ModelShape:
    """The dimensions of a transformer that its memory follows from; 0 where one is not known."""

    layers: int
    kv_heads: int
    head_size: int
    embedding: int
    """Width of the hidden state."""
    vocabulary: int
    heads: int = 0
    """Attention heads."""
    feed_forward: int = 0
    """Inner width of the feed-forward network, of one expert where there are several."""
    experts: int = 0
    experts_used: int = 0
    """Experts used for one token."""


@dataclass(frozen=True)
class Offload:
    """The part of a model that the GPUs hold while the CPU has the rest."""

    layers: int
    """As llama.cpp counts them: the output counts as one, and is the first to be offloaded."""
    bytes: int
    """GPU memory they use, keys and values included."""


def kv_bytes(shape: ModelShape, context: int, kv_type: KvType = "f16") -> int:
    """Bytes of keys and values."""
    numbers = 2 * shape.layers * shape.kv_heads * shape.head_size * -(-context // CONTEXT_MULTIPLE) * CONTEXT_MULTIPLE
    return numbers * 2 if kv_type == "f16" else numbers * 34 // 32


def compute_bytes(
    shape: ModelShape, context: int, kv_type: KvType = "f16", *, batch: int = GPU_BATCH, flash_attention: bool = True
) -> int:
    """Bytes of the compute buffer, by the formula in the module's docstring."""
    width = shape.embedding
    heads = shape.heads or max(1, width // max(1, shape.head_size))
    queries, keys = heads * shape.head_size, shape.kv_heads * shape.head_size
    inner = (shape.feed_forward or 4 * width) * max(1, shape.experts_used)
    rotated = 4 * width if kv_type == "q8_0" else 0
    mask = (2 if flash_attention else 4) * context
    logits = 4 * (shape.vocabulary + 2 * width)
    forward = mask + 4 * (3 * inner + 3 * width + queries)
    scores = 0 if flash_attention else 4 * context * heads + mask + 4 * (3 * width + 2 * queries + 2 * keys)
    return batch * (max(logits, forward, scores) + rotated)


def reserve_bytes(*, gpu: bool, images: bool) -> int:
    """Bytes used beside weights, keys and values and the compute buffer."""
    return (GPU_BACKEND_BYTES if gpu else CPU_BACKEND_BYTES) + (IMAGE_ENCODING_BYTES if images else 0)


def gpu_budget(total: int) -> int:
    """Bytes of a GPU's memory that a model may use."""
    return max(0, total - DESKTOP_BYTES)


def pooled_budget(gpus: Sequence[int], weights: int, layers: int) -> int:
    """Bytes that a model may use of several GPUs together, given the budget of each.

    Every further GPU needs a reserve of its own and may leave the room of one layer unused, since a layer is not split.
    """
    first, *others = sorted(gpus, reverse=True)
    return first + sum(max(0, other - GPU_BACKEND_BYTES - weights // layers) for other in others)


def unified_budget(memory: int) -> int:
    """Bytes that a Mac's GPU may use of the memory it shares with the CPU."""
    return int(memory * UNIFIED_SHARE)


def ram_budget(memory: int) -> int:
    """Bytes of RAM that a model may use: all but 4 GiB, or three quarters where there is less than 16 GiB."""
    return max(memory - 4 * GIB, min(memory * 3 // 4, 12 * GIB))


def comfortable_context(most: int, *, images: bool) -> int:
    """Tokens of context that leave room for a conversation, with a model whose largest window is `most`."""
    return min(MIN_CHAT_CONTEXT + (IMAGE_TOKENS if images else 0), most)


def offload(shape: ModelShape, weights: int, context: int, kv_type: KvType, room: int) -> Offload:
    """The layers that fit into `room` bytes of GPU memory, which has no compute buffer or reserve to hold any more.

    The output matrix counts with 6.5625 bits a weight (Q6_K, which quantizations below 8 bits give it). The embedding,
    which stays in RAM, is spread over the layers, so that too few layers are offloaded rather than too many.
    """
    output = min(shape.vocabulary * shape.embedding * 6.5625 / 8, weights / 2)
    layer = (weights - output) / shape.layers + kv_bytes(shape, context, kv_type) / shape.layers
    count = 1 + int((room - output) // layer) if room >= output else 0
    count = min(count, shape.layers + 1)
    return Offload(count, int(output + (count - 1) * layer) if count else 0)


def largest_context(shape: ModelShape, room: int, most: int, kv_type: KvType = "f16", *, batch: int = GPU_BATCH) -> int:
    """The largest context, up to `most`, whose keys and values and compute buffer fit into `room` bytes."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if kv_bytes(shape, middle, kv_type) + compute_bytes(shape, middle, kv_type, batch=batch) <= room:
            low = middle
        else:
            high = middle - 1
    return low
