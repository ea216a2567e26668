"""Which model a machine can run, in which quantization and with how large a context window. Pure arithmetic.

A model is placed in the best of four ways that fits: completely on the GPU (or in a Mac's unified memory) with an f16
KV cache; the same with a q8_0 KV cache; in RAM with an f16 KV cache and as many layers on the GPU as fit; the same with
q8_0. Among models placed equally well, the first one of the catalog wins. Among the quantizations of a model, more than
about five bits per weight are chosen only if a large context still fits, and fewer than four never.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from lechat_tui.machine import footprint
from lechat_tui.machine.bandwidth import bandwidth
from lechat_tui.machine.footprint import CONTEXT_STEPS, MIN_CHAT_CONTEXT, KvType, comfortable_context
from lechat_tui.machine.hardware import Gpu
from lechat_tui.machine.placement import KV_TYPES, NO_OFFLOAD, Budget, MemoryNeed, Place, search
from lechat_tui.models.catalog import ROLES, Model, ModelError, ModelRole, Weights
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

MIN_CONTEXT = 4096
"""Tokens; a model that fits only with a shorter context does not fit."""

LARGE_CONTEXT: Mapping[ModelRole, int] = {"text": 32_768, "code": 32_768, "vision": 24_576}
"""Tokens of context that must fit before memory is spent on more than about five bits per weight."""

ASSUMED_TRAINED_CONTEXT = 131_072
"""Tokens; for a model whose trained context length is not known."""

CPU_CONTEXT = 16_384
"""Tokens of context on a CPU; reading a longer prompt would take too long."""

MANY_BITS = 5.0
"""Bits per weight above which the quality hardly improves, so that a larger context is preferred."""
Q4_K_M_BITS = 4.8
"""Bits per weight; among four-bit quantizations with fewer, the one with the larger context is preferred."""
MIN_BITS = 3.9
"""Bits per weight below which the quality suffers; such a quantization is never chosen on its own."""

MIN_TOKENS_PER_SECOND = 8.0
"""Reading speed; a model that answers more slowly is chosen only if no other fits."""

MIN_VISION_TOKENS_PER_SECOND = 16.0
"""The same for images, which are a thousand tokens each to read before the answer begins."""

CPU_BANDWIDTH = 50e9
"""Bytes per second of RAM, which no system reports; two channels of DDR4-3200 have 51.2 GB/s."""

UNKNOWN_MEMORY = "the memory of this machine cannot be detected; specify it with --ram, --vram or --unified"

BITS_PER_WEIGHT = {
    "IQ2_XXS": 2.1, "IQ2_XS": 2.3, "IQ2_S": 2.5, "IQ2_M": 2.7, "Q2_K": 3.0, "Q2_K_L": 3.1, "IQ3_XXS": 3.1,
    "IQ3_XS": 3.3, "IQ3_S": 3.4, "Q3_K_S": 3.5, "IQ3_M": 3.7, "Q3_K_M": 3.8, "Q3_K_L": 3.85,
    "IQ4_XS": 4.3, "IQ4_NL": 4.5, "Q4_0": 4.5, "Q4_K_S": 4.55, "Q4_K_M": 4.85, "Q4_K_L": 4.9, "Q4_K_XL": 4.9,
    "Q4_1": 5.0, "Q5_0": 5.5, "Q5_K_S": 5.5, "Q5_K_M": 5.7, "Q5_1": 6.0, "Q6_K": 6.6, "Q6_K_L": 6.7, "Q8_0": 8.5,
    "F16": 16.0, "BF16": 16.0, "F32": 32.0,
}  # fmt: skip
"""Average bits per weight of llama.cpp's quantizations, which mix several types; only their order matters."""


@dataclass(frozen=True)
class Resources:
    """What a machine offers to a model."""

    gpus: tuple[Gpu, ...] = ()
    """The GPUs that llama.cpp can use and whose memory is known."""
    unified: int = 0
    """Bytes of memory that CPU and GPU share, as on a Mac; 0 on other machines."""
    ram: int = 0
    """Bytes; 0 if it is not known."""
    disk: int | None = None
    """Free bytes on the disk of the models; None if it is not known."""

    @property
    def gpu_budgets(self) -> tuple[int, ...]:
        """Bytes that a model may use on each GPU, or of the unified memory."""
        if self.unified:
            return (next((gpu.total for gpu in self.gpus if gpu.total), footprint.unified_budget(self.unified)),)
        return tuple(footprint.gpu_budget(gpu.total) for gpu in self.gpus if gpu.total)

    @property
    def speed(self) -> float | None:
        """Memory bandwidth of the slowest GPU in bytes per second; None if it is not known."""
        known = [bandwidth(gpu.name) for gpu in self.gpus]
        return min((speed for speed in known if speed), default=None) if all(known) else None


