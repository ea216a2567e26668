"""Files that can be attached: what one is, and how its bytes are read."""

from dataclasses import dataclass
from pathlib import Path

from lechat_tui.errors import LechatError
from lechat_tui.message import AttachmentKind
from lechat_tui.plaintext import safe


class AttachmentError(LechatError):
    """This file can't be attached or is not stored any more; the text says why."""


@dataclass(frozen=True)
class File:
    """A file that was read and checked: an image that can be decoded, or text."""

    name: str
    """The file name without its folder."""
    content: bytes
    kind: AttachmentKind
    width: int = 0
    """Pixels; 0 for anything but an image."""
    height: int = 0


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file; `~` is expanded. Raises `AttachmentError`."""
    name = safe(str(path))
    file = user_path(str(path)) or path
    try:
        if file.is_dir():
            raise AttachmentError(f"{name} is a folder; name a file in it")
        if not file.exists():
            raise AttachmentError(f"there is no file {name}")
        if not file.is_file():
            raise AttachmentError(f"{name} is a pipe or a device, not a file; save its content to a file first")
        if file.stat().st_size > max_bytes:
            raise AttachmentError(f"{name} is too large; up to {max_bytes // 1_000_000} MB can be attached")
        with file.open("rb") as opened:
            return opened.read(max_bytes + 1)[:max_bytes]
    except OSError as error:
        raise AttachmentError(f"{name} can't be read: {error.strerror or error}") from error


def user_path(text: str) -> Path | None:
    """A path as it was typed, with `~` expanded; None for text that is no path."""
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # the `~name` of an unknown user, or a NUL
        return None
