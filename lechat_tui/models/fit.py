"""Which model, in which quantization and with how large a context, a machine can run. Arithmetic alone; reads nothing.

What fits is settled in passes, the best first: all of it on the graphics card (or in a Mac's unified memory) with exact
keys and values; the same with keys and values of q8_0; then in RAM, with as many layers on a card as it takes. Within
a pass the catalogue's order decides between models, and the bits a weight between quantizations: more than about five
are taken when a roomy context stays, fewer than four never of its own accord.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lechat_tui.machine import footprint
from lechat_tui.machine.bandwidth import bandwidth
from lechat_tui.machine.footprint import GIB, STEPS, TALK, KvType, ModelShape
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models.catalog import ROLES, Model, ModelError, ModelRole, Weights

LEAST = 4096
"""Tokens of context below which a model is said not to fit."""

PICTURES = 2048
"""Tokens of two pictures, which a talk with a model that sees should have room for as well."""

ROOMY: Mapping[ModelRole, int] = {"text": 32_768, "code": 32_768, "vision": 24_576}
"""Tokens of context that must stay before memory goes into more than about five bits a weight."""

MOST = 131_072
"""Tokens of context of a model whose trained length is not known."""

CPU_CONTEXT = 16_384
"""Tokens of context chosen where the CPU reads the prompt: a longer one would be waited for."""

RICH = 5.0
"""Bits a weight above which more are hardly noticed, so that context is worth more."""
FULL = 4.8
"""Bits a weight of Q4_K_M. Those of four bits that have fewer are alike: of these the one with more context wins."""
POOR = 3.9
"""Bits a weight below which they are missed; such a quantization is no choice of ours."""

READING = 8.0
"""Tokens per second that a person reads; where the CPU computes, an answer should not be slower."""

LOOKING = 16.0
"""The same for a model that sees: a picture is a thousand tokens to be read before the answer begins."""

CPU_BANDWIDTH = 50e9
"""Bytes per second of RAM, taken where nobody says: two channels of DDR4-3200 move 51.2 GB/s."""

UNTOLD = "this machine does not tell how much memory it has; say it with --ram, --vram or --unified"

BITS = {
    "IQ2_XXS": 2.1, "IQ2_XS": 2.3, "IQ2_S": 2.5, "IQ2_M": 2.7, "Q2_K": 3.0, "Q2_K_L": 3.1, "IQ3_XXS": 3.1,
    "IQ3_XS": 3.3, "IQ3_S": 3.4, "Q3_K_S": 3.5, "IQ3_M": 3.7, "Q3_K_M": 3.8, "Q3_K_L": 3.85,
    "IQ4_XS": 4.3, "IQ4_NL": 4.5, "Q4_0": 4.5, "Q4_K_S": 4.55, "Q4_K_M": 4.85, "Q4_K_L": 4.9, "Q4_K_XL": 4.9,
    "Q4_1": 5.0, "Q5_0": 5.5, "Q5_K_S": 5.5, "Q5_K_M": 5.7, "Q5_1": 6.0, "Q6_K": 6.6, "Q6_K_L": 6.7, "Q8_0": 8.5,
    "F16": 16.0, "BF16": 16.0, "F32": 32.0,
}  # fmt: skip
"""Bits a weight of llama.cpp's quantizations, mixtures of types as they are, for their order."""


@dataclass(frozen=True)
class Resources:
    """A machine's memory, as far as a model cares."""

    gpus: tuple[Gpu, ...] = ()
    """Those that llama.cpp can use and whose memory is known."""
    unified: int = 0
    """Bytes that a Mac's CPU and GPU share; 0 elsewhere."""
    ram: int = 0
    """Bytes; 0 where it is not known."""
    disk: int | None = None
    """Bytes free where models are kept."""

    @property
    def cards(self) -> tuple[int, ...]:
        """Bytes that a model may take of each graphics card, or of the memory that a GPU shares."""
        if self.unified:
            return (next((gpu.total for gpu in self.gpus if gpu.total), footprint.unified(self.unified)),)
        return tuple(footprint.card(gpu.total) for gpu in self.gpus if gpu.total)

    @property
    def speed(self) -> float | None:
        """Bytes per second of the GPU's memory; of several, of the slowest. None where it is not known."""
        known = [bandwidth(gpu.name) for gpu in self.gpus]
        return min((speed for speed in known if speed), default=None) if all(known) else None


