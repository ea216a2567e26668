"""`lechat pull`: asks for consent if the license requires it, downloads and shows the progress."""

import json
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from lechat_tui import network
from lechat_tui.cli import compose, printing
from lechat_tui.models import consent, repository
from lechat_tui.models.adapters import parts
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import DownloadProgress
from lechat_tui.models.retry import Cancelled
from lechat_tui.plaintext import safe
from lechat_tui.units import duration_text, size_text, speed_text

if TYPE_CHECKING:
    from lechat_tui.models.suggest import Misfit

_EXIT_INTERRUPTED = 130
_BAR_WIDTH = 24
"""Characters."""
_BAR_INTERVAL_SECONDS = 0.2
_LINE_INTERVAL_SECONDS = 5.0
_JSON_INTERVAL_SECONDS = 1.0


def run(name: str, *, as_json: bool, quiet: bool, accept_license: bool, force: bool = False) -> Model:
    """Download a model, or another one that the user takes instead; returns it. `force` ignores the machine's memory.

    Raises `ModelError`, and `typer.Exit` when it is interrupted.
    """
    from lechat_tui.models.pull import kept

    models = compose.models(compose.settings())
    model = repository.find(name, models)
    if not (force or models.files(model) or kept(model)) and (misfit := models.misfit(model)):
        model = _instead(misfit)
    if all(models.files(part) for part in parts(model)):
        _print(f"{model.id} is already on this machine", unless=quiet)
    else:
        network.check(f"downloading {model.id}")
        _agree(model, accept_license)
        _download(model, _display(model, as_json=as_json, quiet=quiet))
        _print(f"{model.id} is ready; {model.use}", unless=quiet)
    if as_json:
        _print_json("done", model)
    return model


def _instead(misfit: "Misfit") -> Model:
    """The model to download instead of one that does not fit. Raises `ModelError` if the user takes none."""
    other, force = misfit.instead, f"lechat pull {misfit.model.id} --force downloads it anyway"
    if other is None:
        raise ModelError(f"{misfit}; {force}")
    size = f" ({size_text(other.bytes)})" if other.bytes else ""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ModelError(f"{misfit}; lechat pull {other.id} downloads one that fits{size}, and {force}")
    printing.say(str(misfit))
    printing.say(f"{other.id}{size} fits. Download it instead? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ModelError(f"nothing was downloaded; {force}")
    return other


def _display(model: Model, *, as_json: bool, quiet: bool) -> "Display":
    if as_json:
        return Json(model)
    if quiet:
        return Display()
    return Bar(model) if sys.stderr.isatty() else Lines(model)


def _download(model: Model, display: "Display") -> None:
    from lechat_tui.models.pull import pull

    try:
        pull(model, display, lambda: display.unread)
    except KeyboardInterrupt:
        display.end()
        _print(f"lechat: stopped; lechat pull {model.id} resumes the download")
        raise typer.Exit(_EXIT_INTERRUPTED) from None
    except Cancelled:
        raise ModelError("stopped because the output was closed; the next download resumes it") from None
    finally:
        display.end()


def _agree(model: Model, accept: bool) -> None:
    """Ask the user to accept a license that requires it, once. Raises `ModelError` if they do not."""
    if consent.given(model):
        return
    license = safe(f"{model.license} ({model.license_url})" if model.license_url else model.license)
    if not accept:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ModelError(
                f"{model.id} has a license that forbids commercial use: read {license}, then use --accept-license"
            )
        printing.say(f"{model.id} has a license that forbids commercial use: {license}")
        printing.say("Do you accept it? [y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ModelError(f"{model.id} was not downloaded, because its license was not accepted")
    consent.give(model)


class Display:
    """Displays the progress; this one shows nothing."""

    unread = False
    """Whether the reader of the output has closed it."""

    def __call__(self, progress: DownloadProgress) -> None:
        """Show the progress."""

    def end(self) -> None:
        """Finish the line on the terminal."""


class Json(Display):
    """One JSON object per line on stdout: when something changes, and once a second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._throttle = _Throttle(_JSON_INTERVAL_SECONDS)

    def __call__(self, progress: DownloadProgress) -> None:
        if self._throttle.is_due(progress):
            try:
                _print_json("progress", self._model, progress)
            except BrokenPipeError:
                self.unread = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Lines(Display):
    """A plain line on stderr every few seconds."""

    def __init__(self, model: Model) -> None:
        self._id = model.id
        self._throttle = _Throttle(_LINE_INTERVAL_SECONDS)

    def __call__(self, progress: DownloadProgress) -> None:
        if progress.state not in ("starting", "done") and self._throttle.is_due(progress):
            _print(f"{self._id}: {_line(progress)}")


class Bar(Display):
    """One line on a terminal that is updated in place."""

    def __init__(self, model: Model) -> None:
        self._id = model.id
        self._drawn_at = 0.0
        self._width = 0
        full = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
        self._full = full if (sys.stderr.encoding or "").lower().startswith("utf") else "#"

    def __call__(self, progress: DownloadProgress) -> None:
        now = time.monotonic()
        if now - self._drawn_at < _BAR_INTERVAL_SECONDS and progress.state != "done":
            return
        self._drawn_at = now
        line = f"{self._id} {_line(progress)}"
        columns = shutil.get_terminal_size().columns - 1
        if len(line) + _BAR_WIDTH + 1 <= columns and progress.total:
            filled = _BAR_WIDTH * progress.done // progress.total
            line = f"{self._id} {self._full * filled:<{_BAR_WIDTH}} {_line(progress)}"
        line = safe(line)[:columns]
        with suppress(OSError):
            printing.rewrite(f"{line:<{min(self._width, columns)}}")
        self._width = len(line)

    def end(self) -> None:
        if self._width:
            self._width = 0
            with suppress(OSError):
                printing.say("")


class _Throttle:
    """Limits reports to one per interval, except when the state or the note changes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = 0.0
        self._last: tuple[str, str] = "", ""

    def is_due(self, progress: DownloadProgress) -> bool:
        now, kind = time.monotonic(), (progress.state, progress.note)
        if kind == self._last and now - self._at < self._seconds:
            return False
        self._last, self._at = kind, now
        return True


def _line(progress: DownloadProgress) -> str:
    """The progress as text: `42% of 5.2 GB  38.1 MB/s  about 2 min left`."""
    words = [f"{100 * progress.done // progress.total:>3}% of {size_text(progress.total)}"] if progress.total else []
    if progress.state == "verifying":
        words.append("verifying")
    if progress.speed:
        words.append(speed_text(progress.speed))
    if progress.left is not None:
        words.append(f"about {duration_text(progress.left)} left")
    if progress.note:
        words.append(progress.note)
    return "  ".join(words) or progress.state


def _print_json(kind: str, model: Model, progress: DownloadProgress | None = None) -> None:
    line = {"type": kind, "model": model.id, **(asdict(progress) if progress else {})}
    printing.show(json.dumps(line), flush=True)


def _print(message: str, *, unless: bool = False) -> None:
    if not unless:
        with suppress(OSError):
            printing.say(message)
