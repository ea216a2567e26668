"""From a role to a model: which of the installed models answers when the user named none."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lechat_tui.machine import hardware
from lechat_tui.models.catalog import Model, ModelError, ModelRole

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources

DetectResources = Callable[[], "Resources"]
"""Returns what this machine offers to a model; detecting the GPUs takes a while, so it is called only if it matters."""

NO_EMBEDDER = (
    "no embedding model is on this machine; lechat pull USER/REPO downloads one, such as "
    "lechat pull nomic-ai/nomic-embed-text-v1.5-GGUF"
)

_OBVIOUS_FIT = 2
"""A model fits without further arithmetic if this many of it would fit into the RAM."""


def first_that_fits(models: Iterable[Model], machine: DetectResources | None) -> Model | None:
    """The first model that fits into this machine's memory, else the smallest; a toy model only if there is no other.

    `models` is consumed no further than needed. Without a `machine` every model counts as fitting.
    """
    toys: list[Model] = []
    too_large: list[Model] = []
    for model in models:
        if model.toy:
            toys.append(model)
        elif _fits(model, machine):
            return model
        else:
            too_large.append(model)
    return min(too_large, key=lambda model: model.bytes, default=None) or next(iter(toys), None)


def nothing_installed(role: ModelRole, catalog: Mapping[str, Model], machine: DetectResources | None) -> str:
    """The message for a role that no installed model has: which model to download."""
    if role == "embed":
        return NO_EMBEDDER
    if machine is None:
        return f"no {role} model is on this machine; lechat ls --all lists models to download"
    from lechat_tui.models import fit

    return fit.recommendation(role, fit.best_by_role(catalog, machine()).get(role))


def _fits(model: Model, machine: DetectResources | None) -> bool:
    """Whether the machine's memory holds it; unknown sizes count as fitting."""
    if machine is None or model.bytes * _OBVIOUS_FIT <= (hardware.memory().total or 0):
        return True
    from lechat_tui.models import fit

    try:
        return fit.measure(model, machine()).fits
    except ModelError:
        return True
