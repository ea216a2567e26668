"""The input of a one-shot answer: the words on the command line, attached files, and stdin."""

import codecs
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from lechat_tui.attachments import reading
from lechat_tui.attachments.files import AttachmentError, File, named, read_limited, too_large
from lechat_tui.attachments.images import is_image
from lechat_tui.attachments.texts import MAX_TEXT_BYTES, decoded, joined
from lechat_tui.cli import streams
from lechat_tui.documents.formats import FORMATS, HEAD_BYTES, guessed
from lechat_tui.documents.model import PageRange
from lechat_tui.errors import LechatError
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

STDIN = frozenset(("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"))
"""Names of stdin as a file to attach."""

MAX_STRAY_SHARE = 0.02
"""Text from a pipe in which more of the bytes are not UTF-8 is refused."""

MAX_STRAY_BYTES = 3
"""So many are accepted in a short text, too, such as half a character at a cut."""


class NoPrompt(LechatError):
    """There is nothing to answer."""


@dataclass(frozen=True)
class Input:
    """A question: the material it is about, then what to do with it."""

    material: str
    """Text from stdin."""
    instruction: str
    """The words on the command line."""
    files: tuple[File, ...]
    """The attachments."""
    note: str = ""
    """What was changed in the material, as a sentence."""

    @property
    def text(self) -> str:
        """The whole question without its files, with a blank line between its parts."""
        return joined(self.material, self.instruction)

    @property
    def has_images(self) -> bool:
        """Whether an image is attached."""
        return any(file.kind == "image" for file in self.files)

    @property
    def has_scans(self) -> bool:
        """Whether a scan is attached, of which only pictures can be shown."""
        return any(map(_is_scan, self.files))


def _is_scan(file: File) -> bool:
    pages = PageRange.of(file.details.pages) if file.details else None
    return file.document is not None and file.document.only(pages).is_scan


def read(words: Sequence[str] | None, files: Sequence[str], *, with_stdin: bool = True) -> Input | None:
    """Read the input; None when there is none and stdin and stdout are a terminal.

    Text from stdin goes before the words, with a blank line between; a file `-` is stdin, which is attached then.
    Without `with_stdin` it is left alone. Raises `NoPrompt`, or `AttachmentError` for a file that cannot be used.
    """
    at_terminal = bool(sys.stdin) and sys.stdin.isatty()
    named = [file for file in files if file in STDIN]
    piped = _stdin() if named or (with_stdin and not at_terminal) else b""
    name = _piped_name(piped)
    attached = [reading.check(piped, name) if file in STDIN else _file(file) for file in files]
    text, note = "", ""
    if named:
        pass
    elif is_image(piped) or name != "stdin":
        attached.append(reading.check(piped, name))
    else:
        text, note = _text(piped)
    read = Input(joined(text), joined(" ".join(words or ())), tuple(attached), note)
    if read.text or attached:
        return read
    if words is None and not files and at_terminal and sys.stdout.isatty():
        return None
    raise NoPrompt("there is no prompt; pass it as an argument or through a pipe")


def _stdin() -> bytes:
    """All of stdin; nothing where it cannot be read, as under nohup. Raises `AttachmentError` when it is too large."""
    if sys.stdin is None:
        return b""
    buffer = sys.stdin.buffer
    with suppress(OSError):  # not a file of the system
        streams.wait_for_input(buffer.fileno())
    try:
        return _bounded(buffer, "the input from stdin")
    except AttachmentError:
        raise
    except OSError:
        return b""


def _piped_name(piped: bytes) -> str:
    """The name of what came through a pipe, with the suffix of a document."""
    format = guessed(piped)
    return f"stdin{FORMATS[format].suffixes[0]}" if format else "stdin"


def _bounded(source: BinaryIO, name: str) -> bytes:
    """All there is to read. Raises `AttachmentError` above the limit of a file with such content, and `OSError`."""
    content = read_limited(source, MAX_TEXT_BYTES)
    limit = reading.max_bytes(content[:HEAD_BYTES], name)
    if len(content) > MAX_TEXT_BYTES and limit > MAX_TEXT_BYTES:
        content += read_limited(source, limit - len(content))
    if len(content) > limit:
        raise too_large(name, limit)
    return content


def _file(name: str) -> File:
    """A file to attach. A pipe is read to its end, as of `<(command)`. Raises `AttachmentError`."""
    asked = named(name)
    path = asked.path
    try:
        if not stat.S_ISFIFO(path.stat().st_mode):
            return reading.read_named(asked)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else it would wait here for a writer
        with os.fdopen(descriptor, "rb") as source:
            streams.wait_for_input(descriptor, notice=f"waiting for input from {safe(name)}")
            os.set_blocking(descriptor, True)
            return reading.check(_bounded(source, safe(name)), path.name, asked.part)
    except ValueError as error:  # a name no file can have
        raise AttachmentError(f"there is no file {safe(name)}") from error
    except OSError:
        return reading.read_named(asked)  # which says why


def _text(piped: bytes) -> tuple[str, str]:
    """Text from a pipe, and what was changed in it. Raises `AttachmentError` for what is no text."""
    try:
        return decoded(piped, "the input from stdin"), ""
    except AttachmentError:
        if b"\0" in piped or piped.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise
        text = piped.decode("utf-8", "replace")
        stray = text.count("\N{REPLACEMENT CHARACTER}")
        if stray > max(MAX_STRAY_BYTES, MAX_STRAY_SHARE * len(piped)):
            raise
    return text, "some of the input from stdin is not UTF-8; those characters were replaced"
