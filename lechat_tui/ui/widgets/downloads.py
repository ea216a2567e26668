"""Downloads beside the talk: a thin line that shows them, and word of their end. Knows jobs, not where bytes come from.

Its clock runs while something is downloaded and never else; what it draws lays out nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer

from lechat_tui.models.catalog import Model
from lechat_tui.plaintext import safe
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.download_text import progress_text, total_progress_text
from lechat_tui.ui.widgets.styled_lines import Line, StyledLines, bar

if TYPE_CHECKING:
    from lechat_tui.models.jobs import Job, Jobs

PERIOD = 0.25
"""Seconds between two looks at what is downloaded."""

BAR = 24
"""Cells of the bar at most."""


BRIEF = 70
"""Cells below which the speed is left out."""


class Downloads(StyledLines):
    """Starts downloads, draws how far they are, and posts `Ended` for each."""

    @dataclass
    class Ended(Message):
        """A download is done, has failed or was cancelled."""

        job: "Job"
        switch: bool
        """Whether the model was wanted for the talk, and no other has been chosen since."""

        @property
        def told(self) -> str:
            """What is said of it."""
            id = self.job.model.id
            match self.job.state:
                case "failed":
                    return f"{id} could not be downloaded: {self.job.error}"
                case "cancelled":
                    return f"{id}: the download was cancelled; what came is kept, /pull {id} goes on from there"
                case _ if self.switch:
                    return f"{id} is here and answers from now on"
                case _:
                    return f"{id} is here; /model {id} switches to it"

    def __init__(self, jobs: "Jobs", keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._jobs = jobs
        self._watched: dict[str, Job] = {}
        self._wanted = ""
        self._offered: Model | None = None
        self._clock: Timer | None = None

    @property
    def running(self) -> "list[Job]":
        """What is being downloaded now."""
        return [job for job in self._jobs.all if job.state == "running"]

    @property
    def offered(self) -> Model | None:
        """The model whose download can be gone on with."""
        return self._offered if self.display and not self._watched else None

    def offer(self, model: Model | None) -> None:
        """Say that a download was left in the middle; None says so no longer."""
        self._offered = model
        self._draw()

    def job(self, model: Model) -> "Job | None":
        """The last download of this model, however it stands."""
        return next((job for job in reversed(self._jobs.all) if job.model.id == model.id), None)

    def start(self, model: Model, *, switch: bool) -> None:
        """Fetch the model behind; nothing new when that is done already."""
        self._offered = None
        if switch:
            self._wanted = model.id
        self._watched[model.id] = self._jobs.start(model)
        if self._clock is None:
            self._clock = self.set_interval(PERIOD, self._look)
        self._look()

    def cancel(self, model: Model) -> None:
        """Stop fetching; what came stays on disk, and the next download goes on from there."""
        if (job := self.job(model)) and job.state == "running":
            job.cancel()

    def want_none(self) -> None:
        """The person has chosen who answers: what is downloaded no longer changes that."""
        self._wanted = ""

    def _look(self) -> None:
        for id, job in list(self._watched.items()):
            if job.state != "running":
                del self._watched[id]
                self.post_message(self.Ended(job, switch=self._wanted == id))
        if not self._watched and self._clock:
            self._clock.stop()
            self._clock = None
        self._draw()

    def _draw(self) -> None:
        self.set_class(bool(self._watched or self._offered), "-shown")
        if self._watched:
            self.show(words(list(self._watched.values()), self.size.width))
        elif self._offered:
            id = safe(self._offered.id)
            resume = f" is partially downloaded · {self._keymap.key('first_models')} resumes"
            self.show([("↓ ", "accent"), (id, "accent"), (resume, "soft")])

    def on_resize(self) -> None:
        """There may be room for more words, or less."""
        self._draw()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._draw()


def words(jobs: "list[Job]", width: int) -> Line:
    """What is said of the downloads in so many cells: names, a bar, figures."""
    done, total = (sum(getattr(job.progress, name) for job in jobs) for name in ("done", "total"))
    fraction = done / total if total else 0.0
    if len(jobs) == 1:
        name, figures = safe(jobs[0].model.id), progress_text(jobs[0], brief=width < BRIEF)
    else:
        name, figures = f"{len(jobs)} downloads", total_progress_text(jobs)
    percent = f" {fraction:4.0%} "
    room = width - len(f"↓ {name}{percent}  {figures}")
    drawn = bar(fraction, min(BAR, room)) if room >= 4 else []
    return [("↓ ", "accent"), (name, "accent"), (percent, "text"), *drawn, (f"  {figures}", "soft")]
