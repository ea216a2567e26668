"""Downloads in the background: a thread each, looked at from outside. Knows no screen."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import Progress, Report
from lechat_tui.models.retry import Cancelled

State = Literal["running", "done", "failed", "cancelled"]

_AT_ONCE = 2


Pull = Callable[[Model, Report, Callable[[], bool]], None]
"""What fetches a model, reports how far it is, and asks whether to stop: `pull.pull` does."""


class Job:
    """One model on its way. `progress`, `state` and `error` are values replaced whole: read them at any time."""

    def __init__(self, model: Model, pull: Pull, turns: threading.Semaphore) -> None:
        self.model = model
        self.progress = Progress(total=model.bytes, note="waits for its turn")
        self.state: State = "running"
        self.error = ""
        self._pull = pull
        self._turns = turns
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pull {model.id}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop; it does so within a second, and what came stays on the disk."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended, at most so many seconds; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._take_turn()
        except Cancelled:
            self.state = "cancelled"
        except ModelError as error:
            self.error, self.state = str(error), "failed"
        except Exception as error:  # the edge of a thread: a sentence for the person, the trace for the log
            logging.exception("the download of %s failed", self.model.id)
            self.error, self.state = f"the download went wrong as it should not: {error!r}", "failed"
        else:
            self.state = "done"

    def _take_turn(self) -> None:
        while not self._turns.acquire(timeout=0.1):
            if self._cancelled.is_set():
                raise Cancelled("the download was stopped before its turn")
        try:
            if self._cancelled.is_set():
                raise Cancelled("the download was stopped before its turn")
            self._pull(self.model, self._report, self._cancelled.is_set)
        finally:
            self._turns.release()

    def _report(self, progress: Progress) -> None:
        self.progress = progress


def _pulled(model: Model, report: Report, cancelled: Callable[[], bool]) -> None:
    """`pull`, which is imported with the first download: a screen that downloads nothing opens sooner."""
    from lechat_tui.models.pull import pull

    pull(model, report, cancelled)


class Jobs:
    """All downloads of this program, two at once. Used by one thread."""

    def __init__(self, pull: Pull = _pulled) -> None:
        self._pull = pull
        self._turns = threading.Semaphore(_AT_ONCE)
        self._jobs: dict[str, Job] = {}

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job that was started, the oldest first."""
        return tuple(self._jobs.values())

    def start(self, model: Model) -> Job:
        """The job that fetches this model: the one that runs already, else a new one."""
        known = self._jobs.get(model.id)
        if known and known.state == "running":
            return known
        self._jobs.pop(model.id, None)
        job = self._jobs[model.id] = Job(model, self._pull, self._turns)
        return job

    def close(self, seconds: float = 2.0) -> None:
        """Cancel all and wait for them, at most so many seconds together; what came stays on the disk."""
        for job in self.all:
            job.cancel()
        deadline = time.monotonic() + seconds
        for job in self.all:
            job.wait(max(0.0, deadline - time.monotonic()))
