"""The program's own files. What is written is complete or not there, and private; every failure is an `OSError`."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def private_folder(folder: Path) -> Path:
    """Create a folder that only this user may enter, with its parents. Raises `OSError`."""
    for parent in reversed((folder, *folder.parents)):
        if not parent.exists():
            parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


MAX_BYTES = 64_000_000
"""Of a file that is read at once. None of the program's own comes near it."""


def read(file: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most so many bytes.

    Raises `OSError`, also for a larger file, for a pipe, which would wait for a writer, and for a device.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(file))
        content = opened.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {max_bytes // 1_000_000} MB", str(file))
        return content


def write(file: Path, content: str | bytes, *, mode: int = 0o600, sync: bool = True) -> None:
    """Replace the content of a file; text is written as UTF-8 with its newlines unchanged. See `replacing`.

    Raises `OSError`, and `UnicodeEncodeError` for text that UTF-8 cannot hold.
    """
    encoded = content.encode() if isinstance(content, str) else content
    with replacing(file, mode=mode, sync=sync) as out:
        out.write(encoded)


@contextmanager
def replacing(file: Path, *, mode: int = 0o600, sync: bool = True) -> Iterator[BinaryIO]:
    """A new file to write to, which replaces `file` when the block ends; an exception leaves `file` as it was.

    An existing file keeps its mode and a symbolic link stays a link; a new file has `mode` less the umask. With `sync`
    the new content survives a power failure from then on; without it, only readers are sure to see one or the other.
    The folder must exist. Raises `OSError`, also for a file that is write-protected and for a folder, device or pipe.
    """
    file = file.resolve()
    existing_mode = _mode(file)
    part = file.parent / f".lechat-{os.urandom(6).hex()}"
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            yield out
            out.flush()
            if sync:
                os.fsync(out.fileno())
        if existing_mode is not None:
            part.chmod(existing_mode)
        part.replace(file)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power failure, too; some folders cannot be opened, and then the system decides."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _mode(file: Path) -> int | None:
    """The permissions of a file that can be replaced; None when there is none."""
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(file))
    if not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    return stat.S_IMODE(mode)
