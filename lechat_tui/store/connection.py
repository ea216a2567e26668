"""The connection to the database: its file, its journal and the SQL functions that the queries use."""

import os
import sqlite3
import time
from pathlib import Path

from lechat_tui import writing
from lechat_tui.store import queries
from lechat_tui.store.blobs import Blobs
from lechat_tui.store.errors import OTHER_WAYS, StoreError

BUSY_SECONDS = 10.0
"""How long to wait for another program that writes."""


def add_functions(db: sqlite3.Connection, files: Blobs) -> None:
    """Define the SQL functions that the queries and the schema use."""
    db.execute("PRAGMA temp_store = MEMORY")
    db.create_function("contains", 2, queries.contains, deterministic=True)
    db.create_function("either_contains", 3, queries.either_contains, deterministic=True)
    db.create_function("blob_size", 1, files.size)
    db.create_function("blob_text", 1, files.text)


def identity(folder: Path | None) -> tuple[int, int] | None:
    """What tells the history's file from another one of its name; None when there is none."""
    try:
        found = (folder / "history.db").stat() if folder else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def database_file(folder: Path | None) -> str:
    """The database's file, made for its owner alone when it is new. Raises `OSError` where nothing can be written."""
    if folder is None:
        return ":memory:"
    writing.private_folder(folder)
    file = folder / "history.db"
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    if not os.access(folder, os.W_OK):
        raise StoreError(f"the history in {folder} can't be written; {OTHER_WAYS}")
    return str(file)


def use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Let readers and a writer work side by side. A file system that does not allow it keeps SQLite's own journal."""
    end = time.monotonic() + BUSY_SECONDS
    while db.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)  # SQLite does not wait by itself while another program changes the mode
