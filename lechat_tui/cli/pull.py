"""`lechat pull`: asks for consent where a license wants it, fetches, and shows how far it is."""

import json
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import asdict

import typer

from lechat_tui import network
from lechat_tui.cli import compose
from lechat_tui.models import consent, repository
from lechat_tui.models.adapters import parts
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import Progress
from lechat_tui.models.retry import Cancelled
from lechat_tui.plaintext import safe
from lechat_tui.units import duration_text, size_text, speed_text

_INTERRUPTED = 130
_BAR = 24
"""Characters."""
_EVERY = 0.2
"""Seconds between two states of the line on a terminal."""
_SELDOM = 5.0
"""Seconds between two lines where there is none."""


def run(name: str, *, as_json: bool, quiet: bool, accept_license: bool) -> None:
    """Fetch a model. Raises `ModelError`, and `typer.Exit` when it was interrupted."""
    models = compose.models(compose.settings())
    model = repository.find(name, models)
    if all(models.files(part) for part in parts(model)):
        _say(f"{model.id} is on this machine already", unless=quiet)
    else:
        network.check(f"downloading {model.id}")
        _agree(model, accept_license)
        _fetch(model, _show(model, as_json=as_json, quiet=quiet))
        _say(f"{model.id} is ready; lechat -m {model.id} talks with it", unless=quiet)
    if as_json:
        _tell_program("done", model)


def _show(model: Model, *, as_json: bool, quiet: bool) -> "Show":
    if as_json:
        return Json(model)
    if quiet:
        return Show()
    return Bar(model) if sys.stderr.isatty() else Lines(model)


def _fetch(model: Model, show: "Show") -> None:
    from lechat_tui.models.pull import pull

    try:
        pull(model, show, lambda: show.unwatched)
    except KeyboardInterrupt:
        show.end()
        _say(f"lechat: stopped; what came is kept, and lechat pull {model.id} goes on from there")
        raise typer.Exit(_INTERRUPTED) from None
    except Cancelled:
        raise ModelError("nobody reads the progress any more; what came is kept, pull again to go on") from None
    finally:
        show.end()


def _agree(model: Model, accept: bool) -> None:
    """Have the license accepted once, where it wants that. Raises `ModelError` when it was not."""
    if consent.given(model):
        return
    license = safe(f"{model.license} ({model.license_url})" if model.license_url else model.license)
    if not accept:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ModelError(
                f"{model.id} has a license that forbids commercial use: read {license}, then pull with --accept-license"
            )
        print(f"{model.id} has a license that forbids commercial use: {license}", file=sys.stderr)
        print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ModelError(f"{model.id} was not fetched: its license was not accepted")
    consent.give(model)


class Show:
    """Shows progress; here to nobody."""

    unwatched = False
    """Whether whoever was told has gone."""

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""

    def end(self) -> None:
        """Leave the terminal as it should be."""


class Json(Show):
    """A JSON object a line to stdout, for programs: when something changes, and once a second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._told = _Seldom(1.0)

    def __call__(self, progress: Progress) -> None:
        if self._told.is_time(progress):
            try:
                _tell_program("progress", self._model, progress)
            except BrokenPipeError:
                self.unwatched = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Lines(Show):
    """A plain line to stderr now and then."""

    def __init__(self, model: Model) -> None:
        self._id = model.id
        self._told = _Seldom(_SELDOM)

    def __call__(self, progress: Progress) -> None:
        if progress.state not in ("starting", "done") and self._told.is_time(progress):
            _say(f"{self._id}: {_line(progress)}")


class Bar(Show):
    """One line on a terminal, drawn again in place."""

    def __init__(self, model: Model) -> None:
        self._id = model.id
        self._drawn = 0.0
        self._width = 0
        full = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
        self._full = full if (sys.stderr.encoding or "").lower().startswith("utf") else "#"

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._drawn < _EVERY and progress.state != "done":
            return
        self._drawn = now
        line = f"{self._id} {_line(progress)}"
        columns = shutil.get_terminal_size().columns - 1
        if len(line) + _BAR + 1 <= columns and progress.total:
            filled = _BAR * progress.done // progress.total
            line = f"{self._id} {self._full * filled:<{_BAR}} {_line(progress)}"
        line = safe(line)[:columns]
        self._draw(f"\r{line:<{min(self._width, columns)}}")
        self._width = len(line)

    def end(self) -> None:
        if self._width:
            self._width = 0
            self._draw("\n")

    def _draw(self, text: str) -> None:
        with suppress(OSError):
            print(text, end="", file=sys.stderr, flush=True)


class _Seldom:
    """Says when to tell of progress: when its state or note has changed, else every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = 0.0
        self._last: tuple[str, str] = "", ""

    def is_time(self, progress: Progress) -> bool:
        now, kind = time.monotonic(), (progress.state, progress.note)
        if kind == self._last and now - self._at < self._seconds:
            return False
        self._last, self._at = kind, now
        return True


def _line(progress: Progress) -> str:
    """How far it is, in words: `42% of 5.2 GB  38.1 MB/s  about 2 min left`."""
    words = [f"{100 * progress.done // progress.total:>3}% of {size_text(progress.total)}"] if progress.total else []
    if progress.state == "verifying":
        words.append("checking")
    if progress.speed:
        words.append(speed_text(progress.speed))
    if progress.left is not None:
        words.append(f"about {duration_text(progress.left)} left")
    if progress.note:
        words.append(progress.note)
    return "  ".join(words) or progress.state


def _tell_program(kind: str, model: Model, progress: Progress | None = None) -> None:
    print(json.dumps({"type": kind, "model": model.id, **(asdict(progress) if progress else {})}), flush=True)


def _say(sentence: str, *, unless: bool = False) -> None:
    if not unless:
        with suppress(OSError):
            print(safe(sentence), file=sys.stderr, flush=True)
