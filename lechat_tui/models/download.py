"""Downloads one file in several parallel segments into a partial file, from any `Source`."""

import errno
import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Literal, Protocol

from lechat_tui.models.catalog import ModelError
from lechat_tui.models.journal import Partial
from lechat_tui.models.retry import STOPPED, Cancelled, RetryPolicy, TransientError
from lechat_tui.values import dataclass

DownloadState = Literal["starting", "downloading", "waiting", "verifying", "done"]

CONNECTIONS = 6
"""Segments of a large file that are downloaded at the same time."""
_MIN_SEGMENT_BYTES, _MAX_SEGMENT_BYTES = 2 * 2**20, 32 * 2**20
"""Segments are assigned in order, so that verification can follow close behind."""
_JOURNAL_BYTES = 2**19
"""A segment records its progress in the journal after this many bytes; a killed process loses at most that much."""
_JOURNAL_SECONDS = 0.5
"""A slow segment records its progress after this time."""
_SYNC_SECONDS = 5.0
"""How often written data is flushed to the disk itself."""
_POLL_SECONDS = 0.05
_EXIT_GRACE_SECONDS = 0.5
"""Time for the threads to end; one that hangs longer can no longer write."""
_SPEED_WINDOW_SECONDS = 5.0


@dataclass(frozen=True)
class DownloadProgress:
    """The state of a download at one moment."""

    done: int = 0
    """Bytes of all files that are on the disk; while verifying, bytes of the file that have been verified."""
    total: int = 0
    """Bytes of all files; while verifying, of that file; 0 until the hub has reported it."""
    speed: float = 0.0
    """Bytes per second over the last seconds."""
    left: float | None = None
    """Seconds remaining at that speed; None if it cannot be estimated."""
    state: DownloadState = "starting"
    note: str = ""
    """What it is waiting for or why it started over; else empty."""


Report = Callable[[DownloadProgress], None]


def unreported(progress: DownloadProgress) -> None:
    """A `Report` that does nothing."""


class Response(Protocol):
    """The bytes that a source sends for one request."""

    start: int
    """Offset of the first byte."""
    ranged: bool
    """False if it sends the whole file whatever range was requested."""

    def __iter__(self) -> Iterator[bytes]: ...

    def abort(self) -> None:
        """End the iteration at once; called from another thread."""


class Source(Protocol):
    """Provides the bytes of a file."""

    def open(self, start: int, end: int) -> AbstractContextManager[Response]:
        """The bytes from `start` to before `end`. Raises `TransientError` or `ModelError`."""


