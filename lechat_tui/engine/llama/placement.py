"""Decides where a model goes: how many layers onto the GPU, how long a context, which KV type. Pure: reads nothing.

What the user set stays. Otherwise the catalog's context and an exact KV cache are used where they fit, and where they
do not, what `machine.placement` finds: a shorter context, a KV cache of q8_0, a part of the layers on the CPU.
"""

from collections.abc import Mapping, Sequence

from lechat_tui.engine.base import LocalModel
from lechat_tui.machine.footprint import (
    CONTEXT_STEPS,
    KvType,
    ModelShape,
    comfortable_context,
    gpu_budget,
    ram_budget,
)
from lechat_tui.machine.hardware import Machine
from lechat_tui.machine.placement import KV_TYPES, NO_OFFLOAD, Budget, MemoryNeed, Place, search
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

SET_BY_USER = "set by you or the catalog"


@dataclass(frozen=True)
class Placement:
    """Where the model goes, with the reason for each choice."""

    gpu_layers: int
    context: int
    kv_type: KvType
    why_layers: str
    why_context: str
    why_kv_type: str
    note: str = ""
    """What was reduced to make the model fit, as a sentence; empty for nothing."""


def shape_of(metadata: Mapping[str, str], vocabulary: int) -> ModelShape | None:
    """The shape that a GGUF file's metadata describe; None where the memory does not follow from it.

    That is where not every token has keys and values of the same size: recurrent memory, a sliding window, or
    compressed keys and values.
    """
    kind = metadata.get("general.architecture", "")
    rows = {key.removeprefix(f"{kind}."): value for key, value in metadata.items() if key.startswith(f"{kind}.")}
    if any(key.startswith(("ssm.", "attention.kv_lora_rank", "attention.sliding_window")) for key in rows):
        return None

    def number(key: str, otherwise: int = 0) -> int:
        value = rows.get(key, "")
        return int(value) if value.isdecimal() and len(value) < 10 else otherwise

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    if not (layers and heads and width):
        return None
    return ModelShape(
        layers=layers,
        kv_heads=number("attention.head_count_kv", heads),
        head_size=number("attention.key_length", width // heads),
        embedding=width,
        vocabulary=vocabulary,
        heads=heads,
        feed_forward=number("feed_forward_length"),
        experts_used=number("expert_used_count"),
    )


def place(
    spec: LocalModel,
    machine: Machine,
    need: MemoryNeed | None,
    gpus: Sequence[int] | None,
    *,
    shared: bool = False,
) -> Placement:
    """Where the model goes on a machine with so many bytes on each GPU: 0 for an unknown size, None without any GPU.

    With `shared`, these bytes are part of the RAM, which is counted once: all of the model goes to the GPU or none.
    Without a `need`, or with a GPU of unknown size, nothing can be calculated and everything is as requested.
    """
    requested = _requested(spec, gpu=gpus is not None)
    automatic = bool(gpus) and spec.tuning.gpu_layers < 0
    if need is None or not all(gpus or ()) or not (automatic or requested.gpu_layers == 0):
        return requested
    total, available = machine.memory.total, machine.memory.available
    ram = None if total is None else ram_budget(total)
    on_cpu = Budget((), ram, available)
    budgets: tuple[Budget, ...]
    if not automatic:
        budgets = (on_cpu,)
    elif shared:
        budgets = (Budget(tuple(gpus or ())), on_cpu)
    else:
        budgets = (Budget(tuple(map(gpu_budget, gpus or ())), ram, available),)
    contexts = [spec.context, *(step for step in reversed(CONTEXT_STEPS) if spec.adapt and step < spec.context)]
    kv_types: Sequence[KvType] = (spec.tuning.kv_type,) if spec.tuning.kv_type else KV_TYPES
    comfortable = comfortable_context(spec.context, images=need.images)
    comfortable = comfortable if spec.adapt else spec.context
    places = (search(need, budget, contexts, kv_types=kv_types, comfortable=comfortable) for budget in budgets)
    found = next(filter(None, places), None) or Place(contexts[-1], kv_types[-1], NO_OFFLOAD)
    if not automatic:
        return _explained(spec, requested, found, "the memory")
    on_gpu = f"the {size_text(sum(gpus or ()))} of GPU memory"
    return _explained(spec, requested, found, on_gpu if found.gpu_layers < 0 else "the memory of GPU and CPU")


def _requested(spec: LocalModel, *, gpu: bool) -> Placement:
    layers = spec.tuning.gpu_layers if gpu else 0
    why = "all of the model goes to the GPU" if layers < 0 else SET_BY_USER
    return Placement(
        gpu_layers=layers,
        context=spec.context,
        kv_type=spec.tuning.kv_type or "f16",
        why_layers=why if gpu else "llama.cpp finds no GPU here, so everything runs on the CPU",
        why_context="the catalog's context for the model" if spec.adapt else SET_BY_USER,
        why_kv_type=SET_BY_USER if spec.tuning.kv_type else "exact; q8_0 needs about half the memory",
    )


def _explained(spec: LocalModel, requested: Placement, found: Place, memory: str) -> Placement:
    """The placement with its reasons; what differs from the request is noted."""
    notes: list[str] = []
    layers, context = found.gpu_layers, found.context
    why_layers, why_context, why_kv = requested.why_layers, requested.why_context, requested.why_kv_type
    if layers != requested.gpu_layers:
        where = (
            f"{layers} of its layers are on the GPU, the rest on the CPU" if layers else "everything runs on the CPU"
        )
        why_layers = "more would not fit onto the GPU" if layers else "the GPU has room for too few layers to matter"
        notes.append(f"{where}: {why_layers}")
    if context < spec.context:
        why_context = f"{spec.context:,} would not fit into {memory}"
        notes.append(f"the context window has {context:,} tokens: {why_context}")
    if found.kv_type != requested.kv_type:
        why_kv = f"as f16 the KV cache of {context:,} tokens would not fit into {memory}"
        notes.append(f"the KV cache is quantized to q8_0, which is slightly less precise: {why_kv}")
    return Placement(layers, context, found.kv_type, why_layers, why_context, why_kv, "; ".join(notes))