@dataclass(frozen=True)
class Fit:
    """How one model lies in a machine's memory. All sizes in bytes."""

    model: Model
    """With the quantization that was looked at as its `weights`."""
    context: int
    """The context window to use, in tokens; 0 when it does not fit."""
    most: int
    """The largest that would fit, in tokens."""
    kv_type: KvType
    gpu_layers: int
    """-1 is all of them; else as llama.cpp counts, the output being one."""
    weights: int
    projector: int
    kv: int
    compute: int
    reserve: int
    budget: int
    """What may be taken, of cards and RAM together when both are used."""
    fits: bool
    speed: float | None
    """Tokens per second at the very most: memory bandwidth by the bytes read for one token. None where unknown."""
    grade: int
    """0 where all of it is on the GPU, 1 with a KV cache of q8_0; 2 and 3 the same where the CPU computes, too."""
    reason: str = ""
    """Why, as a sentence; what would fit in its place when it does not."""

    @property
    def total(self) -> int:
        """Bytes it takes."""
        return self.weights + self.projector + self.kv + self.compute + self.reserve


def bits(weights: Weights) -> float:
    """Bits a weight of this quantization, for their order; 0 where its name is not known."""
    return BITS.get(weights.quant.upper().removeprefix("UD-"), 0.0)


def measure(
    model: Model,
    machine: Resources,
    *,
    context: int | None = None,
    kv_type: KvType | None = None,
    vision: bool | None = None,
) -> Fit:
    """How the model's `weights` lie in the machine's memory; `vision` says whether its projector is loaded.

    Raises `ModelError` when the model's shape or size is not known, or the machine's memory.
    """
    case = _Case(model, machine, context, model.supports_images if vision is None else vision and model.supports_images)
    types: tuple[KvType, ...] = (kv_type,) if kv_type else ("f16", "q8_0")
    found = [case.on_gpu(kind) for kind in types if machine.cards]
    found += [case.in_ram(kind) for kind in types if machine.ram and not machine.unified]
    if not found:
        raise ModelError(UNTOLD)
    chosen = next(filter(case.comfortable, found), None) or max(found, key=lambda fit: (fit.fits, fit.most))
    return replace(chosen, reason=_reason(chosen, machine))


def best_quantization(
    model: Model,
    machine: Resources,
    *,
    context: int | None = None,
    kv_type: KvType | None = None,
    vision: bool | None = None,
    role: ModelRole | None = None,
) -> Fit:
    """The model in the best of its quantizations for this machine; one that was asked for by name is left as it is.

    Raises `ModelError` when the model's shape or size is not known, or the machine's memory.
    """
    every = [measure(m, machine, context=context, kv_type=kv_type, vision=vision) for m in quantizations(model)]
    return _preferred(every, role or ("vision" if vision else "text"))


def quantizations(model: Model) -> list[Model]:
    """The model in each quantization whose size is known; only the one it was asked for by name (`id:QUANT`)."""
    quant = model.weights.quant
    if quant and model.id.lower().endswith(f":{quant.lower()}"):
        return [model]
    return [model, *(model.quantized(other.quant) for other in model.quants if other.quant and other.size)]


def best(models: Sequence[Model], machine: Resources, role: ModelRole, *, here: Collection[str] = ()) -> Fit | None:
    """The best model of these for a role, and how it fits; None when none does.

    `models` are in the order of the catalogue. A toy, what is not published, what has better successors, what a licence
    keeps from being used freely and what the disk has no room for are left out; the latter two not when their ids are
    among those that are `here`.
    """
    found: list[Fit] = []
    for model in models if machine.cards or machine.ram else ():
        if role in model.roles and _eligible(model):
            obtainable = [m for m in quantizations(model) if m.id in here or _obtainable(m, machine)]
            every = [measure(m, machine, vision=role == "vision") for m in obtainable]
            found += [_preferred(every, role)] if every else []
    return min((fit for fit in found if fit.fits), key=lambda fit: _pass(fit, role), default=None)


