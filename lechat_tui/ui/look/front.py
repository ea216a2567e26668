"""The start page of last time, shown at once while the program is still being read from the disk. Knows no Textual.

A page is kept for one terminal, one version and one configuration, and shown where all of them are the same. Until the
screen takes over, what is typed is left for it: no echo, no line editing, and Enter is Enter.
"""

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lechat_tui import __version__, paths

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l\x1b[?25h"
"""To the alternate screen of the terminal, and back."""

SURROUNDINGS = (
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TEXTUAL_COLOR_SYSTEM",
    "TEXTUAL_DRIVER",
    "LANG",
    "LC_ALL",
    "LECHAT_REDUCED",
)
"""Variables by which a page looks different."""

ROW = re.compile(r"(?:\x1b\[[0-9;]*m|[^\x00-\x1f\x7f-\x9f])*")
"""Text and its colours: a row with anything else in it is not shown."""


class Front:
    """Opened before anything is imported, taken over by the screen or else closed."""

    def __init__(self) -> None:
        self._attributes: list[Any] | None = None
        """Of the terminal, as they were found."""
        self.painted = False
        """Whether the terminal shows the page of last time, on its alternate screen."""
        self._rows: list[str] = []

    def open(self, *, page: bool) -> None:
        """Hold back what is typed; with `page`, show the page of last time where there is one."""
        if not all(stream and stream.isatty() for stream in (sys.stdin, sys.__stderr__)):
            return
        with suppress(OSError, termios.error, ValueError):
            self._attributes = _without_echo(sys.stdin.fileno())
            signal.signal(signal.SIGTERM, _end)
            signal.signal(signal.SIGHUP, _end)
            self._rows = self._remembered()
            if page and self._rows:
                self.painted = True
                _write(ENTER + "\x1b[?25l" + "".join(f"\x1b[{n};1H{row}" for n, row in enumerate(self._rows, 1)))

    def hand_over(self) -> None:
        """The screen is about to set the terminal up for itself, and shall find it as it was."""
        if self._attributes:
            with suppress(OSError, termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._attributes)
        self._attributes = None
        self.painted = False

    def close(self) -> None:
        """Nothing takes over: the terminal is as it was found."""
        if self.painted:
            _write(LEAVE)
        self.hand_over()

    def keep(self, rows: Sequence[str]) -> None:
        """Remember a page, a string with colours for each row of the terminal; a disk that is full is no harm."""
        if list(rows) == self._rows or not all(map(ROW.fullmatch, rows)):
            return
        file = _file()
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f"{file.name}.{os.getpid()}")
            new.write_text("\n".join([_circumstances(), *rows]), "utf-8")
            new.replace(file)

    def _remembered(self) -> list[str]:
        """The rows of last time; none when anything is different now."""
        with suppress(OSError, UnicodeDecodeError):
            circumstances, *rows = _file().read_text("utf-8").split("\n")
            if circumstances == _circumstances() and all(map(ROW.fullmatch, rows)):
                return rows
        return []


def _file() -> Path:
    return paths.cache() / "front"


def _circumstances() -> str:
    """One line that is the same where a page looks the same."""
    size = tuple(os.get_terminal_size(sys.__stderr__.fileno())) if sys.__stderr__ else ()
    config = [paths.config() / name for name in ("config.toml", "models.toml", "themes")]
    data = [paths.data() / name for name in ("choices.json", "no-first-models")]
    around = [os.environ.get(name) for name in SURROUNDINGS]
    return repr((__version__, size, around, time.localtime().tm_hour, *map(_touched, [*config, *data])))


def _touched(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _without_echo(terminal: int) -> list[Any]:
    """Keys stay as they are pressed and are not shown, only Ctrl+C still interrupts; returns what was set before."""
    before = termios.tcgetattr(terminal)
    now = termios.tcgetattr(terminal)
    now[0] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR)
    now[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    now[6][termios.VSUSP] = now[6][termios.VQUIT] = b"\0"
    termios.tcsetattr(terminal, termios.TCSANOW, now)
    return before


def _write(text: str) -> None:
    assert sys.__stderr__
    sys.__stderr__.write(text)
    sys.__stderr__.flush()


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)
