"""Finds where a model fits: on the GPUs, in RAM or in both, with which context and KV type. Arithmetic alone.

`models.fit` asks before a model is downloaded and `engine.llama.placement` when it is loaded: one search, so that both
decide the same.
"""

from collections.abc import Callable, Sequence

from lechat_tui.machine import footprint
from lechat_tui.machine.footprint import KvType, ModelShape, Offload
from lechat_tui.values import dataclass

KV_TYPES: tuple[KvType, ...] = ("f16", "q8_0")
"""The exact one first."""


@dataclass(frozen=True)
class MemoryNeed:
    """What is to be placed."""

    shape: ModelShape
    weights: int
    """Bytes, of all parts."""
    projector: int = 0
    """Bytes; 0 for a model that does not support images."""
    batch: int = footprint.GPU_BATCH
    """Tokens computed at once."""

    @property
    def images(self) -> bool:
        return self.projector > 0

    def bytes(self, context: int, kv_type: KvType, *, gpu: bool) -> int:
        """All that the model takes, in one memory."""
        kv = footprint.kv_bytes(self.shape, context, kv_type)
        return self.weights + self.projector + kv + self.compute(context, kv_type) + self.reserve(gpu=gpu)

    def compute(self, context: int, kv_type: KvType) -> int:
        """Bytes of the compute buffer."""
        return footprint.compute_bytes(self.shape, context, kv_type, batch=self.batch)

    def reserve(self, *, gpu: bool) -> int:
        """Bytes taken beside weights, keys and values and the compute buffer."""
        return footprint.reserve_bytes(gpu=gpu, images=self.images)

    def largest_context(self, room: int, most: int, kv_type: KvType, *, gpu: bool) -> int:
        """The largest context, up to `most`, with which all of it fits into `room` bytes."""
        left = room - self.weights - self.projector - self.reserve(gpu=gpu)
        return footprint.largest_context(self.shape, left, most, kv_type, batch=self.batch)


@dataclass(frozen=True)
class Budget:
    """The bytes that a model may use of each memory."""

    gpus: tuple[int, ...] = ()
    ram: int | None = 0
    """0 where the CPU has no memory of its own; None where it is unknown, and then everything fits."""
    available: int | None = None
    """What of the RAM is free now, for the KV cache: weights are mapped files and need not be. None for all."""

    def pooled(self, need: MemoryNeed) -> int:
        """Bytes that the model may use of all GPUs together."""
        return footprint.pooled_budget(self.gpus, need.weights, need.shape.layers) if self.gpus else 0


@dataclass(frozen=True)
class Place:
    """Where a model fits."""

    context: int
    kv_type: KvType
    offload: Offload | None
    """The part on the GPUs, perhaps nothing; None where all of the model is there."""

    @property
    def gpu_layers(self) -> int:
        """-1 is all of them."""
        return self.offload.layers if self.offload else -1


NO_OFFLOAD = Offload(0, 0)

Way = Callable[[MemoryNeed, Budget, int, KvType], Place | None]
"""Where a model fits in one way, with this context and KV type; None where it does not."""


def search(
    need: MemoryNeed,
    budget: Budget,
    contexts: Sequence[int],
    *,
    kv_types: Sequence[KvType] = KV_TYPES,
    comfortable: int,
    cpu_limit: int | None = None,
) -> Place | None:
    """The best place for the model with one of these context windows, largest first; None where none fits.

    First all of it on the GPUs with each KV type, then a part there and the rest in RAM, each with a context that
    leaves room for `comfortable` tokens. Where that is not possible, the largest context that fits anywhere is taken.
    `cpu_limit` is the largest context to choose where the CPU computes.
    """
    slow = [context for context in contexts if cpu_limit is None or context <= cpu_limit]
    ways: tuple[tuple[Way, Sequence[int]], ...] = ((on_gpus, contexts), (in_ram, slow))
    for way, windows in ways:
        for kv_type in kv_types:
            if way(need, budget, comfortable, kv_type):
                return next(filter(None, (way(need, budget, context, kv_type) for context in windows)), None)
    candidates = (
        way(need, budget, context, kv_type)
        for context in contexts
        for way, windows in ways
        if context in windows
        for kv_type in kv_types
    )
    return next(filter(None, candidates), None)


def on_gpus(need: MemoryNeed, budget: Budget, context: int, kv_type: KvType) -> Place | None:
    """All of it on the GPUs, where it fits; each of them holds whole layers and has a reserve of its own."""
    fits = budget.gpus and need.bytes(context, kv_type, gpu=True) <= budget.pooled(need)
    return Place(context, kv_type, None) if fits else None


def in_ram(need: MemoryNeed, budget: Budget, context: int, kv_type: KvType) -> Place | None:
    """All of it in RAM but for the layers that the GPUs hold, where it fits."""
    part = offloaded(need, budget, context, kv_type)
    elsewhere = part.bytes + (need.projector if part.layers else 0)
    place = Place(context, kv_type, part)
    if budget.ram is None:
        return place
    growing = footprint.kv_bytes(need.shape, context, kv_type)
    free = budget.available is None or growing <= budget.available + elsewhere
    return place if free and need.bytes(context, kv_type, gpu=False) - elsewhere <= budget.ram else None


def offloaded(need: MemoryNeed, budget: Budget, context: int, kv_type: KvType) -> Offload:
    """The part of the model that the GPUs hold; nothing where they would hold too few layers to matter."""
    beside = footprint.GPU_BACKEND_BYTES + need.compute(context, kv_type)
    room = sum(max(0, gpu - beside) for gpu in budget.gpus)
    room -= need.projector + (footprint.IMAGE_ENCODING_BYTES if need.images else 0)
    part = footprint.offload(need.shape, need.weights, context, kv_type, room)
    return part if part.layers >= need.shape.layers * footprint.MIN_OFFLOAD_SHARE else NO_OFFLOAD
