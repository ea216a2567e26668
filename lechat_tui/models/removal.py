"""Takes a model off the disk: what may go, what stays and why, and how much room that gives."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lechat_tui import paths
from lechat_tui.models import imported
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.scan import HUB, OLLAMA, ModelFolder


@dataclass(frozen=True)
class Kept:
    """A file that stays, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Plan:
    """What removing a model would do."""

    model: Model
    paths: tuple[Path, ...]
    """What is deleted: links, files, and what had come of a download."""
    kept: tuple[Kept, ...]
    freed: int
    """Bytes."""
    owner: str
    """The other program whose files these are; empty when they are nobody's but ours and the person's."""
    registered: bool
    """Whether a row of ours goes, too."""

    @property
    def empty(self) -> bool:
        """Whether nothing would happen."""
        return not self.paths and not self.registered


def plan(model: Model, models: Models, places: Iterable[ModelFolder]) -> Plan:
    """Work out what removing it would do; changes nothing. Raises `ModelError` for what cannot be removed."""
    if model.toy:
        raise ModelError(f"{model.id} ships with lechat and stays with it")
    places = tuple(places)
    registered = model.id in imported.ids()
    needed = _needed_elsewhere(model, models)
    going: list[Path] = []
    kept: list[Kept] = []
    owners: set[str] = set()
    for path in _files(model, models):
        place = _place(path, places)
        if path in needed:
            kept.append(Kept(path, "another model uses it"))
        elif registered and (place is None or place.folder != imported.folder()):
            kept.append(Kept(path, "it is yours; only the row that lechat import made goes"))
        elif place is None:
            kept.append(Kept(path, "it lies outside the folders lechat looks after; delete it yourself"))
        elif place.owner == OLLAMA:
            raise ModelError(f"{model.id} is Ollama's, which keeps count of its files: ollama rm {model.id} removes it")
        else:
            going += _with_what_belongs_to_it(path, place)
            owners |= {place.owner} if place.foreign else set()
    going += _unfinished(model)
    unique = tuple(dict.fromkeys(going))
    return Plan(model, unique, tuple(kept), sum(map(_room, unique)), ", ".join(sorted(owners)), registered)


def carry_out(plan: Plan) -> None:
    """Delete it. Raises `ModelError` that names the file that could not be."""
    for path in plan.paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(f"{path} cannot be deleted: {error.strerror or error}") from error
    for path in plan.paths:
        _tidy(path)
    if plan.registered:
        imported.unregister(plan.model.id)


def _files(model: Model, models: Models) -> list[Path]:
    """Every file of it that is here, all parts of a split one."""
    found = []
    for weights in filter(None, (model.weights, model.projector)):
        if first := models.path(model, weights):
            names = Weights(str(first)).files
            found += [path for path in map(Path, names) if path.exists() or path.is_symlink()]
    return found


def _needed_elsewhere(model: Model, models: Models) -> set[Path]:
    """The projectors of the other models that are here."""
    others = (other for other in models.installed() if other.id != model.id)
    return {files.projector for other in others if (files := models.files(other)) and files.projector}


def _place(path: Path, places: Iterable[ModelFolder]) -> ModelFolder | None:
    return next((place for place in places if path.is_relative_to(place.folder)), None)


def _with_what_belongs_to_it(path: Path, place: ModelFolder) -> Iterator[Path]:
    """The file; of the hub's cache also what stands behind its name, unless another name leads there."""
    yield path
    if place.owner != HUB or not path.is_symlink():
        return
    repo = place.folder / path.relative_to(place.folder).parts[0]
    blob = path.resolve()
    if blob.parent == (repo / "blobs").resolve() and not _others(path, blob, repo):
        yield blob
        yield from _beginning(blob)


def _others(path: Path, blob: Path, repo: Path) -> bool:
    """Whether another snapshot of the repository holds the same content."""
    links = (link for link in (repo / "snapshots").rglob("*") if link.is_symlink() and link != path)
    return any(link.resolve() == blob for link in links)


def _unfinished(model: Model) -> Iterator[Path]:
    """What had come of downloads of this model that were broken off."""
    for weights in filter(None, (model.weights, model.projector)):
        repo = weights.repo or model.repo
        for name in filter(None, (weights.sha256, *weights.sha256s)):
            if repo:
                yield from _beginning(paths.hub_cache() / f"models--{repo.replace('/', '--')}" / "blobs" / name)


def _beginning(blob: Path) -> list[Path]:
    """The partial files of a blob and their journals: they have its name and an ending."""
    try:
        return sorted(path for path in blob.parent.glob(f"{blob.name}.*") if path.is_file())
    except OSError:
        return []


def _room(path: Path) -> int:
    """Bytes that deleting it gives: none for a link, or for a file that has another name."""
    with suppress(OSError):
        status = path.lstat()
        return 0 if path.is_symlink() or status.st_nlink > 1 else min(status.st_size, status.st_blocks * 512)
    return 0


def _tidy(path: Path) -> None:
    """Remove the folders that are empty now, and of a repository in the hub's cache its references as well."""
    ours = (imported.folder(), paths.hub_cache())
    for parent in path.parents:
        if not any(parent != top and parent.is_relative_to(top) for top in ours):
            return
        with suppress(OSError):
            if parent.parent == paths.hub_cache() and parent.name.startswith("models--"):
                _tidy_repository(parent)
            parent.rmdir()


def _tidy_repository(repo: Path) -> None:
    """Take away the references of a repository that holds nothing any more."""
    if any(path.is_file() or path.is_symlink() for part in ("blobs", "snapshots") for path in (repo / part).rglob("*")):
        return
    for reference in [path for path in (repo / "refs").rglob("*") if path.is_file()]:
        reference.unlink()
    for empty in sorted((path for path in repo.rglob("*") if path.is_dir()), reverse=True):
        empty.rmdir()  # of one that is not empty after all, nothing goes
