"""The installed program in a terminal of its own: what it draws, and the keys a person presses."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pyte

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "ctrl+g": "\x07",
    "ctrl+t": "\x14",
    "up": "\x1b[A",
}

PATIENCE = 30.0
"""Seconds until a test gives up on something it waits for."""


class Terminal:
    """`lechat` in a pseudo-terminal that is emulated as a person would see it."""

    def __init__(
        self,
        home: Path,
        *words: str,
        size: tuple[int, int] = (110, 36),
        more: Mapping[str, str] = {},
        errors: int | None = None,
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.raw = b""
        """Every byte the program wrote."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "LECHAT_")) and k != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lechat_tui", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave if errors is None else errors,
            cwd=home.parent,
            env={**kept, "LECHAT_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor", **more},
            start_new_session=True,
            preexec_fn=_controlled,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    @property
    def text(self) -> str:
        """The screen as it is now."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    @contextmanager
    def screen(self) -> Iterator[pyte.Screen]:
        """The emulated screen, which nothing changes until the block ends."""
        with self._lock:
            yield self._screen

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size."""
        with self._lock:
            self._screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it does for a shell."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def type(self, *keys: str) -> None:
        """Press keys: names of `KEYS`, or text."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def ask(self, text: str) -> None:
        """Type a line and send it."""
        self.type(text)
        self.see(text[:20])
        self.type("enter")

    def see(self, *words: str) -> str:
        """Wait until all the words are on the screen; returns it."""
        return self.until(lambda text: all(word in text for word in words), f"to see {words}")

    def until(self, holds: Callable[[str], bool], what: str) -> str:
        """Wait until it holds of the screen."""
        end = time.monotonic() + PATIENCE
        while not holds(text := self.text):
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE} s {what}; the screen was\n{text}")
            time.sleep(0.02)
        return text

    def ended(self) -> int:
        """Wait until the program has ended; its exit code."""
        return self.process.wait(PATIENCE)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)


def _controlled() -> None:
    """Ctrl+C is a signal for all that run in the terminal, which ends them when it goes."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
