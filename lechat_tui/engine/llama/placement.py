"""Where a model goes: how many layers onto the GPU, how long a context, how exact a KV cache. Pure: reads nothing.

What the person set stays. Otherwise what the catalogue asks for is taken where it fits, and where it does not, the
first of these that does: a shorter context, keys and values of q8_0, a part of the layers on the CPU.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lechat_tui.engine.base import KvType, LocalModel
from lechat_tui.machine import footprint
from lechat_tui.machine.footprint import GIB, ModelShape
from lechat_tui.machine.hardware import Machine

YOURS = "you set it"


@dataclass(frozen=True)
class Burden:
    """What is to be placed."""

    shape: ModelShape
    weights: int
    """Bytes."""
    projector: int = 0
    """Bytes; 0 for a model that does not see."""
    batch: int = footprint.BATCH
    """Tokens computed at once."""


@dataclass(frozen=True)
class Placement:
    """The place, and why; `note` is a sentence for the person when something had to give, else empty."""

    gpu_layers: int
    context: int
    kv_type: KvType
    why_layers: str
    why_context: str
    why_kv_type: str
    note: str = ""


def shape_of(metadata: Mapping[str, str], vocabulary: int) -> ModelShape | None:
    """The numbers in a file's metadata; None for what they do not suffice for.

    That is where not every token has keys and values alike: a recurrent memory, a sliding window, a compressed one.
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


def place(spec: LocalModel, machine: Machine, burden: Burden | None, cards: Sequence[int] | None) -> Placement:
    """Where the model goes on a machine whose GPUs have so many bytes each; 0 for one that does not say, None without.

    Without a `burden` nothing can be reckoned with, and everything is as it is wished.
    """
    wished = _wished(spec, gpu=cards is not None)
    if burden is None or not all(cards or ()):
        return wished
    for context, kind in _candidates(spec):
        if cards and spec.tuning.gpu_layers < 0 and _fits_on(cards, burden, context, kind):
            return _said(spec, wished, -1, context, kind, f"{sum(cards) / GIB:.0f} GiB on the GPU")
    if cards and spec.tuning.gpu_layers < 0:
        return _shared_out(spec, wished, machine, burden, cards)
    if wished.gpu_layers == 0:
        every = (*_candidates(spec), *_every(spec))
        fitting = (pair for pair in every if _fits_in_ram(machine, burden, *pair))
        return _said(spec, wished, 0, *next(fitting, every[-1]), "the memory")
    return wished


def _wished(spec: LocalModel, *, gpu: bool) -> Placement:
    layers = spec.tuning.gpu_layers if gpu else 0
    why = "all of the model goes to the GPU" if layers < 0 else YOURS
    return Placement(
        gpu_layers=layers,
        context=spec.context,
        kv_type=spec.tuning.kv_type or "f16",
        why_layers=why if gpu else "llama.cpp sees no GPU here: the CPU does all",
        why_context="what the catalogue gives the model" if spec.adapt else YOURS,
        why_kv_type=YOURS if spec.tuning.kv_type else "exact; q8_0 takes about half the memory",
    )


def _every(spec: LocalModel) -> Iterator[tuple[int, KvType]]:
    """Contexts and KV types that may be taken, the best first."""
    kinds: tuple[KvType, ...] = (spec.tuning.kv_type,) if spec.tuning.kv_type else ("f16", "q8_0")
    steps = [step for step in reversed(footprint.STEPS) if step < spec.context] if spec.adapt else []
    for kind in kinds:
        for context in (spec.context, *steps):
            yield context, kind


def _candidates(spec: LocalModel) -> Iterator[tuple[int, KvType]]:
    """Those with room for a talk."""
    return (pair for pair in _every(spec) if pair[0] >= min(footprint.TALK, spec.context))


def _fits_on(cards: Sequence[int], burden: Burden, context: int, kind: KvType) -> bool:
    """Whether all of it fits onto the GPUs; each takes whole layers and needs a reserve."""
    room = footprint.pooled([footprint.card(card) for card in cards], burden.weights, burden.shape.layers)
    return _needs(burden, context, kind, gpu=True) <= room


def _fits_in_ram(machine: Machine, burden: Burden, context: int, kind: KvType, *, elsewhere: int = 0) -> bool:
    """Whether it fits into RAM, but for so many bytes that a GPU takes."""
    total, available = machine.memory.total, machine.memory.available
    if total is None:
        return True
    growing = footprint.kv(burden.shape, context, kind)
    free = available is None or growing <= available + elsewhere
    return free and _needs(burden, context, kind, gpu=False) - elsewhere <= footprint.ram(total)


def _needs(burden: Burden, context: int, kind: KvType, *, gpu: bool) -> int:
    reserve = footprint.reserve(gpu=gpu, images=burden.projector > 0)
    compute = footprint.compute(burden.shape, context, kind, batch=burden.batch)
    return burden.weights + burden.projector + footprint.kv(burden.shape, context, kind) + compute + reserve


def _shared_out(
    spec: LocalModel, wished: Placement, machine: Machine, burden: Burden, cards: Sequence[int]
) -> Placement:
    """A part of the layers on the GPU and the rest on the CPU; all of it there when the GPU takes too few."""
    room_for = "the memory of GPU and CPU"
    for context, kind in _every(spec):
        beside = footprint.DRIVER + footprint.compute(burden.shape, context, kind, batch=burden.batch)
        room = sum(max(0, footprint.card(card) - beside) for card in cards)
        room -= burden.projector + (footprint.EYES if burden.projector else 0)
        part = footprint.split(burden.shape, burden.weights, context, kind, room)
        if part.layers * footprint.WORTH < burden.shape.layers:
            part = footprint.Split(0, 0)
        if _fits_in_ram(
            machine, burden, context, kind, elsewhere=part.bytes + (burden.projector if part.layers else 0)
        ):
            return _said(spec, wished, part.layers, context, kind, room_for)
    return _said(spec, wished, 0, context, kind, room_for)


def _said(spec: LocalModel, wished: Placement, layers: int, context: int, kind: KvType, room: str) -> Placement:
    """The placement with its reasons; what differs from the wish is noted."""
    notes: list[str] = []
    why_layers, why_context, why_kv = wished.why_layers, wished.why_context, wished.why_kv_type
    if layers != wished.gpu_layers:
        on = f"{layers} of its layers are on the GPU, the CPU has the rest" if layers else "the CPU does all"
        why_layers = "more would not fit onto the GPU" if layers else "the GPU has room for too few layers to matter"
        notes.append(f"{on}: {why_layers}")
    if context < spec.context:
        why_context = f"{spec.context:,} would not fit into {room}"
        notes.append(f"the context window has {context:,} tokens: {why_context}")
    if kind != wished.kv_type:
        why_kv = f"as f16 the KV cache of {context:,} tokens would not fit into {room}"
        notes.append(f"the KV cache is kept as q8_0, which is not quite exact: {why_kv}")
    return Placement(layers, context, kind, why_layers, why_context, why_kv, "; ".join(notes))
