"""Which libraries there are: a file for each, named like it. One on a server has a description of where it is."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths
from lechat_tui.library.errors import LibraryError, library_errors
from lechat_tui.library.passages import Searchable
from lechat_tui.library.store import Library
from lechat_tui.plaintext import safe

if TYPE_CHECKING:
    from lechat_tui.library.opensearch import Index

_NAME = re.compile(r"\w[\w.-]{0,63}")

SUFFIX, SERVER_SUFFIX = ".db", ".toml"
"""Of a library on this machine, and of the description of one on a server."""


def names() -> list[str]:
    """The names of all libraries, in order. Raises `LibraryError`."""
    with library_errors("folder"):
        folder = paths.libraries()
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted({file.stem for file in found if _is_library(file)})


def create(name: str) -> Library:
    """A new, empty library. Raises `LibraryError`, also if there is one of this name."""
    check_new(name)
    return Library(_file(name))


def check_new(name: str) -> None:
    """Raise `LibraryError` if no library can be made with this name."""
    if _file(name).exists() or _file(name, SERVER_SUFFIX).exists():
        raise LibraryError(f"there is a library {name}; lechat library add {name} FOLDER adds to it")


def find(name: str) -> Library:
    """The library of this name. Raises `LibraryError`, also for one on a server."""
    return Library(existing(name))


def searchable(name: str) -> Searchable:
    """What searches the library of this name, wherever it is. Raises `LibraryError`."""
    index = index_of(name)
    if index is None:
        return find(name)
    from lechat_tui.library.opensearch import OpenSearch

    return OpenSearch(index)


def check(name: str) -> None:
    """Raise `LibraryError` if there is no library of this name, here or on a server."""
    if index_of(name) is None:
        existing(name)


def existing(name: str) -> Path:
    """The file of the library of this name. Raises `LibraryError`, also for one on a server."""
    file = _file(name)
    if file.is_file():
        return file
    if index := index_of(name):
        raise LibraryError(f"{name} is on {index.server.label}, which lechat only searches; it is changed there")
    raise LibraryError(f"there is no library {name}; {_known()}")


def index_of(name: str) -> "Index | None":
    """Where a library is that is on a server; None for any other. Raises `LibraryError`."""
    file = _file(name, SERVER_SUFFIX)
    if not file.is_file():
        return None
    from lechat_tui.library import opensearch

    return opensearch.read(file)


def connect(name: str, index: "Index") -> None:
    """Add a library on a server. Raises `LibraryError`."""
    from lechat_tui.library import opensearch

    check_new(name)
    opensearch.write(_file(name, SERVER_SUFFIX), index)


def remove(name: str) -> None:
    """Delete a library, but not the files that were added to it, nor anything on a server. Raises `LibraryError`."""
    server = _file(name, SERVER_SUFFIX)
    file = server if server.is_file() else existing(name)
    with library_errors(name):
        file.unlink()
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def _is_library(file: Path) -> bool:
    return file.suffix in (SUFFIX, SERVER_SUFFIX) and _NAME.fullmatch(file.stem) is not None


def _file(name: str, suffix: str = SUFFIX) -> Path:
    if not _NAME.fullmatch(name):
        raise LibraryError(f"{safe(name)} can't be the name of a library; use letters, digits, - and _")
    return paths.libraries() / f"{name}{suffix}"


def _known() -> str:
    known = names()
    return f"there are: {', '.join(known)}" if known else "lechat library new NAME FOLDER makes one"
