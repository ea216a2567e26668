"""Files that are named in a text: behind an `@`, or as a path that was pasted or dropped."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from lechat_tui.attachments.files import Named, named, user_path
from lechat_tui.attachments.folders import is_document_file, is_text_file
from lechat_tui.attachments.images import is_image_file
from lechat_tui.values import dataclass

MAX_PATH_CHARACTERS = 4096

_MENTION = re.compile(r"""(?<!\S)@(?:"([^"]+)"|(\S+))""")

_IMAGE_PATH = re.compile(
    r"""(?<!\S)(?:"([^"\n]+\.\w{3,4})"|'([^'\n]+\.\w{3,4})'|((?:\\.|[^\s\\"'])+\.\w{3,4}))(?=[.,;:!?)]*(?:\s|$))"""
)


def pasted_path(text: str, accepts: Callable[[Path], bool] = is_image_file) -> Path | None:
    """The image file that was dropped on the terminal or pasted as a path; None for any other text.

    Terminals quote the path, escape its spaces, or write a `file://` URL. `accepts` says which files count instead.
    """
    text = text.strip()
    if not text or len(text) > MAX_PATH_CHARACTERS or "\n" in text or "\0" in text:
        return None
    forms = (text, _unquoted(text), re.sub(r"\\(.)", r"\1", text))
    return next((path for path in map(user_path, filter(None, forms)) if path and accepts(path)), None)


def pasted_mentions(text: str) -> str:
    """Text files and documents that were dropped or pasted as whole paths, each as an `@path`; empty for other text."""
    found = pasted_paths(text, _is_mentionable)
    return " ".join(mention(str(path)) for path in found)


def mention(file: str) -> str:
    """A path as it is written into a question."""
    return f'@"{file}"' if re.search(r"\s", file) else f"@{file}"


def is_dropped_text(path: Path) -> bool:
    """Whether it may be a text file or document that was dropped: a whole path, as file managers write it."""
    return path.is_absolute() and (is_text_file(path) or is_document_file(path))


def _is_mentionable(path: Path) -> bool:
    return '"' not in str(path) and (is_dropped_text(path) or is_image_file(path))


def pasted_paths(text: str, accepts: Callable[[Path], bool] = is_image_file) -> list[Path]:
    """The image files that were dropped or pasted together, a line or a word each; none for any other text."""
    if one := pasted_path(text, accepts):
        return [one]
    text = text.strip()
    if not text or len(text) > MAX_PATH_CHARACTERS * 4:
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that does not end
        words = []
    return next((found for found in (_all(lines, accepts), _all(words, accepts)) if found), [])


def _all(texts: Sequence[str], accepts: Callable[[Path], bool]) -> list[Path]:
    found: list[Path] = []
    for text in texts:
        path = pasted_path(text, accepts)
        if path is None:
            return []
        found.append(path)
    return found


def mentioned(text: str) -> Named | None:
    """The file of this path, as it may stand behind an `@`, pages included; None when there is none."""
    file = named(text)
    try:
        return file if file.path.is_file() else None
    except (OSError, ValueError):  # a name no file can have
        return None


@dataclass(frozen=True)
class Mentions:
    """The files that a question names with `@`."""

    text: str
    """The question, with the names of the files in place of their paths."""
    files: tuple[Named, ...] = ()
    """In their order."""


def mentions(text: str) -> Mentions:
    """The files behind each `@path` and `@"path"`, and images whose path is typed; a word that is no file stays."""
    files: list[Named] = []

    def name(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        for file in (word, word if match[1] else word.rstrip(".,;:!?)")):
            if found := mentioned(file):
                files.append(found)
                return found.path.name + word.removeprefix(file)
        return match[0]

    def typed(match: re.Match[str]) -> str:
        word = match[1] or match[2] or match[3]
        if "/" in word and (path := pasted_path(word)):
            files.append(Named(path))
            return path.name
        return match[0]

    return Mentions(_IMAGE_PATH.sub(typed, _MENTION.sub(name, text)), tuple(files))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"" else ""
