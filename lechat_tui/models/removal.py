"""Deletes a model's files: which ones may be deleted, which are kept and why, and how much space that frees."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lechat_tui import paths
from lechat_tui.models import imported, scan
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.scan import HUB, OLLAMA, ModelFolder
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Kept:
    """A file that is not deleted, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Removal:
    """What removing a model does."""

    model: Model
    paths: tuple[Path, ...]
    """What is deleted: links, files and partial downloads."""
    kept: tuple[Kept, ...]
    freed: int
    """Bytes."""
    owner: str
    """The other program that the files belong to; empty if they belong to lechat or the user."""
    registered: bool
    """Whether the model is also removed from the imported ones."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.paths and not self.registered


def plan(model: Model, models: Models, folders: Iterable[ModelFolder]) -> Removal:
    """What removing the model would do; changes nothing. Raises `ModelError` for a model that cannot be removed."""
    if model.toy:
        raise ModelError(f"{model.id} is part of lechat and cannot be removed")
    folders = tuple(folders)
    registered = model.id in imported.ids()
    needed = _needed_elsewhere(model, models)
    deleted: list[Path] = []
    kept: list[Kept] = []
    owners: set[str] = set()
    for path in _files(model, models):
        folder = scan.containing(path, folders)
        if path in needed:
            kept.append(Kept(path, "another model uses it"))
        elif registered and (folder is None or folder.path != imported.folder()):
            kept.append(Kept(path, "it is your own file; only its import is undone"))
        elif folder is None:
            kept.append(Kept(path, "it is outside the folders that lechat manages; delete it yourself"))
        elif folder.owner == OLLAMA:
            raise ModelError(f"{model.id} belongs to Ollama; ollama rm {model.id} removes it")
        else:
            deleted += _with_blob(path, folder)
            owners |= {folder.owner} if folder.foreign else set()
    deleted += _partial_downloads(model)
    unique = tuple(dict.fromkeys(deleted))
    return Removal(model, unique, tuple(kept), sum(map(_freed_bytes, unique)), ", ".join(sorted(owners)), registered)


def carry_out(removal: Removal) -> None:
    """Delete the files. Raises `ModelError` that names a file that cannot be deleted."""
    for path in removal.paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(f"{path} cannot be deleted: {error.strerror or error}") from error
    for path in removal.paths:
        _tidy(path)
    if removal.registered:
        imported.unregister(removal.model.id)


def _files(model: Model, models: Models) -> list[Path]:
    """The model's files on this machine, all parts of split ones."""
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


def _with_blob(path: Path, folder: ModelFolder) -> Iterator[Path]:
    """The file; in the hub's cache also the blob it links to, unless another file links to it."""
    yield path
    if folder.owner != HUB or not path.is_symlink():
        return
    repo = folder.path / path.relative_to(folder.path).parts[0]
    blob = path.resolve()
    if blob.parent == (repo / "blobs").resolve() and not _is_linked_elsewhere(path, blob, repo):
        yield blob
        yield from _partial_files(blob)


def _is_linked_elsewhere(path: Path, blob: Path, repo: Path) -> bool:
    """Whether another snapshot of the repository holds the same content."""
    links = (link for link in (repo / "snapshots").rglob("*") if link.is_symlink() and link != path)
    return any(link.resolve() == blob for link in links)


def _partial_downloads(model: Model) -> Iterator[Path]:
    """Interrupted downloads of this model."""
    for weights in filter(None, (model.weights, model.projector)):
        repo = weights.repo or model.repo
        for name in filter(None, (weights.sha256, *weights.sha256s)):
            if repo:
                yield from _partial_files(paths.hub_cache() / f"models--{repo.replace('/', '--')}" / "blobs" / name)


def _partial_files(blob: Path) -> list[Path]:
    """The partial files of a blob and their journals, which are named after it."""
    try:
        return sorted(path for path in blob.parent.glob(f"{blob.name}.*") if path.is_file())
    except OSError:
        return []


def _freed_bytes(path: Path) -> int:
    """Bytes on the disk that deleting it frees: none for a link, or for a file with another hard link."""
    with suppress(OSError):
        status = path.lstat()
        return 0 if path.is_symlink() or status.st_nlink > 1 else min(status.st_size, status.st_blocks * 512)
    return 0


def _tidy(path: Path) -> None:
    """Delete folders that are empty now, and the references of an empty repository in the hub's cache."""
    ours = (imported.folder(), paths.hub_cache())
    for parent in path.parents:
        if not any(parent != top and parent.is_relative_to(top) for top in ours):
            return
        with suppress(OSError):
            if parent.parent == paths.hub_cache() and parent.name.startswith("models--"):
                _tidy_repository(parent)
            parent.rmdir()


def _tidy_repository(repo: Path) -> None:
    """Delete the references of a repository without files."""
    if any(path.is_file() or path.is_symlink() for part in ("blobs", "snapshots") for path in (repo / part).rglob("*")):
        return
    for reference in [path for path in (repo / "refs").rglob("*") if path.is_file()]:
        reference.unlink()
    for empty in sorted((path for path in repo.rglob("*") if path.is_dir()), reverse=True):
        empty.rmdir()  # fails for a folder that is not empty
