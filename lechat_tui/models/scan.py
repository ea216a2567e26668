"""Finds the GGUF files that are on this machine already, whoever brought them: a listing of folders, nothing is opened
but Ollama's small manifests."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

from lechat_tui import paths

_MOST_ENTRIES = 50_000
"""Names looked at in one folder."""
_MOST_FOLDERS = 5_000
"""Folders looked at below one."""
_DEEPEST = 6
_MOST_MANIFEST = 2**20
"""Bytes; Ollama's have one thousand."""
_SHA256 = re.compile("[0-9a-f]{64}")
_OLLAMA = "application/vnd.ollama.image."
_CACHED = re.compile(r"([^_/]+)_(.+?[-_.]gguf)_(.+\.gguf)", re.IGNORECASE)
"""How llama.cpp names what it fetched: USER_REPO_FILE."""

HUB, OWN, FOLDER = "the hub's cache", "lechat", "a folder of yours"
OLLAMA = "Ollama"


@dataclass(frozen=True)
class ModelFolder:
    """A folder where models may lie."""

    owner: str
    folder: Path

    @property
    def foreign(self) -> bool:
        """Whether another program keeps its models there."""
        return self.owner not in (HUB, OWN, FOLDER)


@dataclass(frozen=True)
class ScannedFile:
    """One GGUF file on this machine."""

    path: Path
    size: int
    place: ModelFolder
    name: str
    """As it was published, as far as that can be told."""
    group: str
    """The folder whose files belong together."""
    sha256: str = ""
    """Where its name tells it."""
    repo: str = ""
    """The repository it came from, where its path tells it."""
    revision: str = ""
    tag: str = ""
    """What Ollama calls it."""
    projector: Path | None = None
    """The projector that Ollama keeps with it."""


def model_folders(folders: Iterable[str] = ()) -> tuple[ModelFolder, ...]:
    """Where to look: our folder, the hub's cache, what other programs keep, and folders of the person's."""
    home = _home()
    mac = sys.platform == "darwin"
    support = home / "Library/Application Support" if mac else home / ".local/share"
    cache = home / "Library/Caches" if mac else Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    ollama = [Path(set_).expanduser()] if (set_ := os.environ.get("OLLAMA_MODELS")) else []
    rows = [
        (OWN, paths.data() / "models"),
        (HUB, paths.hub_cache()),
        ("LM Studio", home / ".lmstudio/models"),
        ("LM Studio", home / ".cache/lm-studio/models"),
        ("llama.cpp", Path(os.environ.get("LLAMA_CACHE") or cache / "llama.cpp")),
        *((OLLAMA, folder) for folder in (*ollama, home / ".ollama/models", Path("/usr/share/ollama/.ollama/models"))),
        ("GPT4All", support / "nomic.ai/GPT4All"),
        ("Jan", support / "Jan/data/llamacpp/models"),
        ("Jan", home / "jan/models"),
        *((FOLDER, expanded(folder)) for folder in folders),
    ]
    return tuple(ModelFolder(owner, folder) for owner, folder in rows)


def find_files(places: Iterable[ModelFolder]) -> tuple[ScannedFile, ...]:
    """All GGUF files in these places, each once; a file that two links lead to counts where it is met first."""
    files: list[ScannedFile] = []
    seen: set[tuple[int, int]] = set()
    for place in places:
        look = {HUB: _hub, OLLAMA: _ollama}.get(place.owner, _folder)
        for file, identity in look(place):
            if identity not in seen:
                seen.add(identity)
                files.append(file)
    return tuple(files)


Seen = tuple[ScannedFile, tuple[int, int]]
"""A file, with its device and number there."""


def _folder(place: ModelFolder) -> Iterator[Seen]:
    folder = str(place.folder)
    for entry in _walk(folder):
        if status := _status(entry.path):
            name, repo = _origin(place.owner, entry.path[len(folder) :].strip("/").split("/"))
            group = entry.path.rpartition("/")[0]
            file = ScannedFile(Path(entry.path), status.st_size, place, name, group, repo=repo)
            yield file, (status.st_dev, status.st_ino)


