"""Copies to and reads from the clipboard of the desktop, of tmux and of the terminal.

The clipboard of a desktop and the buffer of tmux are reached through programs, whose exit code says whether it worked.
That of the terminal is reached with the escape sequence OSC 52, also through SSH. Terminals do not reply to it, so
whether they accepted the text cannot be known.
"""

import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

from lechat_tui.plaintext import copyable
from lechat_tui.units import size_text

COPY_PROGRAMS = (
    ("wl-copy", "WAYLAND_DISPLAY", ("wl-copy",)),
    ("xclip", "DISPLAY", ("xclip", "-selection", "clipboard")),
    ("xsel", "DISPLAY", ("xsel", "--clipboard", "--input")),
    ("clip.exe", "WSL_DISTRO_NAME", ("clip.exe",)),
)
"""The name of a program, the variable that says that it can work, and its command line."""

READ_COMMANDS = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--type", "image/png")),
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline", "--type", "text")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-out")),
    ("DISPLAY", ("xsel", "--clipboard", "--output")),
    ("WSL_DISTRO_NAME", ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard -Raw")),
    ("TMUX", ("tmux", "show-buffer")),
)
"""Commands that print the clipboard, images before text, each after the variable that says that it can work."""

TIMEOUT_SECONDS = 2.0
"""For one program."""

MAX_OSC52_BYTES = 74_994
"""In Base64 and with its frame, that is a sequence of 100,000 bytes, the lowest limit of a known terminal."""

SCREEN_CHUNK_BYTES = 256
"""The longest string that GNU screen passes on."""

Write = Callable[[str], None]
"""Writes a control sequence to the terminal."""


def copy(text: str, write: Write, environment: Mapping[str, str] = os.environ) -> str:
    """Copy the text to the clipboard, without control characters; a sentence that says which one was used."""
    text = copyable(text)
    program = _native(text, environment)
    if program:
        return f"copied with {program}"
    if environment.get("TMUX") and _run(("tmux", "load-buffer", "-w", "-"), text, environment):
        return "copied to tmux (prefix ] pastes it), and sent to the terminal's clipboard if the terminal allows that"
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_OSC52_BYTES:
        return (
            f"not copied: the text has {size_text(size)}, terminals accept {size_text(MAX_OSC52_BYTES)}; "
            "/save answer PATH or /export PATH writes a file"
        )
    write(osc52(text, environment))
    return "sent to the terminal's clipboard; if it is not there, your terminal does not let programs copy"


def _native(text: str, environment: Mapping[str, str]) -> str | None:
    """The desktop program that accepted the text; over SSH, only one with a display of its own."""
    for name, variable, command in COPY_PROGRAMS:
        if environment.get(variable) and _run(command, text, environment):
            return name
    if sys.platform == "darwin" and not _remote(environment) and _run(("pbcopy",), text, environment):
        return "pbcopy"
    return None


def osc52(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text as OSC 52, wrapped so that tmux or GNU screen pass it on where one of them is in between.

    See "Operating System Commands" in xterm's ctlseqs, and allow-passthrough in tmux(1).
    """
    plain = f"\x1b]52;c;{b64encode(text.encode('utf-8', 'replace')).decode()}\a"
    terminal = environment.get("TERM", "")
    if environment.get("TMUX") or terminal.startswith("tmux"):
        escaped = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{escaped}\x1b\\"
    if environment.get("STY") or terminal.startswith("screen"):
        pieces = (plain[at : at + SCREEN_CHUNK_BYTES] for at in range(0, len(plain), SCREEN_CHUNK_BYTES))
        return plain * (not environment.get("STY")) + "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return plain


MAC_READ_COMMANDS = (
    ("pngpaste", "-"),
    ("osascript", "-e", "get the clipboard as «class PNGf»"),
    ("pbpaste",),
)
"""The same on a Mac; `pngpaste` may be installed, the others are a part of macOS."""

_APPLE_DATA = re.compile(rb"\s*\xc2\xabdata PNGf([0-9A-F]+)\xc2\xbb\s*")
"""How `osascript` prints an image: `«data PNGf89504E47...»`, in UTF-8."""


def read(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """The content of the clipboard, a PNG image or text; None when there is none or it cannot be read."""
    readers = [command for variable, command in READ_COMMANDS if environment.get(variable)]
    if sys.platform == "darwin" and not _remote(environment):
        readers = [*MAC_READ_COMMANDS, *readers]
    outputs = (_output(command, environment) for command in readers)
    content = next(filter(None, outputs), None)
    image = _APPLE_DATA.fullmatch(content) if content else None
    return bytes.fromhex(image[1].decode()) if image else content


def _remote(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))


def _output(command: Sequence[str], environment: Mapping[str, str]) -> bytes:
    program = shutil.which(command[0], path=environment.get("PATH"))
    if not program:
        return b""
    try:
        done = subprocess.run(
            (program, *command[1:]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _run(command: Sequence[str], text: str, environment: Mapping[str, str]) -> bool:
    """Pass the text to a program on stdin; whether it succeeded."""
    program = shutil.which(command[0], path=environment.get("PATH"))
    if not program:
        return False
    encoding = "utf-16" if command[0] == "clip.exe" else "utf-8"
    try:
        done = subprocess.run(
            (program, *command[1:]),
            input=text.encode(encoding, "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
