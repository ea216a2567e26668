"""The start of a child process and the log of its stderr. Imports little, so that a process can start early."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from lechat_tui import paths, writing

WORKER = (sys.executable, "-P", "-m", "lechat_tui.engine.worker")
"""The child's command; `-P` keeps the current folder out of its imports."""

UNNAMED = "(a question)"
"""Stands for the model's name in the list of processes where it was not known at the start."""

MAX_LOG_BYTES = 2_000_000
"""A larger log file is started again."""


class Log:
    """The file that takes a child's stderr."""

    def __init__(self, folder: Path | None) -> None:
        self.file = _open_log(folder)
        self._start = self.file.seek(0, os.SEEK_END)

    def last_line(self) -> str:
        """The last line this child wrote, at most 200 characters of it; empty when it wrote nothing."""
        try:
            self.file.seek(max(self._start, self.file.seek(0, os.SEEK_END) - 4096))
            lines = self.file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        self.file.close()


def _open_log(folder: Path | None) -> BinaryIO:
    if folder:
        with suppress(OSError):
            writing.private_folder(folder)
            file = folder / "engine.log"
            if file.exists() and file.stat().st_size > MAX_LOG_BYTES:
                file.unlink()
            return open(file, "a+b", opener=partial(os.open, mode=0o600))
    return tempfile.TemporaryFile()


def start(command: Sequence[str], name: str, log: Log) -> "subprocess.Popen[bytes]":
    """Start a child. `name` is its last argument, for `ps`; the process does not use it."""
    printable = name.replace("\0", "").encode("utf-8", "replace").decode()
    return subprocess.Popen(
        [*command, printable],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log.file,
        bufsize=0,
        env={**paths.environment(), "GGML_NO_BACKTRACE": "1"},  # a debugger's output would hide why it died
        start_new_session=True,  # the terminal's Ctrl+C is for the parent, which then sends a stop
    )


class Spare:
    """A child that is started before it is known what it will load, so that it imports what it needs meanwhile."""

    def __init__(self, logs: Path | None) -> None:
        self._log = Log(logs)
        self._process: subprocess.Popen[bytes] | None = start(WORKER, UNNAMED, self._log)

    def take(self) -> "tuple[subprocess.Popen[bytes], Log] | None":
        """The process and its log, once."""
        process, self._process = self._process, None
        return (process, self._log) if process else None

    def close(self) -> None:
        """End it if nobody took it."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()
            self._log.close()
