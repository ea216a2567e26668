"""What the environment says a terminal can do. Asks no terminal."""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

SIMPLE = frozenset(("ansi", "cons25", "linux", "unknown", "vt52", "vt100", "vt102", "vt220"))
"""Kinds of terminal whose fonts lack the shapes the screen draws with."""

DUMB = frozenset(("", "dumb", "emacs"))
"""Kinds of terminal whose cursor cannot be moved."""

BETWEEN = (
    "TMUX", "STY", "ZELLIJ", "VIM_TERMINAL", "NVIM", "INSIDE_EMACS", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY",
)  # fmt: skip
"""What says that a program that draws by itself stands before the terminal, or that one may."""

PLACEHOLDERS = 0, 28
"""The first version of kitty that draws pictures in cells."""

UTF8 = re.compile(r"utf-?8", re.IGNORECASE)


def wants_reduced(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to draw plain ASCII: wanted by `LECHAT_REDUCED`, or all that the terminal or the locale can show."""
    wanted = environment.get("LECHAT_REDUCED", "")
    if wanted:
        return wanted != "0"
    return environment.get("TERM", "") in SIMPLE | DUMB or not _speaks_unicode(environment)


def cannot_be_drawn_on(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether only lines can be written, one below the other."""
    return environment.get("TERM", "") in DUMB


def _speaks_unicode(environment: Mapping[str, str]) -> bool:
    """By the locale, where one is set: POSIX says which of the three counts."""
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return not locale or bool(UTF8.search(locale)) or locale in ("C", "POSIX")


def draws_pictures(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to draw pictures in cells: Ghostty, or kitty from 0.28 on.

    Each terminal sets `TERM` itself; the other names that tell of one are handed down to whatever is started in it.
    """
    if any(environment.get(name) for name in BETWEEN):
        return False
    match environment.get("TERM"):
        case "xterm-ghostty":
            return True
        case "xterm-kitty":
            return _draws_placeholders(environment.get("KITTY_INSTALLATION_DIR", ""))
        case _:
            return False


def _draws_placeholders(folder: str) -> bool:
    """Whether the kitty in this folder is new enough; one whose version cannot be read is taken for a new one."""
    if not folder:
        return False
    try:
        text = Path(folder, "kitty", "constants.py").read_text("utf-8", "replace")
    except OSError:
        return True
    version = re.search(r"^version\b.*\bVersion\((\d+), *(\d+)", text, re.MULTILINE)
    return version is None or (int(version[1]), int(version[2])) >= PLACEHOLDERS


def seen(*streams: TextIO | None) -> TextIO | None:
    """The first of these that a person sees; a screen drawn into a file or into nothing helps nobody."""
    return next((stream for stream in streams if stream and stream.isatty()), None)


def whole(stream: TextIO) -> TextIO:
    """A stream that loses nothing when a signal interrupts a write, as one does that has no buffer.

    With `PYTHONUNBUFFERED` stderr has none: what the system did not take of a frame would be missing on the screen.
    """
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        return stream
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True)
