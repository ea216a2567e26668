"""LoRA adapters: how the user and the catalog name them, and their files on this machine."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from lechat_tui import paths
from lechat_tui.message import Adapter
from lechat_tui.models import gguf
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Lora, Model, ModelError, Weights
from lechat_tui.models.locate import known_sha256

ALPHA = "adapter.lora.alpha"


def read(text: str, folder: Path) -> Lora:
    """Parse `PATH[:SCALE]`, with the path relative to this folder. Raises `ModelError`."""
    path, _, number = text.rpartition(":")
    scale = _number(number)
    if not path or scale is None:
        path, scale = text, 1.0
    if not math.isfinite(scale):
        raise ModelError(f"{text}: the scale must be a number, like {path}:0.8")
    return Lora(str(folder / paths.expanded(path)), scale)


def written(lora: Lora) -> str:
    """The adapter as text that `read` accepts."""
    return f"{lora.file}:{lora.scale:g}"


def find(models: Models, model: Model, loras: Sequence[Lora]) -> tuple[Adapter, ...]:
    """The files of these adapters. Raises `ModelError` for a file that is missing or that does not fit the model."""
    return tuple(_find(models, model, lora) for lora in loras)


def parts(model: Model) -> tuple[Model, ...]:
    """The model and its adapters on the hub: everything there is to download."""
    return (model, *(alone(model, lora) for lora in model.adapters if lora.repo))


def _find(models: Models, model: Model, lora: Lora) -> Adapter:
    wanted = alone(model, lora)
    files = models.files(wanted)
    if files is None:
        if lora.repo:
            raise ModelError(f"the adapter {lora.file} is not downloaded; lechat pull {model.id} downloads it")
        raise ModelError(f"the adapter {lora.file} does not exist; check its path, or try again without it")
    base = models.files(model)
    _check(files.weights, _architecture(base.weights, base.weights.stat().st_mtime_ns) if base else "", model.id)
    return Adapter(str(files.weights), lora.scale, known_sha256(wanted.weights, files.weights))


def alone(model: Model, lora: Lora) -> Model:
    """The adapter as a model of its own, because it is located and downloaded like one."""
    weights = Weights(lora.file, lora.bytes, lora.sha256)
    return replace(model, weights=weights, projector=None, repo=lora.repo, revision=lora.revision)


def _check(path: Path, architecture: str, model: str) -> None:
    """Raise `ModelError` if the file is not a LoRA adapter for such a model. llama.cpp compares the tensor shapes."""
    header = gguf.read_header(path)
    if header.kind != "adapter" or header.metadata.get("adapter.type") != "lora":
        raise ModelError(f"{path.name} is not a LoRA adapter; use it with -m if it is a model")
    if not isinstance(header.metadata.get(ALPHA), float):
        raise ModelError(f"the adapter {path.name} has no {ALPHA}, so its strength is unknown; convert it again")
    if architecture and header.architecture != architecture:
        raise ModelError(
            f"the adapter {path.name} is for {header.architecture or 'an unknown architecture'}, but {model} is "
            f"{architecture}; try again without it"
        )


@lru_cache
def _architecture(weights: Path, changed: int) -> str:
    """The architecture of a file; `changed` is its modification time, part of the cache key."""
    return gguf.read_header(weights).architecture


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
