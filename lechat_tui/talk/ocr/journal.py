"""The pages that were read, written as each is finished, so that an OCR that was killed continues behind them."""

import hashlib
import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from lechat_tui import writing
from lechat_tui.errors import LechatError
from lechat_tui.values import dataclass

MAX_AGE_SECONDS = 30 * 24 * 3600.0
"""A journal that nothing was added to for so long is deleted."""

MAX_JOURNAL_BYTES = 500_000_000

Ended = Literal["end", "length", "loop", "blank", "failed"]
"""How the text of a page ended: by itself, at the limit of tokens, where the model began to repeat itself; or there is
none, because the page is blank or could not be rendered."""

MIN_KEPT = 0.9
"""A page whose text has a smaller share of the words of its PDF is marked."""

MAX_INVENTED = 0.2
"""A page is marked when a larger share of the words of its text is not in its PDF."""


class OcrError(LechatError):
    """The pages can't be read; the text says why."""


@dataclass(frozen=True)
class PageText:
    """A page that was read."""

    number: int
    """Counted from 1."""
    text: str
    """Markdown."""
    ended: Ended = "end"
    kept: float | None = None
    """The share of the words of the PDF's own text that it has; None where the PDF has hardly any."""
    invented: float | None = None
    """The share of its words that are not in the PDF's own text; None where that says nothing."""
    pieces: int = 1
    """2 for a page that was read in two halves."""
    pictures: tuple[str, ...] = ()
    """The pictures of the page that were saved, as paths relative to the Markdown file."""
    seconds: float = 0.0
    parroted: bool = False
    """Whether it has hardly any words that are not in the question to the model."""
    problem: str = ""
    """Why it could not be rendered."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What a reader should know of it, as sentences."""
        marks = {
            "length": "the text was cut off at the limit of tokens for a page",
            "loop": "the model began to repeat itself and was stopped; the rest of the page may be missing",
            "failed": self.problem,
        }
        found = [marks[self.ended]] if self.ended in marks else []
        if self.ended == "end" and not self.text.strip():
            found.append("the model found no text, though the page is not blank")
        if self.parroted:
            found.append("looks invented: the text repeats what the model was asked to do")
        if self.kept is not None and self.kept < MIN_KEPT:
            found.append(f"{1 - self.kept:.0%} of the words in the PDF's own text are missing")
        if self.invented is not None and self.invented > MAX_INVENTED:
            found.append(f"looks invented: {self.invented:.0%} of the words are not in the PDF's own text")
        return tuple(found)


class Journal:
    """Keeps pages by their numbers: in memory, and in a file where there is one."""

    def __init__(self, file: Path | None = None) -> None:
        """Read the pages that an earlier run has kept. A line that was cut off by a kill is left out."""
        self._file = file
        self.pages: dict[int, PageText] = {}
        with suppress(OSError):
            for line in writing.read(file, MAX_JOURNAL_BYTES).splitlines() if file else ():
                with suppress(msgspec.DecodeError, UnicodeError):
                    page = msgspec.json.decode(line, type=PageText)
                    self.pages[page.number] = page

    def add(self, page: PageText) -> None:
        """Keep a page; it survives a kill from then on. Raises `OcrError` when the file can't be written."""
        self.pages[page.number] = page
        if self._file is None:
            return
        try:
            writing.private_folder(self._file.parent)
            with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
                out.write(b"\n" + msgspec.json.encode(page) + b"\n")  # behind a line that was cut off, if there is one
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            reason = error.strerror or error
            raise OcrError(f"{self._file} can't be written: {reason}; the next run needs it to resume") from error

    def remove(self, delivered: Collection[int]) -> None:
        """Delete the file, unless it has more than these pages, which have been delivered: those of a longer run."""
        if self._file and set(self.pages) <= set(delivered):
            with suppress(OSError):
                self._file.unlink()


def journal_of(folder: Path | None, content: str, *settings: object) -> Journal:
    """The journal for a file with this SHA-256, read with these settings; in memory without a folder.

    Deletes journals that are old.
    """
    if folder is None:
        return Journal()
    now = time.time()
    for old in folder.glob("*.jsonl"):
        with suppress(OSError):
            if now - old.stat().st_mtime > MAX_AGE_SECONDS:
                old.unlink()
    key = hashlib.sha256("\0".join((content, *map(str, settings))).encode("utf-8", "replace")).hexdigest()
    return Journal(folder / f"{key[:32]}.jsonl")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file. Raises `OcrError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OcrError(f"{path.name} can't be read: {error.strerror or error}") from error
