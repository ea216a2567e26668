"""Describes a model that is not in the catalog, by its header, its file name and the row of a related model."""

from collections.abc import Mapping
from dataclasses import replace

from lechat_tui.models.catalog import Model, ModelRole, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.listing import base

_DEFAULT_CONTEXT = 8192
"""Tokens; small enough for any machine."""


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
    """A model for this file; without a header, from its name alone.

    `parts` is the number of parameters in the other parts of a split file.
    """
    roles: tuple[ModelRole, ...] = ("embed",) if header and header.embeds else ("text", "code", "vision")
    header = header or Header("", "", "", 0, False)
    related = related_row(catalog, weights.file, f"{header.name}.gguf")
    row = related or Model(id, "", roles)
    inactive = header.parameters - header.active
    trained = header.context or row.trained
    return replace(
        row,
        id=id,
        name=header.name or row.name or id,
        roles=roles if header.embeds else tuple(r for r in row.roles if projector or r != "vision") or ("text",),
        weights=weights if weights.quant else replace(weights, quant=header.quantization),
        quants=quants,
        projector=projector,
        repo=repo,
        revision=revision,
        context=min(row.context if related else _DEFAULT_CONTEXT, trained or _DEFAULT_CONTEXT),
        trained=trained,
        parameters=_billions(header.parameters + parts) or row.parameters,
        active=_billions(header.active + parts) if inactive else row.active,
        shape=header.shape or row.shape,
        license=row.license or header.license[:60],
        status="",
        instead="",
        verified=True,
    )


def _billions(count: int) -> float:
    return round(count / 1e9, 3)


def related_row(catalog: Mapping[str, Model], *files: str) -> Model | None:
    """The catalog row of the same model in another quantization or from another publisher, by its file names."""
    own = {base(file) for file in files}
    for row in catalog.values():
        theirs = base(row.weights.file)
        if len(theirs) > 7 and theirs in own and not row.toy:
            return row
    return None
