"""Retries of an operation that fails for a while: which errors are transient, and how long to keep trying."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from lechat_tui.models.catalog import ModelError
from lechat_tui.units import duration_text
from lechat_tui.values import dataclass

_POLL_SECONDS = 0.05
"""How often to check for cancellation."""

T = TypeVar("T")


STOPPED = "the download was stopped; it can be resumed"


class Cancelled(ModelError):
    """The user stopped the download; the downloaded part is kept."""


class TransientError(ModelError):
    """A failure that may go away: a retry may succeed."""

    def __init__(self, reason: str, *, after: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(f"{reason}; try again later")
        self.reason = reason
        self.after = after
        """Seconds the server asks to wait; 0 if it does not say."""
        self.unreachable = unreachable
        """Whether there was no answer at all."""

    def message(self) -> str:
        """For the user, when there are no more retries."""
        if self.unreachable:
            return f"{self.reason}; check the network, then try again"
        if self.after >= 1:
            return f"{self.reason}; try again in {duration_text(self.after)}"
        return str(self)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to keep trying, all in seconds."""

    contact: float = 5.0
    """Until the first answer."""
    progress: float = 120.0
    """Until the next byte, once the server has answered."""
    pause: float = 0.5
    """Before the first retry; doubled for every further one."""
    longest: float = 20.0
    """The longest pause, unless the server asks for a longer one."""

    def pauses(self) -> Iterator[float]:
        """Exponential backoff, each pause shortened at random by up to half so that clients do not retry in step."""
        pause = self.pause
        while True:
            yield min(pause, self.longest) * random.uniform(0.5, 1.0)
            pause = min(pause * 2, self.longest)


DEFAULT_POLICY = RetryPolicy()


def never() -> bool:
    """A `cancelled` callable that never cancels."""
    return False


def retry(
    attempt: Callable[[], T],
    policy: RetryPolicy,
    *,
    cancelled: Callable[[], bool] = never,
    waiting: Callable[[str], None] = lambda message: None,
    limit: float = float("inf"),
) -> T:
    """The result of the attempt, which is repeated while it raises `TransientError`.

    An attempt that takes longer than `limit` seconds counts as unanswered. `waiting` is called with a message before
    each pause. Raises `ModelError` when the policy allows no more retries, and `Cancelled` when `cancelled` says so.
    """
    started = time.monotonic()
    for pause in policy.pauses():
        try:
            return _in_thread(attempt, cancelled, limit)
        except TransientError as error:
            pause = max(pause, error.after)
            longest = policy.contact if error.unreachable else policy.progress
            if time.monotonic() + pause - started > longest:
                raise ModelError(error.message()) from error
            waiting(f"{error.reason}; trying again in {duration_text(pause)}")
            _sleep(pause, cancelled)
    raise AssertionError("pauses never end")


def _in_thread(attempt: Callable[[], T], cancelled: Callable[[], bool], limit: float) -> T:
    """Run the attempt in its own thread, so that a request that hangs does not delay cancelling."""
    outcome: list[T | BaseException] = []
    ended = threading.Event()

    def work() -> None:
        try:
            outcome.append(attempt())
        except BaseException as error:  # noqa: BLE001
            outcome.append(error)
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    until = time.monotonic() + limit
    while not ended.wait(_POLL_SECONDS):
        if cancelled():
            raise Cancelled(STOPPED)
        if time.monotonic() > until:
            raise TransientError("the hub cannot be reached", unreachable=True)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _sleep(seconds: float, cancelled: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if cancelled():
            raise Cancelled(STOPPED)
        time.sleep(min(left, _POLL_SECONDS))
