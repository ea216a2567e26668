"""The GGUF files on this machine as models: those of the catalog, and those that no catalog lists."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from lechat_tui.machine.split_files import first_part, without_part
from lechat_tui.models import derive, scan
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.headers import Headers
from lechat_tui.models.listing import DEFAULT_QUANT, Listing, base, listed
from lechat_tui.models.names import Hub, typeable
from lechat_tui.models.scan import ModelFolder, ScannedFile
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class ScannedModel:
    """A model on this machine."""

    id: str
    weights: Weights
    """With absolute paths."""
    projector: Weights | None
    file: ScannedFile
    """The first of its files."""


class LocalFiles:
    """Scans the folders when it is first asked and keeps the result until `forget`.

    `headers` reads the files' headers; no model gets an id that the catalog has.
    """

    def __init__(self, folders: Iterable[ModelFolder], headers: Headers, catalog: Mapping[str, Model]) -> None:
        self._folders = tuple(folders)
        self._headers = headers
        self._catalog = catalog

    def forget(self) -> None:
        """Scan again when asked next."""
        for name in ("files", "models", "_by_sha256", "_by_name", "_groups", "_sizes"):
            self.__dict__.pop(name, None)

    @cached_property
    def files(self) -> tuple[ScannedFile, ...]:
        """Every GGUF file."""
        return scan.find_files(self._folders)

    @cached_property
    def models(self) -> tuple[ScannedModel, ...]:
        """All models among the files, each once, under unique ids that can be typed.

        Models that are quantizations of one in the catalog come first, in its order; then the larger ones.
        """
        taken: dict[str, ScannedModel] = {}
        for model in self._named():
            same = taken.get(model.id.lower())
            if same and (same.weights.bytes, same.file.name) == (model.weights.bytes, model.file.name):
                continue  # a copy
            id = next(id for id in _possible_ids(model) if id.lower() not in taken and id not in self._catalog)
            taken[id.lower()] = replace(model, id=id)
        return tuple(sorted(taken.values(), key=self._order))

    def match(self, weights: Weights, repo: str = "") -> Path | None:
        """The path of a file with the same checksum, or with the same name and size; of a split file, its first part.

        Without a known size, a file of that name from the same repository matches.
        """
        if not self.files:
            return None
        if weights.sha256 and (same := self._by_sha256.get(weights.sha256)):
            return same.path
        names = [Path(name).name for name in weights.files]
        for first in self._by_name.get(names[0], ()) if names else ():
            parts = [first.path.parent / f"{first.path.name.removesuffix(first.name)}{name}" for name in names]
            sizes = [self._sizes.get(part) for part in parts]
            if None in sizes:
                continue
            exact = weights.bytes and sum(filter(None, sizes)) == weights.bytes
            if exact or (not weights.bytes and repo and first.repo == repo):
                return parts[0]
        return None

    def named(self, id: str) -> Model | None:
        """The model of this id, in upper or lower case. Raises `ModelError` if lechat can't use it."""
        for attempt in range(2):
            if attempt:
                self.forget()  # it may have arrived since the last scan
            for model in self.models:
                if model.id.lower() == id.lower():
                    return self._usable(model)
        return None

    def header(self, path: Path) -> Header:
        """The header of any file, without its metadata. Raises `ModelError`."""
        return self._headers.read(path)

    def at(self, path: Path) -> ScannedModel | None:
        """The model with this file; None if the file is in none of the folders."""
        resolved = path.resolve()
        if not any(resolved.is_relative_to(folder.path.resolve()) for folder in self._folders):
            return None
        return next((model for model in self.models if Path(model.weights.file).resolve() == resolved), None)

    def of(self, repository: Hub) -> Model | None:
        """The model of this repository that fits the file or quantization it names. Raises `ModelError` as `named`."""
        here = [model for model in self.models if model.file.repo.lower() == repository.repo.lower()]
        if repository.file:
            here = [model for model in here if model.weights.file.endswith(f"/{first_part(repository.file)}")]
        elif repository.quant:
            here = [model for model in here if model.weights.quant.lower().startswith(repository.quant.lower())]
        best = min(here, key=lambda model: model.weights.quant != DEFAULT_QUANT, default=None)
        return self._usable(best) if best else None

    def unlisted(self, listed: Iterable[tuple[Weights, Path]]) -> Iterator[Model]:
        """The models that are none of `listed`, the weights of the catalog with their paths.

        Lazy, because the header of each has to be read.
        """
        known = tuple(listed)
        paths = {str(path) for _, path in known}
        sha256s = {weights.sha256 for weights, _ in known if weights.sha256}
        names = {(Path(weights.file).name, weights.bytes) for weights, _ in known}
        for model in self.models:
            same = model.weights.sha256 in sha256s or (model.file.name, model.weights.bytes) in names
            if not same and model.weights.file not in paths and not self._header(model).problem:
                yield self._described(model)
        self._headers.save()

    def _usable(self, model: ScannedModel) -> Model:
        if problem := self._header(model).problem:
            raise ModelError(f"{model.id} {problem}")
        return self._described(model, whole=True)

    def _described(self, model: ScannedModel, *, whole: bool = False) -> Model:
        """A catalog row for it; `whole` reads the header to its end, for the parameters and the vocabulary."""
        header = self._headers.of(Path(model.weights.file), whole=whole)
        parts = sum(self._headers.of(Path(file), whole=True).parameters for file in model.weights.files[1:] if whole)
        projector = model.projector if model.projector and self._fits(model.projector, header) else None
        published = replace(model.weights, file=model.file.name)
        row = derive.model(model.id, published, header, self._catalog, projector=projector, parts=parts)
        if whole:
            self._headers.save()
        return replace(row, weights=replace(row.weights, file=model.weights.file))

    def _header(self, model: ScannedModel) -> Header:
        return self._headers.of(Path(model.weights.file))

    def _fits(self, projector: Weights, header: Header) -> bool:
        return projector_fits(self._headers.of(Path(projector.file)).projection, header)

    def _order(self, model: ScannedModel) -> tuple[int, bool, int]:
        bases = self._catalog_order
        return bases.get(base(model.file.name), len(bases)), model.weights.quant != DEFAULT_QUANT, -model.weights.bytes

    @cached_property
    def _catalog_order(self) -> dict[str, int]:
        return {base(row.weights.file): number for number, row in enumerate(self._catalog.values())}

    def _named(self) -> Iterator[ScannedModel]:
        for files in self._groups.values():
            by_path = {str(file.path): file for file in files}
            # Ollama's file names say nothing; its manifest names the model and its projector
            yield from (_ollama_model(file) for file in files if file.tag)
            listing = listed(Weights(str(file.path), file.size, file.sha256) for file in files if not file.tag)
            for weights in listing.models:
                file = by_path[weights.file]
                yield ScannedModel(_id(file, weights, listing), weights, listing.projector(weights), file)

    @cached_property
    def _groups(self) -> dict[str, list[ScannedFile]]:
        groups: dict[str, list[ScannedFile]] = defaultdict(list)
        for file in self.files:
            groups[file.group].append(file)
        return groups

    @cached_property
    def _by_sha256(self) -> dict[str, ScannedFile]:
        return {file.sha256: file for file in reversed(self.files) if file.sha256}

    @cached_property
    def _by_name(self) -> dict[str, list[ScannedFile]]:
        names: dict[str, list[ScannedFile]] = defaultdict(list)
        for file in self.files:
            names[file.name].append(file)
        return names

    @cached_property
    def _sizes(self) -> dict[Path, int]:
        return {file.path: file.size for file in self.files}


