"""Edits a text in the user's own editor. Does not import Textual."""

import os
import shlex
from collections.abc import Awaitable, Callable

from lechat_tui.errors import LechatError
from lechat_tui.private_memory import PrivateFolder

DEFAULT_EDITOR = "vi"
"""If neither VISUAL nor EDITOR names one."""

RunProgram = Callable[..., Awaitable[int]]
"""Runs a program, given as separate arguments, in the terminal; returns its exit code. Raises `OSError`."""


class EditorError(LechatError):
    """The editor failed; `text` is what it left."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


async def edited(text: str, run: RunProgram) -> str:
    """The text as the user left it. Meanwhile it is in a file that only they can read, in memory where possible.

    Raises `EditorError`, with the text that the editor saved last, else the original one.
    """
    named = next(filter(str.strip, map(os.environ.get, ("VISUAL", "EDITOR"), ("", ""))), DEFAULT_EDITOR)
    try:
        with PrivateFolder() as folder:
            file = folder.path / "question.md"
            file.touch(mode=0o600)
            file.write_text(text, "utf-8")
            code = await run(*shlex.split(named), str(file))
            written = file.read_text("utf-8", "replace").rstrip("\n") if file.exists() else text
    except ValueError as error:
        raise EditorError(f"{named} is not a valid command; set EDITOR to another editor", text) from error
    except OSError as error:
        message = f"cannot run {named}: {error.strerror or error}; set EDITOR to another editor"
        raise EditorError(message, text) from error
    if code:
        raise EditorError(f"{named} failed with exit code {code}; the prompt has what it saved last", written or text)
    return written
