"""Brings a library up to date with its folders: new and changed files are read, documents of deleted files removed."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Literal

from lechat_tui.attachments.files import AttachmentError, read_bytes
from lechat_tui.attachments.folders import all_files, is_text_file
from lechat_tui.attachments.texts import MAX_TEXT_BYTES, decoded
from lechat_tui.documents import formats
from lechat_tui.documents.convert import convert
from lechat_tui.documents.model import Document, DocumentError, Page
from lechat_tui.library.errors import LibraryError
from lechat_tui.library.store import Entry, Library
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

Action = Literal["added", "changed", "removed", "unreadable", "unchanged"]

MARKDOWN = (".md", ".markdown", ".mdx")
"""Text whose headings are understood."""

Progress = Callable[[Path, int, int], None]
"""Called with a file, the number of files that are done, and of all files."""


@dataclass(frozen=True)
class Report:
    """What a synchronization did."""

    counts: Counter[Action]
    """How many files there were of each kind."""
    missing: tuple[str, ...] = ()
    """Folders and files that were added and are not there now; their documents are kept."""

    @property
    def is_changed(self) -> bool:
        return any(self.counts[action] for action in ("added", "changed", "removed"))


def add_sources(library: Library, sources: list[Path]) -> None:
    """Add folders and files to those that a library follows. Raises `LibraryError`."""
    found = []
    for source in sources:
        path = Path(os.path.abspath(source.expanduser()))  # noqa: PTH100  # a link stays the path that the user knows
        if not path.exists():
            raise LibraryError(f"there is no file or folder {safe(str(source))}; nothing was added")
        found.append(str(path))
    library.add_sources(found)


def remove_source(library: Library, source: Path) -> int:
    """Remove a folder or file that was added, with the documents that are from nowhere else; how many these are.

    Raises `LibraryError`.
    """
    path = os.path.abspath(source.expanduser())  # noqa: PTH100  # as it was added
    if not library.remove_source(path):
        known = ", ".join(library.sources()) or "nothing"
        raise LibraryError(f"{safe(str(source))} was not added to {library.name}; it follows {known}")
    others = library.sources()
    gone = [
        entry.path
        for entry in library.documents()
        if _is_below(entry.path, path) and not any(_is_below(entry.path, other) for other in others)
    ]
    for document in gone:
        library.remove(document)
    return len(gone)


def sync(
    library: Library, *, retry: bool = True, progress: Progress | None = None, stop: Event | None = None
) -> Report:
    """Read what is new or has changed, and remove what was deleted. Takes seconds to hours; call it in a thread.

    Each file is a transaction of its own: what was done before a kill stays done. Setting `stop` ends it after the
    file that is being read. With `retry`, files that could not be read are tried again. Raises `LibraryError`.
    """
    known = {entry.path: entry for entry in library.documents()}
    sources = library.sources()
    missing = tuple(source for source in sources if not Path(source).exists())
    files = sorted({file for source in sources if source not in missing for file in _files(Path(source))})
    counts: Counter[Action] = Counter()
    for done, file in enumerate(files):
        if stop and stop.is_set():
            return Report(counts, missing)
        if progress:
            progress(file, done, len(files))
        counts[_update(library, file, known.get(str(file)), retry=retry)] += 1
    here = {str(file) for file in files}
    present = [source for source in sources if source not in missing]
    for path in known:
        if path not in here and any(_is_below(path, source) for source in present):
            library.remove(path)
            counts["removed"] += 1
    return Report(counts, missing)


def _is_below(path: str, source: str) -> bool:
    return path == source or path.startswith(source.rstrip(os.sep) + os.sep)


def _files(source: Path) -> Iterator[Path]:
    """The files of a source that may be documents; one that was named itself always is."""
    if not source.is_dir():
        yield source
        return
    yield from (file for file in all_files(source) if _is_candidate(file))


def _is_candidate(file: Path) -> bool:
    suffix = file.suffix.lower()
    return suffix in formats.BY_SUFFIX or suffix in formats.OTHERS or is_text_file(file)


def _update(library: Library, file: Path, known: Entry | None, *, retry: bool) -> Action:
    """Bring one file up to date."""
    now = time.time()
    try:
        status = file.stat()
        is_same = known is not None and (known.size, known.modified) == (status.st_size, status.st_mtime_ns)
        if known and is_same and not (retry and known.problem):
            return "unreadable" if known.problem else "unchanged"
        sha256 = _sha256(file)
        if known and known.sha256 == sha256 and not known.problem:
            library.touch(known.path, status.st_size, status.st_mtime_ns)
            return "unchanged"
        document = read(file)
    except (OSError, AttachmentError, DocumentError) as error:
        reason = f"{safe(file.name)} can't be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        size, modified = _stamp(file)
        library.add_unreadable(Entry(str(file), file.name, "", "", size, modified, 0, 0, now, problem=reason))
        return "unreadable"
    library.add(document, str(file), sha256, size=status.st_size, modified=status.st_mtime_ns)
    return "changed" if known else "added"


def read(file: Path) -> Document:
    """The document in a file: text as it is, anything else converted. Raises an error with a sentence."""
    with file.open("rb") as opened:
        head = opened.read(formats.HEAD_BYTES)
    if formats.format_of(head, file.name):
        return convert(file, file.name)
    if refusal := formats.refusal(file.name):
        raise DocumentError(refusal)
    text = decoded(read_bytes(file, MAX_TEXT_BYTES), file.name)
    is_markdown = file.suffix.lower() in MARKDOWN
    return Document(file.name, "text", (Page(1, text, "markdown" if is_markdown else "plain"),))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _stamp(file: Path) -> tuple[int, int]:
    """Size and time of a file, as far as they are known: it is read again when they change."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
