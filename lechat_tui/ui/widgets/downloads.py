"""The line that shows downloads in the background, or that one can be resumed.

Its timer runs only during a download, and its updates cause no layout.
"""

from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer

from lechat_tui.models.catalog import Model
from lechat_tui.plaintext import safe
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.download_text import progress_text, total_progress_text
from lechat_tui.ui.widgets.styled_lines import Line, StyledLines, bar
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from lechat_tui.models.jobs import Job, Jobs

REFRESH_SECONDS = 0.25

MAX_BAR_CELLS = 24

MIN_CELLS_FOR_SPEED = 70
"""In a narrower line the speed is left out."""


class Downloads(StyledLines):
    """Starts downloads, shows their progress, and posts `Ended` for each."""

    @dataclass
    class Ended(Message):
        """A download is complete, has failed or was canceled."""

        job: "Job"
        switch: bool
        """Whether the chat switches to the model: it was downloaded for that, and no other was chosen since."""

        @property
        def text(self) -> str:
            """A sentence about it for the user."""
            id = self.job.model.id
            match self.job.state:
                case "failed":
                    return f"{id} could not be downloaded: {self.job.error}"
                case "cancelled":
                    return f"download of {id} canceled; /pull {id} resumes it"
                case _ if self.switch:
                    return f"{id} is downloaded and in use now"
                case _:
                    return f"{id} is downloaded; /model {id} switches to it"

    def __init__(self, jobs: "Jobs", keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._jobs = jobs
        self._watched: dict[str, Job] = {}
        self._wanted = ""
        self._resumable: Model | None = None
        self._clock: Timer | None = None

    @property
    def running(self) -> "list[Job]":
        """The downloads that are running."""
        return [job for job in self._jobs.all if job.state == "running"]

    @property
    def resumable(self) -> Model | None:
        """The model whose download is offered to be resumed."""
        return self._resumable if self.display and not self._watched else None

    def offer_resume(self, model: Model | None) -> None:
        """Offer to resume the download of a model; None withdraws the offer."""
        self._resumable = model
        self._update()

    def job(self, model: Model) -> "Job | None":
        """The last download of this model, in whatever state."""
        return next((job for job in reversed(self._jobs.all) if job.model.id == model.id), None)

    def start(self, model: Model, *, switch: bool) -> None:
        """Download the model in the background, unless that is running already; `switch` to it when it is complete."""
        self._resumable = None
        if switch:
            self._wanted = model.id
        self._watched[model.id] = self._jobs.start(model)
        if self._clock is None:
            self._clock = self.set_interval(REFRESH_SECONDS, self._check)
        self._check()

    def cancel(self, model: Model) -> None:
        """Cancel the download; what arrived stays on disk, and the next download resumes there."""
        if (job := self.job(model)) and job.state == "running":
            job.cancel()

    def cancel_switch(self) -> None:
        """Stay with the current model when downloads are complete: the user chose it."""
        self._wanted = ""

    def _check(self) -> None:
        for id, job in list(self._watched.items()):
            if job.state != "running":
                del self._watched[id]
                self.post_message(self.Ended(job, switch=self._wanted == id))
        if not self._watched and self._clock:
            self._clock.stop()
            self._clock = None
        self._update()

    def _update(self) -> None:
        self.set_class(bool(self._watched or self._resumable), "-shown")
        if self._watched:
            self.show(_progress_line(list(self._watched.values()), self.size.width))
        elif self._resumable:
            id = safe(self._resumable.id)
            resume = f" is partially downloaded · {self._keymap.key('first_models')} resumes"
            self.show([("↓ ", "accent"), (id, "accent"), (resume, "soft")])

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._update()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._update()


def _progress_line(jobs: "list[Job]", width: int) -> Line:
    """Downloads in so many cells: the names, a bar, the figures."""
    done, total = (sum(getattr(job.progress, name) for job in jobs) for name in ("done", "total"))
    fraction = done / total if total else 0.0
    if len(jobs) == 1:
        name, figures = safe(jobs[0].model.id), progress_text(jobs[0], brief=width < MIN_CELLS_FOR_SPEED)
    else:
        name, figures = f"{len(jobs)} downloads", total_progress_text(jobs)
    percent = f" {fraction:4.0%} "
    room = width - len(f"↓ {name}{percent}  {figures}")
    progress = bar(fraction, min(MAX_BAR_CELLS, room)) if room >= 4 else []
    return [("↓ ", "accent"), (name, "accent"), (percent, "text"), *progress, (f"  {figures}", "soft")]
