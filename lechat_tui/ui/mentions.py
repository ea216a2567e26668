"""`@path` in what was written: the picture or the text of a file goes with the question. Knows files, no widget."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lechat_tui import attachments
from lechat_tui.message import Picture
from lechat_tui.ui.pastes import Written

MENTION = re.compile(r"""(?<!\S)@(?:"([^"]+)"|(\S+))""")

Keep = Callable[[Path], Picture]
"""Keeps a picture file where the chat is kept. Raises `AttachmentError`."""


@dataclass(frozen=True)
class Asked:
    """A question, and what was named in it."""

    text: str
    """The texts of files, each in a fence, before the question itself."""
    pictures: tuple[Picture, ...]


def asked(written: Written, keep: Keep) -> Asked:
    """What was written, with the files that it names. Reads them, and raises `AttachmentError`.

    What is folded was not typed here and may say anything: no file is taken at its word.
    """
    files: list[str] = []
    pictures: list[Picture] = []

    def name(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        for file in (word, word if match[1] else word.rstrip(".,;:!?)")):
            if path := attachments.mentioned(file):
                return name_of(path) + word.removeprefix(file)
        return match[0]

    def name_of(path: Path) -> str:
        if picture := attachments.pasted_path(str(path)):
            pictures.append(keep(picture))
        else:
            files.append(attachments.fenced(path.name, attachments.read_text(path)))
        return path.name

    question = written.opened(MENTION.sub(name, written.typed))
    return Asked("\n\n".join([*files, question]), tuple(pictures))
