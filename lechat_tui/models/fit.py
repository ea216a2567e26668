"""Which model, in which quantization and with how large a context, a machine can run. Arithmetic alone; reads nothing.

What fits is settled in passes, the best first: all of it on the graphics card (or in a Mac's unified memory) with exact
keys and values; the same with keys and values of q8_0; then in RAM, with as many layers on a card as it takes. Within
a pass the catalog's order decides between models, and the bits a weight between quantizations: more than about five
are taken when a roomy context stays, fewer than four never of its own accord.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lechat_tui.machine import footprint
from lechat_tui.machine.bandwidth import bandwidth
from lechat_tui.machine.footprint import CONTEXT_STEPS, GIB, MIN_CHAT_CONTEXT, KvType, comfortable_context
from lechat_tui.machine.hardware import Gpu
from lechat_tui.machine.placement import KV_TYPES, NO_OFFLOAD, Budget, MemoryNeed, Place, search
from lechat_tui.models.catalog import ROLES, Model, ModelError, ModelRole, Weights

LEAST = 4096
"""Tokens of context below which a model is said not to fit."""

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
            return (next((gpu.total for gpu in self.gpus if gpu.total), footprint.unified_budget(self.unified)),)
        return tuple(footprint.gpu_budget(gpu.total) for gpu in self.gpus if gpu.total)

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
    images = model.supports_images and vision is not False
    return _Case(model, machine, context, images=images).fit((kv_type,) if kv_type else KV_TYPES)


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

    `models` are in the order of the catalog. A toy, what is not published, what has better successors, what a license
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
        return f"no {role} model is on this machine, and none in the catalog fits it (lechat fit says why)"
    size = f" ({choice.model.bytes / 1e9:.1f} GB)" if choice.model.bytes else ""
    return f"no {role} model is on this machine; lechat pull {choice.model.id} downloads the best one for it{size}"


class _Case:
    """One model on one machine."""

    def __init__(self, model: Model, machine: Resources, context: int | None, *, images: bool) -> None:
        if not _is_measurable(model) or model.shape is None:
            raise ModelError(f"the shape of {model.id} is not known, so what it needs cannot be said beforehand")
        self._model = model
        self._machine = machine
        self._asked = context
        self._trained = model.trained or MOST
        projector = model.projector.size if images and model.projector else 0
        batch = footprint.GPU_BATCH if machine.cards else footprint.CPU_BATCH
        self._need = MemoryNeed(model.shape, model.weights.size, projector, batch)
        self._budget = Budget(machine.cards, 0 if machine.unified else footprint.ram_budget(machine.ram))

    def fit(self, kv_types: Sequence[KvType]) -> Fit:
        """The best way for it to fit; where there is none, the one that comes nearest. Raises `ModelError`."""
        if not (self._machine.cards or self._machine.ram):
            raise ModelError(UNTOLD)
        place = search(
            self._need,
            self._budget,
            self._contexts(),
            kv_types=kv_types,
            comfortable=self._asked or comfortable_context(self._trained, images=self._need.images),
            cpu_limit=None if self._asked else CPU_CONTEXT,
        )
        if place:
            return self._placed(place)
        places = [Place(0, kind, None) for kind in kv_types if self._budget.gpus]
        places += [Place(0, kind, NO_OFFLOAD) for kind in kv_types if self._budget.ram]
        return max(map(self._placed, places), key=lambda fit: fit.most)

    def _contexts(self) -> list[int]:
        """What to try, the largest first."""
        steps = [step for step in reversed(CONTEXT_STEPS) if LEAST <= step <= self._trained]
        return [self._asked] if self._asked else steps or [self._trained]

    def _placed(self, place: Place) -> Fit:
        """How it lies in this place; one without a context does not fit."""
        need, kind = self._need, place.kv_type
        held = place.context or self._asked or min(MIN_CHAT_CONTEXT, self._trained)
        if place.offload is None:
            budget, reserve = self._budget.pooled(need), need.reserve(gpu=True)
            most = need.largest_context(budget, self._trained, kind, gpu=True)
        else:
            budget, reserve = self._budget.ram or 0, need.reserve(gpu=False)
            elsewhere = place.offload.bytes + (need.projector if place.offload.layers else 0)
            most = need.largest_context(budget + elsewhere, self._trained, kind, gpu=False)
            if place.offload.layers:
                beside = footprint.GPU_BACKEND_BYTES + need.compute(held, kind)
                budget += sum(self._machine.cards)
                reserve += sum(min(card, beside) for card in self._machine.cards)
        fit = Fit(
            model=self._model,
            context=place.context,
            most=most,
            kv_type=kind,
            gpu_layers=place.gpu_layers,
            weights=need.weights,
            projector=need.projector,
            kv=footprint.kv_bytes(need.shape, held, kind),
            compute=need.compute(held, kind),
            reserve=reserve,
            budget=budget,
            fits=place.context > 0,
            speed=self._speed(place.gpu_layers),
            grade=(0 if place.offload is None else 2) + (kind != "f16"),
        )
        return replace(fit, reason=_reason(fit, self._machine))

    def _speed(self, layers: int) -> float | None:
        """Every weight that is used is read once for a token, by the CPU and the GPU in turn."""
        model, fast = self._model, self._machine.speed
        read = self._need.weights * (model.active / model.parameters if model.active and model.parameters else 1.0)
        share = 1.0 if layers < 0 else layers / (self._need.shape.layers + 1)
        if share == 1 and not fast:
            return None
        return 1 / (read * (1 - share) / CPU_BANDWIDTH + (read * share / fast if fast else 0.0))


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
    return fit.most >= comfortable_context(fit.model.trained or MOST, images=fit.projector > 0)


def _pass(fit: Fit, role: ModelRole) -> tuple[int, float]:
    """What makes one model better than one that stands before it in the catalog; the lower, the better."""
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
