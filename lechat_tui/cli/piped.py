"""What one call of the program was given: words, files, pictures and whatever comes through the pipe."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lechat_tui.attachments import reading as attachments
from lechat_tui.errors import LechatError


class NoPrompt(LechatError):
    """There is nothing to answer."""


@dataclass(frozen=True)
class Given:
    """A question for a one-shot answer: what it is about, then what to do with it."""

    material: str
    """What files and the pipe gave."""
    instruction: str
    """The words on the line."""
    pictures: tuple[attachments.File, ...]

    @property
    def text(self) -> str:
        """The whole question, with a blank line between its parts."""
        return attachments.joined(self.material, self.instruction)


def read(words: Sequence[str] | None, files: Sequence[Path], *, pictures: Sequence[Path]) -> Given | None:
    """Gather the question; None when there is none and a person sits at the terminal.

    Text goes files first, then the pipe, then the words, with a blank line between. Raises `NoPrompt`, or
    `AttachmentError` for a file that cannot be used.
    """
    piped = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    seen = [attachments.read_picture(file) for file in pictures]
    if attachments.is_picture(piped):
        seen.append(attachments.check_picture(piped, "stdin"))
        piped = b""
    elif b"\0" in piped:
        raise attachments.AttachmentError("what comes through the pipe is neither text nor a picture")
    material = attachments.joined(*(attachments.read_text(file) for file in files), piped.decode("utf-8", "replace"))
    given = Given(material, attachments.joined(" ".join(words or ())), tuple(seen))
    if given.text or seen:
        return given
    if words is None and not files and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    raise NoPrompt("there is no prompt; give one as an argument or through a pipe")
