"""Files that can be attached: what one is, and how its bytes are read."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from lechat_tui.errors import LechatError
from lechat_tui.message import AttachmentKind, Details
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from lechat_tui.documents.model import Document


class AttachmentError(LechatError):
    """This file can't be attached or is not stored any more; the text says why."""


@dataclass(frozen=True)
class File:
    """A file that was read and checked: an image that can be decoded, text, or a document that was converted."""

    name: str
    """The file name without its folder."""
    content: bytes
    kind: AttachmentKind
    width: int = 0
    """Pixels; 0 for anything but an image."""
    height: int = 0
    document: "Document | None" = None
    """What a document was converted to."""
    details: Details | None = None
    """How it is used."""


_PART = re.compile(r"source|\d(?:[\d,-]*[\d-])?")


@dataclass(frozen=True)
class Named:
    """A file that was named, and the part of it behind a `#`, as in `report.pdf#3-9`."""

    path: Path
    part: str = ""


def named(text: str) -> Named:
    """The file of a path as it was typed; a part behind a `#` counts only where no file has the whole name."""
    path = user_path(text) or Path(text)
    before, mark, part = text.rpartition("#")
    if not mark or not _PART.fullmatch(part) or _exists(path):
        return Named(path)
    return Named(user_path(before) or Path(before), part)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


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
            raise too_large(name, max_bytes)
        with open(file, "rb", opener=_without_waiting) as opened:
            content = read_limited(opened, max_bytes)
    except OSError as error:
        raise AttachmentError(f"{name} can't be read: {error.strerror or error}") from error
    if len(content) > max_bytes:  # as in /proc, where files have no size
        raise too_large(name, max_bytes)
    return content


def read_limited(source: BinaryIO, max_bytes: int) -> bytes:
    """All there is to read; one byte more than the limit when there is more. Raises `OSError`."""
    return source.read(max_bytes + 1) or b""


def too_large(name: str, max_bytes: int) -> AttachmentError:
    """The error for a file above the limit."""
    return AttachmentError(f"{name} is too large; up to {max_bytes // 1_000_000} MB can be attached")


def _without_waiting(path: str, flags: int) -> int:
    """Open a file such that reading never waits: some in /proc are endless, and a file can become a pipe meanwhile."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def pages_path(path: Path) -> Path:
    """Where the pages of a stored document are: beside its file."""
    return path.with_name(f"{path.name}.pages")


def user_path(text: str) -> Path | None:
    """A path or a `file://` URL as it was typed, with `~` expanded; None for text that is no path."""
    try:
        return Path(_of_url(text) or text).expanduser()
    except (RuntimeError, ValueError):  # the `~name` of an unknown user, or a NUL
        return None


def _of_url(text: str) -> str:
    """The path of a `file://` URL of this machine; empty for any other text."""
    if not text.lower().startswith("file:"):
        return ""
    try:
        url = urlsplit(text)
        return unquote(url.path, errors="surrogateescape") if url.netloc in ("", "localhost") else ""
    except ValueError:
        return ""
