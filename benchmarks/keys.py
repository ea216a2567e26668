"""How soon a key is echoed, while the program is idle and while a model uses every core.

    python benchmarks/keys.py [MODEL.gguf] [--keys 100]

Runs `lechat` in a pseudo-terminal and types characters that no answer contains: while the engine is idle, while it
evaluates a long question, and while it generates. An echo is the time from the key to the bytes that render it.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from terminal_program import Terminal

from lechat_tui import paths

KEYS = [chr(code) for code in range(0x0391, 0x03CA) if chr(code).isalpha()]
PAUSE = 0.08
"""Seconds between two keys."""


def echoes(typist: Terminal, count: int) -> list[float]:
    """Milliseconds until each of `count` keys was echoed, sorted."""
    found = []
    for number in range(count):
        key = KEYS[number % len(KEYS)]
        typist.type(key)
        found.append(typist.see(key) * 1000)
        typist.rest(PAUSE)
        if number % 40 == 39:
            typist.type("\x15")  # one line is enough
            typist.rest(PAUSE)
    typist.type("\x15")
    typist.rest(PAUSE)
    return sorted(found)


def line(what: str, found: list[float]) -> None:
    """Print the median and the 99th percentile."""
    late = found[min(len(found) - 1, int(len(found) * 0.99))]
    print(f"  {what:<22} {statistics.median(found):6.1f} ms median, {late:6.1f} ms 99th percentile", flush=True)


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=paths.bundled("chaton") / "chaton-q8_0.gguf")
    parser.add_argument("--keys", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = (
            "-m",
            str(options.model),
            "--max-tokens",
            "4000",
            "--ctx-size",
            "16384",
            "--threads",
            str(os.cpu_count()),
        )
        with Terminal("-m", "lechat_tui", *words, home=Path(folder)) as typist:
            typist.see("sk le chat")  # the cursor stands on the first letter
            typist.rest(3)
            print(f"{options.model.name}, {os.cpu_count()} cores, {options.keys} keys each")
            line("the engine rests", echoes(typist, options.keys))
            typist.type("\x1b[200~" + "one two three " * 900 + "\x1b[201~\r")
            typist.rest(5)
            line("it reads a question", echoes(typist, options.keys))
            typist.type("\x1b")
            typist.rest(2)
            typist.type("Count from 1 to 1000\r")
            typist.rest(4)
            line("it writes an answer", echoes(typist, options.keys))


if __name__ == "__main__":
    main()
