"""Finds the GGUF files on this machine, whichever program put them there.

Only lists folders; the only files it opens are Ollama's small manifests.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from pathlib import Path

from lechat_tui import paths
from lechat_tui.values import dataclass

_MAX_ENTRIES = 50_000
"""Entries to look at in one folder."""
_MAX_FOLDERS = 5_000
"""Folders to look at below one."""
_MAX_DEPTH = 6
_MAX_MANIFEST_BYTES = 2**20
"""Ollama's manifests have about a thousand."""
_SHA256 = re.compile("[0-9a-f]{64}")
_OLLAMA = "application/vnd.ollama.image."
_CACHED = re.compile(r"([^_/]+)_(.+?[-_.]gguf)_(.+\.gguf)", re.IGNORECASE)
"""How llama.cpp names downloads: USER_REPO_FILE."""

HUB, OWN, FOLDER = "the hub's cache", "lechat", "your folder"
OLLAMA = "Ollama"


@dataclass(frozen=True)
class ModelFolder:
    """A folder that is searched for models, and whose it is."""

    owner: str
    path: Path

    @property
    def foreign(self) -> bool:
        """Whether it belongs to another program."""
        return self.owner not in (HUB, OWN, FOLDER)


@dataclass(frozen=True)
class ScannedFile:
    """One GGUF file on this machine."""

    path: Path
    size: int
    folder: ModelFolder
    name: str
    """The published file name, as far as it is known."""
    group: str
    """The folder whose files belong together."""
    sha256: str = ""
    """Empty unless its name tells it."""
    repo: str = ""
    """The repository it came from; empty unless its path tells it."""
    revision: str = ""
    tag: str = ""
    """Its name in Ollama."""
    projector: Path | None = None
    """The projector that Ollama stores with it."""


def model_folders(folders: Iterable[str] = ()) -> tuple[ModelFolder, ...]:
    """The folders to search: lechat's own, the hub's cache, those of other programs, and the user's."""
    home = _home()
    mac = sys.platform == "darwin"
    support = home / "Library/Application Support" if mac else home / ".local/share"
    cache = home / "Library/Caches" if mac else expanded(os.environ.get("XDG_CACHE_HOME") or str(home / ".cache"))
    ollama = [expanded(set_)] if (set_ := os.environ.get("OLLAMA_MODELS")) else []
    rows = [
        (OWN, paths.data() / "models"),
        (HUB, paths.hub_cache()),
        ("LM Studio", home / ".lmstudio/models"),
        ("LM Studio", home / ".cache/lm-studio/models"),
        ("llama.cpp", expanded(os.environ.get("LLAMA_CACHE") or str(cache / "llama.cpp"))),
        *((OLLAMA, folder) for folder in (*ollama, home / ".ollama/models", Path("/usr/share/ollama/.ollama/models"))),
        ("GPT4All", support / "nomic.ai/GPT4All"),
        ("Jan", support / "Jan/data/llamacpp/models"),
        ("Jan", home / "jan/models"),
        *((FOLDER, expanded(folder)) for folder in folders),
    ]
    return tuple(ModelFolder(owner, folder) for owner, folder in rows)


def containing(path: Path, folders: Iterable[ModelFolder]) -> ModelFolder | None:
    """The folder that a path is in; None if it is in none of them."""
    return next((folder for folder in folders if path.is_relative_to(folder.path)), None)


def find_files(folders: Iterable[ModelFolder]) -> tuple[ScannedFile, ...]:
    """All GGUF files in these folders, each once even if several links lead to it."""
    files: list[ScannedFile] = []
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        find = {HUB: _in_hub_cache, OLLAMA: _in_ollama}.get(folder.owner, _in_folder)
        for file, identity in find(folder):
            if identity not in seen:
                seen.add(identity)
                files.append(file)
    return tuple(files)


Identified = tuple[ScannedFile, tuple[int, int]]
"""A file with its device and inode number."""


def _in_folder(folder: ModelFolder) -> Iterator[Identified]:
    path = str(folder.path)
    for entry in _walk(path):
        if status := _status(entry.path):
            name, repo = _origin(folder.owner, entry.path[len(path) :].strip("/").split("/"))
            group = entry.path.rpartition("/")[0]
            file = ScannedFile(Path(entry.path), status.st_size, folder, name, group, repo=repo)
            yield file, (status.st_dev, status.st_ino)


def _origin(owner: str, inside: list[str]) -> tuple[str, str]:
    """The published name of a file and its repository; `inside` are the parts of its path in the folder."""
    name = inside[-1]
    if owner == "llama.cpp" and (cached := _CACHED.fullmatch(name)):
        return cached[3], f"{cached[1]}/{cached[2]}"
    if owner == "LM Studio" and len(inside) == 3:
        return name, f"{inside[0]}/{inside[1]}"
    if name == "model.gguf" and len(inside) > 1:  # as Jan names them; the folder has the model's name
        return f"{inside[-2]}.gguf", ""
    return name, ""


