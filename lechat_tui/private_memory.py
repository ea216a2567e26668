"""Keeps private text in memory: folders that are never on the disk where the system has such, and no core dumps."""

import fcntl
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

SHARED_MEMORY = Path("/dev/shm")
"""A folder in memory, on Linux."""

PREFIX = "lechat-private-"

LOCK = ".lock"
"""The file in each folder that its program holds locked; the system unlocks it when the program dies."""

PR_SET_DUMPABLE = 4
"""See prctl(2)."""


def in_memory() -> bool:
    """Whether this system has a folder in memory."""
    return os.access(SHARED_MEMORY, os.W_OK)


class PrivateFolder:
    """A new folder that only the user can read, in memory where the system has that, else in the temporary folder."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHARED_MEMORY if in_memory() else None))
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Delete the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep() -> None:
    """Delete the folders of programs that were killed."""
    for parent in {SHARED_MEMORY, Path(tempfile.gettempdir())}:
        for folder in parent.glob(f"{PREFIX}*"):
            with suppress(OSError):
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    """Delete a folder that no program holds. Raises `OSError` if one does, or if it is another user's."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.lstat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def forbid_core_dumps() -> None:
    """Keep the memory of this process out of core files, also out of those that a service such as systemd writes."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(ImportError, OSError, AttributeError):
            import ctypes  # slow to import, and not needed at every start

            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
