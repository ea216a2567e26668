"""Interrupted downloads in the hub's cache."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import Model, Weights

ACTIVE_SECONDS = 3.0
"""A partial file that changed this recently is being written by another process."""


def unfinished(models: Iterable[Model]) -> list[Model]:
    """The models with a partial file in the cache, each in the quantization of that file."""
    models = list(models)
    repos = {_repo(model, weights) for model in models for weights in _files(model)} - {""}
    partial = {repo: _partial(repo) for repo in repos}
    return [found for model in models if (found := _in_partial_quantization(model, partial))]


def _in_partial_quantization(model: Model, partial: Mapping[str, frozenset[str]]) -> Model | None:
    """The model in the quantization that is partly downloaded; None if nothing of it is."""

    def is_partial(weights: Weights) -> bool:
        return not partial.get(_repo(model, weights), frozenset()).isdisjoint(weights.files)

    for weights in (model.weights, *model.quants):
        if is_partial(weights):
            return model if weights == model.weights else model.quantized(weights.quant)
    return model if model.projector and is_partial(model.projector) else None


def _files(model: Model) -> tuple[Weights, ...]:
    return (model.weights, *model.quants, *filter(None, [model.projector]))


def _repo(model: Model, weights: Weights) -> str:
    return weights.repo or model.repo


def _partial(repo: str) -> frozenset[str]:
    """Names of the repository's files that are incomplete and that no process is downloading."""
    names: set[str] = set()
    for journal, info, _ in hub_cache.unfinished(repo):
        with suppress(OSError):
            if time.time() - journal.stat().st_mtime > ACTIVE_SECONDS:
                names.add(info.file)
    return frozenset(names)
