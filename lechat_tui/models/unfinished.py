"""Downloads that were left in the middle. Looks at the hub's cache; fetches nothing."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import Model, Weights

BUSY = 3.0
"""Seconds after its last change for which a partial file is taken for one that another program is writing."""


def unfinished(models: Iterable[Model]) -> list[Model]:
    """Those of which a partial file lies in the cache, each in the quantization the file is of."""
    models = list(models)
    repos = {_repo(model, weights) for model in models for weights in _files(model)} - {""}
    partial = {repo: _partial(repo) for repo in repos}
    return [begun for model in models if (begun := _begun(model, partial))]


def _begun(model: Model, partial: Mapping[str, frozenset[str]]) -> Model | None:
    for weights in (model.weights, *model.quants):
        if not partial.get(_repo(model, weights), frozenset()).isdisjoint(weights.files):
            return model if weights == model.weights else model.quantized(weights.quant)
    eyes = model.projector
    return model if eyes and not partial.get(_repo(model, eyes), frozenset()).isdisjoint(eyes.files) else None


def _files(model: Model) -> tuple[Weights, ...]:
    return (model.weights, *model.quants, *filter(None, [model.projector]))


def _repo(model: Model, weights: Weights) -> str:
    return weights.repo or model.repo


def _partial(repo: str) -> frozenset[str]:
    """Names of the repository's files that have not come whole, and that nobody is fetching."""
    names: set[str] = set()
    for journal, card, _ in hub_cache.unfinished(repo):
        with suppress(OSError):
            if time.time() - journal.stat().st_mtime > BUSY:
                names.add(card.file)
    return frozenset(names)
