"""Fetches one file in several parallel segments into a partial file. Knows no hub: a `Source` gives the bytes."""

import errno
import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from lechat_tui.models.catalog import ModelError
from lechat_tui.models.journal import Partial
from lechat_tui.models.retry import Cancelled, RetryPolicy, TransientError

State = Literal["starting", "downloading", "waiting", "verifying", "done"]

CONNECTIONS = 6
"""Segments fetched at the same time, of a file that is large enough."""
_PIECE = 2 * 2**20, 32 * 2**20
"""Bytes of a segment, at least and at most. They are handed out in order, so that checking can follow close behind."""
_NOTED = 2**19
"""Bytes a segment writes until it says so in the journal: half of what a killed program may fetch again."""
_SLOW = 0.5
"""Seconds after which it says so all the same."""
_SYNCED = 5.0
"""Seconds between two times that what is written is brought to the disk itself."""
_LOOK = 0.05
"""Seconds between two looks of whoever waits."""
_FAREWELL = 0.5
"""Seconds that threads have to end; one that hangs later writes nothing any more."""
_WINDOW = 5.0
"""Seconds over which the speed is measured."""


@dataclass(frozen=True)
class Progress:
    """How far a download is: a value, replaced whole."""

    done: int = 0
    """Bytes of all its files that are on the disk; while verifying, those of the file that have been checked."""
    total: int = 0
    """Bytes of all its files, while verifying of that file; 0 until the hub has said it."""
    speed: float = 0.0
    """Bytes per second over the last seconds; 0 when nothing comes."""
    left: float | None = None
    """Seconds it will take at that speed; `None` when nothing can be said."""
    state: State = "starting"
    note: str = ""
    """A sentence on what is being waited for or has been done again; else empty."""


Report = Callable[[Progress], None]


def unreported(progress: Progress) -> None:
    """A `Report` that tells nobody."""


class Answer(Protocol):
    """What a source sends."""

    start: int
    """Where its bytes begin."""
    ranged: bool
    """False when it sends the whole file, whatever was asked for."""

    def __iter__(self) -> Iterator[bytes]: ...

    def abort(self) -> None:
        """Have the iteration end at once; called by another thread."""


class Source(Protocol):
    """Gives the bytes of a file."""

    def open(self, start: int, end: int) -> AbstractContextManager[Answer]:
        """The bytes from `start` to before `end`. Raises `TransientError` or `ModelError`."""


