"""The KV cache of a context and the list of what its cells hold, so that no prompt is evaluated twice."""

import ctypes
from collections.abc import Iterable, Sequence

import llama_cpp

from lechat_tui.engine.llama.cells import Cell, common_prefix

SEQUENCE = 0
"""The ID of the one sequence that is used."""


class Cache:
    """The one sequence of a context."""

    def __init__(self, context: llama_cpp.llama_context_p) -> None:
        self._context = context
        self._memory = llama_cpp.llama_get_memory(context)
        self._window = llama_cpp.llama_model_n_swa(llama_cpp.llama_get_model(context))
        """Tokens that a sliding window reaches back; 0 for a model that attends to all of them."""
        self.cells: list[Cell] = []

    def keep_common_prefix(self, wanted: Sequence[Cell]) -> int:
        """Cut the cache down to the prefix it shares with the wanted cells; returns its length.

        A memory that cannot be cut (sliding window, recurrent) is cleared.
        """
        shared = common_prefix(self.cells, wanted)
        return shared if shared == len(self.cells) else self._truncate(shared)

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
        llama_cpp.llama_memory_clear(self._memory, True)
        self.cells.clear()

    @property
    def state_bytes(self) -> int:
        """The number of bytes `save` returns."""
        return int(llama_cpp.llama_state_seq_get_size(self._context, SEQUENCE))

    def save(self) -> bytearray | None:
        """The state of all cells, for `restore`; None when llama.cpp does not hold exactly these."""
        if not self._is_consistent():
            return None
        try:
            data = bytearray(self.state_bytes)
        except MemoryError:
            return None
        size = llama_cpp.llama_state_seq_get_data(self._context, _pointer(data), len(data), SEQUENCE)
        return data if size and size == len(data) else None

    def restore(self, cells: Sequence[Cell], data: bytearray) -> bool:
        """Replace the content by these cells and the state that `save` returned for them.

        False when llama.cpp rejects the state; the cache is empty then.
        """
        self.clear()
        size = llama_cpp.llama_state_seq_set_data(self._context, _pointer(data), len(data), SEQUENCE)
        self.cells = list(cells)
        if size == len(data) and self._is_consistent():
            return True
        self.clear()
        return False

    def _is_consistent(self) -> bool:
        """Whether llama.cpp's memory ends where `cells` does."""
        return bool(self.cells) and len(self.cells) == 1 + llama_cpp.llama_memory_seq_pos_max(self._memory, SEQUENCE)

    def _truncate(self, length: int) -> int:
        if length and llama_cpp.llama_memory_seq_rm(self._memory, SEQUENCE, length, -1) and self._reaches_back(length):
            del self.cells[length:]
        else:
            self.clear()
        return len(self.cells)

    def _reaches_back(self, length: int) -> bool:
        """Whether everything that the next token attends to is still there: a sliding window drops older cells.

        llama.cpp gives -1 as the first position of a window in which nothing is left.
        """
        first = llama_cpp.llama_memory_seq_pos_min(self._memory, SEQUENCE)
        return bool(0 <= first <= (max(0, length - self._window) if self._window else 0))


def _pointer(data: bytearray) -> ctypes.Array[ctypes.c_uint8]:
    """The bytes in place, without a copy."""
    return (ctypes.c_uint8 * len(data)).from_buffer(data)