def best_by_role(
    catalog: Mapping[str, Model], machine: Resources, *, here: Collection[str] = ()
) -> dict[ModelRole, Fit]:
    """The best model for each role on this machine; a role that nothing fits is left out."""
    found = {role: best(tuple(catalog.values()), machine, role, here=here) for role in ROLES}
    return {role: fit for role, fit in found.items() if fit}


def recommendation(role: ModelRole, choice: Fit | None) -> str:
    """What to do when no real model of a role is on this machine."""
    if choice is None:
        return f"no {role} model is on this machine, and none in the catalogue fits it (lechat fit says why)"
    size = f" ({choice.model.bytes / 1e9:.1f} GB)" if choice.model.bytes else ""
    return f"no {role} model is on this machine; lechat pull {choice.model.id} downloads the best one for it{size}"


class _Case:
    """One model on one machine."""

    def __init__(self, model: Model, machine: Resources, context: int | None, images: bool) -> None:
        if not _is_measurable(model) or model.shape is None:
            raise ModelError(f"the shape of {model.id} is not known, so what it needs cannot be said beforehand")
        self._model = model
        self._shape: ModelShape = model.shape
        self._machine = machine
        self._asked = context
        self._images = images
        self._weights = model.weights.size
        self._projector = model.projector.size if images and model.projector else 0
        self._trained = model.trained or MOST

    def comfortable(self, fit: Fit) -> bool:
        """Whether it leaves room for a talk, or for what was asked."""
        return fit.fits and fit.most >= (self._asked or min(_room(images=self._images), self._trained))

    def on_gpu(self, kind: KvType) -> Fit:
        """All of it in the memory of the graphics cards. Each takes whole layers and has a reserve of its own."""
        budget = footprint.pooled(self._machine.cards, self._weights, self._shape.layers)
        reserve = footprint.reserve(gpu=True, images=self._images)
        grade = 0 if kind == "f16" else 1
        most = self._most(budget - reserve, kind)
        return self._fit(self._chosen(most), most, kind, budget, reserve, grade=grade)

    def in_ram(self, kind: KvType) -> Fit:
        """All of it in RAM, or but for those layers that a graphics card takes, when these are enough to matter."""
        ram, reserve = footprint.ram(self._machine.ram), footprint.reserve(gpu=False, images=self._images)
        alone = self._most(ram - reserve, kind)
        grade = 2 if kind == "f16" else 3
        for context in self._contexts():
            room = self._room_on_cards(context, kind)
            part = footprint.split(self._shape, self._weights, context, kind, room)
            if part.layers * footprint.WORTH < self._shape.layers:
                break
            most = self._most(ram + part.bytes + self._projector - reserve, kind)
            if most >= context:
                beside = sum(min(card, self._beside(context, kind)) for card in self._machine.cards)
                budget = ram + sum(self._machine.cards)
                return self._fit(context, most, kind, budget, reserve + beside, grade=grade, layers=part.layers)
        return self._fit(self._chosen(min(alone, CPU_CONTEXT)), alone, kind, ram, reserve, grade=grade, layers=0)

    def _contexts(self) -> list[int]:
        """What to try, the largest first."""
        if self._asked:
            return [self._asked]
        return [step for step in reversed(STEPS) if LEAST <= step <= min(CPU_CONTEXT, self._trained)]

    def _room_on_cards(self, context: int, kind: KvType) -> int:
        """Bytes that layers may take of the graphics cards."""
        room = sum(max(0, card - self._beside(context, kind)) for card in self._machine.cards)
        return room - self._projector - (footprint.EYES if self._images else 0)

    def _beside(self, context: int, kind: KvType) -> int:
        """Bytes that each card holds beside its layers."""
        return footprint.DRIVER + footprint.compute(self._shape, context, kind)

    def _most(self, room: int, kind: KvType) -> int:
        return footprint.largest(self._shape, room - self._weights - self._projector, self._trained, kind)

    def _chosen(self, most: int) -> int:
        """The context to use where so much would fit."""
        return self._asked or max((step for step in STEPS if step <= most), default=most)

    def _fit(
        self, context: int, most: int, kind: KvType, budget: int, reserve: int, *, grade: int, layers: int = -1
    ) -> Fit:
        holds = min(LEAST, self._trained) if self._asked is None else self._asked
        held = context if most >= holds else self._asked or min(TALK, self._trained)
        batch = footprint.BATCH if layers and self._machine.cards else footprint.CPU_BATCH
        return Fit(
            model=self._model,
            context=context if most >= holds else 0,
            most=most,
            kv_type=kind,
            gpu_layers=layers,
            weights=self._weights,
            projector=self._projector,
            kv=footprint.kv(self._shape, held, kind),
            compute=footprint.compute(self._shape, held, kind, batch=batch),
            reserve=reserve,
            budget=budget,
            fits=most >= holds,
            speed=self._speed(layers),
            grade=grade,
        )

    def _speed(self, layers: int) -> float | None:
        """Every weight that is used is read once for a token, by the CPU and the GPU in turn."""
        model, fast = self._model, self._machine.speed
        read = self._weights * (model.active / model.parameters if model.active and model.parameters else 1.0)
        share = 1.0 if layers < 0 else layers / (self._shape.layers + 1)
        if share == 1 and not fast:
            return None
        return 1 / (read * (1 - share) / CPU_BANDWIDTH + (read * share / fast if fast else 0.0))


