"""The progress of downloads as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lechat_tui.plaintext import safe
from lechat_tui.units import amount_text, duration_text, size_text, speed_text

if TYPE_CHECKING:
    from lechat_tui.models.jobs import Job


def progress_text(job: "Job", *, brief: bool = False) -> str:
    """One download: `1.2 of 5.2 GB · 38.1 MB/s · about 2 min`, without the speed if `brief`."""
    progress = job.progress
    match progress.state:
        case "verifying":
            return f"verifying {size_text(progress.total)}"
        case "waiting":
            return safe(progress.note) or "waiting for the network"
        case "starting":
            return safe(progress.note) or "contacting the hub"
        case _:
            speed = "" if brief or not progress.speed else speed_text(progress.speed)
            left = f"about {duration_text(progress.left)}" if progress.left is not None and progress.speed else ""
            return " · ".join(filter(None, (amount_text(progress.done, progress.total), speed, left)))


def total_progress_text(jobs: "Sequence[Job]") -> str:
    """Several downloads together, in the same words."""
    done, total = (sum(getattr(job.progress, name) for job in jobs) for name in ("done", "total"))
    speed = sum(job.progress.speed for job in jobs)
    left = duration_text((total - done) / speed) if speed and total else ""
    parts = (amount_text(done, total), speed_text(speed) if speed else "", f"about {left}" if left else "")
    return " · ".join(filter(None, parts))
