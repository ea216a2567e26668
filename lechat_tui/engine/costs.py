"""What is worth keeping, by seconds: evaluating tokens costs some, and so does copying, writing or reading a state.

Pure. All figures are measured on this machine for one model; before that, they are assumed.
"""

from dataclasses import replace
from typing import Literal

from lechat_tui.values import dataclass

MIN_GAIN_SECONDS = 0.005
"""What a snapshot or a file must save beyond its own cost: for less, nobody would wait."""

SCAN_SECONDS = 2e-5
"""Looking at one file of the folder for states, before its content is read."""

MAX_CHANGE = 4.0
"""A measurement counts at most as this many times the estimate: another program may have disturbed it."""

MIN_LOAD_SECONDS = 2.0
"""Loading a model in less is no loss."""

MIN_RELEASED_BYTES = 64_000_000
"""Buffers that are smaller are kept: nobody would miss the memory."""

RELEASE_SECONDS = 300.0
"""Time without a request after which buffers are returned."""

MAX_REOPEN_SECONDS = 0.25
"""Where a question would wait longer for its buffers, they are kept as long as there is memory for them."""

Operation = Literal["evaluate", "save", "restore", "write", "read"]

_SCALES: dict[Operation, float] = {"evaluate": 64, "save": 1e7, "restore": 1e7, "write": 1e7, "read": 1e7}
"""The amount of cells or bytes whose measurement counts as much as the estimate: a small one says little."""


@dataclass(frozen=True)
class Costs:
    """Seconds for each cell or byte."""

    evaluate: float = 0.0
    """Of a cell of the KV cache (prefill); 0 before the first measurement."""
    save: float = 1 / 2e9
    """Of a byte, from the KV cache to memory."""
    restore: float = 1 / 2e9
    """Of a byte, from memory to the KV cache."""
    write: float = 1 / 5e8
    """Of a byte, from memory to a file, checksum included."""
    read: float = 1 / 5e8
    """Of a byte, from a file to memory, checksum included."""

    def measured(self, operation: Operation, amount: int, seconds: float) -> "Costs":
        """The costs after an operation on this many cells or bytes."""
        if amount <= 0:
            return self
        before: float = getattr(self, operation)
        if not before:
            return replace(self, **{operation: seconds / amount})
        weight = amount / (amount + _SCALES[operation])
        found = min(seconds / amount, MAX_CHANGE * before)
        return replace(self, **{operation: before + weight * (found - before)})

    def resume(self, missing: int, size: int = 0, *, file: bool = False) -> float:
        """Seconds until a prompt is evaluated of which this many cells are missing in a state of `size` bytes.

        The state is in memory, or in a file; one of 0 bytes is in the KV cache already.
        """
        return missing * self.evaluate + size * (self.restore + (self.read if file else 0.0))

    def snapshot_pays(self, lost: int, size: int) -> bool:
        """Whether to copy a state of `size` bytes to memory before this many of its cells are lost."""
        return lost * self.evaluate > size * (self.save + self.restore) + MIN_GAIN_SECONDS

    def file_pays(self, lost: int, size: int) -> bool:
        """Whether to write a state of `size` bytes to a file that lacks this many of its cells."""
        copies = self.save + self.write + self.read + self.restore
        return lost * self.evaluate > size * copies + MIN_GAIN_SECONDS

    def scan_pays(self, missing: int, files: int) -> bool:
        """Whether to look for missing cells in the files of other chats, of which there are this many."""
        return missing * self.evaluate > files * SCAN_SECONDS


def release_pays(
    size: int | None, reopen_seconds: float, idle_seconds: float, *, scarce: bool, exact: bool = True
) -> bool:
    """Whether an idle engine returns buffers of so many bytes (None where unknown), which the next question waits for.

    After a while where nobody would notice the wait, and sooner where memory is scarce. `exact` is False where what is
    lost with the buffers can't all be restored.
    """
    if size is not None and size < MIN_RELEASED_BYTES:
        return False
    return scarce or (exact and idle_seconds >= RELEASE_SECONDS and reopen_seconds <= MAX_REOPEN_SECONDS)


def reload_loss(load_seconds: float, idle_seconds: float) -> float:
    """What unloading a model costs: the seconds to load it again, less the longer it has not been used.

    Models that are loaded quickly count the same, so that of those the least recently used is unloaded first.
    """
    return max(load_seconds, MIN_LOAD_SECONDS) / max(idle_seconds, 0.001)