def _room(*, images: bool) -> int:
    return TALK + (PICTURES if images else 0)


def _is_measurable(model: Model) -> bool:
    shape = model.shape
    numbers = (shape.layers, shape.kv_heads, shape.head_size, shape.embedding, shape.vocabulary) if shape else (0,)
    return min(*numbers, model.weights.size) > 0


def _eligible(model: Model) -> bool:
    return _is_measurable(model) and not model.toy and model.status not in ("closed", "legacy")


def _obtainable(model: Model, machine: Resources) -> bool:
    return not model.consent and (machine.disk is None or model.bytes <= machine.disk)


def _preferred(every: Sequence[Fit], role: ModelRole) -> Fit:
    """The best of a model's quantizations; where none fits, the one that comes nearest."""
    chosen = min(every, key=lambda fit: _rank(fit, role))
    return chosen if chosen.fits else min(every, key=lambda fit: fit.total)


def _rank(fit: Fit, role: ModelRole) -> tuple[float, ...]:
    """What makes one quantization of a model better than another; the lower, the better."""
    size = bits(fit.model.weights)
    rich = size > RICH and (fit.grade >= 2 or fit.most < min(ROOMY[role], fit.model.trained or MOST))
    context = 0 if size >= FULL else 1 - min(fit.context, CPU_CONTEXT)
    return not fit.fits, 0 < size < POOR, not _talks(fit), fit.grade, rich, size < FULL, context, -size


def _talks(fit: Fit) -> bool:
    return fit.most >= min(_room(images=fit.projector > 0), fit.model.trained or MOST)


def _pass(fit: Fit, role: ModelRole) -> tuple[int, float]:
    """What makes one model better than one that stands before it in the catalogue; the lower, the better."""
    slow = fit.grade >= 2 and (fit.speed or 0.0) < (LOOKING if role == "vision" else READING)
    if slow or not _talks(fit) or 0 < bits(fit.model.weights) < POOR:
        return 4, -(fit.speed or 0.0)
    return fit.grade, 0.0


def _reason(fit: Fit, machine: Resources) -> str:
    size = f"{fit.total / GIB:.1f} of {fit.budget / GIB:.1f} GiB"
    where = "the memory the GPU shares" if machine.unified else "the graphics card"
    if len(machine.cards) > 1:
        where = f"the {len(machine.cards)} graphics cards"
    quantized = " with a KV cache of q8_0" if fit.kv_type == "q8_0" else ""
    if not fit.fits:
        shorter = f"with a context of {fit.most:,} tokens it would fit" if fit.most >= LEAST else "that is too much"
        return f"it needs {size}{quantized}: {shorter}"
    if fit.gpu_layers < 0:
        return f"all of it fits into {where}{quantized}: {size}"
    if fit.gpu_layers == 0:
        return f"it fits into RAM{quantized}, and the CPU computes: {size}"
    return f"{fit.gpu_layers} of its layers fit into {where}, the rest into RAM{quantized}: {size}"
