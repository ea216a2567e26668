"""What passes by itself, and how long it is waited for. Knows neither the hub nor the disk."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from lechat_tui.models.catalog import ModelError

_LOOK = 0.05
"""Seconds between two looks whether to stop."""

T = TypeVar("T")


class Cancelled(ModelError):
    """The download was stopped by whoever asked for it; what came is kept."""


class TransientError(ModelError):
    """Something that may pass: asked again, it may go well."""

    def __init__(self, reason: str, *, after: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(f"{reason}; pull again later")
        self.reason = reason
        self.after = after
        """Seconds the other side asks to wait; 0 when it says nothing."""
        self.unreachable = unreachable
        """Whether nobody answered at all."""

    def sentence(self) -> str:
        """For a person, once it has not passed."""
        if self.unreachable:
            return f"{self.reason}; check the network, then pull again"
        if self.after >= 1:
            return f"{self.reason} and asks to wait {self.after:.0f} s; pull again then"
        return str(self)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for what: all in seconds."""

    contact: float = 5.0
    """For a hub that does not answer the first question."""
    progress: float = 120.0
    """For the next byte, or for a hub that answers but refuses."""
    pause: float = 0.5
    """Before the first new attempt; doubled for each that follows."""
    longest: float = 20.0
    """The longest pause, unless the hub asks for a longer one."""

    def pauses(self) -> Iterator[float]:
        """Exponential, each shortened at random by up to half, so that many programs do not come back as one."""
        pause = self.pause
        while True:
            yield min(pause, self.longest) * random.uniform(0.5, 1.0)
            pause = min(pause * 2, self.longest)


DEFAULT_POLICY = RetryPolicy()


def never() -> bool:
    """A `cancelled` that lets everything go on."""
    return False


def retry(
    attempt: Callable[[], T],
    policy: RetryPolicy,
    *,
    cancelled: Callable[[], bool] = never,
    waiting: Callable[[str], None] = lambda sentence: None,
    limit: float = float("inf"),
) -> T:
    """What the attempt returns, made again while it raises `TransientError`. Raises `ModelError`; `Cancelled` at once.

    An attempt that takes longer than `limit` seconds counts as one that nobody answered.
    """
    started = time.monotonic()
    for pause in policy.pauses():
        try:
            return _aside(attempt, cancelled, limit)
        except TransientError as error:
            pause = max(pause, error.after)
            longest = policy.contact if error.unreachable else policy.progress
            if time.monotonic() + pause - started > longest:
                raise ModelError(error.sentence()) from error
            waiting(f"{error.reason}; trying again in {pause:.0f} s")
            _rest(pause, cancelled)
    raise AssertionError("pauses never end")


def _aside(attempt: Callable[[], T], cancelled: Callable[[], bool], limit: float) -> T:
    """Run it in a thread of its own, so that a request that hangs keeps nobody from stopping."""
    box: list[T | BaseException] = []
    ended = threading.Event()

    def work() -> None:
        try:
            box.append(attempt())
        except BaseException as error:  # noqa: BLE001
            box.append(error)
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    until = time.monotonic() + limit
    while not ended.wait(_LOOK):
        if cancelled():
            raise Cancelled("the download was stopped; what came is kept")
        if time.monotonic() > until:
            raise TransientError("the hub cannot be reached", unreachable=True)
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]


def _rest(seconds: float, cancelled: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancelled():
            raise Cancelled("the download was stopped; what came is kept")
        time.sleep(min(left, _LOOK))
