"""A model made of a file that no row of the catalog names: what its header and its name say, and what a row of the
same model knows besides."""

from collections.abc import Mapping
from dataclasses import replace

from lechat_tui.models.catalog import Model, ModelRole, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.listing import base

_CONTEXT = 8192
"""Tokens that any machine holds."""


def model(
    id: str,
    weights: Weights,
    header: Header | None,
    catalog: Mapping[str, Model],
    *,
    projector: Weights | None = None,
    quants: tuple[Weights, ...] = (),
    repo: str = "",
    revision: str = "main",
    parts: int = 0,
) -> Model:
    """A row for this file; without a header, what its name says.

    `parts` is the parameters in the other parts of a split file.
    """
    roles: tuple[ModelRole, ...] = ("text", "code", "vision")
    said = header or Header("", "", "", 0, False)
    known = relative(catalog, weights.file, f"{said.name}.gguf")
    row = known or Model(id, "", roles)
    resting = said.parameters - said.active
    trained = said.context or row.trained
    return replace(
        row,
        id=id,
        name=said.name or row.name or id,
        roles=tuple(role for role in row.roles if projector or role != "vision") or ("text",),
        weights=weights if weights.quant else replace(weights, quant=said.quantization),
        quants=quants,
        projector=projector,
        repo=repo,
        revision=revision,
        context=min(row.context if known else _CONTEXT, trained or _CONTEXT),
        trained=trained,
        parameters=_billions(said.parameters + parts) or row.parameters,
        active=_billions(said.active + parts) if resting else row.active,
        shape=said.shape or row.shape,
        license=row.license or said.license[:60],
        status="",
        instead="",
        verified=True,
    )


def _billions(count: int) -> float:
    return round(count / 1e9, 3)


def relative(catalog: Mapping[str, Model], *files: str) -> Model | None:
    """The row of the same model, whoever quantized it: one of its names differs by quantization and publisher only."""
    own = {base(file) for file in files}
    for row in catalog.values():
        theirs = base(row.weights.file)
        if len(theirs) > 7 and theirs in own and not row.toy:
            return row
    return None
