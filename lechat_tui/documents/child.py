"""Runs a parser in a child process: what it may use, and what its end means. The child's side is `confinement.py`."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lechat_tui.documents.model import DocumentError
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

NO_MEMORY = 75
"""The child's exit code when it ran out of memory."""

MAX_LINE_BYTES = 100_000_000


@dataclass(frozen=True)
class Limits:
    """What one run may use."""

    seconds: float = 180.0
    memory_bytes: int = 2_000_000_000
    """Address space, where the system can limit that."""
    output_bytes: int = 200_000_000


def lines(
    module: str, arguments: Sequence[str], path: Path, name: str, limits: Limits | None = None
) -> Generator[bytes, None, None]:
    """The lines that a module of this package prints, run as `python -m` with the file as its stdin.

    Closing the generator kills the child. Raises `DocumentError` when it fails or needs more than it may; `name` is
    the file's name in that sentence.
    """
    limits = limits or Limits()
    shown = safe(name)
    with _opened(path, shown) as file, _started(module, arguments, file, limits) as (process, ran_out):
        assert process.stdout
        total = 0
        while line := process.stdout.readline(MAX_LINE_BYTES):
            total += len(line)
            if total > limits.output_bytes or not line.endswith(b"\n"):
                raise DocumentError(
                    f"{shown} has too much text; up to {limits.output_bytes // 1_000_000} MB can be read"
                )
            yield line
        code = process.wait()
        if ran_out.is_set() or code == -signal.SIGXCPU:
            raise DocumentError(f"{shown} takes more than {limits.seconds:.0f} s to convert and was stopped")
        if code == NO_MEMORY or (code and _ran_out_of_memory(code)):
            gigabytes = limits.memory_bytes / 1_000_000_000
            raise DocumentError(f"{shown} needs more than {gigabytes:g} GB of memory to be converted and was stopped")
        if code:
            raise DocumentError(f"{shown} is damaged: the program that converts it ended with {_end_text(code)}")


def _ran_out_of_memory(code: int) -> bool:
    return code in (-signal.SIGKILL, -signal.SIGABRT, -signal.SIGTRAP)


def _end_text(code: int) -> str:
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


@contextmanager
def _opened(path: Path, shown: str) -> Generator[IO[bytes], None, None]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise DocumentError(f"{shown} can't be read: {error.strerror or error}") from error
    with file:
        yield file


@contextmanager
def _started(
    module: str, arguments: Sequence[str], file: IO[bytes], limits: Limits
) -> "Generator[tuple[subprocess.Popen[bytes], threading.Event], None, None]":
    """The process, which is killed at the end, and whether its time ran out."""
    command = [sys.executable, "-m", f"lechat_tui.documents.{module}", *arguments]
    environment = {**os.environ, "LECHAT_MAX_MEMORY": str(limits.memory_bytes), "PYTHONIOENCODING": "utf-8"}
    ran_out = threading.Event()
    process = subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )

    def end() -> None:
        ran_out.set()
        process.kill()

    timer = threading.Timer(limits.seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield process, ran_out
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
