"""The standard streams as the program was given them: closed, unreadable, on a full disk, or in a small encoding."""

import codecs
import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from lechat_tui.cli import printing
from lechat_tui.errors import LechatError

if TYPE_CHECKING:
    from typing_extensions import Buffer

NOTICE_SECONDS = 2.0
"""After so long without input, a person at a terminal reads what the program is waiting for."""

WAITING = "waiting for input on stdin; Ctrl+D ends it, --no-stdin ignores it"


class Unwritten(LechatError):
    """The output can't be written; the text says why."""


class NobodyReads(BrokenPipeError):
    """The pipe behind stdout was closed at its other end."""


def prepare() -> None:
    """Make all three streams usable, whatever the parent process left of them.

    A closed stream is opened on /dev/null, so that no other file gets its number: stdout such that writing to it fails,
    stderr such that it does not. What the encoding of stdout cannot hold is replaced, and stderr never fails.
    """
    modes = os.O_RDONLY, os.O_RDONLY, os.O_WRONLY
    closed = [number for number, mode in enumerate(modes) if _open_if_closed(number, mode)]
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # it stays open as long as the program
    if sys.stdout is sys.__stdout__ and not (sys.stdout and sys.stdout.isatty()):
        sys.stdout = _text(_Output(1), sys.stdout)
    if 2 in closed or (sys.stderr is sys.__stderr__ and not (sys.stderr and sys.stderr.isatty())):
        sys.stderr = _text(_Lenient(2), sys.stderr, line_buffering=True)
    codecs.register_error("lechat", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.isatty() else "lechat")


def _open_if_closed(number: int, mode: int) -> bool:
    """Open this descriptor on /dev/null if it is closed; whether it was."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, mode)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        return True
    return False


def _text(raw: io.FileIO, before: TextIO | None, *, line_buffering: bool = False) -> TextIO:
    """A stream to write text to, in the encoding of the one it replaces."""
    encoding = before.encoding if before else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, line_buffering=line_buffering)


class _Writer(io.FileIO):
    """A descriptor to write to, which need not be writable."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)


class _Output(_Writer):
    """stdout. After a failure it leads nowhere, so that the end of the program does not fail again."""

    def write(self, content: "Buffer") -> int:
        """Write the bytes. Raises `NobodyReads` or `Unwritten`."""
        try:
            return super().write(content)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise NobodyReads(*error.args) from error
            what = "stdout is closed" if error.errno == errno.EBADF else (error.strerror or str(error)).lower()
            raise Unwritten(f"the output can't be written: {what}; redirect it to a file with > PATH") from error


class _Lenient(_Writer):
    """A descriptor to write to; what cannot be written is dropped."""

    def write(self, content: "Buffer") -> int:
        """Write the bytes; how many there are, written or not."""
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler `lechat`: bytes of a file name that is not UTF-8 stay as they are, the rest is a `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    byte_values = [ord(char) - 0xDC00 if "\udc80" <= char <= "\udcff" else ord("?") for char in characters]
    return bytes(byte_values), error.end


def wait_for_input(descriptor: int, *, notice: str = WAITING) -> None:
    """Return as soon as there is something to read, or the end; says so on a terminal when that takes long."""
    with suppress(OSError, ValueError):  # what cannot be waited for is read at once
        if sys.stderr.isatty() and not select.select([descriptor], [], [], NOTICE_SECONDS)[0]:
            printing.say(f"lechat: {notice}")
        select.select([descriptor], [], [])