class Speed:
    """Bytes per second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, done: int) -> float:
        """The speed, now that so many bytes are there."""
        now = time.monotonic()
        self._seen.append((now, done))
        while self._seen[0][0] < now - _WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        return max(0.0, (done - before) / (now - began)) if now > began else 0.0


class _Segment:
    """A range that one thread is fetching; another may take the end of it."""

    def __init__(self, start: int, end: int) -> None:
        self.position = self.noted = start
        self.end = end
        self.came = False
        """Whether it has brought anything new."""

    @property
    def left(self) -> int:
        return self.end - self.position


class Fetch:
    """Fills a partial file.

    `digest` is the hash object the whole file is run through as it comes, where there is something to compare with.
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
        self._answers: set[Answer] = set()
        self._ranged: bool | None = None
        self._error: Exception | None = None
        self._hiccup: TransientError | None = None
        self._came = time.monotonic()
        self._resume = 0.0
        """When the other side wants to be asked again."""
        self._best = partial.done
        self._contact = False
        self._checked = 0
        self._least = min(_PIECE[1], max(_PIECE[0], partial.size // (4 * CONNECTIONS)))

    def run(self, tell: Callable[[int, State, str], None], cancelled: Callable[[], bool]) -> None:
        """Fetch what is missing and check the rest; tells bytes, state and note about twenty times a second.

        Raises `ModelError`, `Cancelled`, and `OSError` from the disk. Whatever happens, what came stays.
        """
        threads = [self._thread(self._check)]
        try:
            while self._partial.done < self._partial.size:
                self._raise(cancelled)
                threads = [thread for thread in threads if thread.is_alive()]
                if len(threads) < self._wanted():
                    threads.append(self._thread(self._work))
                tell(self._partial.done, *self._state())
                self._stop.wait(_LOOK)
            tell(self._partial.done, "downloading", "")
            while self._digest and self._checked < self._partial.size:
                self._raise(cancelled)
                tell(self._checked, "verifying", "")
                self._stop.wait(_LOOK)
        finally:
            self._stop.set()
            with self._lock:
                answers = tuple(self._answers)
            for answer in answers:
                answer.abort()
            deadline = time.monotonic() + _FAREWELL
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

    def _wanted(self) -> int:
        """How many threads there should be: the one that checks, and one or all that fetch."""
        return 1 + CONNECTIONS if self._ranged and self._partial.size > _PIECE[0] else 2

    def _raise(self, cancelled: Callable[[], bool]) -> None:
        """Give up when there is reason to."""
        if self._error:
            raise self._error
        if cancelled():
            raise Cancelled("the download was stopped; what came is kept")
        if (error := self._waits()) is None:
            return
        limit = self._policy.progress if self._contact or not error.unreachable else self._policy.contact
        if max(time.monotonic() - self._came, error.after) > limit:
            raise ModelError(error.sentence()) from error

    def _waits(self) -> TransientError | None:
        """What everything waits for; `None` while anything comes."""
        return None if self._answers else self._hiccup

    def _state(self) -> tuple[State, str]:
        if error := self._waits():
            return "waiting", f"{error.reason}; trying again"
        return ("downloading" if self._contact else "starting"), ""

    def _work(self) -> None:
        """Fetch segment after segment until all is there."""
        pauses = self._policy.pauses()
        while not self._stop.is_set() and self._partial.done < self._partial.size:
            self._stop.wait(max(0.0, self._resume - time.monotonic()))
            segment = None if self._stop.is_set() else self._take()
            if segment is None:
                self._stop.wait(_LOOK)
                continue
            try:
                self._fetch(segment)
                pauses = self._policy.pauses()
            except TransientError as error:
                self._hiccup = error
                pauses = self._policy.pauses() if segment.came else pauses
                self._release(segment)
                self._resume = max(self._resume, time.monotonic() + error.after)
                self._stop.wait(next(pauses))
            finally:
                self._release(segment)

    def _take(self) -> _Segment | None:
        """The first range that nobody fetches, else the end of the longest that somebody does."""
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
            if longest is None or longest.left <= _PIECE[0]:
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

    def _fetch(self, segment: _Segment) -> None:
        """Write what one answer brings. Raises `TransientError` when that is not all of the segment."""
        with self._source.open(segment.position, segment.end) as answer:
            self._contact, self._ranged = True, answer.ranged
            if not answer.ranged:
                segment.position, segment.noted, segment.end = answer.start, answer.start, self._partial.size
            with self._lock:
                self._answers.add(answer)
            try:
                self._receive(segment, answer)
            finally:
                with self._lock:
                    self._answers.discard(answer)
                self._note(segment)
        if segment.left > 0 and not self._stop.is_set():
            raise TransientError("the hub broke off")

    def _receive(self, segment: _Segment, answer: Answer) -> None:
        noted = time.monotonic()
        for chunk in answer:
            if self._stop.is_set():
                return
            data = chunk[: max(0, segment.left)]
            self._partial.write(segment.position, data)
            segment.position += len(data)
            if segment.left <= 0:
                return
            if segment.position - segment.noted >= _NOTED or time.monotonic() - noted > _SLOW:
                self._note(segment)
                noted = time.monotonic()

    def _note(self, segment: _Segment) -> None:
        """Enter what the segment has written into the journal."""
        self._partial.note(segment.noted, segment.position)
        segment.noted = segment.position
        if (done := self._partial.done) > self._best:
            self._best, self._came, self._hiccup, segment.came = done, time.monotonic(), None, True

    def _check(self) -> None:
        """Run the file through its hash behind those who write it, while the system still holds it in memory."""
        synced, block = time.monotonic(), memoryview(bytearray(2**20))
        with self._partial.path.open("rb", buffering=0) as file:
            while not self._stop.is_set() and self._checked < self._partial.size:
                ready = min(self._partial.prefix - self._checked, len(block)) if self._digest else 0
                if self._digest and ready:
                    read = file.readinto(block[:ready])
                    if not read:
                        raise OSError(errno.EIO, "the partial file was cut short by somebody else")
                    self._digest.update(block[:read])
                    self._checked += read
                else:
                    self._stop.wait(_LOOK)
                if time.monotonic() - synced > _SYNCED:
                    self._partial.sync()
                    synced = time.monotonic()
