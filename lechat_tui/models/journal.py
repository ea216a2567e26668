"""A partially downloaded file and its journal, which records the byte ranges that are written.

The journal stands beside the file: a line of JSON that describes the file, then a line `START END` for every range that
has been written, and `sync N` when every range named in the first N bytes of the journal is on the disk itself. What a
killed process wrote is not lost, because the system still holds it; a power failure loses it. So after a restart of the
machine, and only then, ranges that are not synced are ignored.
"""

import fcntl
import os
import re
import subprocess
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec

from lechat_tui import writing
from lechat_tui.values import dataclass

PART, JOURNAL = ".lechat-part", ".lechat-journal"
"""Suffixes that the hub's own client ignores; not `.gguf`, so that no program loads the partial file."""

_LINE = re.compile(rb"(\d{1,18}) (\d{1,18})\n")
_SYNC = re.compile(rb"sync (\d{1,18})\n")


class Ranges:
    """A set of byte ranges; ranges that touch are merged."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total = 0
        """Bytes in all ranges."""

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(tuple(zip(self._starts, self._ends, strict=True)))

    def add(self, start: int, end: int) -> None:
        """Add the bytes from `start` up to but not including `end`."""
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self.total += end - start - sum(self._ends[first:last]) + sum(self._starts[first:last])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    @property
    def prefix(self) -> int:
        """The number of bytes before the first gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def gaps(self, size: int) -> list[tuple[int, int]]:
        """The ranges that are missing of a file of `size` bytes."""
        edges = [0, *(edge for pair in self for edge in pair), size]
        return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


@dataclass(frozen=True)
class PartialInfo:
    """Which file of which repository a partial file belongs to."""

    repo: str
    file: str
    asked: str
    """The requested revision, a branch, tag or commit."""
    commit: str
    """The commit it pointed at."""
    etag: str
    size: int
    boot: str = ""
    """The boot ID of the machine when the journal was written."""


def read(journal: Path) -> tuple[PartialInfo, Ranges] | None:
    """The description in a journal and the ranges that are surely written; None if it is not a valid journal."""
    part = journal.with_name(journal.name.removesuffix(JOURNAL) + PART)
    try:
        first, _, rest = writing.read(journal).partition(b"\n")
        info = msgspec.json.decode(first, type=PartialInfo)
        there = part.stat().st_size
    except (OSError, ValueError, RecursionError):  # msgspec lets UnicodeDecodeError through
        return None
    written = Ranges()
    for start, end in _trusted(rest, len(first) + 1, everything=info.boot == boot() != ""):
        if start < (end := min(end, there, info.size)):
            written.add(start, end)
    return info, written


def _trusted(lines: bytes, offset: int, *, everything: bool) -> Iterator[tuple[int, int]]:
    """The ranges in these lines, which start at `offset` in the journal; only synced ones unless `everything`.

    Incomplete and invalid lines are skipped.
    """
    synced = max((int(match[1]) for match in _SYNC.finditer(lines)), default=0)
    for line in lines.splitlines(keepends=True):
        offset += len(line)
        match = _LINE.fullmatch(line)
        if match and (everything or offset <= synced):
            yield int(match[1]), int(match[2])


class Partial:
    """A partially downloaded file, open for writing by several threads. Hold the file's lock while it is open.

    Every method may raise `OSError`.
    """

    def __init__(self, blob: Path, info: PartialInfo) -> None:
        self.path = blob.with_name(blob.name + PART)
        self.journal = blob.with_name(blob.name + JOURNAL)
        self.size = info.size
        known = read(self.journal)
        known = known if known and (known[0].etag, known[0].size) == (info.etag, info.size) else None
        self._done = known[1] if known else Ranges()
        self._lock = threading.Lock()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(self._file, min(os.fstat(self._file).st_size, info.size if known else 0))
            self._lines = self._renewed(replace(info, boot=boot()))
        except BaseException:
            os.close(self._file)
            raise
        self._open = True

    def _renewed(self, info: PartialInfo) -> int:
        """Replace the journal by one with only the trusted ranges; returns its open file descriptor."""
        flush(self._file)
        head = msgspec.json.encode(info) + b"\n" + b"".join(b"%d %d\n" % pair for pair in self._done)
        fresh = self.journal.with_name(self.journal.name + "-new")
        lines = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            _write(lines, head + b"sync %d\n" % len(head))
            flush(lines)
            fresh.replace(self.journal)
        except BaseException:
            os.close(lines)
            raise
        return lines

    @property
    def done(self) -> int:
        """Bytes that are written."""
        with self._lock:
            return self._done.total

    @property
    def prefix(self) -> int:
        """The number of written bytes before the first gap."""
        with self._lock:
            return self._done.prefix

    def gaps(self) -> list[tuple[int, int]]:
        """The ranges that are missing."""
        with self._lock:
            return self._done.gaps(self.size)

    def write(self, start: int, data: bytes) -> None:
        """Write bytes at `start`; does nothing after `close`."""
        with self._lock:
            while self._open and data:
                wrote = os.pwrite(self._file, data, start)
                start, data = start + wrote, data[wrote:]

    def note(self, start: int, end: int) -> None:
        """Record a written range in the journal; does nothing after `close`."""
        with self._lock:
            if self._open and start < end:
                _write(self._lines, b"%d %d\n" % (start, end))
                self._done.add(start, end)

    def sync(self) -> None:
        """Flush every range in the journal to the disk; other threads may write meanwhile."""
        with self._lock:
            if not self._open:
                return
            covered, file = os.lseek(self._lines, 0, os.SEEK_CUR), os.dup(self._file)
        try:
            flush(file)
        finally:
            os.close(file)
        with self._lock:
            if self._open:
                _write(self._lines, b"sync %d\n" % covered)
                flush(self._lines)

    def close(self) -> None:
        """Close the files; they stay on the disk."""
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._file)
                os.close(self._lines)

    def finish(self, blob: Path) -> None:
        """Flush the complete, verified file to the disk and move it to `blob`."""
        self.sync()
        self.close()
        self.path.replace(blob)
        self.journal.unlink(missing_ok=True)

    def drop(self) -> None:
        """Close and delete the partial file and its journal."""
        self.close()
        remove(self.journal)


def remove(journal: Path) -> None:
    """Delete a journal and the partial file beside it."""
    journal.with_name(journal.name.removesuffix(JOURNAL) + PART).unlink(missing_ok=True)
    journal.unlink(missing_ok=True)


def flush(file: int) -> None:
    """Flush a file to the disk itself; on macOS `fsync` alone leaves it in the drive's cache."""
    if sys.platform != "darwin":
        os.fdatasync(file)
        return
    try:
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    except OSError:  # not supported, as on a network drive
        os.fsync(file)


@cache
def boot() -> str:
    """The boot ID of the machine; empty if the system has none."""
    try:
        if sys.platform == "darwin":
            return subprocess.run(
                ["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=True
            ).stdout.strip()
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
