"""`lechat fit`: which models this machine can run, or one that is described, and what each would need."""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import typer

from lechat_tui import paths
from lechat_tui.cli import compose
from lechat_tui.machine import footprint, hardware
from lechat_tui.machine.footprint import CONTEXT_MULTIPLE, CPU_BATCH, GIB, GPU_BATCH
from lechat_tui.machine.hardware import Gpu
from lechat_tui.machine.split_files import size_on_disk
from lechat_tui.models import fit, gguf, resources
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.fit import Fit, Resources
from lechat_tui.plaintext import safe
from lechat_tui.units import size_text

LARGEST = 1 << 50
"""Bytes; what is larger is a slip of the finger."""

UNITS = {"": GIB, "K": 1 << 10, "M": 1 << 20, "G": GIB, "T": 1 << 40}

HEAD = ("name", "quantization", "context", "memory", "")


@dataclass(frozen=True)
class Wanted:
    """What the command line says of a machine; empty for this one. Sizes as a person writes them."""

    vram: Sequence[str] = ()
    ram: str = ""
    unified: str = ""
    disk: str = ""


def run(name: str, wanted: Wanted, *, context: int | None, as_json: bool) -> None:
    """Print the table, or the arithmetic of one model. Raises `ModelError` and typer's `BadParameter`."""
    described = _described(wanted)
    looked_at = described or resources.here(paths.hub_cache())
    models = compose.models(compose.settings())
    if name:
        model = _named(models, name)
        asked = name.lower().endswith(f":{model.weights.quant.lower()}")
        one = (fit.measure if asked else fit.best_quantization)(model, looked_at, context=context)
        _print(json.dumps(_object(one), indent=2)) if as_json else _print(*_arithmetic(one, looked_at))
        return
    if not (looked_at.cards or looked_at.ram):
        raise ModelError(fit.UNTOLD)
    rows = [model for model in models.catalog.values() if not model.toy and model.status != "closed"]
    here = [] if described else [model.id for model in models.installed()]
    picks = fit.best_by_role(models.catalog, looked_at, here=here)
    others = [found for row in rows if row.shape and (found := _found(row, looked_at, context))]
    unknown = [row.id for row in rows if not row.shape]
    if as_json:
        chosen = {role: _object(found) for role, found in picks.items()}
        _print(json.dumps({"choices": chosen, "models": [_object(found) for found in others]}, indent=2))
        return
    hints = [] if described else list(unused())
    _print(*_table(looked_at, picks, others, hints), *_notes(others, unknown))


def unused() -> Iterator[str]:
    """A sentence for each GPU of this machine that llama.cpp cannot use as it is installed."""
    built = resources.backends()
    for gpu in hardware.gpus():
        if said := resources.advice(gpu, built):
            yield safe(said)


def size(text: str, flag: str) -> int:
    """Bytes, of what a person writes: `24G`, `24 GB` and `24` are 24 GiB. Raises `BadParameter`."""
    written = re.fullmatch(r"\s*([0-9]{1,7}(?:\.[0-9]{1,3})?)\s*([KMGT]?)(?:I?B)?\s*", text, re.IGNORECASE)
    bytes = int(float(written[1]) * UNITS[written[2].upper()]) if written else 0
    if not 0 < bytes <= LARGEST:
        raise typer.BadParameter(f"{flag} {safe(text)!r} is not a size; write it as in {flag} 24G")
    return bytes


def _described(wanted: Wanted) -> Resources | None:
    """The machine that the flags describe; None when they say nothing."""
    cards = tuple(Gpu("", "", size(text, "--vram")) for text in wanted.vram)
    unified = size(wanted.unified, "--unified") if wanted.unified else 0
    ram = size(wanted.ram, "--ram") if wanted.ram else 0
    disk = size(wanted.disk, "--disk") if wanted.disk else None
    if unified and (cards or ram):
        raise typer.BadParameter("--unified is memory of which --vram and --ram are parts; give it alone")
    if cards or unified or ram:
        return Resources(cards, unified, ram or unified, disk)
    return replace(resources.here(paths.hub_cache()), disk=disk) if disk else None


def _named(models: Models, name: str) -> Model:
    """The model of this name, with shape and size of its file where the catalog has none. Raises `ModelError`."""
    model = models.get(name)
    if model.unavailable:
        raise ModelError(model.unavailable)
    files = models.files(model)
    if files is None or (model.shape and model.weights.size):
        return model
    weights = replace(model.weights, bytes=size_on_disk(files.weights))
    return replace(model, weights=weights, shape=gguf.read_header(files.weights).shape)


def _found(model: Model, looked_at: Resources, context: int | None) -> Fit | None:
    """How it fits; None where that cannot be said."""
    try:
        return fit.best_quantization(model, looked_at, context=context)
    except ModelError:
        return None


