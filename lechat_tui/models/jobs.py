"""Downloads in the background, each in its own thread."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import DownloadProgress, Report
from lechat_tui.models.retry import Cancelled

State = Literal["running", "done", "failed", "cancelled"]

_MAX_PARALLEL = 2


Pull = Callable[[Model, Report, Callable[[], bool]], None]
"""Downloads a model, reports the progress and asks whether to stop, as `pull.pull` does."""


class Job:
    """The download of one model. `progress`, `state` and `error` can be read at any time, from any thread."""

    def __init__(self, model: Model, pull: Pull, slots: threading.Semaphore) -> None:
        self.model = model
        self.progress = DownloadProgress(total=model.bytes, note="waiting for other downloads")
        self.state: State = "running"
        self.error = ""
        self._pull = pull
        self._slots = slots
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pull {model.id}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop, which takes up to a second; the downloaded part stays on the disk."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end, at most so many seconds; returns whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._run_in_slot()
        except Cancelled:
            self.state = "cancelled"
        except ModelError as error:
            self.error, self.state = str(error), "failed"
        except Exception as error:  # the edge of a thread: a message for the user, the trace for the log
            logging.exception("the download of %s failed", self.model.id)
            self.error, self.state = f"unexpected error: {error!r}; details are in lechat.log", "failed"
        else:
            self.state = "done"

    def _run_in_slot(self) -> None:
        while not self._slots.acquire(timeout=0.1):
            if self._cancelled.is_set():
                raise Cancelled("the download was stopped before it started")
        try:
            if self._cancelled.is_set():
                raise Cancelled("the download was stopped before it started")
            self._pull(self.model, self._report, self._cancelled.is_set)
        finally:
            self._slots.release()

    def _report(self, progress: DownloadProgress) -> None:
        self.progress = progress


def _pull_model(model: Model, report: Report, cancelled: Callable[[], bool]) -> None:
    """`pull.pull`, imported with the first download so that the screen opens sooner."""
    from lechat_tui.models.pull import pull

    pull(model, report, cancelled)


class Jobs:
    """All downloads of this process, two at a time. Not thread-safe."""

    def __init__(self, pull: Pull = _pull_model) -> None:
        self._pull = pull
        self._slots = threading.Semaphore(_MAX_PARALLEL)
        self._jobs: dict[str, Job] = {}

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job, the oldest first."""
        return tuple(self._jobs.values())

    def start(self, model: Model) -> Job:
        """The job that downloads this model: the running one, else a new one."""
        known = self._jobs.get(model.id)
        if known and known.state == "running":
            return known
        self._jobs.pop(model.id, None)
        job = self._jobs[model.id] = Job(model, self._pull, self._slots)
        return job

    def close(self, seconds: float = 2.0) -> None:
        """Cancel all jobs and wait for them, at most so many seconds in total; what is downloaded is kept."""
        for job in self.all:
            job.cancel()
        deadline = time.monotonic() + seconds
        for job in self.all:
            job.wait(max(0.0, deadline - time.monotonic()))
