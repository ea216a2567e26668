"""Files that are named in a text: behind an `@`, or as a path that was pasted or dropped."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from lechat_tui.attachments.files import user_path
from lechat_tui.attachments.images import is_image_file
from lechat_tui.values import dataclass

MAX_PATH_CHARACTERS = 4096

_MENTION = re.compile(r"""(?<!\S)@(?:"([^"]+)"|(\S+))""")

_IMAGE_PATH = re.compile(
    r"""(?<!\S)(?:"([^"\n]+\.\w{3,4})"|'([^'\n]+\.\w{3,4})'|((?:\\.|[^\s\\"'])+\.\w{3,4}))(?=[.,;:!?)]*(?:\s|$))"""
)


def pasted_path(text: str) -> Path | None:
    """The image file that was dropped on the terminal or pasted as a path; None for any other text.

    Terminals quote the path, escape its spaces, or write a `file://` URL.
    """
    text = text.strip()
    if not text or len(text) > MAX_PATH_CHARACTERS or "\n" in text or "\0" in text:
        return None
    forms = (text, _unquoted(text), re.sub(r"\\(.)", r"\1", text))
    return next((path for path in map(user_path, filter(None, forms)) if path and is_image_file(path)), None)


def pasted_paths(text: str) -> list[Path]:
    """The image files that were dropped or pasted together, a line or a word each; none for any other text."""
    if one := pasted_path(text):
        return [one]
    text = text.strip()
    if not text or len(text) > MAX_PATH_CHARACTERS * 4:
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that does not end
        words = []
    return next((found for found in (_all_images(lines), _all_images(words)) if found), [])


def _all_images(texts: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for text in texts:
        path = pasted_path(text)
        if path is None:
            return []
        found.append(path)
    return found


def mentioned(text: str) -> Path | None:
    """The file of this path, as it may stand behind an `@`; None when there is none."""
    path = user_path(text)
    try:
        return path if path and path.is_file() else None
    except (OSError, ValueError):  # a name no file can have
        return None


@dataclass(frozen=True)
class Mentions:
    """The files that a question names with `@`."""

    text: str
    """The question, with the names of the files in place of their paths."""
    files: tuple[Path, ...] = ()
    """In their order."""


def mentions(text: str) -> Mentions:
    """The files behind each `@path` and `@"path"`, and images whose path is typed; a word that is no file stays."""
    files: list[Path] = []

    def name(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        for file in (word, word if match[1] else word.rstrip(".,;:!?)")):
            if path := mentioned(file):
                files.append(path)
                return path.name + word.removeprefix(file)
        return match[0]

    def typed(match: re.Match[str]) -> str:
        word = match[1] or match[2] or match[3]
        if "/" in word and (path := pasted_path(word)):
            files.append(path)
            return path.name
        return match[0]

    return Mentions(_IMAGE_PATH.sub(typed, _MENTION.sub(name, text)), tuple(files))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"" else ""
