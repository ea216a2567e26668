"""The cache that all clients of the Hugging Face hub share: its folders, links and partial downloads. No network.

The layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import glob
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lechat_tui import paths, writing
from lechat_tui.models import journal
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.scan import is_file, is_folder
from lechat_tui.values import dataclass

_REPO = re.compile(r"(?!.*(--|\.\.))[0-9A-Za-z_][0-9A-Za-z_.-]{0,95}(/[0-9A-Za-z_][0-9A-Za-z_.-]{0,95})?")
_ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class CachedFile:
    """One file of one commit."""

    repo: str
    commit: str
    file: str
    etag: str

    @property
    def folder(self) -> Path:
        """The repository's folder."""
        return paths.hub_cache() / _folder(self.repo)

    @property
    def blob(self) -> Path:
        """The file itself, named by its content."""
        return self.folder / "blobs" / self.etag

    @property
    def journal(self) -> Path:
        """The journal of the blob while it is incomplete."""
        return self.blob.with_name(self.etag + journal.JOURNAL)

    @property
    def pointer(self) -> Path:
        """The file under its own name: a symbolic link to the blob."""
        return self.folder / "snapshots" / self.commit / self.file

    @property
    def lock(self) -> Path:
        """The lock that every client holds while it downloads the file."""
        return paths.hub_cache() / ".locks" / _folder(self.repo) / f"{self.etag}.lock"

    def holds(self, size: int) -> bool:
        """Whether the complete file, of this size in bytes, is in the cache."""
        return any(file.is_file() and file.stat().st_size == size for file in (self.pointer, self.blob))

    def prepare(self) -> None:
        """Make the folders. Raises `ModelError` for a link that leads out of the cache, and `OSError`."""
        for file in (self.blob, self.pointer, self.lock):
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.parent.resolve().is_relative_to(paths.hub_cache().resolve()):
                raise ModelError(f"{file.parent} leads out of the cache; remove that link, then try again")

    def link(self) -> None:
        """Link the file's name to the blob, or move it there on a disk without links. Raises `OSError`."""
        if self.pointer.exists() and (self.pointer.samefile(self.blob) or not self.blob.exists()):
            return
        fresh = self.pointer.with_name(f".{uuid.uuid4().hex}.lechat-link")
        try:
            fresh.symlink_to(os.path.relpath(self.blob, self.pointer.parent))
        except OSError:
            self.blob.replace(self.pointer)
        else:
            fresh.replace(self.pointer)

    def remember(self, revision: str) -> None:
        """Store which commit a branch or tag points at, as other hub clients do. Raises `OSError`."""
        if revision == self.commit or not is_safe(revision):
            return
        ref = self.folder / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        writing.write(ref, self.commit, mode=0o666)


def cached_file(repo: str, commit: str, file: str, etag: str) -> CachedFile:
    """A file whose paths stay inside the cache, whatever the hub sent. Raises `ModelError`."""
    if not _REPO.fullmatch(repo):
        raise ModelError(f"{repo} is not a repository name such as mistralai/Mistral-7B-v0.3")
    if not is_safe(file):
        raise ModelError(f"{file!r} is not a safe file name; do not trust {repo}")
    if not _ETAG.fullmatch(etag) or not _COMMIT.fullmatch(commit):
        raise ModelError(f"the server of {repo} is not a hub: it reports no checksum and no commit; check HF_ENDPOINT")
    return CachedFile(repo, commit, file, etag)


def is_etag(etag: str) -> bool:
    """Whether an ETag can be the name of a file in the cache."""
    return _ETAG.fullmatch(etag) is not None and not etag.endswith((journal.PART, journal.JOURNAL))


def is_safe(name: str) -> bool:
    """Whether a path inside a repository stays inside a folder and is valid on every system."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") and len(os.fsencode(part)) < 256 for part in parts)
    return plain and not PurePosixPath(name).is_absolute() and "\\" not in name and name.isprintable()


def unfinished(repo: str) -> Iterator[tuple[Path, journal.PartialInfo, journal.Ranges]]:
    """The journals of a repository's incomplete files, with their contents."""
    if not _REPO.fullmatch(repo):
        return
    for file in sorted((paths.hub_cache() / _folder(repo) / "blobs").glob(f"*{journal.JOURNAL}")):
        if known := journal.read(file):
            yield file, *known


def find(repo: str, revision: str, files: Sequence[str]) -> Path | None:
    """The path of the first of these files if all are downloaded; of another revision if the wanted one is missing."""
    folder = paths.hub_cache() / _folder(repo)
    if not is_folder(folder):
        return None
    found = [_snapshot_file(folder, _commit(folder, revision), file) for file in files]
    return found[0] if all(found) else None


def _snapshot_file(folder: Path, commit: str, file: str) -> Path | None:
    pinned = folder / "snapshots" / commit / file
    if is_file(pinned):
        return pinned
    return next(filter(is_file, sorted(folder.glob(f"snapshots/*/{glob.escape(file)}"))), None)


def free_space() -> tuple[Path, int]:
    """The cache's folder, or the nearest existing one above it, and the bytes that are free on its disk."""
    for folder in (paths.hub_cache(), *paths.hub_cache().parents):
        with suppress(OSError):
            return folder, shutil.disk_usage(folder).free
    return paths.hub_cache(), 0


def _folder(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"


def _commit(folder: Path, revision: str) -> str:
    """The commit that a branch or tag pointed at when it was downloaded; the folders of snapshots are commits."""
    try:
        return (folder / "refs" / revision).read_text("utf-8").strip()
    except (OSError, ValueError):
        return revision
