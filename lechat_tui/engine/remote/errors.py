"""The errors of servers."""

import email.utils
import time

from lechat_tui.engine.base import EngineError


class ServerError(EngineError):
    """A server failed, refused or could not be reached. The text says what to do next."""

    def __init__(self, text: str, *, temporary: bool = False, wait: float | None = None, status: int = 0) -> None:
        """`wait` is the number of seconds after which the server wants to be asked again."""
        super().__init__(text)
        self.temporary = temporary
        """Whether the same request may succeed a little later."""
        self.wait = wait
        self.status = status
        """The HTTP status; 0 where there was none."""


def retry_after(header: str) -> float | None:
    """Seconds in a `Retry-After` header, a number or a date; None for anything else."""
    try:
        seconds = float(header)
    except ValueError:
        date = email.utils.parsedate_tz(header)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - time.time()
    return max(0.0, seconds) if seconds < float("inf") else None
