"""The question of a one-shot call: the words on the line, attached files, and what comes through the pipe."""

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
class Given:
    """A question for a one-shot answer: what it is about, then what to do with it."""

    material: str
    """What the pipe gave."""
    instruction: str
    """The words on the line."""
    files: tuple[File, ...]
    """What is attached."""

    @property
    def text(self) -> str:
        """The whole question without its files, with a blank line between its parts."""
        return joined(self.material, self.instruction)

    @property
    def has_images(self) -> bool:
        """Whether an image is attached."""
        return any(file.kind == "image" for file in self.files)


def read(words: Sequence[str] | None, files: Sequence[Path]) -> Given | None:
    """Gather the question; None when there is none and a person sits at the terminal.

    The pipe goes before the words, with a blank line between. Raises `NoPrompt`, or `AttachmentError` for a file that
    cannot be used.
    """
    piped = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    attached = [reading.read(file) for file in files]
    if is_image(piped):
        attached.append(check_image(piped, "stdin"))
        piped = b""
    elif b"\0" in piped:
        raise AttachmentError("what comes through the pipe is neither text nor an image")
    given = Given(joined(piped.decode("utf-8", "replace")), joined(" ".join(words or ())), tuple(attached))
    if given.text or attached:
        return given
    if words is None and not files and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    raise NoPrompt("there is no prompt; give one as an argument or through a pipe")
