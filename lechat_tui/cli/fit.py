"""`lechat fit`: which models this machine, or one described by options, can run, and what memory each needs."""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import typer

from lechat_tui import paths
from lechat_tui.cli import compose, printing
from lechat_tui.machine import footprint, hardware
from lechat_tui.machine.footprint import CONTEXT_MULTIPLE, CPU_BATCH, GPU_BATCH
from lechat_tui.machine.hardware import Gpu
from lechat_tui.machine.split_files import size_on_disk
from lechat_tui.models import fit, gguf, resources
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.fit import CPU_CONTEXT, Fit, Resources
from lechat_tui.plaintext import safe
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

MAX_BYTES = 10**15
"""A larger size is taken for a typing error."""

EXPONENTS = {"K": 1, "M": 2, "": 3, "G": 3, "T": 4}
"""Of 1000, or of 1024 with an `i` as in `GiB`; a bare number is in GB."""

HEAD = ("name", "quantization", "context", "memory", "")


@dataclass(frozen=True)
class MachineFlags:
    """The machine that the options describe, with sizes as typed; empty for this machine."""

    vram: Sequence[str] = ()
    ram: str = ""
    unified: str = ""
    disk: str = ""


def run(name: str, flags: MachineFlags, *, context: int | None, as_json: bool) -> None:
    """Print the table, or the calculation for one model. Raises `ModelError` and typer's `BadParameter`."""
    described = _described(flags)
    machine = described or resources.detect(paths.hub_cache())
    models = compose.models(compose.settings())
    if name:
        model = _named(models, name)
        asked = name.lower().endswith(f":{model.weights.quant.lower()}")
        one = (fit.measure if asked else fit.best_quantization)(model, machine, context=context)
        _print(json.dumps(_object(one), indent=2)) if as_json else _print(*_arithmetic(one, machine))
        return
    if not (machine.gpu_budgets or machine.ram):
        raise ModelError(fit.UNKNOWN_MEMORY)
    rows = [model for model in models.catalog.values() if not model.toy and model.status != "closed"]
    here = [] if described else [model.id for model in models.installed()]
    picks = {
        role: _with_projector(pick, machine)
        for role, pick in fit.best_by_role(models.catalog, machine, here=here).items()
    }
    others = [result for row in rows if row.shape and (result := _fit(row, machine, context))]
    unknown = [row.id for row in rows if not row.shape]
    if as_json:
        chosen = {role: _object(result) for role, result in picks.items()}
        _print(json.dumps({"choices": chosen, "models": [_object(result) for result in others]}, indent=2))
        return
    hints = [] if described else list(unused())
    _print(*_table(machine, picks, others, hints), *_notes(others, unknown))


def _with_projector(pick: Fit, machine: Resources) -> Fit:
    """The same as in the table: how all of the model fits, if it does."""
    whole = fit.measure(pick.model, machine)
    return whole if whole.fits else pick


def unused() -> Iterator[str]:
    """Advice for each GPU of this machine that the installed llama.cpp cannot use."""
    built = resources.backends()
    for gpu in hardware.gpus():
        if advice := resources.advice(gpu, built):
            yield safe(advice)


def size(text: str, flag: str) -> int:
    """Bytes from a typed size: `24G`, `24 GB` and `24` are 24 GB, `24GiB` is 24 x 2^30. Raises `BadParameter`."""
    match = re.fullmatch(r"\s*([0-9]{1,7}(?:\.[0-9]{1,3})?)\s*([KMGT]?)(I?)B?\s*", text, re.IGNORECASE)
    base = 1024 if match and match[3] else 1000
    bytes = int(float(match[1]) * base ** EXPONENTS[match[2].upper()]) if match else 0
    if not 0 < bytes <= MAX_BYTES:
        raise typer.BadParameter(f"{flag} {safe(text)!r} is not a size; write it like {flag} 24G")
    return bytes


def _described(flags: MachineFlags) -> Resources | None:
    """The machine that the flags describe; None if they describe none."""
    gpus = tuple(Gpu("", "", size(text, "--vram")) for text in flags.vram)
    unified = size(flags.unified, "--unified") if flags.unified else 0
    ram = size(flags.ram, "--ram") if flags.ram else 0
    disk = size(flags.disk, "--disk") if flags.disk else None
    if unified and (gpus or ram):
        raise typer.BadParameter("--unified can't be combined with --vram or --ram; it replaces both")
    if gpus or unified or ram:
        return Resources(gpus, unified, ram or unified, disk)
    return replace(resources.detect(paths.hub_cache()), disk=disk) if disk else None


def _named(models: Models, name: str) -> Model:
    """The model of this name, with shape and size from its file if the catalog lacks them. Raises `ModelError`."""
    model = models.get(name)
    if model.unavailable:
        raise ModelError(model.unavailable)
    files = models.files(model)
    if files is None or (model.shape and model.weights.size):
        return model
    weights = replace(model.weights, bytes=size_on_disk(files.weights))
    return replace(model, weights=weights, shape=gguf.read_header(files.weights).shape)


def _fit(model: Model, machine: Resources, context: int | None) -> Fit | None:
    """How it fits; None if that is not known."""
    try:
        return fit.best_quantization(model, machine, context=context)
    except ModelError:
        return None