def projector_fits(width: int, header: Header) -> bool:
    """Whether a projector of this width fits the model with this header; true if either is not known."""
    return not width or header.shape is None or width == header.shape.embedding


def _ollama_model(file: ScannedFile) -> ScannedModel:
    projector = Weights(str(file.projector)) if file.projector and file.projector.is_file() else None
    return ScannedModel(typeable(file.tag), Weights(str(file.path), file.size, file.sha256), projector, file)


def _id(file: ScannedFile, weights: Weights, listing: Listing) -> str:
    """The name on the hub, `USER/REPO:QUANT` or `USER/REPO/FILE`; else the file name without its extension."""
    alike = [w for w in listing.models if w.quant == weights.quant]
    if file.repo and weights.quant and len(alike) == 1:
        return typeable(f"{file.repo}:{weights.quant}")
    if file.repo and file.name == file.path.name:
        return typeable(f"{file.repo}/{weights.file.removeprefix(file.group).strip('/')}")
    return typeable(without_part(file.name).removesuffix(".gguf"))


def _possible_ids(model: ScannedModel) -> Iterator[str]:
    """The model's own id, then ones made unique by the folder's name or a number."""
    yield model.id
    yield typeable(f"{model.file.path.parent.name}-{model.id}")
    count = 2
    while True:
        yield f"{model.id}-{count}"
        count += 1