@dataclass(frozen=True)
class Fit:
    """How a model fits into a machine's memory. All sizes are in bytes."""

    model: Model
    """Its `weights` are the measured quantization."""
    context: int
    """Tokens of context to use; 0 if the model does not fit."""
    largest_context: int
    """Tokens of context that would fit at most."""
    kv_type: KvType
    gpu_layers: int
    """Layers on the GPU as llama.cpp counts them, the output layer included; -1 for all."""
    weights: int
    projector: int
    kv: int
    compute: int
    reserve: int
    budget: int
    """Bytes that may be used, of GPU and RAM together if both are used."""
    fits: bool
    speed: float | None
    """Upper bound in tokens per second: memory bandwidth divided by the bytes read per token. None if not known."""
    grade: int
    """0 if all of it is on the GPU, 1 with a q8_0 KV cache; 2 and 3 if the CPU computes as well."""
    reason: str = ""
    """A sentence that explains the result."""

    @property
    def total(self) -> int:
        """Bytes that the model needs."""
        return self.weights + self.projector + self.kv + self.compute + self.reserve


def bits(weights: Weights) -> float:
    """Average bits per weight of this quantization; 0 if it is not known."""
    return BITS_PER_WEIGHT.get(weights.quant.upper().removeprefix("UD-"), 0.0)


def measure(
    model: Model,
    machine: Resources,
    *,
    context: int | None = None,
    kv_type: KvType | None = None,
    vision: bool | None = None,
) -> Fit:
    """How the model fits in the quantization it has; `vision=False` leaves its projector out.

    Raises `ModelError` if the model's shape or size, or the machine's memory, is not known.
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
    """How the model fits in its best quantization for this machine; a quantization in its id (`ID:QUANT`) is kept.

    Raises `ModelError` as `measure`.
    """
    every = [measure(m, machine, context=context, kv_type=kv_type, vision=vision) for m in quantizations(model)]
    return _preferred(every, role or ("vision" if vision else "text"))


def quantizations(model: Model) -> list[Model]:
    """The model in each quantization of known size; only that one if its id names it (`ID:QUANT`)."""
    quant = model.weights.quant
    if quant and model.id.lower().endswith(f":{quant.lower()}"):
        return [model]
    return [model, *(model.quantized(other.quant) for other in model.quants if other.quant and other.size)]


def best(models: Sequence[Model], machine: Resources, role: ModelRole, *, here: Collection[str] = ()) -> Fit | None:
    """The best model for a role and how it fits; None if none does.

    `models` are in the order of the catalog. Left out are toy models, unpublished and superseded ones, and, unless
    their ids are in `here`, models whose license needs consent and models that the disk has no space for.
    """
    found: list[Fit] = []
    for model in models if machine.gpu_budgets or machine.ram else ():
        if role in model.roles and _eligible(model):
            obtainable = [m for m in quantizations(model) if m.id in here or _obtainable(m, machine)]
            every = [measure(m, machine, vision=role == "vision") for m in obtainable]
            found += [_preferred(every, role)] if every else []
    return min((fit for fit in found if fit.fits), key=lambda fit: _model_rank(fit, role), default=None)


def best_by_role(
    catalog: Mapping[str, Model], machine: Resources, *, here: Collection[str] = ()
) -> dict[ModelRole, Fit]:
    """The best model for each role on this machine; roles for which none fits are left out."""
    found = {role: best(tuple(catalog.values()), machine, role, here=here) for role in ROLES}
    return {role: fit for role, fit in found.items() if fit}


def recommendation(role: ModelRole, choice: Fit | None) -> str:
    """The message for a role without an installed model: what to download."""
    if choice is None:
        return f"no {role} model is on this machine, and none in the catalog fits it (lechat fit says why)"
    size = f" ({size_text(choice.model.bytes)})" if choice.model.bytes else ""
    return f"no {role} model is on this machine; lechat pull {choice.model.id} downloads the best one for it{size}"


class _Case:
    """One model on one machine."""

    def __init__(self, model: Model, machine: Resources, context: int | None, *, images: bool) -> None:
        if not _is_measurable(model) or model.shape is None:
            raise ModelError(f"the memory that {model.id} needs is not known before it is downloaded")
        self._model = model
        self._machine = machine
        self._asked = context
        self._trained = model.trained or ASSUMED_TRAINED_CONTEXT
        projector = model.projector.size if images and model.projector else 0
        batch = footprint.GPU_BATCH if machine.gpu_budgets else footprint.CPU_BATCH
        self._need = MemoryNeed(model.shape, model.weights.size, projector, batch)
        self._budget = Budget(machine.gpu_budgets, 0 if machine.unified else footprint.ram_budget(machine.ram))

    def fit(self, kv_types: Sequence[KvType]) -> Fit:
        """The best way for it to fit, else the one that comes closest. Raises `ModelError`."""
        if not (self._machine.gpu_budgets or self._machine.ram):
            raise ModelError(UNKNOWN_MEMORY)
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
        return max(map(self._placed, places), key=lambda fit: fit.largest_context)

    def _contexts(self) -> list[int]:
        """Context lengths to try, the largest first."""
        steps = [step for step in reversed(CONTEXT_STEPS) if MIN_CONTEXT <= step <= self._trained]
        return [self._asked] if self._asked else steps or [self._trained]

    def _placed(self, place: Place) -> Fit:
        """How it fits in this place; it does not if the place has no context."""
        need, kind = self._need, place.kv_type
        held = place.context or self._asked or min(MIN_CHAT_CONTEXT, self._trained)
        if place.offload is None:
            budget, reserve = self._budget.pooled(need), need.reserve(gpu=True)
            largest = need.largest_context(budget, self._trained, kind, gpu=True)
        else:
            budget, reserve = self._budget.ram or 0, need.reserve(gpu=False)
            elsewhere = place.offload.bytes + (need.projector if place.offload.layers else 0)
            largest = need.largest_context(budget + elsewhere, self._trained, kind, gpu=False)
            if place.offload.layers:
                overhead = footprint.GPU_BACKEND_BYTES + need.compute(held, kind)
                budget += sum(self._machine.gpu_budgets)
                reserve += sum(min(bytes, overhead) for bytes in self._machine.gpu_budgets)
        fit = Fit(
            model=self._model,
            context=place.context,
            largest_context=largest,
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
        """Each active weight is read once per token, by the CPU and the GPU in turn."""
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
    """The best of a model's quantizations; if none fits, the smallest."""
    chosen = min(every, key=lambda fit: _rank(fit, role))
    return chosen if chosen.fits else min(every, key=lambda fit: fit.total)


