"""The installed program in a pseudo-terminal: the screen it renders, and the keys a user presses."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pyte

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "esc in full": "\x1b[27u",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "ctrl+g": "\x07",
    "ctrl+t": "\x14",
    "up": "\x1b[A",
}

PATIENCE = 60.0
"""Seconds until a test gives up on something it waits for."""


class Terminal:
    """`lechat` in a pseudo-terminal, emulated as a user would see it.

    `python` are arguments for Python in place of `-m lechat_tui`; `more` are environment variables; `errors` is a file
    descriptor for stderr; `typed` is what is pressed before the program starts.
    """

    def __init__(
        self,
        home: Path,
        *words: str,
        size: tuple[int, int] = (110, 36),
        more: Mapping[str, str] = {},
        errors: int | None = None,
        python: Sequence[str] = ("-m", "lechat_tui"),
        typed: bytes = b"",
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.raw = b""
        """Every byte the program wrote."""
        self._master, slave = pty.openpty()
        self.modes_before = self.modes
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        os.write(self._master, typed)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "LECHAT_")) and k != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, *python, *words],
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
    def written(self) -> str:
        """Everything the program wrote, escape sequences included."""
        with self._lock:
            return self.raw.decode("utf-8", "replace")

    @property
    def modes(self) -> list[object]:
        """The modes of the terminal, as `termios.tcgetattr` returns them; `modes_before` are those before the start."""
        return termios.tcgetattr(self._master)

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
        """Wait until all of these are on the screen; returns its text."""
        return self.until(lambda text: all(word in text for word in words), f"to see {words}")

    def until(self, holds: Callable[[str], bool], what: str) -> str:
        """Wait until the condition holds for the text of the screen, and return it; `what` completes "waited"."""
        end = time.monotonic() + PATIENCE
        while not holds(text := self.text):
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE} s {what}; the screen was\n{text}")
            time.sleep(0.02)
        return text

    def until_written(self, *texts: str) -> None:
        """Wait until the program has written all of these, on the screen or not."""
        self.until(lambda _: all(text in self.written for text in texts), f"for {texts} to be written")

    def ended(self) -> int:
        """Wait until the program has ended and all it wrote is read; its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

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
    """Make the terminal the controlling one: Ctrl+C is a signal, and closing the terminal ends the program."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
