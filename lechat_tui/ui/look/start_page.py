"""Shows the start page of the last run at once, while the program is still loading. Does not import Textual.

A page is stored with the terminal, the version and the configuration it belongs to, and shown only if all of them are
the same; the very first start shows the greeting. Until the screen takes over, keys are left for it: without echo and
line editing, and with Enter as Enter.
"""

import fcntl
import os
import re
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lechat_tui import __version__, paths
from lechat_tui.ui.look import greeting_rows

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l\x1b[?25h"
"""The escape sequences that enter and leave the alternate screen of a terminal."""

TERMINAL_VARIABLES = ("TERM", "COLORTERM", "LANG", "LC_ALL")
LOOK_VARIABLES = ("NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_DRIVER", "LECHAT_REDUCED")
"""The environment variables that change how a page looks: what the terminal is, and what the user wants."""

NO_OFFER = "no-first-models"
"""The file in the data folder that says that the user wants no model to be offered."""

SAFE_ROW = re.compile(r"(?:\x1b\[[0-9;]*m|[^\x00-\x1f\x7f-\x9f])*")
"""Text and colors; a page with anything else in it is not shown."""


class StartPage:
    """Opened before anything is imported, then taken over by the screen, or closed."""

    def __init__(self) -> None:
        self._attributes: list[Any] | None = None
        """The terminal modes to restore."""
        self.painted = False
        """Whether the terminal shows the page of the last run, on its alternate screen."""
        self.cooked = 0
        """How many of the bytes to read were typed before, when the terminal still made Enter a line feed."""
        self._rows: list[str] = []

    def open(self, *, page: bool) -> None:
        """Hold back what is typed; with `page`, show the page of the last run, if there is one."""
        if not all(stream and stream.isatty() for stream in (sys.stdin, sys.__stderr__)):
            return
        with suppress(OSError, termios.error, ValueError):
            self._attributes = _without_echo(sys.stdin.fileno())
            self.cooked = struct.unpack("i", fcntl.ioctl(sys.stdin, termios.FIONREAD, bytes(4)))[0]
            signal.signal(signal.SIGTERM, _end)
            signal.signal(signal.SIGHUP, _end)
            self._rows = self._saved()
            if page and (rows := self._rows or _first_page()):
                self.painted = True
                _write(ENTER + "\x1b[?25l" + "".join(f"\x1b[{n};1H{row}" for n, row in enumerate(rows, 1)))

    def hand_over(self) -> None:
        """Restore the terminal modes, for the screen that is about to set up the terminal."""
        if self._attributes:
            with suppress(OSError, termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._attributes)
        self._attributes = None
        self.painted = False

    def close(self) -> None:
        """Restore the terminal, if no screen has taken over."""
        if self.painted:
            _write(LEAVE)
        self.hand_over()

    def save(self, rows: Sequence[str]) -> None:
        """Store a page for the next run, given as the rows of the terminal with their colors; ignores a full disk."""
        if list(rows) == self._rows or not all(map(SAFE_ROW.fullmatch, rows)):
            return
        from lechat_tui import writing

        with suppress(OSError):
            writing.private_folder(_file().parent)
            writing.write(_file(), "\n".join([_look_key(), *rows]), sync=False)

    def _saved(self) -> list[str]:
        """The rows of the last run; empty if anything that changes their look is different now."""
        with suppress(OSError, UnicodeDecodeError):
            if not _file().is_file():
                return []  # not there, or a pipe, which would wait for a writer
            key, *rows = _file().read_text("utf-8").split("\n")
            if key == _look_key() and all(map(SAFE_ROW.fullmatch, rows)):
                return rows
        return []


def _file() -> Path:
    return paths.cache() / "front"


def _first_page() -> list[str]:
    """The greeting, where no page was saved and nothing changes its look; else empty."""
    if any(os.environ.get(name) for name in LOOK_VARIABLES) or any(map(_fingerprint, _look_files())):
        return []
    offer = not (paths.data() / NO_OFFER).exists()
    return greeting_rows.first_page(*_size(), time.localtime().tm_hour, offer=offer)


def _look_key() -> str:
    """One line that is equal for two runs whose pages look the same."""
    files = [*_look_files(), paths.config() / "models.toml", paths.data() / NO_OFFER]
    around = [os.environ.get(name) for name in (*LOOK_VARIABLES, *TERMINAL_VARIABLES)]
    hello = greeting_rows.hello(time.localtime().tm_hour)
    return repr((__version__, _size(), around, hello, *map(_fingerprint, files)))


def _look_files() -> list[Path]:
    """The files that may name another theme, or change one."""
    return [paths.config() / "config.toml", paths.config() / "themes", paths.data() / "choices.json"]


def _size() -> tuple[int, int]:
    """Columns and rows of the terminal."""
    assert sys.__stderr__
    size = os.get_terminal_size(sys.__stderr__.fileno())
    return size.columns, size.lines


def _fingerprint(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _without_echo(terminal: int) -> list[Any]:
    """Turn off echo and line editing, but keep Ctrl+C; returns the modes that were set before."""
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
