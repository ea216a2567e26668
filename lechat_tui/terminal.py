"""What a terminal can do, according to the environment variables. Sends no queries to the terminal."""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TextIO

SIMPLE = frozenset(("ansi", "cons25", "linux", "unknown", "vt52", "vt100", "vt102", "vt220"))
"""Values of `TERM` for terminals whose fonts lack the shapes that the screen uses."""

DUMB = frozenset(("", "dumb", "emacs"))
"""Values of `TERM` for terminals whose cursor cannot be moved."""

INTERMEDIARIES = (
    "TMUX", "STY", "ZELLIJ", "VIM_TERMINAL", "NVIM", "INSIDE_EMACS", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY",
)  # fmt: skip
"""Variables that are set when a multiplexer, an editor or SSH is, or may be, between the program and the terminal."""

MIN_KITTY_VERSION = 0, 28
"""The first version of kitty with Unicode placeholders, which show an image in text cells."""

MIN_BIDI_VTE = 5800
"""The first version of VTE, as in `VTE_VERSION`, that reorders text from right to left, and can be asked not to."""

EXPLICIT_BIDI, IMPLICIT_BIDI = "\x1b[8l", "\x1b[8h"
"""Ask a terminal to show characters in the cells they were written to, or to reorder them (BDSM, in ECMA-48).

VTE understands them, others ignore them: https://terminal-wg.pages.freedesktop.org/bidi/.
"""

TextOrder = Literal["logical", "visual", "words"]
"""In which order text from right to left is written: `logical` leaves reordering to the terminal, `words` leaves it the
letters in each word."""

UTF8 = re.compile(r"utf-?8", re.IGNORECASE)


def wants_reduced(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to use plain ASCII: `LECHAT_REDUCED` asks for it, or the terminal or the locale shows nothing else."""
    wanted = environment.get("LECHAT_REDUCED", "")
    if wanted:
        return wanted != "0"
    return environment.get("TERM", "") in SIMPLE | DUMB or not _locale_is_utf8(environment)


def is_dumb(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal can only append lines."""
    return environment.get("TERM", "") in DUMB


def _locale_is_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the locale is UTF-8 or not set; the first of the three variables that is set counts, as in POSIX."""
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return not locale or bool(UTF8.search(locale)) or locale in ("C", "POSIX")


def shows_kitty_images(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to show images in text cells: Ghostty, or kitty from 0.28 on.

    Only `TERM` is set anew by each terminal; other variables are inherited by a terminal that is started from another.
    """
    if any(environment.get(name) for name in INTERMEDIARIES):
        return False
    match environment.get("TERM"):
        case "xterm-ghostty":
            return True
        case "xterm-kitty":
            return _is_recent_kitty(environment.get("KITTY_INSTALLATION_DIR", ""))
        case _:
            return False


def text_order(chosen: str, *, screen: bool, environment: Mapping[str, str] = os.environ) -> TextOrder:
    """The order for what was chosen in the settings (`bidi`); `auto` goes by what is known of the terminal.

    `screen` says whether the whole screen is used, after `EXPLICIT_BIDI`; multiplexers do not pass that on.
    """
    known: dict[str, TextOrder] = {"terminal": "logical", "lechat": "visual", "words": "words"}
    if chosen in known:
        return known[chosen]
    if environment.get("TERM") == "xterm-kitty":
        return "words"
    version = environment.get("VTE_VERSION", "")
    if version.isdecimal() and int(version) >= MIN_BIDI_VTE:
        multiplexed = any(environment.get(name) for name in ("TMUX", "STY", "ZELLIJ"))
        return "visual" if screen and not multiplexed else "logical"
    program = environment.get("TERM_PROGRAM") == "Apple_Terminal"
    return "logical" if program or environment.get("KONSOLE_VERSION") or environment.get("MLTERM") else "visual"


def _is_recent_kitty(folder: str) -> bool:
    """Whether the kitty in this folder is new enough; one whose version cannot be read counts as new."""
    if not folder:
        return False
    try:
        text = Path(folder, "kitty", "constants.py").read_text("utf-8", "replace")
    except OSError:
        return True
    version = re.search(r"^version\b.*\bVersion\((\d+), *(\d+)", text, re.MULTILINE)
    return version is None or (int(version[1]), int(version[2])) >= MIN_KITTY_VERSION


def first_terminal(*streams: TextIO | None) -> TextIO | None:
    """The first of these streams that is a terminal."""
    return next((stream for stream in streams if stream and stream.isatty()), None)


def buffered(stream: TextIO) -> TextIO:
    """The same stream with a buffer, so that nothing is lost when a signal interrupts a write.

    With `PYTHONUNBUFFERED` stderr has no buffer: what the system did not accept of a frame would be missing.
    """
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        return stream
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True)