def _rank(fit: Fit, role: ModelRole) -> tuple[float, ...]:
    """The order of a model's quantizations; lower is better."""
    size = bits(fit.model.weights)
    wasteful = size > MANY_BITS and (
        fit.grade >= 2 or fit.largest_context < min(LARGE_CONTEXT[role], fit.model.trained or ASSUMED_TRAINED_CONTEXT)
    )
    context = 0 if size >= Q4_K_M_BITS else 1 - min(fit.context, CPU_CONTEXT)
    return (
        not fit.fits,
        0 < size < MIN_BITS,
        not _has_chat_context(fit),
        fit.grade,
        wasteful,
        size < Q4_K_M_BITS,
        context,
        -size,
    )


def _has_chat_context(fit: Fit) -> bool:
    return fit.largest_context >= comfortable_context(
        fit.model.trained or ASSUMED_TRAINED_CONTEXT, images=fit.projector > 0
    )


def _model_rank(fit: Fit, role: ModelRole) -> tuple[int, float]:
    """The order of models; lower is better, and the catalog's order decides between equals."""
    slow = fit.grade >= 2 and (fit.speed or 0.0) < (
        MIN_VISION_TOKENS_PER_SECOND if role == "vision" else MIN_TOKENS_PER_SECOND
    )
    if slow or not _has_chat_context(fit) or 0 < bits(fit.model.weights) < MIN_BITS:
        return 4, -(fit.speed or 0.0)
    return fit.grade, 0.0


def _reason(fit: Fit, machine: Resources) -> str:
    size = f"{size_text(fit.total)} of {size_text(fit.budget)}"
    count = len(machine.gpu_budgets)
    gpu = "into unified memory" if machine.unified else "on the GPU" if count < 2 else f"on the {count} GPUs"
    quantized = " with a q8_0 KV cache" if fit.kv_type == "q8_0" else ""
    if not fit.fits and fit.largest_context >= MIN_CONTEXT:
        return f"needs {size}{quantized}: it would fit with a context of {fit.largest_context:,} tokens"
    if not fit.fits:
        return f"needs {size}{quantized}: too large"
    if fit.gpu_layers < 0:
        return f"fits {gpu}{quantized}: {size}"
    if fit.gpu_layers == 0:
        return f"fits into RAM and runs on the CPU{quantized}: {size}"
    return f"{fit.gpu_layers} layers fit {gpu}, the rest into RAM{quantized}: {size}"
