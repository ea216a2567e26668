"""What a model takes of a machine's memory, and what of that memory may be taken. Arithmetic alone; reads nothing.

Keys and values: context x layers x KV heads x head size x 2 numbers, of 2 bytes (f16) or 34/32 (q8_0: a scale a block).

The compute buffer holds the largest set of tensors that a graph of `batch` tokens needs at the same time; the rest is
given the same place (`ggml-alloc.c`). Of a decoder like llama.cpp's `llama` and `mistral3` it is one of three, in bytes
a token of the batch; E is the width of the hidden state, Q heads x head size, K KV heads x head size, F the inner
width, V the vocabulary and C the context:

- the logits: 4 x V, and 4 x 2E of hidden states before them;
- the feed-forward network: 4 x (3F + 3E + Q), beside the mask, which stays for the next layer: 2 x C in f16;
- without flash attention, the scores of a layer: 4 x C x (heads + 1, the mask in f32), with 4 x (3E + 2Q + 2K).

With a KV cache of q8_0, queries and keys are rotated, which takes up to 4 x E more. Measured against llama.cpp's own
allocation by `benchmarks/memory.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

KvType = Literal["f16", "q8_0"]

GIB = 1 << 30

BATCH = 512
"""Tokens in one graph on a GPU, which reads a prompt fastest in large pieces."""

CPU_BATCH = 128
"""The same on a CPU, which reads no faster in larger ones."""

STEPS = tuple(1024 * n for n in (2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256))
"""Context windows worth choosing between, in tokens."""

TALK = 8192
"""Tokens of context that a talk should have room for."""

WORTH = 4
"""A GPU is used for a part of a model from one layer in so many on."""

PAD = 256
"""llama.cpp rounds a context up to a multiple of it."""

DESKTOP = GIB // 2
"""Bytes of a graphics card that the desktop and the driver hold."""

DRIVER = 3 * GIB // 4
"""Bytes a GPU backend takes for its own context, kernels and scratch; an assumption, made on the safe side."""

PROCESS = 3 * GIB // 8
"""The same for the CPU backend: the child itself, the vocabulary, the outputs."""

EYES = 3 * GIB // 10
"""Bytes the projector needs to look at a picture, beside its weights."""

UNIFIED_SHARE = 2 / 3
"""Of a Mac's memory, what Metal may take together unless `iogpu.wired_limit_mb` says otherwise; of large ones more."""


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
class Split:
    """How much of a model a graphics card takes."""

    layers: int
    """As llama.cpp counts them: the output is one, and is the first to go there."""
    bytes: int
    """What these take there, keys and values included."""


def kv(shape: ModelShape, context: int, kv_type: KvType = "f16") -> int:
    """Bytes of keys and values."""
    numbers = 2 * shape.layers * shape.kv_heads * shape.head_size * -(-context // PAD) * PAD
    return numbers * 2 if kv_type == "f16" else numbers * 34 // 32


def compute(
    shape: ModelShape, context: int, kv_type: KvType = "f16", *, batch: int = BATCH, flash_attention: bool = True
) -> int:
    """Bytes of the compute buffer, as the module's docstring derives them."""
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


def card(total: int) -> int:
    """Bytes of a graphics card that a model may take."""
    return max(0, total - DESKTOP)


def pooled(cards: Sequence[int], weights: int, layers: int) -> int:
    """Bytes that a model may take of several cards together, so many of each: every further one needs a reserve of its
    own and may lose the room of a layer, since layers go whole."""
    largest, *others = sorted(cards, reverse=True)
    return largest + sum(max(0, other - DRIVER - weights // layers) for other in others)


def unified(memory: int) -> int:
    """Bytes that a Mac's GPU may take of the memory it shares."""
    return int(memory * UNIFIED_SHARE)


def ram(memory: int) -> int:
    """Bytes of RAM that a model may take: all but 4 GiB, or three quarters of less than 16 GiB."""
    return max(memory - 4 * GIB, min(memory * 3 // 4, 12 * GIB))


def reserve(*, gpu: bool, images: bool) -> int:
    """Bytes taken beside weights, keys and values and the compute buffer."""
    return (DRIVER if gpu else PROCESS) + (EYES if images else 0)


def split(shape: ModelShape, weights: int, context: int, kv_type: KvType, room: int) -> Split:
    """How many layers fit into so many bytes of a card, the compute buffer and the reserve already taken off.

    The output matrix counts with 6.5625 bits a weight (Q6_K, which quantizations below 8 bits give it), and the
    embedding, which stays in RAM, is spread over the layers, so that rather too few go than too many.
    """
    output = min(shape.vocabulary * shape.embedding * 6.5625 / 8, weights / 2)
    layer = (weights - output) / shape.layers + kv(shape, context, kv_type) / shape.layers
    count = 1 + int((room - output) // layer) if room >= output else 0
    count = min(count, shape.layers + 1)
    return Split(count, int(output + (count - 1) * layer) if count else 0)


def largest(shape: ModelShape, room: int, most: int, kv_type: KvType = "f16") -> int:
    """The largest context, of `most` at most, whose keys and values and compute buffer fit into so many bytes."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if kv(shape, middle, kv_type) + compute(shape, middle, kv_type) <= room:
            low = middle
        else:
            high = middle - 1
    return low
