"""Errors of the history, as sentences that say what to do next."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lechat_tui.errors import LechatError

OTHER_WAYS = "lechat --no-save runs without a history, LECHAT_HOME names another folder"


class StoreError(LechatError):
    """The history can't do what was asked; the text says why and what to do next."""


_SENTENCES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space in {folder}; until then nothing is saved",
    sqlite3.SQLITE_BUSY: "another program is writing to the history in {folder}; close it or try again",
    sqlite3.SQLITE_LOCKED: "another program is writing to the history in {folder}; close it or try again",
    sqlite3.SQLITE_READONLY: "the history in {folder} can't be written; " + OTHER_WAYS,
    sqlite3.SQLITE_PERM: "the history in {folder} can't be written; " + OTHER_WAYS,
    sqlite3.SQLITE_CANTOPEN: "the history in {folder} can't be opened; " + OTHER_WAYS,
    sqlite3.SQLITE_IOERR: "the disk failed while reading or writing the history in {folder} ({error}); " + OTHER_WAYS,
    sqlite3.SQLITE_NOTADB: "history.db in {folder} is damaged or is not from lechat; move it away, or " + OTHER_WAYS,
    sqlite3.SQLITE_CORRUPT: "the history in {folder} is damaged; move history.db away, or " + OTHER_WAYS,
    sqlite3.SQLITE_CONSTRAINT: "this chat was deleted by another program; /new starts another",
}


MIN_FREE_BYTES = 100_000
"""With less, SQLite can't make the files beside the history, which it reports as an I/O error."""


def _is_full(folder: Path | str) -> bool:
    try:
        return shutil.disk_usage(folder).free < MIN_FREE_BYTES
    except OSError:
        return False


@contextmanager
def store_errors(folder: Path | str) -> Iterator[None]:
    """Raise what SQLite and the file system raise as a `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary result code
        if code == sqlite3.SQLITE_IOERR and _is_full(folder):
            code = sqlite3.SQLITE_FULL
        sentence = _SENTENCES.get(code, "the history in {folder} can't be used: {error}")
        raise StoreError(sentence.format(folder=folder, error=error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"the history can't be saved in {folder}: {reason}; {OTHER_WAYS}") from error
    except UnicodeDecodeError as error:  # SQLite's message about a damaged file quotes bytes of it
        raise StoreError(_SENTENCES[sqlite3.SQLITE_CORRUPT].format(folder=folder)) from error
    except OverflowError as error:
        raise StoreError("there is no chat with that ID; lechat chats ls lists them") from error