def _in_hub_cache(folder: ModelFolder) -> Iterator[Identified]:
    for repo in _entries(str(folder.path)):
        if repo.name.startswith("models--"):
            for snapshot in _entries(f"{repo.path}/snapshots"):
                yield from _snapshot(folder, repo.name.removeprefix("models--").replace("--", "/", 1), snapshot)


def _snapshot(folder: ModelFolder, repo: str, snapshot: os.DirEntry[str]) -> Iterator[Identified]:
    for entry in _walk(snapshot.path, links=False):
        if status := _status(entry.path):
            path, sha256 = Path(entry.path), _blob(entry.path)
            file = ScannedFile(path, status.st_size, folder, entry.name, snapshot.path, sha256, repo, snapshot.name)
            yield file, (status.st_dev, status.st_ino)


def _blob(path: str) -> str:
    """The SHA-256 that names a large file in the hub's cache; empty for other files."""
    try:
        name = os.path.basename(os.readlink(path))  # noqa: PTH115, PTH119 (thousands of them)
    except OSError:
        return ""
    return name if _SHA256.fullmatch(name) else ""


def _in_ollama(folder: ModelFolder) -> Iterator[Identified]:
    for entry in _walk(str(folder.path / "manifests"), suffix=""):
        layers = _layers(Path(entry.path))
        model, projector = layers.get("model"), layers.get("projector")
        if not model or "adapter" in layers:
            continue
        path = folder.path / "blobs" / f"sha256-{model}"
        if status := _status(path):
            yield (
                ScannedFile(
                    path,
                    status.st_size,
                    folder,
                    path.name,
                    str(path.parent),
                    sha256=model,
                    tag=_tag(Path(entry.path).relative_to(folder.path / "manifests").parts),
                    projector=folder.path / "blobs" / f"sha256-{projector}" if projector else None,
                ),
                (status.st_dev, status.st_ino),
            )


def _tag(parts: tuple[str, ...]) -> str:
    """The name to type in Ollama, which leaves out the registry and its own library."""
    *rest, name, tag = parts if len(parts) > 1 else ("", *parts, "latest")
    owner = rest[-1] if rest and rest[-1] != "library" else ""
    return f"{owner}/{name}:{tag}" if owner else f"{name}:{tag}"


def _layers(manifest: Path) -> dict[str, str]:
    """The blobs that a manifest lists, by kind; empty for a file that is not a manifest."""
    with suppress(OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
        if manifest.stat().st_size > _MAX_MANIFEST_BYTES or not manifest.is_file():
            return {}
        layers = json.loads(manifest.read_bytes())["layers"]
        named = {str(layer["mediaType"]): str(layer["digest"]).removeprefix("sha256:") for layer in layers}
        return {
            kind.removeprefix(_OLLAMA): digest
            for kind, digest in named.items()
            if kind.startswith(_OLLAMA) and _SHA256.fullmatch(digest)
        }
    return {}


def _walk(folder: str, *, suffix: str = ".gguf", links: bool = True) -> Iterator[os.DirEntry[str]]:
    """The files below a folder whose names end in `suffix`, up to a limited depth and number; no folder twice.

    With `links`, links to folders are followed.
    """
    return _below(folder, suffix, _MAX_DEPTH, links, set())


def _below(folder: str, suffix: str, deep: int, links: bool, seen: set[tuple[int, int]]) -> Iterator[os.DirEntry[str]]:
    status = _status(folder)
    if not status or (status.st_dev, status.st_ino) in seen or len(seen) > _MAX_FOLDERS:
        return  # a link back up, or to the same folder
    seen.add((status.st_dev, status.st_ino))
    for entry in _entries(folder, lambda entry: entry.name.endswith(suffix) or _entry_is_folder(entry, links)):
        if entry.name.endswith(suffix) and _entry_is_file(entry):
            yield entry
        elif deep and not entry.name.startswith(".") and _entry_is_folder(entry, links):
            yield from _below(entry.path, suffix, deep - 1, links, seen)


def _entry_is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _entry_is_folder(entry: os.DirEntry[str], links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:
        return False


def _entries(folder: str, wanted: Callable[[os.DirEntry[str]], bool] = bool) -> list[os.DirEntry[str]]:
    """The wanted entries of a folder, sorted; none if it is missing or not readable."""
    try:
        with os.scandir(folder) as entries:
            return sorted(filter(wanted, islice(entries, _MAX_ENTRIES)), key=attrgetter("name"))
    except (OSError, ValueError):
        return []


def _status(path: str | Path) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (thousands of them)
    except (OSError, ValueError):
        return None


def is_file(path: Path) -> bool:
    """False also for a path that is too long or that may not be read."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """False also for a path that is too long or that may not be read."""
    try:
        return path.is_dir()
    except OSError:
        return False


def expanded(text: str) -> Path:
    """A path from a setting: see `paths.expanded`."""
    return paths.expanded(text)


def missing(folders: Iterable[str]) -> list[str]:
    """A sentence for each of the user's folders that does not exist."""
    return [
        f"{expanded(folder)}, a folder in config.toml, does not exist; correct folders there"
        for folder in folders
        if not is_folder(expanded(folder))
    ]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # the user has no home folder
        return Path("/nonexistent")