def _origin(owner: str, inside: list[str]) -> tuple[str, str]:
    """The name a file was published under, and the repository; `inside` is its path in the place."""
    name = inside[-1]
    if owner == "llama.cpp" and (cached := _CACHED.fullmatch(name)):
        return cached[3], f"{cached[1]}/{cached[2]}"
    if owner == "LM Studio" and len(inside) == 3:
        return name, f"{inside[0]}/{inside[1]}"
    if name == "model.gguf" and len(inside) > 1:  # as Jan names them: the folder says which
        return f"{inside[-2]}.gguf", ""
    return name, ""


def _hub(place: ModelFolder) -> Iterator[Seen]:
    for repo in _entries(str(place.folder)):
        if repo.name.startswith("models--"):
            for snapshot in _entries(f"{repo.path}/snapshots"):
                yield from _snapshot(place, repo.name.removeprefix("models--").replace("--", "/", 1), snapshot)


def _snapshot(place: ModelFolder, repo: str, snapshot: os.DirEntry[str]) -> Iterator[Seen]:
    for entry in _walk(snapshot.path, links=False):
        if status := _status(entry.path):
            path, sum_ = Path(entry.path), _blob(entry.path)
            file = ScannedFile(path, status.st_size, place, entry.name, snapshot.path, sum_, repo, snapshot.name)
            yield file, (status.st_dev, status.st_ino)


def _blob(path: str) -> str:
    """The SHA-256 by which the hub's cache names a large file."""
    try:
        name = os.path.basename(os.readlink(path))  # noqa: PTH115, PTH119 (thousands of them)
    except OSError:
        return ""
    return name if _SHA256.fullmatch(name) else ""


def _ollama(place: ModelFolder) -> Iterator[Seen]:
    for entry in _walk(str(place.folder / "manifests"), suffix=""):
        layers = _layers(Path(entry.path))
        model, projector = layers.get("model"), layers.get("projector")
        if not model or "adapter" in layers:
            continue
        path = place.folder / "blobs" / f"sha256-{model}"
        if status := _status(path):
            yield (
                ScannedFile(
                    path,
                    status.st_size,
                    place,
                    path.name,
                    str(path.parent),
                    sha256=model,
                    tag=_tag(Path(entry.path).relative_to(place.folder / "manifests").parts),
                    projector=place.folder / "blobs" / f"sha256-{projector}" if projector else None,
                ),
                (status.st_dev, status.st_ino),
            )


def _tag(parts: tuple[str, ...]) -> str:
    """What one types to Ollama: the registry and its own library go without saying."""
    *rest, name, tag = parts if len(parts) > 1 else ("", *parts, "latest")
    owner = rest[-1] if rest and rest[-1] != "library" else ""
    return f"{owner}/{name}:{tag}" if owner else f"{name}:{tag}"


def _layers(manifest: Path) -> dict[str, str]:
    """The blobs a manifest names, by their kind; nothing of a file that is none."""
    with suppress(OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
        if manifest.stat().st_size > _MOST_MANIFEST or not manifest.is_file():
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
    """The files below a folder whose names end so; no folder twice, and no more than a bounded number of names.

    Links to folders are followed if `links` says so.
    """
    return _below(folder, suffix, _DEEPEST, links, set())


def _below(folder: str, suffix: str, deep: int, links: bool, seen: set[tuple[int, int]]) -> Iterator[os.DirEntry[str]]:
    status = _status(folder)
    if not status or (status.st_dev, status.st_ino) in seen or len(seen) > _MOST_FOLDERS:
        return  # a link that leads back up, or to the same again
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
    """The wanted names in a folder, in order; none of one that is not there or may not be looked at."""
    try:
        with os.scandir(folder) as entries:
            return sorted(filter(wanted, islice(entries, _MOST_ENTRIES)), key=attrgetter("name"))
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
    """The path with a leading `~` replaced by the home folder; unchanged if there is no such user."""
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):
        return Path(text)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # nobody's home
        return Path("/nonexistent")
