"""What can answer here: the catalogue and the files on this machine. Downloads nothing, loads nothing."""

import difflib
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths
from lechat_tui.machine import hardware
from lechat_tui.machine.split_files import first_part
from lechat_tui.models import derive, gguf, names
from lechat_tui.models.catalog import Model, ModelError, ModelRole, Weights
from lechat_tui.models.headers import Headers
from lechat_tui.models.listing import USUAL, listed
from lechat_tui.models.local_files import LocalFiles, ScannedModel, fits
from lechat_tui.models.scan import ModelFolder
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.models import fit

_SMALL = 16 * 2**20
"""Bytes that are read in no time."""
_PLAIN = 2
"""A model is plainly small enough when so many of it would go into the RAM."""
_MOST_BESIDE = 1000
"""Files of a folder that are looked at for a projector."""


@dataclass(frozen=True)
class Files:
    """Where a model's files lie; of a split file, its first part."""

    weights: Path
    projector: Path | None = None


class Models:
    """LocalFiles models by name and by role.

    `wanted` is the user's choice for each role, empty for none; `places` is where to look for files beside those that
    the catalogue names; `machine` says what a model may take of this machine, once it matters.
    """

    def __init__(
        self,
        catalog: Mapping[str, Model],
        wanted: Mapping[ModelRole, str] | None = None,
        places: Iterable[ModelFolder] = (),
        machine: Callable[[], "fit.Resources"] | None = None,
    ) -> None:
        self.catalog = dict(catalog)
        self._local = LocalFiles(places, Headers(paths.cache() / "headers.json"), self.catalog)
        self._machine = cache(machine) if machine else None
        self._wanted = dict(wanted or {})

    def get(self, name: str) -> Model:
        """The model a person means, if it is in the catalogue or on this machine; `names` says how it may be written.

        Raises `ModelError`.
        """
        if name in self.catalog:
            return self.catalog[name]
        path = _path(name)
        if _is_file(path):
            return self._from_file(path)
        match self._parsed(name, path):
            case names.Local():
                return self._from_file(path)
            case names.Hub() as wanted:
                return self._of_repository(name, wanted)
            case names.Id() as wanted:
                return self._of_id(name, wanted)

    def fetchable(self, name: str) -> Model:
        """As `get`; of a repository that neither the catalogue nor this machine has, the hub is asked.

        Raises `ModelError`.
        """
        try:
            return self.get(name)
        except _NotHere as absent:
            from lechat_tui.models import repository  # the hub's client, only when it is needed

            return repository.model(absent.wanted, self.catalog, self._fitting if self._machine else None)

    def files(self, model: Model) -> Files | None:
        """The model's files when all of them are on this machine."""
        weights = self.where(model, model.weights) if model.weights.file else None
        if weights is None or not model.projector:
            return Files(weights) if weights else None
        projector = self.where(model, model.projector)
        return Files(weights, projector) if projector else None

    def sha256(self, model: Model, weights: Path) -> str:
        """The checksum of the model's weights file, where it is known without reading it; else empty.

        The hub's cache and Ollama keep large files under their SHA-256; elsewhere the catalogue knows it of a file of
        that size. A small file is read.
        """
        if blob := re.fullmatch("(?:sha256-)?([0-9a-f]{64})", weights.resolve().name):
            return blob[1]
        size = weights.stat().st_size
        if size <= _SMALL:
            return _hashed(weights, weights.stat().st_mtime_ns)
        return model.weights.sha256 if size == model.weights.bytes else ""

    def rescan(self) -> None:
        """Look for model files again when they are next needed."""
        self._local.forget()

    def installed(self) -> list[Model]:
        """The models that can answer now: those of the catalogue in its order, then what is found when it is asked."""
        self._local.forget()
        return list(self._installed())

    def _installed(self) -> Iterator[Model]:
        served: list[tuple[Weights, Path]] = []
        for model in self._rows():
            if files := self.files(model):
                served.append((model.weights, files.weights))
                yield model
        yield from self._local.own(served)

    def _rows(self) -> Iterator[Model]:
        """The catalogue; of a row in another quantization than the chosen one, only those that are here."""
        for model in self.catalog.values():
            yield model
            for weights in model.quants:
                if self.where(model, weights):
                    yield model.quantized(weights.quant)

    def for_role(self, role: ModelRole) -> Model:
        """The user's choice, else the first installed model of the role that fits, a toy last. Raises `ModelError`."""
        if wanted := self._wanted.get(role):
            return self.get(wanted)
        toys: list[Model] = []
        here = (model for model in self._installed() if role in model.roles)
        chosen = self._first_that_fits(_without(toys, here))
        if not (chosen or toys):
            raise ModelError(self._advice(role))
        return chosen or toys[0]

    def _first_that_fits(self, models: Iterable[Model]) -> Model | None:
        """The first that this machine's memory holds, else the smallest.

        Where that is plain, neither its graphics cards nor those that come after are asked.
        """
        seen: list[Model] = []
        for model in models:
            seen.append(model)
            if self._machine is None or model.bytes * _PLAIN <= (hardware.memory().total or 0) or self._fits(model):
                return model
        return min(seen, key=lambda model: model.bytes, default=None)

    def _fits(self, model: Model) -> bool:
        """Whether the memory holds it; what is not known of it speaks not against it."""
        from lechat_tui.models import fit

        with suppress(ModelError):
            return fit.measure(model, self._machine()).fits if self._machine else True
        return True

    def _advice(self, role: ModelRole) -> str:
        if self._machine is None:
            return f"no {role} model is on this machine; lechat ls lists what there is to pull"
        from lechat_tui.models import fit

        return fit.sentence(role, fit.best_by_role(self.catalog, self._machine()).get(role))

    def role_of(self, model: Model) -> ModelRole:
        """The role a model is shown under."""
        return model.roles[0]

    def template(self, model: Model) -> str | None:
        """The Jinja source the catalogue gives for a file that carries none. Raises `ModelError`."""
        if not model.template:
            return None
        file = paths.bundled("templates") / f"{model.template}.jinja"
        try:
            return file.read_text("utf-8")
        except OSError as error:
            known = ", ".join(sorted(f.stem for f in file.parent.glob("*.jinja")))
            raise ModelError(f"{model.id}: there is no template {model.template}; there are {known}") from error

    def absent(self, model: Model) -> str:
        """The sentence for a model that is not on this machine."""
        if model.unavailable:
            return model.unavailable
        if not model.repo:
            return f"{model.weights.file} is not on this machine"
        size = f" ({size_text(model.bytes)})" if model.bytes else ""
        return f"{model.id} is not downloaded; lechat pull {model.id} fetches it{size}"

    def _parsed(self, name: str, path: Path) -> names.Name:
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        if os.sep in name and _is_folder(path):
            return names.Local(name)
        return names.parse(name, endpoint=endpoint)

    def _of_id(self, name: str, wanted: names.Id) -> Model:
        row = self.catalog.get(wanted.id)
        own = self._found(name)
        if own:
            return own
        if row and wanted.quant:
            return row.quantized(wanted.quant)
        known = [*self.catalog, *(find.id for find in self._local.models)]
        meant = difflib.get_close_matches(wanted.id.lower(), known, n=1, cutoff=0.4)
        hint = f"; did you mean {meant[0]}?" if meant else ""
        raise ModelError(f"there is no model {name}{hint} (lechat ls lists them)")

    def _found(self, name: str) -> Model | None:
        """What was found under this id, in whatever case."""
        for again in (False, True):
            if again:
                self._local.forget()  # it may have come since
            for find in self._local.models:
                if find.id.lower() == name.lower():
                    return self._whole(find)
        return None

    def _whole(self, find: ScannedModel) -> Model:
        header = self._local.header(find)
        if header.problem:
            raise ModelError(f"{find.id} {header.problem}")
        return self._local.model(find, whole=True)

    def _of_repository(self, name: str, wanted: names.Hub) -> Model:
        if own := self._row_of(wanted) or self._found(str(wanted)):
            return own
        here = [find for find in self._local.models if find.file.repo.lower() == wanted.repo.lower()]
        if wanted.file:
            here = [find for find in here if find.weights.file.endswith(f"/{first_part(wanted.file)}")]
        elif wanted.quant:
            here = [find for find in here if find.weights.quant.lower().startswith(wanted.quant.lower())]
        here.sort(key=lambda find: find.weights.quant != USUAL)
        if here:
            return self._whole(here[0])
        raise _NotHere(name, wanted)

    def _row_of(self, wanted: names.Hub) -> Model | None:
        """The catalogue's own row of a repository, where what is wanted of it is one of its files."""
        for row in self.catalog.values():
            for weights in chain((row.weights,), row.quants):
                if (weights.repo or row.repo).lower() != wanted.repo.lower() or not weights.file:
                    continue
                if wanted.file and wanted.file in weights.files:
                    return row.quantized(weights.quant) if weights.quant else row
                if not wanted.file and wanted.quant.lower() in ("", weights.quant.lower()):
                    return row.quantized(weights.quant) if wanted.quant and weights.quant else row
        return None

    def _fitting(self, model: Model) -> Model:
        from lechat_tui.models import fit

        return fit.fits(model, self._machine()).model if self._machine else model

    def where(self, model: Model, weights: Weights) -> Path | None:
        """Where all of a file lies: where a download puts it, else wherever the very same was found."""
        repo = weights.repo or model.repo
        if not repo:
            first = _local(weights.file)
            return first if all(_is_file(_local(part)) for part in weights.files) else None
        cached = [_in_hub_cache(repo, weights.revision or model.revision, part) for part in weights.files]
        return cached[0] if all(cached) else self._local.match(weights, repo)

    def _from_file(self, path: Path) -> Model:
        """A model of a file that no catalogue knows. Raises `ModelError` for what is not a GGUF model."""
        header = gguf.read_header(path)
        if header.problem:
            raise ModelError(f"{path.name} {header.problem}")
        path = path.parent.resolve() / path.name  # a link of the hub's cache keeps its name
        missing = [part for part in Weights(str(path)).files if not _is_file(Path(part))]
        if missing:
            raise ModelError(f"{path.name} is split, and {Path(missing[0]).name} is not beside it; fetch that as well")
        beside = listed(Weights(str(file), file.stat().st_size) for file in _beside(path))
        weights = beside.named(str(path))
        projector = beside.projector(weights)
        if projector and not fits(gguf.read_header(Path(projector.file)).projection, header):
            projector = None
        parts = sum(gguf.read_header(Path(file)).parameters for file in weights.files[1:])
        return derive.model(names.typeable(path.stem), weights, header, self.catalog, projector=projector, parts=parts)