class SpeedMeter:
    """Measures bytes per second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, done: int) -> float:
        """The speed, given the bytes that are there now."""
        now = time.monotonic()
        self._seen.append((now, done))
        while self._seen[0][0] < now - _SPEED_WINDOW_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return max(0.0, (done - before) / (now - began)) if now > began else 0.0


class _Segment:
    """A range that one thread is downloading; another thread may take over its end."""

    def __init__(self, start: int, end: int) -> None:
        self.position = self.noted = start
        self.end = end
        self.progressed = False
        """Whether it has added new bytes."""

    @property
    def left(self) -> int:
        return self.end - self.position


class FileDownload:
    """Downloads what is missing of a partial file.

    `digest` is a hash object that is updated with the whole file, in order, if there is a checksum to compare with.
    """

    def __init__(
        self, partial: Partial, source: Source, policy: RetryPolicy, digest: "hashlib._Hash | None" = None
    ) -> None:
        self._partial = partial
        self._source = source
        self._policy = policy
        self._digest = digest
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._segments: list[_Segment] = []
        self._responses: set[Response] = set()
        self._ranged: bool | None = None
        self._error: Exception | None = None
        self._failure: TransientError | None = None
        self._last_progress = time.monotonic()
        self._resume = 0.0
        """When the server may be asked again, on the monotonic clock."""
        self._best = partial.done
        self._contact = False
        self._checked = 0
        self._least = min(_MAX_SEGMENT_BYTES, max(_MIN_SEGMENT_BYTES, partial.size // (4 * CONNECTIONS)))

    def run(self, report: Callable[[int, DownloadState, str], None], cancelled: Callable[[], bool]) -> None:
        """Download what is missing and verify the file; `report` gets bytes, state and note about 20 times a second.

        Raises `ModelError`, `Cancelled`, and `OSError` from the disk. The downloaded part is kept in any case.
        """
        threads = [self._thread(self._check)]
        try:
            while self._partial.done < self._partial.size:
                self._raise(cancelled)
                threads = [thread for thread in threads if thread.is_alive()]
                if len(threads) < self._wanted_threads():
                    threads.append(self._thread(self._work))
                report(self._partial.done, *self._state())
                self._stop.wait(_POLL_SECONDS)
            report(self._partial.done, "downloading", "")
            while self._digest and self._checked < self._partial.size:
                self._raise(cancelled)
                report(self._checked, "verifying", "")
                self._stop.wait(_POLL_SECONDS)
        finally:
            self._stop.set()
            with self._lock:
                responses = tuple(self._responses)
            for response in responses:
                response.abort()
            deadline = time.monotonic() + _EXIT_GRACE_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(work,), daemon=True)
        thread.start()
        return thread

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            self._error = self._error or error
            self._stop.set()

    def _wanted_threads(self) -> int:
        """How many threads should run: one that verifies, and one or more that download."""
        return 1 + CONNECTIONS if self._ranged and self._partial.size > _MIN_SEGMENT_BYTES else 2

    def _raise(self, cancelled: Callable[[], bool]) -> None:
        """Raise the error of a thread, `Cancelled`, or `ModelError` when there was no progress for too long."""
        if self._error:
            raise self._error
        if cancelled():
            raise Cancelled(STOPPED)
        if (error := self._waits()) is None:
            return
        limit = self._policy.progress if self._contact or not error.unreachable else self._policy.contact
        if max(time.monotonic() - self._last_progress, error.after) > limit:
            raise ModelError(error.message()) from error

    def _waits(self) -> TransientError | None:
        """The failure that all threads are waiting to retry; None while any data arrives."""
        return None if self._responses else self._failure

    def _state(self) -> tuple[DownloadState, str]:
        if error := self._waits():
            return "waiting", f"{error.reason}; retrying"
        return ("downloading" if self._contact else "starting"), ""

    def _work(self) -> None:
        """Download segment after segment until all are there."""
        pauses = self._policy.pauses()
        while not self._stop.is_set() and self._partial.done < self._partial.size:
            self._stop.wait(max(0.0, self._resume - time.monotonic()))
            segment = None if self._stop.is_set() else self._take()
            if segment is None:
                self._stop.wait(_POLL_SECONDS)
                continue
            try:
                self._download(segment)
                pauses = self._policy.pauses()
            except TransientError as error:
                self._failure = error
                pauses = self._policy.pauses() if segment.progressed else pauses
                self._release(segment)
                self._resume = max(self._resume, time.monotonic() + error.after)
                self._stop.wait(next(pauses))
            finally:
                self._release(segment)

    def _take(self) -> _Segment | None:
        """The first range that no thread is downloading, else the second half of the longest one in progress."""
        with self._lock:
            taken = sorted((segment.noted, segment.end) for segment in self._segments)
            if self._ranged is False:
                return self._begin(0, self._partial.size) if not taken else None
            for start, end in self._partial.gaps():
                for first, last in (*taken, (end, end)):
                    if start < min(first, end):
                        return self._begin(start, min(first, end, start + self._least))
                    start = max(start, last)
            longest = max(self._segments, key=lambda segment: segment.left, default=None)
            if longest is None or longest.left <= _MIN_SEGMENT_BYTES:
                return None
            middle, end = longest.position + longest.left // 2, longest.end
            longest.end = middle
            return self._begin(middle, end)

    def _begin(self, start: int, end: int) -> _Segment:
        segment = _Segment(start, end)
        self._segments.append(segment)
        return segment

    def _release(self, segment: _Segment) -> None:
        with self._lock, suppress(ValueError):
            self._segments.remove(segment)

    def _download(self, segment: _Segment) -> None:
        """Write the bytes of one response. Raises `TransientError` if they are not the whole segment."""
        with self._source.open(segment.position, segment.end) as response:
            self._contact, self._ranged = True, response.ranged
            if not response.ranged:
                segment.position, segment.noted, segment.end = response.start, response.start, self._partial.size
            with self._lock:
                self._responses.add(response)
            try:
                self._receive(segment, response)
            finally:
                with self._lock:
                    self._responses.discard(response)
                self._note(segment)
        if segment.left > 0 and not self._stop.is_set():
            raise TransientError("the hub closed the connection")

    def _receive(self, segment: _Segment, response: Response) -> None:
        noted = time.monotonic()
        for chunk in response:
            if self._stop.is_set():
                return
            data = chunk[: max(0, segment.left)]
            self._partial.write(segment.position, data)
            segment.position += len(data)
            if segment.left <= 0:
                return
            if segment.position - segment.noted >= _JOURNAL_BYTES or time.monotonic() - noted > _JOURNAL_SECONDS:
                self._note(segment)
                noted = time.monotonic()

    def _note(self, segment: _Segment) -> None:
        """Record in the journal what the segment has written."""
        self._partial.note(segment.noted, segment.position)
        segment.noted = segment.position
        if (done := self._partial.done) > self._best:
            self._best, self._last_progress, self._failure, segment.progressed = done, time.monotonic(), None, True

    def _check(self) -> None:
        """Hash the file right behind the threads that write it, while it is still in the page cache."""
        synced, block = time.monotonic(), memoryview(bytearray(2**20))
        with self._partial.path.open("rb", buffering=0) as file:
            while not self._stop.is_set() and self._checked < self._partial.size:
                ready = min(self._partial.prefix - self._checked, len(block)) if self._digest else 0
                if self._digest and ready:
                    read = file.readinto(block[:ready])
                    if not read:
                        raise OSError(errno.EIO, "another process truncated the partial file")
                    self._digest.update(block[:read])
                    self._checked += read
                else:
                    self._stop.wait(_POLL_SECONDS)
                if time.monotonic() - synced > _SYNC_SECONDS:
                    self._partial.sync()
                    synced = time.monotonic()