def _table(
    looked_at: Resources, picks: Mapping[ModelRole, Fit], others: Sequence[Fit], hints: Sequence[str]
) -> Iterator[str]:
    yield f"memory: {_memory(looked_at)}"
    yield from hints
    yield ""
    for role in ("text", "code", "vision"):
        choice = picks.get(role)
        if choice is None:
            yield f"{role:<7} no model of the catalog fits"
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
    """What must be known to read the table."""
    yield ""
    yield "Memory is that of the context beside it, with the projector of a model that sees."
    yield "A model opens with the catalog's context, or what of it fits; /set context N takes more."
    if any(found.speed for found in others):
        yield "Speeds are upper bounds: memory bandwidth by the weights read for each token."
    if unknown:
        yield f"Not known beforehand, since their shape is not: {', '.join(unknown)}"


def _memory(looked_at: Resources) -> str:
    """What the table is made for."""
    if looked_at.unified:
        parts = [f"{_gib(looked_at.unified)} that CPU and GPU share, {_gib(looked_at.cards[0])} of it for the GPU"]
    else:
        cards = [f"{gpu.name or 'a graphics card'} with {_gib(gpu.total)}" for gpu in looked_at.gpus if gpu.total]
        parts = [*cards, *([f"{_gib(looked_at.ram)} of RAM"] if looked_at.ram else [])]
    disk = [] if looked_at.disk is None else [f"{size_text(looked_at.disk)} free on the disk"]
    return safe(", ".join([*parts, *disk]))


def _row(found: Fit) -> tuple[str, ...]:
    context = f"{found.context:,}" if found.fits else "-"
    where = "" if not found.fits else _where(found)
    note = f"{where}{_speed(found)}" if found.fits else found.reason.partition(": ")[2]
    return found.model.id.partition(":")[0], _quant(found), context, _gib(found.total), note


def _where(found: Fit) -> str:
    if found.gpu_layers < 0:
        return "GPU"
    return "CPU" if found.gpu_layers == 0 else f"{found.gpu_layers} layers on the GPU"


def _speed(found: Fit) -> str:
    return f", at most {found.speed:.0f} tokens/s" if found.speed else ""


def _quant(found: Fit) -> str:
    cache = ", KV q8_0" if found.kv_type == "q8_0" else ""
    return f"{found.model.weights.quant or 'as it is'}{cache}"


def _gib(bytes: int | None) -> str:
    bytes = bytes or 0
    return f"{bytes / GIB:.1f} GiB" if bytes >= GIB // 20 else f"{bytes / 2**20:.1f} MiB"


def _arithmetic(found: Fit, looked_at: Resources) -> Iterator[str]:
    """The sum, line by line."""
    model, shape = found.model, found.model.shape
    assert shape
    context = found.context or found.kv // footprint.kv_bytes(shape, CONTEXT_MULTIPLE, found.kv_type) * CONTEXT_MULTIPLE
    batch = GPU_BATCH if looked_at.cards else CPU_BATCH
    kind = "2 bytes (f16)" if found.kv_type == "f16" else "34/32 bytes (q8_0)"
    each = f"{context:,} tokens x {shape.layers} layers x {shape.kv_heads} KV heads x {shape.head_size} x 2 x {kind}"
    lines = [
        ("weights", found.weights, model.weights.file.rpartition("/")[2]),
        ("projector", found.projector, model.projector.file.rpartition("/")[2] if model.projector else ""),
        ("KV cache", found.kv, each),
        ("compute", found.compute, f"the largest tensors of {batch} tokens, with {shape.vocabulary:,} logits each"),
        ("reserve", found.reserve, "for the driver, the process and the looking at pictures"),
        ("together", found.total, f"of {_gib(found.budget)} that may be taken of {_memory(looked_at)}"),
    ]
    yield f"{model.id}: {model.name}, {_quant(found)}"
    for name, bytes, words in lines:
        if bytes:
            yield f"{name:<10} {_gib(bytes):>10}  {words}"
    fitting = f"{found.context:,} tokens; " if found.fits else ""
    yield f"{'context':<10} {fitting}{found.most:,} would fit at most"
    if found.speed:
        yield f"{'speed':<10} at most {found.speed:.1f} tokens/s, if every weight that is used is read once for a token"
    yield f"{'so':<10} {found.reason}"


def _object(found: Fit) -> dict[str, object]:
    """A fit for programs."""
    return {
        "model": found.model.id,
        "quant": found.model.weights.quant,
        "fits": found.fits,
        "context": found.context,
        "largest_context": found.most,
        "kv_type": found.kv_type,
        "gpu_layers": found.gpu_layers,
        "bytes": {
            "weights": found.weights,
            "projector": found.projector,
            "kv": found.kv,
            "compute": found.compute,
            "reserve": found.reserve,
            "total": found.total,
            "budget": found.budget,
        },
        "tokens_per_s_at_most": round(found.speed, 1) if found.speed else None,
        "reason": found.reason,
    }


def _print(*lines: str) -> None:
    """Print lines as they are on a pipe, and folded to the width of a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    try:
        for line in lines:
            print(_folded(safe(line), width))
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on, and the last flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _folded(line: str, width: int) -> str:
    """The line in as many as it needs; 0 is as wide as it gets."""
    if not width or len(line) <= width:
        return line
    return textwrap.fill(line, max(width, 20), subsequent_indent="    ", break_long_words=False)
