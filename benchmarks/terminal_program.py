"""A program in a terminal of 120 by 40, with functions to type keys and to wait for what it writes.

Emulates nothing, unlike tests/terminal/terminal.py: an emulator would use more CPU than what is measured.
"""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0
"""Seconds to wait for a text."""


class Terminal:
    """Runs Python with these arguments until the block ends; `drawn` counts the bytes it wrote."""

    def __init__(self, *words: str, home: Path) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
        self.began = time.perf_counter()
        self.drawn = 0
        self._process = subprocess.Popen(
            [sys.executable, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "LECHAT_HOME": str(home), **terminal},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def see(self, *texts: str) -> float:
        """Seconds until the program has written one of these."""
        began, written = time.perf_counter(), b""
        while not any(text.encode() in written for text in texts):
            if time.perf_counter() - began > PATIENCE:
                raise SystemExit(f"waited for {texts} for {PATIENCE:.0f} s; the last output was {written[-400:]!r}")
            written += self.read(1)
        return time.perf_counter() - began

    def rest(self, seconds: float) -> None:
        """Keep reading for this long, so that the program never waits for its terminal."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(left)

    def runs(self) -> bool:
        """Whether the program still runs; reads what it wrote."""
        self.read(0)
        return self._process.poll() is None

    def cpu(self) -> float:
        """Seconds of CPU time the program has used, its threads included, its children not."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read(self, seconds: float) -> bytes:
        """What the program has written, after waiting so long for it."""
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the program has ended
            time.sleep(0.01)
            return b""
        self.drawn += len(data)
        return data


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values is."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
