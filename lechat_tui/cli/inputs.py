"""The input of a one-shot answer: the words on the command line, attached files, and stdin."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lechat_tui.attachments import reading
from lechat_tui.attachments.files import AttachmentError, File
from lechat_tui.attachments.images import check_image, is_image
from lechat_tui.attachments.texts import joined
from lechat_tui.errors import LechatError


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

    @property
    def text(self) -> str:
        """The whole question without its files, with a blank line between its parts."""
        return joined(self.material, self.instruction)

    @property
    def has_images(self) -> bool:
        """Whether an image is attached."""
        return any(file.kind == "image" for file in self.files)


def read(words: Sequence[str] | None, files: Sequence[Path]) -> Input | None:
    """Read the input; None when there is none and stdin and stdout are a terminal.

    Text from stdin goes before the words, with a blank line between. Raises `NoPrompt`, or `AttachmentError` for a file
    that cannot be used.
    """
    piped = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    attached = [reading.read(file) for file in files]
    if is_image(piped):
        attached.append(check_image(piped, "stdin"))
        piped = b""
    elif b"\0" in piped:
        raise AttachmentError("the input from stdin is neither text nor an image")
    read = Input(joined(piped.decode("utf-8", "replace")), joined(" ".join(words or ())), tuple(attached))
    if read.text or attached:
        return read
    if words is None and not files and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    raise NoPrompt("there is no prompt; pass it as an argument or through a pipe")
