"""The states of the KV cache to return to: snapshots in memory for this run, and files that outlive it.

Whether to restore one is decided by how many cells it saves from evaluation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path

from lechat_tui.engine.llama.cache import Cache
from lechat_tui.engine.llama.cells import Cell, equal_prefix
from lechat_tui.engine.llama.state_files import Interrupted, StateFiles, never
from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Memory
from lechat_tui.values import dataclass

MIN_SNAPSHOT_CELLS = 64
"""Fewer cells are neither kept as a snapshot nor restored from one."""

MIN_FILE_CELLS = 256
"""A chat with fewer is not written to disk: evaluating them again is as quick."""

MIN_GAIN_PARTS = 16
"""Restoring copies the whole state, so at least one in so many of its cells must be saved from evaluation."""

MEMORY_PARTS = 16
"""The snapshots may take one in so many bytes of the machine's memory."""

MIN_GROWTH_PARTS = 4
"""While idle, the current chat is written once at least one in so many of its cells is not in its file."""


@dataclass
class Snapshot:
    """A state in memory."""

    chat: int | None
    key: str
    """Of the adapters that were applied."""
    cells: list[Cell]
    data: bytearray = field(repr=False)
    unwritten: bool
    """It should be in the file of its chat, and is not yet."""


class SavedStates:
    """The states that the KV cache can be restored to, and which chat it holds now.

    `restore_best` before each prompt; `flush_idle` when no request has come for a while; `flush_all` at the end. A chat
    without a number is private: its snapshots stay in memory.
    """

    def __init__(
        self,
        cache: Cache,
        files: StateFiles | None = None,
        *,
        room: int | None = None,
        memory: Callable[[], Memory] = hardware.memory,
    ) -> None:
        """`files` is None where nothing is written. `room` is how many bytes the snapshots may take.

        `memory` reads the machine's memory.
        """
        self._cache = cache
        self._memory = memory
        self._key = ""
        """Of the adapters that are applied; empty for none."""
        self._files_by_key = {self._key: files}
        self._room = memory().share(MEMORY_PARTS) if room is None else room
        self._chat: int | None = None
        """The chat whose cells are in the cache."""
        self._written: Sequence[Cell] = ()
        """The cells in the file of this chat."""
        self._snapshots: list[Snapshot] = []
        """Least recently used first."""

    def use_adapters(self, key: str, open_files: Callable[[], StateFiles | None]) -> None:
        """Other adapters are applied, named by this key; states that were made with others are not used.

        They are kept until those adapters are applied again. `open_files` gives the files for states with these.
        """
        if len(self._cache.cells) >= MIN_SNAPSHOT_CELLS:
            self._take_snapshot(leaving=True)
        self._cache.clear()
        self._chat, self._written = None, ()
        self._key = key
        if key not in self._files_by_key:
            self._files_by_key[key] = open_files()

    @property
    def _files(self) -> StateFiles | None:
        return self._files_by_key[self._key]

    def restore_best(self, wanted: Sequence[Cell], chat: int | None, interrupted: Interrupted = never) -> int:
        """Make the cache hold the longest known prefix of the wanted cells and nothing else; returns its length."""
        cells = self._cache.cells
        shared = self._cache.reusable(wanted)
        snapshots = [snapshot for snapshot in self._snapshots if snapshot.key == self._key]
        snapshot = max(snapshots, key=lambda snapshot: self._cache.usable(snapshot.cells, wanted), default=None)
        best = self._cache.usable(snapshot.cells, wanted) if snapshot else 0
        file, found = self._best_file(wanted)
        from_file = found if file and _pays(found, max(best, shared), file[1]) else 0
        from_snapshot = best if snapshot and not from_file and _pays(best, shared, snapshot.cells) else 0
        if len(cells) - (0 if from_file or from_snapshot else shared) >= MIN_SNAPSHOT_CELLS:
            self._take_snapshot(leaving=self._chat != chat)
        if chat != self._chat:
            self._chat, self._written = chat, self._in_file(chat)
            for other in snapshots:
                other.unwritten = other.unwritten and other.chat != chat  # its file will hold what it becomes now
        if file and from_file:
            self._restore_file(file[0], interrupted)
        elif snapshot and from_snapshot:
            self._restore_snapshot(snapshot)
        return self._cache.keep_common_prefix(wanted)

    def known_cells(self) -> Iterator[Sequence[Cell]]:
        """The cells of every state that can be continued: in the cache, in snapshots and in files."""
        yield self._cache.cells
        yield from (snapshot.cells for snapshot in self._snapshots)
        yield from (cells for _, cells in (self._files.cells() if self._files else ()))

    def flush_idle(self, interrupted: Interrupted) -> None:
        """Write what the files do not hold yet, unless interrupted. A chat that grew by little is not written yet."""
        if not self._write_snapshots(interrupted):
            return
        cells = self._cache.cells
        grown = len(cells) - equal_prefix(cells, self._written)
        if grown * MIN_GROWTH_PARTS >= len(cells):
            self._write_cache(interrupted)

    def flush_all(self) -> None:
        """Write everything that the files do not hold yet."""
        self._write_snapshots(never)
        self._write_cache(never)

    def forget(self, chat: int) -> None:
        """The chat was deleted: keep nothing of it."""
        self._snapshots = [snapshot for snapshot in self._snapshots if snapshot.chat != chat]
        for files in filter(None, self._files_by_key.values()):
            files.forget(chat)
        if self._chat == chat:
            self._cache.clear()
            self._chat, self._written = None, ()

    def _best_file(self, wanted: Sequence[Cell]) -> tuple[tuple[Path, tuple[Cell, ...]] | None, int]:
        """The file that holds the longest prefix of the wanted cells, and the length of that prefix."""
        files = list(self._files.cells()) if self._files else []
        file = max(files, key=lambda file: self._cache.usable(file[1], wanted), default=None)
        return file, self._cache.usable(file[1], wanted) if file else 0

    def _in_file(self, chat: int | None) -> Sequence[Cell]:
        if chat is None or self._files is None:
            return ()
        path = self._files.path(chat)
        return next((cells for file, cells in self._files.cells() if file == path), ())

    def _take_snapshot(self, *, leaving: bool) -> None:
        """Copy what the cache holds, unless the chat is being left and its file holds all of it.

        Within a chat the file is no reason: another branch of the chat will overwrite it.
        """
        cells = list(self._cache.cells)
        if leaving and equal_prefix(cells, self._written) == len(cells):
            return
        size = self._cache.state_bytes
        if size > self._room or self._memory().is_short(size):
            return
        if data := self._cache.save():
            self._snapshots = [
                other
                for other in self._snapshots
                if other.key != self._key or equal_prefix(other.cells, cells) < len(other.cells)
            ]
            unwritten = leaving and self._should_write()
            self._snapshots.append(Snapshot(self._chat, self._key, cells, data, unwritten))
        while sum(len(snapshot.data) for snapshot in self._snapshots) > self._room:
            del self._snapshots[0]

    def _restore_snapshot(self, snapshot: Snapshot) -> None:
        self._snapshots.remove(snapshot)
        if self._cache.restore(snapshot.cells, snapshot.data):
            self._snapshots.append(snapshot)

    def _restore_file(self, path: Path, interrupted: Interrupted) -> None:
        assert self._files
        state = self._files.read(path, interrupted)
        if state and not self._cache.restore(*state):
            self._files.remove(path)

    def _should_write(self) -> bool:
        """Whether the cache holds enough of a chat that its file does not hold."""
        cells = self._cache.cells
        if self._files is None or self._chat is None or len(cells) < MIN_FILE_CELLS:
            return False
        return equal_prefix(cells, self._written) < len(cells)

    def _write_snapshots(self, interrupted: Interrupted) -> bool:
        """Write the snapshots that should be; False when interrupted."""
        for snapshot in self._snapshots:
            if interrupted():
                return False
            files = self._files_by_key[snapshot.key]
            if snapshot.unwritten and files and snapshot.chat is not None:
                written = files.write(snapshot.chat, snapshot.cells, snapshot.data, interrupted)
                snapshot.unwritten = not written and interrupted()  # after a disk error it is not tried again
        return True

    def _write_cache(self, interrupted: Interrupted) -> None:
        if self._files is None or self._chat is None or not self._should_write() or interrupted():
            return
        data = self._cache.save()
        cells = tuple(self._cache.cells)
        if data and self._files.write(self._chat, cells, data, interrupted):
            self._written = cells


def _pays(gain: int, have: int, cells: Sequence[Cell]) -> bool:
    """Whether `gain` of the wanted cells in place of `have` is worth copying a state of all these cells."""
    return gain - have >= max(MIN_SNAPSHOT_CELLS, len(cells) // MIN_GAIN_PARTS)
