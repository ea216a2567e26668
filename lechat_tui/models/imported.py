"""Models that the user imported or opened by path: GGUF files registered where they are, or copied to our own folder.

Each becomes a row of `imported.toml`, a catalog that is read after the one that ships and before the user's own.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths, writing
from lechat_tui.models import names, scan
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.listing import listed
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.models.registry import Registry

_SPARE_BYTES = 10**9
"""Disk space that a copy leaves free."""
_CHUNK_BYTES = 2**23
_HEAD = "# Models registered by lechat import or opened by the path of their file; lechat rm removes them.\n\n"


def registry() -> Path:
    """The catalog of imported models."""
    return paths.data() / "imported.toml"


def folder() -> Path:
    """The folder of the copies."""
    return paths.data() / "models"


def ids() -> frozenset[str]:
    """The ids of the imported models. Raises `ModelError` when the registry cannot be read."""
    return frozenset(_registry().rows())


def files_in(path: Path) -> list[Path]:
    """The models in a folder and its subfolders, the first part of split ones; for a file, the file itself."""
    if not os.path.isdir(path):  # noqa: PTH112  # False for a name that is too long, too
        return [path]
    files = scan.find_files((scan.ModelFolder(scan.FOLDER, path),))
    return [Path(weights.file) for weights in listed(Weights(str(file.path), file.size) for file in files).models]


def register(model: Model) -> None:
    """Add the model to the registry, or replace the one of the same id. Raises `ModelError`."""
    from lechat_tui.models.registry import table

    with _registry().rewriting() as rows:
        rows[model.id] = table(model)


def unregister(id: str) -> None:
    """Remove the model from the registry if it is there. Raises `ModelError`."""
    with _registry().rewriting() as rows:
        rows.pop(id, None)


def copied(model: Model, report: Callable[[int, int], None]) -> Model:
    """The model with its files copied into our folder; `report` is called with the bytes copied and the total.

    Every file is copied completely or not at all. Raises `ModelError`, also when the disk is too small.
    """
    target = folder() / re.sub(r"[^\w.-]+", "-", model.id)
    sources = [Path(file) for weights in filter(None, (model.weights, model.projector)) for file in weights.files]
    total = sum(_size(source) for source in sources)
    _check_disk_space(model, total)
    done = 0
    try:
        writing.private_folder(target)
        for source in sources:
            for copied in _copy(source, target / _safe_name(source.name)):
                report(done + copied, total)
            done += _size(source)
    except OSError as error:
        raise ModelError(f"{model.id} could not be copied to {target}: {error.strerror or error}") from error
    projector = model.projector and _moved(model.projector, target)
    return replace(model, weights=_moved(model.weights, target), projector=projector)


def named(model: Model, id: str) -> Model:
    """The model under another id, if one is given. Raises `ModelError` for an id that the user could not type later."""
    if not id:
        return model
    if names.parse(id) != names.Id(id):
        raise ModelError(f"{id} cannot be a model's name; use letters, digits, dots and dashes")
    return replace(model, id=id)


def _registry() -> "Registry":
    from lechat_tui.models.registry import Registry

    return Registry(registry(), _HEAD, "delete it and import the models again")


def _moved(weights: Weights, target: Path) -> Weights:
    return replace(weights, file=str(target / _safe_name(Path(weights.file).name)))


def _safe_name(name: str) -> str:
    """A name for the copy that every file system and terminal can handle."""
    name = name if name.endswith(".gguf") else f"{name}.gguf"
    return name if names.safe_file(name) else re.sub(r"^[^\w]+|[^\w.-]+", "-", name).lstrip("-.")


def _check_disk_space(model: Model, total: int) -> None:
    existing = folder()
    while not existing.exists():
        existing = existing.parent
    try:
        free = shutil.disk_usage(existing).free
    except OSError:
        return
    if free < total + _SPARE_BYTES:
        raise ModelError(
            f"{model.id} needs {size_text(total)}, but the disk of {folder()} has {size_text(free)} free; "
            "without --copy the file is used where it is"
        )


def _copy(source: Path, target: Path) -> Iterator[int]:
    """Copy a file unless the copy is there already; yields the bytes copied so far."""
    if target.exists() and target.stat().st_size == _size(source):
        return
    with writing.replacing(target) as copy, source.open("rb") as original:
        while chunk := original.read(_CHUNK_BYTES):
            copy.write(chunk)
            yield copy.tell()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
