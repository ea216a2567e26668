"""The KV cache of a context and the list of what its cells hold, so that no prompt is evaluated twice."""

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import llama_cpp

from lechat_tui.engine.llama.cells import Cell, common_prefix
from lechat_tui.machine import hardware

SEQUENCE = 0
"""The ID of the one sequence that is used."""

CHECKPOINT_MEMORY_PARTS = 16
"""Checkpoints may take one in so many bytes of the machine's memory."""

_WHOLE, _PARTIAL = 0, llama_cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY


@dataclass(frozen=True)
class _Checkpoint:
    """What a memory that cannot be cut held after so many cells. Keys and values of attention are not in it."""

    length: int
    data: bytearray = field(repr=False)


class Cache:
    """The one sequence of a context.

    A recurrent memory holds the sum of what it has seen and cannot be cut, so checkpoints of it are kept.
    """

    def __init__(self, context: llama_cpp.llama_context_p, *, room: int | None = None) -> None:
        """`room` is how many bytes the checkpoints may take; by default a share of the machine's memory."""
        self.attach(context)
        model = llama_cpp.llama_get_model(context)
        self._window = llama_cpp.llama_model_n_swa(model)
        """Tokens that a sliding window reaches back; 0 for a model that attends to all of them."""
        self._recurrent = llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
        self._room = room
        self._checkpoints: list[_Checkpoint] = []
        """Of prefixes of `cells`, shortest first."""
        self.cells: list[Cell] = []

    def attach(self, context: llama_cpp.llama_context_p) -> None:
        """Use this context, which is empty, as the cache must be."""
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)

    def detach(self) -> None:
        """Empty the cache, whose context is freed next."""
        self.clear()
        self._memory = None

    def usable(self, cells: Sequence[Cell], wanted: Sequence[Cell]) -> int:
        """How many of the wanted cells a state of these cells saves from evaluation."""
        shared = common_prefix(cells, wanted)
        return shared if shared == len(cells) or not self._recurrent else 0

    def reusable(self, wanted: Sequence[Cell]) -> int:
        """How many of the wanted cells `keep_common_prefix` will keep, at most."""
        shared = common_prefix(self.cells, wanted)
        if shared == len(self.cells) or not self._recurrent:
            return shared
        return max((known.length for known in self._checkpoints if known.length <= shared), default=0)

    def keep_common_prefix(self, wanted: Sequence[Cell]) -> int:
        """Cut the cache down to the prefix it shares with the wanted cells; returns its length.

        A recurrent memory is cut at a checkpoint, and cleared where there is none.
        """
        shared = common_prefix(self.cells, wanted)
        return shared if shared == len(self.cells) else self._truncate(shared)

    def checkpoint(self) -> None:
        """Make it possible to return to the cells there are now: nothing to do unless the memory is recurrent."""
        if not self._recurrent or not self._is_consistent() or self._last_checkpoint() == len(self.cells):
            return
        room = hardware.memory().share(CHECKPOINT_MEMORY_PARTS) if self._room is None else self._room
        size = self._size(_PARTIAL)
        while self._checkpoints and sum(len(known.data) for known in self._checkpoints) + size > room:
            del self._checkpoints[0]
        if size <= room and (data := self._read(_PARTIAL)):
            self._checkpoints.append(_Checkpoint(len(self.cells), data))

    def truncate(self, length: int) -> int:
        """Keep at most so many cells; returns how many are left."""
        return self._truncate(length) if length < len(self.cells) else len(self.cells)

    def rollback(self) -> None:
        """Drop what llama.cpp holds beyond `cells`, after an evaluation that broke off or draft tokens."""
        self._truncate(len(self.cells))

    def extend(self, cells: Iterable[Cell]) -> None:
        """Record that these cells have been evaluated."""
        self.cells.extend(cells)

    def clear(self) -> None:
        """Empty the cache."""
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, True)
        self.cells.clear()
        self._checkpoints.clear()

    @property
    def state_bytes(self) -> int:
        """The number of bytes `save` returns."""
        return self._size(_WHOLE)

    def save(self) -> bytearray | None:
        """The state of all cells, for `restore`; None when llama.cpp does not hold exactly these."""
        return self._read(_WHOLE) if self._is_consistent() else None

    def restore(self, cells: Sequence[Cell], data: bytearray) -> bool:
        """Replace the content by these cells and the state that `save` returned for them.

        False when llama.cpp rejects the state; the cache is empty then.
        """
        self.clear()
        written = self._write(data, _WHOLE)
        self.cells = list(cells)
        if written and self._is_consistent():
            return True
        self.clear()
        return False

    def _is_consistent(self) -> bool:
        """Whether llama.cpp's memory ends where `cells` does."""
        return bool(self.cells) and len(self.cells) == 1 + llama_cpp.llama_memory_seq_pos_max(self._memory, SEQUENCE)

    def _truncate(self, length: int) -> int:
        if length and self._remove_from(length) and self._reaches_back(length):
            del self.cells[length:]
        elif not self._return_to_checkpoint(length):
            self.clear()
        while self._last_checkpoint() > len(self.cells):
            del self._checkpoints[-1]
        return len(self.cells)

    def _remove_from(self, length: int) -> bool:
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, SEQUENCE, length, -1))

    def _reaches_back(self, length: int) -> bool:
        """Whether everything that the next token attends to is still there: a sliding window drops older cells.

        llama.cpp gives -1 as the first position of a window in which nothing is left.
        """
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, SEQUENCE)
        return bool(0 <= first <= (max(0, length - self._window) if self._window else 0))

    def _last_checkpoint(self) -> int:
        """The number of cells at the last checkpoint; 0 without any."""
        return self._checkpoints[-1].length if self._checkpoints else 0

    def _return_to_checkpoint(self, length: int) -> bool:
        """Keep at most so many cells, as many as the last checkpoint before them has; False without one."""
        known = next((known for known in reversed(self._checkpoints) if known.length <= length), None)
        if known is None or not self._write(known.data, _PARTIAL) or not self._remove_from(known.length):
            return False
        del self.cells[known.length :]
        return self._is_consistent()

    def _size(self, flags: int) -> int:
        return int(llama_cpp.llama_state_seq_get_size_ext(self._context, SEQUENCE, flags))

    def _read(self, flags: int) -> bytearray | None:
        """The state in llama.cpp's memory, whole or without the keys and values of attention."""
        try:
            data = bytearray(self._size(flags))
        except MemoryError:
            return None
        size = llama_cpp.llama_state_seq_get_data_ext(self._context, _pointer(data), len(data), SEQUENCE, flags)
        return data if size and size == len(data) else None

    def _write(self, data: bytearray, flags: int) -> bool:
        """Put a state into llama.cpp's memory; False when it is rejected."""
        size = llama_cpp.llama_state_seq_set_data_ext(self._context, _pointer(data), len(data), SEQUENCE, flags)
        return bool(size == len(data))


def _pointer(data: bytearray) -> ctypes.Array[ctypes.c_uint8]:
    """The bytes in place, without a copy."""
    return (ctypes.c_uint8 * len(data)).from_buffer(data)
