"""The clipboards of desktops, of tmux, and of the terminal a person sits at. Knows no screen.

A desktop's clipboard and tmux's buffer are served by programs that say whether it worked. The terminal's is reached
with the escape sequence OSC 52, also through SSH, to which no terminal answers: whether it was taken cannot be known.
"""

import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

PROGRAMS = (
    ("wl-copy", "WAYLAND_DISPLAY", ("wl-copy",)),
    ("xclip", "DISPLAY", ("xclip", "-selection", "clipboard")),
    ("xsel", "DISPLAY", ("xsel", "--clipboard", "--input")),
    ("clip.exe", "WSL_DISTRO_NAME", ("clip.exe",)),
)
"""A program, the variable without which it has no desktop to serve, and how it is called."""

READERS = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--type", "image/png")),
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline", "--type", "text")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-out")),
    ("DISPLAY", ("xsel", "--clipboard", "--output")),
    ("WSL_DISTRO_NAME", ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard -Raw")),
    ("TMUX", ("tmux", "show-buffer")),
)
"""What tells what is on a clipboard, pictures before text, each with the variable without which it is not asked."""

PATIENCE = 2.0
"""Seconds a program may take."""

LARGEST = 74_994
"""Bytes sent with OSC 52: with its frame and in Base64 that is 100,000, where the first of the terminals stop."""

CHUNK = 256
"""Bytes of a string that GNU screen passes on in one piece."""

Write = Callable[[str], None]
"""Sends a control sequence to the terminal."""


def put(text: str, write: Write, environment: Mapping[str, str] = os.environ) -> str:
    """Put the text on every clipboard that can be reached; the sentence says which, and no more than is known."""
    program = _native(text, environment)
    if program:
        return f"copied with {program}"
    if environment.get("TMUX") and _run(("tmux", "load-buffer", "-w", "-"), text, environment):
        return "copied to tmux (prefix ] pastes it), which hands it to the terminal's clipboard if that takes it"
    size = len(text.encode("utf-8", "replace"))
    if size > LARGEST:
        return (
            f"not copied: it has {size // 1000} kB, and terminals take {LARGEST // 1000} kB (OSC 52); "
            "/save answer PATH or /export PATH writes it to a file"
        )
    write(sequences(text, environment))
    return "sent to the terminal's clipboard (OSC 52); if nothing arrives, your terminal does not allow that"


def _native(text: str, environment: Mapping[str, str]) -> str | None:
    """The desktop's program that took the text. Beyond SSH, only what the session's own display has."""
    for name, wanted, command in PROGRAMS:
        if environment.get(wanted) and _run(command, text, environment):
            return name
    if sys.platform == "darwin" and not _remote(environment) and _run(("pbcopy",), text, environment):
        return "pbcopy"
    return None


def sequences(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """OSC 52 for the terminal, and for what stands between: tmux and GNU screen pass on what is wrapped for them.

    See "Operating System Commands" in xterm's ctlseqs, and allow-passthrough in tmux(1).
    """
    plain = f"\x1b]52;c;{b64encode(text.encode('utf-8', 'replace')).decode()}\a"
    terminal = environment.get("TERM", "")
    if environment.get("TMUX") or terminal.startswith("tmux"):
        escaped = plain.replace("\x1b", "\x1b\x1b")
        return f"{plain}\x1bPtmux;{escaped}\x1b\\"
    if environment.get("STY") or terminal.startswith("screen"):
        pieces = (plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK))
        return plain * (not environment.get("STY")) + "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return plain


def get(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """What is on the desktop's clipboard, a PNG picture or a text; None when nothing can be read from any."""
    readers = [command for wanted, command in READERS if environment.get(wanted)]
    if sys.platform == "darwin" and not _remote(environment):
        readers.insert(0, ("pbpaste",))
    return next((content for content in (_output(command, environment) for command in readers) if content), None)


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
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _run(command: Sequence[str], text: str, environment: Mapping[str, str]) -> bool:
    """Give the text to a program; True when it took it."""
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
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
