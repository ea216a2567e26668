"""How soon lechat is there, compared with the least possible: a bare Python, and a Textual program of one line.

    python benchmarks/start.py [--rounds 7]

All are started in turns in a terminal of 120 by 40, with their bytecode compiled before, as an installer does it.
Measured are the time until the text is there to be read, and the CPU time of the process until then, which other
programs on the machine disturb less. A first start has an empty home.
"""

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
HELLO = """
from textual.app import App
from textual.widgets import Label
class Hello(App):
    def compose(self):
        yield Label("everything is here")
Hello().run()
"""
FURNISHED = """
from textual.app import App
from textual.widgets import Footer, Header, Input, Label
class Hello(App):
    def compose(self):
        yield Header()
        yield Label("everything is here")
        yield Input()
        yield Footer()
Hello().run()
"""
PROMISE = b"everything stays on this machine"
PLACEHOLDER = b"sk le chat"
"""Of the prompt: the cursor is on its first letter. Only the screen has it on a first start."""
FIRST, FIRST_SCREEN, AGAIN = "lechat, first start", "lechat, first prompt", "lechat, later start"
KEY = "lechat, echo of a key"
"""Typed as soon as the page of a later start shows."""
WAYS = {
    "python -c print": (("-c", "print('everything is here')"), b"everything is here"),
    "lechat --version": (("-m", "lechat_tui", "--version"), b"lechat"),
    "lechat --help": (("-m", "lechat_tui", "--help"), b"--help"),
    "Textual hello-world": (("-c", HELLO), b"everything is here"),
    "with header, input, footer": (("-c", FURNISHED), b"everything is here"),
    FIRST: (("-m", "lechat_tui"), PROMISE),
    FIRST_SCREEN: (("-m", "lechat_tui"), PLACEHOLDER),
    AGAIN: (("-m", "lechat_tui"), PROMISE),
    KEY: (("-m", "lechat_tui"), PROMISE),
}


def seconds(
    words: tuple[str, ...], awaited: bytes, home: Path, compiled: Path, key: str = "", rest: float = 0
) -> tuple[float, float]:
    """Seconds of wall clock and of CPU from the start of the process until the terminal has these bytes.

    With a key, until that is echoed too. The program then runs on for `rest` seconds.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    more = {"LECHAT_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(compiled)}
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=slave, stdout=slave, stderr=slave, env={**kept, **more, **terminal}, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    written = b""
    while awaited not in written:
        written += os.read(master, 65536)
    if key:
        os.write(master, key.encode())
        written = b""
        while key.encode() not in written:
            written += os.read(master, 65536)
    taken = time.perf_counter() - began
    used = cpu(process.pid)
    until = time.perf_counter() + rest
    while (left := until - time.perf_counter()) > 0:
        if select.select([master], [], [], left)[0]:
            os.read(master, 65536)
    process.kill()
    process.wait()
    os.close(master)
    return taken, used


def cpu(process: int) -> float:
    """Seconds of CPU time the process has used, its threads included; of one that has ended, too."""
    return time.clock_gettime((~process << 3) | 2)


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home, compiled = Path(folder, "home"), Path(folder, "compiled")
        seconds(*WAYS[FIRST_SCREEN], home, compiled, rest=2.0)  # compiles, and saves the page for later starts
        for number in range(options.rounds + 1):
            for name, way in WAYS.items():
                first = name in (FIRST, FIRST_SCREEN)
                own = Path(folder, f"{name} {number}") if first else home
                times[name].append(seconds(*way, own, compiled, "Ω" if name == KEY else ""))
    print(f"{options.rounds} rounds after one to warm up: median (minimum), and relative to the Textual hello-world")
    for number, kind in enumerate(("by the clock", "CPU time")):
        yard = statistics.median(pair[number] for pair in times["Textual hello-world"][1:])
        for name, pairs in times.items():
            measured = [pair[number] for pair in pairs[1:]]
            middle = statistics.median(measured)
            print(f"{kind:<13} {name:<26} {middle:6.3f} s ({min(measured):.3f})  {middle / yard:5.2f}")


if __name__ == "__main__":
    main()
