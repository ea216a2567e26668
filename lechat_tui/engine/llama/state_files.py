"""Saved states of the KV cache on disk: one file for each chat, in a folder for each model.

A file is a line of JSON (`Header`), a line with the SHA-256 of that line, and the bytes of llama.cpp's own state. It
can be made again from the chat, so a file with anything wrong is deleted.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import msgspec

from lechat_tui import writing
from lechat_tui.engine.costs import Costs
from lechat_tui.engine.llama.cells import Cell

VERSION = 1
"""Version of the format; a file of another version is deleted."""

BLOCK_BYTES = 4_000_000
"""Read or written between two checks for a request that waits."""

MIN_FREE_DISK_BYTES = 1_000_000_000
"""A file is not written where less would be left on the disk."""

MAX_FILES = 1000
"""Of all models together: more would take longer to look through than they save."""

ABANDONED_SECONDS = 600.0
"""Age at which an unfinished file is taken for one whose writer is gone."""

MAX_HEADER_BYTES = 100_000_000
"""A longer first line is not a header."""

Interrupted = Callable[[], bool]
"""Whether a request waits, so that a long read or write should be given up."""


def never() -> bool:
    """An `Interrupted` that never gives up."""
    return False


class Header(msgspec.Struct, frozen=True, rename={"cells": "slots"}):
    """The first line of a file."""

    version: int
    key: str
    """Names the model, its context and adapters: see `Llama.state_key`."""
    cells: tuple[Cell, ...]
    size: int
    """Bytes of the state that follows."""
    sha256: str
    """Checksum of these bytes."""
    costs: Costs | None = None
    """What had been measured when the file was written, for the next process."""


State = tuple[Path, tuple[Cell, ...], int]
"""A file, the cells in it, and the bytes of their state."""


class StateFiles:
    """The saved states of one model, one file for each chat. An error of the disk is logged, and nothing is saved."""

    def __init__(self, folder: Path, key: str, limit: int) -> None:
        """`folder` holds the states of all models, of at most `limit` bytes together; 0 keeps none."""
        self._all = folder
        self._folder = folder / key
        self._key = key
        self._limit = limit
        self._known: dict[Path, tuple[int, int, Header]] = {}
        """Each file whose header was read, with its size and modification time then."""
        self._trim(0)
        for _ in self.states():  # read the headers while the user waits for the model anyway
            pass

    @property
    def count(self) -> int:
        """The number of files, at the last look."""
        return len(self._known)

    @property
    def costs(self) -> Costs | None:
        """What had been measured when the newest file was written."""
        known = [(changed, header.costs) for _, changed, header in self._known.values() if header.costs]
        return max(known, key=lambda row: row[0])[1] if known else None

    def states(self) -> Iterator[State]:
        """The states in all files; invalid files are deleted."""
        paths = list(self._folder.glob("*.kv"))
        for gone in self._known.keys() - set(paths):
            del self._known[gone]
        yield from filter(None, map(self.state, paths))

    def state(self, path: Path) -> State | None:
        """The state in a file; None where there is none. An invalid file is deleted."""
        try:
            stat = path.stat()
            size, changed, header = self._known.get(path, (0, 0, None))
            if header is None or (size, changed) != (stat.st_size, stat.st_mtime_ns):
                with path.open("rb") as file:
                    header = self._header(file)
                if header is None:
                    self.remove(path)
                    return None
                self._known[path] = (stat.st_size, stat.st_mtime_ns, header)
        except OSError:
            return None
        return path, header.cells, header.size

    def path(self, chat: int) -> Path:
        """The file of a chat, which need not exist."""
        return self._folder / f"{chat}.kv"

    def read(self, path: Path, interrupted: Interrupted) -> tuple[tuple[Cell, ...], bytearray] | None:
        """The cells and the state, verified; None when interrupted, or when the file is gone or was invalid."""
        try:
            with path.open("rb") as file:
                header = self._header(file)
                if header:
                    data = bytearray(header.size)
                    sha256 = _fill(file, data, interrupted)
                    if sha256 is None:
                        return None
                    if sha256 == header.sha256:
                        os.utime(path)  # the least recently used files are deleted first
                        return header.cells, data
        except FileNotFoundError:
            return None
        except (OSError, MemoryError) as error:
            logging.warning("the saved state %s cannot be read: %s", path.name, error)
            return None
        self.remove(path)
        return None

    def write(
        self,
        chat: int,
        cells: Sequence[Cell],
        data: bytearray,
        interrupted: Interrupted = never,
        *,
        costs: Costs | None = None,
    ) -> bool:
        """Save the state of a chat in place of its last one, and what was measured; False when it was not saved."""
        try:
            return self._write(self.path(chat), cells, data, costs, interrupted)
        except OSError as error:
            logging.warning("the state of chat %d was not saved: %s", chat, error)
            return False

    def forget(self, chat: int) -> None:
        """Delete the file of a chat."""
        self._known.pop(self.path(chat), None)
        with suppress(OSError):
            self.path(chat).unlink()

    def remove(self, path: Path) -> None:
        """Delete an invalid file."""
        logging.warning("%s is damaged or does not belong to this model; it was deleted", path.name)
        self._known.pop(path, None)
        with suppress(OSError):
            path.unlink()

    def _header(self, file: BufferedReader) -> Header | None:
        """The header of a complete file of this model, else None; the state comes next in the file."""
        line, checksum = file.readline(MAX_HEADER_BYTES), file.readline(100)
        if hashlib.sha256(line).hexdigest().encode() != checksum.strip():
            return None
        try:
            header = msgspec.json.decode(line, type=Header)
        except (msgspec.DecodeError, UnicodeError):
            return None
        matches = (header.version, header.key) == (VERSION, self._key) and header.cells
        complete = os.fstat(file.fileno()).st_size == file.tell() + header.size
        return header if matches and complete else None

    def _write(
        self, path: Path, cells: Sequence[Cell], data: bytearray, costs: Costs | None, interrupted: Interrupted
    ) -> bool:
        sha256 = hashlib.sha256()
        for block in _blocks(data):
            if interrupted():
                return False
            sha256.update(block)
        header = Header(VERSION, self._key, tuple(cells), len(data), sha256.hexdigest(), costs)
        line = msgspec.json.encode(header) + b"\n"
        size = len(line) + 65 + len(data)
        if size > self._limit:
            return False
        writing.private_folder(self._folder)
        if shutil.disk_usage(self._folder).free < size + MIN_FREE_DISK_BYTES:
            logging.warning("the state %s was not saved: the disk is nearly full", path.name)
            return False
        self._trim(size, besides=path)
        number, name = tempfile.mkstemp(dir=self._folder, prefix=f"{path.stem}-", suffix=".part")  # mode 0600
        try:
            with os.fdopen(number, "wb") as file:
                file.write(line + hashlib.sha256(line).hexdigest().encode() + b"\n")
                for block in _blocks(data):
                    if interrupted():
                        return False
                    file.write(block)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        return True

    def _trim(self, wanted: int, *, besides: Path | None = None) -> None:
        """Make room for `wanted` bytes by deleting the least recently used files of all models."""
        with suppress(OSError):
            for part in self._all.glob("*/*.part"):
                if part.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                    part.unlink(missing_ok=True)
            files = [(file.stat(), file) for file in self._all.glob("*/*.kv") if file != besides]
            total, count = sum(stat.st_size for stat, _ in files) + wanted, len(files) + bool(wanted)
            for stat, file in sorted(files, key=lambda row: row[0].st_mtime_ns):
                if total <= self._limit and count <= MAX_FILES:
                    return
                total -= stat.st_size
                count -= 1
                file.unlink(missing_ok=True)


def _blocks(data: bytearray) -> Iterator[memoryview]:
    view = memoryview(data)
    return (view[start : start + BLOCK_BYTES] for start in range(0, len(view), BLOCK_BYTES))


def _fill(file: BufferedReader, data: bytearray, interrupted: Interrupted) -> str | None:
    """Read until the buffer is full; returns the SHA-256 of what was read, or None when interrupted."""
    sha256 = hashlib.sha256()
    for block in _blocks(data):
        if interrupted():
            return None
        sha256.update(block[: file.readinto(block)])
    return sha256.hexdigest()
