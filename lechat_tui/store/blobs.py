"""Attached files on the disk, each named by the SHA-256 of its content."""

import hashlib
from pathlib import Path

from lechat_tui import writing


def name_of(content: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal: the name of the file that holds them."""
    return hashlib.sha256(content).hexdigest()


def write(folder: Path, content: bytes) -> Path:
    """Store the bytes, whole or not at all; returns their file. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name_of(content)
    if not path.is_file() or path.stat().st_size != len(content):
        writing.write(path, content, mode=0o600)
    return path
