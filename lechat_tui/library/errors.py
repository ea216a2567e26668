"""Errors of a library, as sentences that say what to do next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from lechat_tui.errors import LechatError

NO_FULL_TEXT = (
    "this Python's SQLite {version} has no full-text search with trigrams, which libraries need; "
    "install a Python with SQLite 3.34 or later"
)

_SENTENCES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, then run lechat library sync {name}",
    sqlite3.SQLITE_BUSY: "another program is writing to the library {name}; try again when it is done",
    sqlite3.SQLITE_LOCKED: "another program is writing to the library {name}; try again when it is done",
    sqlite3.SQLITE_READONLY: "the library {name} can't be written; check the permissions of its file and folder",
    sqlite3.SQLITE_PERM: "the library {name} can't be written; check the permissions of its file and folder",
    sqlite3.SQLITE_CANTOPEN: "the library {name} can't be opened; check the permissions of its file and folder",
    sqlite3.SQLITE_IOERR: "the disk failed while reading or writing the library {name} ({error})",
    sqlite3.SQLITE_NOTADB: "the file of the library {name} is damaged; lechat library rm {name} removes it",
    sqlite3.SQLITE_CORRUPT: "the file of the library {name} is damaged; lechat library rm {name} removes it",
}


class LibraryError(LechatError):
    """The library can't do what was asked; the text says why and what to do next."""


@contextmanager
def library_errors(name: str) -> Iterator[None]:
    """Raise what SQLite and the file system raise as a `LibraryError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise LibraryError(sentence(error, name)) from error
    except OSError as error:
        raise LibraryError(f"the library {name} can't be used: {error.strerror or error}") from error


def sentence(error: sqlite3.Error, name: str) -> str:
    """What the user reads of an error of SQLite."""
    if "no such module: fts5" in str(error) or "no such tokenizer" in str(error):
        return NO_FULL_TEXT.format(version=sqlite3.sqlite_version)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary result code
    return _SENTENCES.get(code, "the library {name} can't be used: {error}").format(name=name, error=error)
