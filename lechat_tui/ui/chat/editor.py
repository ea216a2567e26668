"""A text written in the person's own editor. Knows the editor and its file, not the screen."""

import os
import shlex
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from lechat_tui.errors import LechatError

USUAL = "vi"
"""The editor where neither VISUAL nor EDITOR names one."""

Run = Callable[..., Awaitable[int]]
"""Runs a program, which is given as its words, on the terminal; its exit code. Raises `OSError`."""


class EditorError(LechatError):
    """The editor did not do its work; the text says why, and `text` is what it left."""

    def __init__(self, said: str, text: str) -> None:
        super().__init__(said)
        self.text = text


async def edited(text: str, run: Run) -> str:
    """The text as it is when the editor has ended; it lies in a file nobody else can read, which is removed then.

    Raises `EditorError`, whose text is the one that was given unless the editor had saved another.
    """
    named = next(filter(str.strip, map(os.environ.get, ("VISUAL", "EDITOR"), ("", ""))), USUAL)
    try:
        with tempfile.TemporaryDirectory(prefix="lechat-") as folder:
            file = Path(folder) / "question.md"
            file.touch(mode=0o600)
            file.write_text(text, "utf-8")
            code = await run(*shlex.split(named), str(file))
            written = file.read_text("utf-8", "replace").rstrip("\n") if file.exists() else text
    except ValueError as error:
        raise EditorError(f"{named} cannot be read as a command; EDITOR names another", text) from error
    except OSError as error:
        said = f"{named} could not be used: {error.strerror or error}; EDITOR names another"
        raise EditorError(said, text) from error
    if code:
        raise EditorError(f"{named} ended with {code}; the prompt has what it saved last", written or text)
    return written
