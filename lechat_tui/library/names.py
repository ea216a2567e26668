"""Which libraries there are: one file each, named like the library."""

import re
from pathlib import Path

from lechat_tui import paths
from lechat_tui.library.errors import LibraryError, library_errors
from lechat_tui.library.store import Library
from lechat_tui.plaintext import safe

_NAME = re.compile(r"\w[\w.-]{0,63}")

SUFFIX = ".db"


def names() -> list[str]:
    """The names of all libraries, in order. Raises `LibraryError`."""
    with library_errors("folder"):
        folder = paths.libraries()
        found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
        return sorted(name for file in found if _NAME.fullmatch(name := file.name.removesuffix(SUFFIX)))


def create(name: str) -> Library:
    """A new, empty library. Raises `LibraryError`, also if there is one of this name."""
    file = _file(name)
    if file.exists():
        raise LibraryError(f"there is a library {name}; lechat library add {name} FOLDER adds to it")
    return Library(file)


def find(name: str) -> Library:
    """The library of this name. Raises `LibraryError`."""
    return Library(existing(name))


def existing(name: str) -> Path:
    """The file of the library of this name. Raises `LibraryError`."""
    file = _file(name)
    if not file.is_file():
        raise LibraryError(f"there is no library {name}; {_known()}")
    return file


def remove(name: str) -> None:
    """Delete a library; the files that were added to it stay where they are. Raises `LibraryError`."""
    file = existing(name)
    with library_errors(name):
        file.unlink()
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def _file(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise LibraryError(f"{safe(name)} can't be the name of a library; use letters, digits, - and _")
    return paths.libraries() / f"{name}{SUFFIX}"


def _known() -> str:
    known = names()
    return f"there are: {', '.join(known)}" if known else "lechat library new NAME FOLDER makes one"
