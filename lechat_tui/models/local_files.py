"""What was found on this machine, as models: the rows of the catalogue it serves, and models of its own."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lechat_tui.machine.split_files import without_part
from lechat_tui.models import derive, scan
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.headers import Headers
from lechat_tui.models.listing import USUAL, Listing, base, listed
from lechat_tui.models.names import typeable
from lechat_tui.models.scan import ModelFolder, ScannedFile


@dataclass(frozen=True)
class ScannedModel:
    """A model among the files."""

    id: str
    weights: Weights
    """With absolute paths."""
    projector: Weights | None
    file: ScannedFile
    """The first of its files."""


class LocalFiles:
    """Looks when it is first asked, and then remembers; `headers` keeps what the files say of themselves."""

    def __init__(self, places: Iterable[ModelFolder], headers: Headers, catalog: Mapping[str, Model]) -> None:
        self._places = tuple(places)
        self._headers = headers
        self._catalog = catalog

    def forget(self) -> None:
        """Look again when asked next."""
        for name in ("files", "models", "_by_sum", "_by_name", "_groups", "_sizes"):
            self.__dict__.pop(name, None)

    @cached_property
    def files(self) -> tuple[ScannedFile, ...]:
        """Every GGUF file."""
        return scan.find_files(self._places)

    def match(self, weights: Weights, repo: str = "") -> Path | None:
        """Where the very file that a row names lies: of the same checksum, or of the same name and size."""
        return self._match(weights, repo) if self.files else None

    def _match(self, weights: Weights, repo: str) -> Path | None:
        if weights.sha256 and (same := self._by_sum.get(weights.sha256)):
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

    def own(self, served: Iterable[tuple[Weights, Path]]) -> Iterator[Model]:
        """The models that no row of the catalogue stands for; `served` are the rows' weights that are here, and where.

        Lazily, since each is asked for its header; what cannot chat is left out.
        """
        known = tuple(served)
        places = {str(path) for _, path in known}
        sums = {weights.sha256 for weights, _ in known if weights.sha256}
        names = {(Path(weights.file).name, weights.bytes) for weights, _ in known}
        for find in self.models:
            same = find.weights.sha256 in sums or (find.file.name, find.weights.bytes) in names
            if not same and find.weights.file not in places and not self.header(find).problem:
                yield self.model(find)
        self._headers.save()

    def model(self, find: ScannedModel, *, whole: bool = False) -> Model:
        """A row for what was found; `whole` reads its header to the end, for the parameters and the vocabulary."""
        header = self._headers.of(Path(find.weights.file), whole=whole)
        parts = sum(self._headers.of(Path(file), whole=True).parameters for file in find.weights.files[1:] if whole)
        projector = find.projector if self._belongs(find.projector, header) else None
        published = replace(find.weights, file=find.file.name)
        row = derive.model(find.id, published, header, self._catalog, projector=projector, parts=parts)
        if whole:
            self._headers.save()
        return replace(row, weights=replace(row.weights, file=find.weights.file))

    def header(self, find: ScannedModel) -> Header:
        """What the file says of itself."""
        return self._headers.of(Path(find.weights.file))

    def _belongs(self, projector: Weights | None, header: Header) -> bool:
        if projector is None:
            return False
        width = self._headers.of(Path(projector.file)).projection
        return fits(width, header)

    @cached_property
    def models(self) -> tuple[ScannedModel, ...]:
        """All models among the files, under names that a person can type: none twice, none that is a row's.

        Those of a model that the catalogue knows come first, in its order, then the larger ones.
        """
        taken: dict[str, ScannedModel] = {}
        for find in self._named():
            same = taken.get(find.id.lower())
            if same and (same.weights.bytes, same.file.name) == (find.weights.bytes, find.file.name):
                continue  # a copy
            id = next(id for id in _ids(find) if id.lower() not in taken and id not in self._catalog)
            taken[id.lower()] = replace(find, id=id)
        return tuple(sorted(taken.values(), key=self._order))

    def _order(self, find: ScannedModel) -> tuple[int, bool, int]:
        bases = self._bases
        known = bases.get(base(find.file.name), len(bases))
        return known, find.weights.quant != USUAL, -find.weights.bytes

    @cached_property
    def _bases(self) -> dict[str, int]:
        return {base(row.weights.file): number for number, row in enumerate(self._catalog.values())}

    def _named(self) -> Iterator[ScannedModel]:
        for files in self._groups.values():
            by_path = {str(file.path): file for file in files}
            # Ollama keeps each file under a name that says nothing, and its projector with it
            tagged = [file for file in files if file.tag]
            yield from (_tagged(file) for file in tagged)
            kinds = listed(Weights(str(file.path), file.size, file.sha256) for file in files if not file.tag)
            for weights in kinds.models:
                file = by_path[weights.file]
                yield ScannedModel(_id(file, weights, kinds), weights, kinds.projector(weights), file)

    @cached_property
    def _groups(self) -> dict[str, list[ScannedFile]]:
        groups: dict[str, list[ScannedFile]] = defaultdict(list)
        for file in self.files:
            groups[file.group].append(file)
        return groups

    @cached_property
    def _by_sum(self) -> dict[str, ScannedFile]:
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


def fits(width: int, header: Header) -> bool:
    """Whether a projector of this width sees for the model of this header; when either does not say, it may."""
    return not width or header.shape is None or width == header.shape.embedding


def _tagged(file: ScannedFile) -> ScannedModel:
    projector = Weights(str(file.projector)) if file.projector and file.projector.is_file() else None
    return ScannedModel(typeable(file.tag), Weights(str(file.path), file.size, file.sha256), projector, file)


def _id(file: ScannedFile, weights: Weights, kinds: Listing) -> str:
    """As it is named on the hub, `USER/REPO:QUANT` or `USER/REPO/FILE`; else the file's name without its ending."""
    alike = [w for w in kinds.models if w.quant == weights.quant]
    if file.repo and weights.quant and len(alike) == 1:
        return typeable(f"{file.repo}:{weights.quant}")
    if file.repo and file.name == file.path.name:
        return typeable(f"{file.repo}/{weights.file.removeprefix(file.group).strip('/')}")
    return typeable(without_part(file.name).removesuffix(".gguf"))


def _ids(find: ScannedModel) -> Iterator[str]:
    yield find.id
    yield typeable(f"{find.file.path.parent.name}-{find.id}")
    count = 2
    while True:
        yield f"{find.id}-{count}"
        count += 1
