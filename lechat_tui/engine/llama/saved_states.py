"""The states of the KV cache to return to: snapshots in memory for this run, and files that outlive it.

Whether to take, write or restore one is decided by seconds: what is measured here, `engine/costs.py` compares.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path

from lechat_tui.engine.costs import MAX_REOPEN_SECONDS, MIN_GAIN_SECONDS, Costs, Operation
from lechat_tui.engine.llama.cache import Cache
from lechat_tui.engine.llama.cells import Cell, equal_prefix
from lechat_tui.engine.llama.state_files import Interrupted, StateFiles, never
from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Memory
from lechat_tui.values import dataclass

MEMORY_PARTS = 16
"""The snapshots may take one in so many bytes of the machine's memory."""

MIN_LOSS_PARTS = 16
"""Of a state that loses less than one in so many of its cells, no snapshot is taken: the end of an answer that was cut,
or a request for a title, will not be wanted again."""

MAX_SNAPSHOTS = 16
"""Of chats that are left one after the other, before there is time to write them."""

MIN_GROWTH_PARTS = 4
"""While idle, the current chat is written once at least one in so many of its cells is not in its file: a file is
written as a whole, and disks wear out."""


@dataclass(eq=False)
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
        costs: Costs | None = None,
    ) -> None:
        """`files` is None where nothing is written. `room` is how many bytes the snapshots may take.

        `memory` reads the machine's memory. `costs` are those of the newest file by default.
        """
        self.costs = costs or (files and files.costs) or Costs()
        """What has been measured so far."""
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
        self._left_out = 0
        """How many messages of this chat were left out of its prompt."""
        self._snapshots: list[Snapshot] = []
        """Least recently used first."""

    def use_adapters(self, key: str, open_files: Callable[[], StateFiles | None]) -> None:
        """Other adapters are applied, named by this key; states that were made with others are not used.

        They are kept until those adapters are applied again. `open_files` gives the files for states with these.
        """
        self._take_snapshot(len(self._cache.cells), leaving=True)
        self._cache.clear()
        self._chat, self._written = None, ()
        self._key = key
        if key not in self._files_by_key:
            self._files_by_key[key] = open_files()

    @property
    def _files(self) -> StateFiles | None:
        return self._files_by_key[self._key]

    def note_evaluation(self, cells: int, seconds: float) -> None:
        """So many cells were evaluated, in this time."""
        self.costs = self.costs.measured("evaluate", cells, seconds)

    def restore_best(
        self, wanted: Sequence[Cell], chat: int | None, interrupted: Interrupted = never, *, left_out: int = 0
    ) -> int:
        """Make the cache hold a known prefix of the wanted cells and nothing else; returns its length.

        It is the prefix with which the prompt is evaluated soonest. `left_out` is the number of messages that do not
        fit into the prompt of this chat: once there are more, what the cache holds will not be wanted again.
        """
        cells = self._cache.cells
        shared = self._cache.reusable(wanted)
        snapshot, file = self._best_source(wanted, shared, chat)
        lost = len(cells) - (0 if snapshot or file else shared)
        if chat != self._chat or left_out <= self._left_out:
            self._take_snapshot(lost, leaving=self._chat != chat)
        if chat != self._chat:
            self._enter(chat)
        self._left_out = left_out
        if file:
            self._restore_file(file, interrupted)
        elif snapshot:
            self._restore_snapshot(snapshot)
        return self._cache.keep_common_prefix(wanted)

    def known_cells(self) -> Iterator[Sequence[Cell]]:
        """The cells of every state that can be continued: in the cache, in snapshots and in files."""
        yield self._cache.cells
        yield from (snapshot.cells for snapshot in self._snapshots)
        yield from (cells for _, cells, _ in (self._files.states() if self._files else ()))

    def flush_idle(self, interrupted: Interrupted) -> None:
        """Write what the files do not hold yet, unless interrupted. A chat that grew by little is not written yet."""
        if not self._write_snapshots(interrupted):
            return
        cells = self._cache.cells
        grown = len(cells) - equal_prefix(cells, self._written)
        if grown * MIN_GROWTH_PARTS >= len(cells):
            self._write_cache(interrupted)

    def leave(self) -> bool:
        """Empty the cache, once what it holds is in a file, in a snapshot, or evaluated again at once; else False."""
        self.flush_all()
        cells = list(self._cache.cells)
        if len(cells) * self.costs.evaluate > MAX_REOPEN_SECONDS and equal_prefix(cells, self._written) < len(cells):
            self._take_snapshot(len(cells), leaving=True)
            if not any(one.key == self._key and one.cells == cells for one in self._snapshots):
                return False
        self._cache.clear()
        return True

    @property
    def resume_seconds(self) -> float:
        """What it takes to restore what the cache holds, from a file at most."""
        return self.costs.resume(0, self._cache.state_bytes, file=True) if self._cache.cells else 0.0

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

    def _best_source(
        self, wanted: Sequence[Cell], shared: int, chat: int | None
    ) -> tuple[Snapshot | None, Path | None]:
        """The snapshot or the file to restore; neither where the cells that the cache shares are the best beginning."""
        costs = self.costs
        best: tuple[Snapshot | None, Path | None] = None, None
        soonest = costs.resume(len(wanted) - shared)
        for snapshot in self._snapshots:
            missing = len(wanted) - self._cache.usable(snapshot.cells, wanted)
            seconds = costs.resume(missing, len(snapshot.data))
            if snapshot.key == self._key and seconds < soonest:
                best, soonest, shared = (snapshot, None), seconds, len(wanted) - missing
        for path, cells, size in self._files_to_read(len(wanted) - shared, chat):
            seconds = costs.resume(len(wanted) - self._cache.usable(cells, wanted), size, file=True)
            if seconds < soonest:
                best, soonest = (None, path), seconds
        return best

    def _files_to_read(self, missing: int, chat: int | None) -> Iterator[tuple[Path, Sequence[Cell], int]]:
        """The file of the chat, and those of others where they may be worth a look, each with its cells and size."""
        if self._files is None:
            return
        if self.costs.scan_pays(missing, self._files.count):
            yield from self._files.states()
        elif chat is not None and (state := self._files.state(self._files.path(chat))):
            yield state

    def _enter(self, chat: int | None) -> None:
        """The cache holds another chat from now on."""
        self._chat, self._written = chat, ()
        if chat is not None and self._files and (state := self._files.state(self._files.path(chat))):
            self._written = state[1]
        for other in self._snapshots:
            if other.key == self._key and other.chat == chat:
                other.unwritten = False  # the file will hold what the chat becomes now

    def _take_snapshot(self, lost: int, *, leaving: bool) -> None:
        """Copy what the cache holds, before so many cells of it are lost, where that pays.

        Not where the chat is being left and its file holds all of it. Within a chat the file is no reason: another
        branch of the chat will overwrite it.
        """
        cells = list(self._cache.cells)
        if lost * MIN_LOSS_PARTS < len(cells) or lost * self.costs.evaluate <= MIN_GAIN_SECONDS:
            return
        if leaving and equal_prefix(cells, self._written) == len(cells):
            return
        size = self._cache.state_bytes
        if not self.costs.snapshot_pays(lost, size) or size > self._room or self._memory().is_short(size):
            return
        if data := self._save():
            self._snapshots = [
                other
                for other in self._snapshots
                if other.key != self._key or equal_prefix(other.cells, cells) < len(other.cells)
            ]
            unwritten = leaving and self._should_write(size)
            self._snapshots.append(Snapshot(self._chat, self._key, cells, data, unwritten))
        while len(self._snapshots) > MAX_SNAPSHOTS or sum(len(one.data) for one in self._snapshots) > self._room:
            del self._snapshots[0]

    def _save(self) -> bytearray | None:
        began = time.perf_counter()
        data = self._cache.save()
        self._measure("save", data, began)
        return data

    def _restore(self, cells: Sequence[Cell], data: bytearray) -> bool:
        began = time.perf_counter()
        restored = self._cache.restore(cells, data)
        self._measure("restore", data if restored else None, began)
        return restored

    def _measure(self, operation: Operation, data: bytearray | None, began: float) -> None:
        if data:
            self.costs = self.costs.measured(operation, len(data), time.perf_counter() - began)

    def _restore_snapshot(self, snapshot: Snapshot) -> None:
        self._snapshots.remove(snapshot)
        if self._restore(snapshot.cells, snapshot.data):
            self._snapshots.append(snapshot)

    def _restore_file(self, path: Path, interrupted: Interrupted) -> None:
        assert self._files
        began = time.perf_counter()
        state = self._files.read(path, interrupted)
        self._measure("read", state[1] if state else None, began)
        if state and not self._restore(*state):
            self._files.remove(path)

    def _should_write(self, size: int) -> bool:
        """Whether writing the state of the cache, of so many bytes, to the file of its chat pays."""
        cells = self._cache.cells
        if self._files is None or self._chat is None:
            return False
        return self.costs.file_pays(len(cells) - equal_prefix(cells, self._written), size)

    def _write_snapshots(self, interrupted: Interrupted) -> bool:
        """Write the snapshots that should be, and drop them: the file serves as well. False when interrupted."""
        for snapshot in [one for one in self._snapshots if one.unwritten]:
            if interrupted():
                return False
            files = self._files_by_key[snapshot.key]
            if files and snapshot.chat is not None:
                written = self._write(files, snapshot.chat, snapshot.cells, snapshot.data, interrupted)
                snapshot.unwritten = not written and interrupted()  # after a disk error it is not tried again
                if written:
                    self._snapshots.remove(snapshot)
        return True

    def _write_cache(self, interrupted: Interrupted) -> None:
        if self._files is None or self._chat is None or not self._cache.cells or interrupted():
            return
        if not self._should_write(self._cache.state_bytes):
            return
        data = self._save()
        cells = tuple(self._cache.cells)
        if data and self._write(self._files, self._chat, cells, data, interrupted):
            self._written = cells

    def _write(
        self, files: StateFiles, chat: int, cells: Sequence[Cell], data: bytearray, interrupted: Interrupted
    ) -> bool:
        began = time.perf_counter()
        written = files.write(chat, cells, data, interrupted, costs=self.costs)
        self._measure("write", data if written else None, began)
        return written
