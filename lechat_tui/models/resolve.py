"""From a name to a model: an id of the catalog, a file, or a repository. Never uses the network."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from lechat_tui.models import derive, gguf, names
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.listing import listed
from lechat_tui.models.local_files import LocalFiles, projector_fits
from lechat_tui.models.scan import expanded, is_file, is_folder

_MAX_SIBLINGS = 1000
"""Files of one folder that are considered as the projector of a model in it."""


class NotHere(ModelError):
    """A repository of which nothing is in the catalog or on this machine; the hub may have it."""

    def __init__(self, name: str, repository: names.Hub) -> None:
        super().__init__(f"{name} is not on this machine; lechat pull {repository} downloads it")
        self.repository = repository


Suggest = Callable[[str], str]
"""Returns how to continue the message that there is no model of this name."""


def resolve(name: str, catalog: Mapping[str, Model], local: LocalFiles, suggest: Suggest = lambda name: "") -> Model:
    """The model that the user means by this name; `names` describes what may be written.

    Raises `NotHere` for a repository that has to be looked up on the hub, `ModelError` for any other unknown name.
    """
    if name in catalog:
        return catalog[name]
    path = expanded(name)
    if is_file(path):
        return _as_listed(from_file(path, catalog, local.header(path)), catalog, local)
    model: Model | None
    match _parsed(name, path):
        case names.Local():
            return from_file(path, catalog, local.header(path))  # raises: there is no such file
        case names.Hub() as repository:
            model = _catalog_row(repository, catalog) or local.named(str(repository)) or local.of(repository)
            if model is None:
                raise NotHere(name, repository)
        case names.Id(id, quant):
            model = local.named(name) or (catalog[id].quantized(quant) if id in catalog and quant else None)
            if model is None:
                raise ModelError(f"there is no model {name}{suggest(name)} (lechat ls lists all models)")
    return model


def from_file(path: Path, catalog: Mapping[str, Model], header: Header) -> Model:
    """A model made of a GGUF file, with the projector beside it. Raises `ModelError` if it is not a chat model."""
    if header.problem:
        raise ModelError(f"{path.name} {header.problem}")
    path = path.parent.resolve() / path.name  # a link in the hub's cache keeps its name
    missing = [part for part in Weights(str(path)).files if not is_file(Path(part))]
    if missing:
        raise ModelError(f"{path.name} is split and {Path(missing[0]).name} is missing; download that part as well")
    siblings = listed(Weights(str(file), file.stat().st_size) for file in (path, *_siblings(path)))
    weights = siblings.named(str(path))
    projector = siblings.projector(weights)
    if projector and not projector_fits(gguf.read_header(Path(projector.file)).projection, header):
        projector = None
    parts = sum(gguf.read_header(Path(file)).parameters for file in weights.files[1:])
    return derive.model(names.typeable(path.stem), weights, header, catalog, projector=projector, parts=parts)


def _as_listed(model: Model, catalog: Mapping[str, Model], local: LocalFiles) -> Model:
    """A model made of a file, under the name by which the file is listed, or else under one that is free."""
    file = model.weights.file
    if row := next((row for row in catalog.values() if row.weights.file == file), None):
        return row if row.weights.bytes in (0, model.weights.bytes) else replace(model, id=row.id)
    if scanned := local.at(Path(file)):
        return replace(model, id=scanned.id)
    taken = {row.id.lower() for row in catalog.values() if not _is_gone(row)}
    taken |= {scanned.id.lower() for scanned in local.models}
    folder = names.typeable(f"{Path(file).parent.name}-{model.id}")
    ids = chain((model.id, folder), (f"{model.id}-{number}" for number in count(2)))
    return replace(model, id=next(id for id in ids if id.lower() not in taken))


def _is_gone(row: Model) -> bool:
    """Whether the row is of a file on this disk that is not there any more."""
    return not row.repo and Path(row.weights.file).is_absolute() and not is_file(Path(row.weights.file))


def _parsed(name: str, path: Path) -> names.Name:
    if os.sep in name and is_folder(path):
        return names.Local(name)
    return names.parse(name, endpoint=os.environ.get("HF_ENDPOINT") or names.HUB)


def _catalog_row(wanted: names.Hub, catalog: Mapping[str, Model]) -> Model | None:
    """The catalog's model of this repository, if the wanted file or quantization is one of its own."""
    for row in catalog.values():
        for weights in (row.weights, *row.quants):
            if (weights.repo or row.repo).lower() != wanted.repo.lower() or not weights.file:
                continue
            if wanted.file and wanted.file in weights.files:
                return row.quantized(weights.quant) if weights.quant else row
            if not wanted.file and wanted.quant.lower() in ("", weights.quant.lower()):
                return row.quantized(weights.quant) if wanted.quant and weights.quant else row
    return None


def _siblings(path: Path) -> list[Path]:
    """The other GGUF files in the folder of this one."""
    try:
        return sorted(file for file in path.parent.glob("*.gguf") if file != path and is_file(file))[:_MAX_SIBLINGS]
    except OSError:
        return []