def _without(toys: list[Model], models: Iterable[Model]) -> Iterator[Model]:
    """The models, but for the toys, which are put aside."""
    for model in models:
        if model.toy:
            toys.append(model)
        else:
            yield model


class _NotHere(ModelError):
    """A repository that is neither in the catalogue nor on this machine; the hub may know it."""

    def __init__(self, name: str, wanted: names.Hub) -> None:
        super().__init__(f"{name} is not on this machine; lechat pull {wanted} fetches it")
        self.wanted = wanted


@lru_cache
def _hashed(file: Path, changed: int) -> str:
    """The checksum of a file as it was when it was changed."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _in_hub_cache(repo: str, revision: str, file: str) -> Path | None:
    """The file in the cache that all programs of the hub share; any revision serves when the pinned one is absent."""
    folder = paths.hub_cache() / f"models--{repo.replace('/', '--')}"
    if not _is_folder(folder):
        return None
    pinned = folder / "snapshots" / _commit(folder, revision) / file
    if _is_file(pinned):
        return pinned
    others = sorted(folder.glob(f"snapshots/*/{glob.escape(file)}"))
    return next(filter(_is_file, others), None)


def _commit(folder: Path, revision: str) -> str:
    """The commit a branch or tag stood at when it was downloaded; the snapshots are named by commits."""
    try:
        return (folder / "refs" / revision).read_text("utf-8").strip()
    except (OSError, ValueError):
        return revision


def _local(file: str) -> Path:
    """A file of this disk, or of the program itself."""
    path = _path(file)
    return path if path.is_absolute() else paths.bundled("chaton") / path


def _beside(path: Path) -> list[Path]:
    """The GGUF files of its folder, itself among them."""
    try:
        others = sorted(other for other in path.parent.glob("*.gguf") if other != path and _is_file(other))
    except OSError:
        others = []
    return [path, *others[:_MOST_BESIDE]]


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # `~name` of nobody
        return Path(text)


def _is_file(path: Path) -> bool:
    """False as well for what may not be looked at and for what is too long to be a path."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
