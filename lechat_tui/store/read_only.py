"""A history that can be read and not written: on a disk that is full or read-only."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lechat_tui.store import connection, schema
from lechat_tui.store.database import Store
from lechat_tui.store.errors import OTHER_WAYS, StoreError

WAYS = ("mode=ro", "mode=ro&immutable=1")
"""How to open it, see https://www.sqlite.org/uri.html. The second needs no other file, and ignores the log."""


def open_for_reading(folder: Path) -> Store:
    """The history in a folder, opened in the best way that is possible. Raises `StoreError`."""
    try:
        return Store(folder)
    except StoreError as error:
        if (folder / "history.db").is_file():
            for way in WAYS:
                try:
                    return ReadOnlyStore(folder, way)
                except StoreError:
                    continue
        raise error


class ReadOnlyStore(Store):
    """The history in a folder where nothing is written. What writes raises `StoreError`."""

    def __init__(self, folder: Path, way: str = WAYS[-1]) -> None:
        self._way = way
        super().__init__(folder)

    def _connected(self, connect: Callable[..., sqlite3.Connection]) -> sqlite3.Connection:
        assert self._folder
        address = f"{(self._folder / 'history.db').absolute().as_uri()}?{self._way}"
        return connect(address, uri=True, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> bool:
        connection.add_functions(self._db, self._blobs)
        return schema.check_current(self._db)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        raise StoreError(f"the history in {self._where} is read-only; {OTHER_WAYS}")
        yield self._db

    def _interrupt_abandoned(self, chat: int) -> None:
        pass
