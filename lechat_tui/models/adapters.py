"""LoRA adapters: what a person or the catalog writes of one, and its file on this machine. Loads nothing."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from lechat_tui.message import Adapter
from lechat_tui.models import gguf
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Lora, Model, ModelError, Weights
from lechat_tui.models.locate import known_sha256

ALPHA = "adapter.lora.alpha"


def read(text: str, folder: Path) -> Lora:
    """An adapter written as `PATH[:SCALE]`, the path seen from this folder. Raises `ModelError`."""
    path, _, number = text.rpartition(":")
    scale = _number(number)
    if not path or scale is None:
        path, scale = text, 1.0
    if not math.isfinite(scale):
        raise ModelError(f"{text}: the scale of an adapter is a number, as in {path}:0.8")
    try:
        return Lora(str(folder / Path(path).expanduser()), scale)
    except (RuntimeError, ValueError):  # `~name` of nobody
        return Lora(str(folder / path), scale)


def written(lora: Lora) -> str:
    """The adapter as `read` understands it."""
    return f"{lora.file}:{lora.scale:g}"


def find(models: Models, model: Model, loras: Sequence[Lora]) -> tuple[Adapter, ...]:
    """The files of these adapters, of which each was looked at: it is one, and of the model's architecture.

    Raises `ModelError`.
    """
    return tuple(_find(models, model, lora) for lora in loras)


def parts(model: Model) -> tuple[Model, ...]:
    """The model and those of its adapters that come from the hub: what there is to fetch, one after the other."""
    return (model, *(alone(model, lora) for lora in model.adapters if lora.repo))


def _find(models: Models, model: Model, lora: Lora) -> Adapter:
    wanted = alone(model, lora)
    files = models.files(wanted)
    if files is None:
        if lora.repo:
            raise ModelError(f"the adapter {lora.file} is not downloaded; lechat pull {model.id} downloads it")
        raise ModelError(f"the adapter {lora.file} is not there; /set lora off goes on without it")
    base = models.files(model)
    _check(files.weights, _architecture(base.weights, base.weights.stat().st_mtime_ns) if base else "", model.id)
    return Adapter(str(files.weights), lora.scale, known_sha256(wanted.weights, files.weights))


def alone(model: Model, lora: Lora) -> Model:
    """The adapter as a model of its own: it is found, and fetched, as models are."""
    weights = Weights(lora.file, lora.bytes, lora.sha256)
    return replace(model, weights=weights, projector=None, repo=lora.repo, revision=lora.revision)


def _check(path: Path, architecture: str, model: str) -> None:
    """Raises `ModelError` for a file that is no LoRA adapter for such a model. Shapes are llama.cpp's to compare."""
    header = gguf.read_header(path)
    if header.kind != "adapter" or header.metadata.get("adapter.type") != "lora":
        raise ModelError(f"{path.name} is a GGUF file, but no LoRA adapter; name it with -m if it is a model")
    if not isinstance(header.metadata.get(ALPHA), float):
        raise ModelError(f"the adapter {path.name} does not say its alpha ({ALPHA}), so nobody knows how strong it is")
    if architecture and header.architecture != architecture:
        raise ModelError(
            f"the adapter {path.name} was made for {header.architecture or 'an unknown architecture'}, "
            f"and {model} is {architecture}; /set lora off goes on without it"
        )


@lru_cache
def _architecture(weights: Path, changed: int) -> str:
    """The architecture in a file as it was when it was changed; a header with a vocabulary takes a while to read."""
    return gguf.read_header(weights).architecture


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