def _table(
    machine: Resources, picks: Mapping[ModelRole, Fit], others: Sequence[Fit], hints: Sequence[str]
) -> Iterator[str]:
    yield f"memory: {_memory(machine)}"
    yield from hints
    yield ""
    for role in ("text", "code", "vision"):
        choice = picks.get(role)
        if choice is None:
            yield f"{role:<7} no model in the catalog fits"
            continue
        yield f"{role:<7} {choice.model.id}, {_quant(choice)}, context {choice.context:,}{_speed(choice)}"
        yield f"        {choice.reason}"
    yield ""
    rows = [HEAD, *map(_row, others)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    for row in rows:
        cells = (f"{row[0]:<{wide[0]}}", f"{row[1]:<{wide[1]}}", f"{row[2]:>{wide[2]}}", f"{row[3]:>{wide[3]}}", row[4])
        yield "  ".join(cells).rstrip()


def _notes(others: Sequence[Fit], unknown: Sequence[str]) -> Iterator[str]:
    """Explanations of the table."""
    yield ""
    yield "Memory includes the context shown, and the projector of models that support images."
    yield "A chat starts with the catalog's context window, or less if it does not fit; --ctx-size N changes it."
    if any(result.fits and result.context == CPU_CONTEXT < result.largest_context for result in others):
        yield (
            f"On a CPU, {CPU_CONTEXT:,} tokens take minutes to read, so a chat starts with no more; "
            "lechat fit NAME says how many would fit."
        )
    if any(result.speed for result in others):
        yield "Speeds are upper bounds: memory bandwidth divided by the bytes read per token."
    if unknown:
        yield f"Memory needs unknown until downloaded: {', '.join(unknown)}"


def _memory(machine: Resources) -> str:
    """The machine's memory in words."""
    if machine.unified:
        parts = [f"{size_text(machine.unified)} unified, {size_text(machine.gpu_budgets[0])} of it for the GPU"]
    else:
        gpus = [f"{gpu.name or 'GPU'} with {size_text(gpu.total)}" for gpu in machine.gpus if gpu.total]
        parts = [*gpus, *([f"{size_text(machine.ram)} RAM"] if machine.ram else [])]
    disk = [] if machine.disk is None else [f"{size_text(machine.disk)} free disk space"]
    return safe(", ".join([*parts, *disk]))


def _row(result: Fit) -> tuple[str, ...]:
    context = f"{result.context:,}" if result.fits else "-"
    where = "" if not result.fits else _where(result)
    note = f"{where}{_speed(result)}" if result.fits else result.reason.partition(": ")[2]
    return result.model.id.partition(":")[0], _quant(result), context, size_text(result.total), note


def _where(result: Fit) -> str:
    if result.gpu_layers < 0:
        return "GPU"
    return "CPU" if result.gpu_layers == 0 else f"{result.gpu_layers} layers on the GPU"


def _speed(result: Fit) -> str:
    return f", at most {result.speed:.0f} tokens/s" if result.speed else ""


def _quant(result: Fit) -> str:
    cache = ", q8_0 KV cache" if result.kv_type == "q8_0" else ""
    return f"{result.model.weights.quant or 'unknown'}{cache}"


def _arithmetic(result: Fit, machine: Resources) -> Iterator[str]:
    """The memory need, line by line."""
    model, shape = result.model, result.model.shape
    assert shape
    context = (
        result.context or result.kv // footprint.kv_bytes(shape, CONTEXT_MULTIPLE, result.kv_type) * CONTEXT_MULTIPLE
    )
    batch = GPU_BATCH if machine.gpu_budgets else CPU_BATCH
    kind = "2 bytes (f16)" if result.kv_type == "f16" else "34/32 bytes (q8_0)"
    each = f"{context:,} tokens x {shape.layers} layers x {shape.kv_heads} KV heads x {shape.head_size} x 2 x {kind}"
    lines = [
        ("weights", result.weights, model.weights.file.rpartition("/")[2]),
        ("projector", result.projector, model.projector.file.rpartition("/")[2] if model.projector else ""),
        ("KV cache", result.kv, each),
        (
            "compute",
            result.compute,
            f"the largest tensors of {batch} tokens, with {shape.vocabulary:,} logits each",
        ),
        ("reserve", result.reserve, "for the driver, the process and encoding images"),
        ("total", result.total, f"of {size_text(result.budget)} usable: {_memory(machine)}"),
    ]
    yield f"{model.id}: {model.name}, {_quant(result)}"
    for name, bytes, words in lines:
        if bytes:
            yield f"{name:<10} {size_text(bytes):>10}  {words}"
    fitting = f"{result.context:,} tokens; " if result.fits else ""
    yield f"{'context':<10} {fitting}at most {result.largest_context:,} would fit"
    if result.speed:
        yield f"{'speed':<10} at most {result.speed:.1f} tokens/s, if every active weight is read once per token"
    yield f"{'result':<10} {result.reason}"


def _object(result: Fit) -> dict[str, object]:
    """The JSON object for a result."""
    return {
        "model": result.model.id,
        "quant": result.model.weights.quant,
        "fits": result.fits,
        "context": result.context,
        "largest_context": result.largest_context,
        "kv_type": result.kv_type,
        "gpu_layers": result.gpu_layers,
        "bytes": {
            "weights": result.weights,
            "projector": result.projector,
            "kv": result.kv,
            "compute": result.compute,
            "reserve": result.reserve,
            "total": result.total,
            "budget": result.budget,
        },
        "tokens_per_s_at_most": round(result.speed, 1) if result.speed else None,
        "reason": result.reason,
    }


def _print(*lines: str) -> None:
    """Print lines, wrapped to the width of a terminal but not on a pipe."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    try:
        for line in lines:
            printing.show(_wrapped(safe(line), width))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader is gone; the flush at exit must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wrapped(line: str, width: int) -> str:
    """The line, wrapped to the width; 0 is no limit."""
    if not width or len(line) <= width:
        return line
    return textwrap.fill(line, max(width, 20), subsequent_indent="    ", break_long_words=False)
