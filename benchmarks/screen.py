"""What rendering a streamed answer costs and how responsive the screen stays, compared with Textual's own widget.

    python benchmarks/screen.py [--tokens 10000] [--only lechat markdown ...]

A Markdown answer arrives at 300 tokens per second in a terminal of 120 by 40. CPU is that of the program that
renders, per token. Late is how much later than asked a timer of 10 ms fires; echo is the time from a key to the bytes
that render it, while the answer is being written. Both are longer on a busy machine. Held is not: it is the CPU time
that the program's own thread uses while such a timer runs, during which no key is handled. Idle is the CPU time of
`lechat` waiting for a question.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import screen_history
from terminal_program import ROOT, Terminal, percentile

from lechat_tui.ui.textual_private import FRAMES_PER_SECOND

PROGRAM = str(ROOT / "benchmarks" / "screen_programs.py")
KEYS = "".join(map(chr, range(0x410, 0x450)))
"""Typed one after the other, none twice: a row that is rendered again shows the earlier ones too."""
EARLIER = 5_000
IDLE = 10.0
WAYS = {
    "nothing": ("nothing is drawn", ()),
    "markdown": ("Textual's Markdown.get_stream", ()),
    "lechat": ("lechat", ()),
    "below": (f"lechat below {EARLIER:,} messages", ("--messages", str(EARLIER))),
}


def stream(way: str, tokens: int, home: Path) -> tuple[dict[str, Any], list[float]]:
    """The program's own measurements, and the echoes of keys in milliseconds."""
    program = "lechat" if way == "below" else way
    result = home / "result.json"
    result.unlink(missing_ok=True)
    echoes: list[float] = []
    pick = random.Random(1)
    more = WAYS[way][1]
    os.environ["TEXTUAL_FPS"] = str(FRAMES_PER_SECOND) if program == "lechat" else ""
    with Terminal(PROGRAM, program, str(result), "--tokens", str(tokens), *more, home=home) as terminal:
        terminal.rest(3)
        number = 0
        while terminal.runs():
            if number < tokens // 60 and not result.exists():
                terminal.type(KEYS[number % len(KEYS)])
                echoes.append(terminal.see(KEYS[number % len(KEYS)], "\x1b[?1049l") * 1000)
                number += 1
                if number % len(KEYS) == 0:
                    terminal.type("\x15")  # Ctrl+U: a new line
            terminal.rest(pick.uniform(0.1, 0.2))  # out of step with the frames
    return json.loads(result.read_text()), echoes


def idle(home: Path) -> float:
    """Milliseconds of CPU time per second."""
    with Terminal("-m", "lechat_tui", home=home) as terminal:
        terminal.see("sk le chat")
        terminal.rest(5)
        before, began = terminal.cpu(), time.perf_counter()
        terminal.rest(IDLE)
        return (terminal.cpu() - before) * 1000 / (time.perf_counter() - began)


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=10_000)
    parser.add_argument("--only", nargs="*", choices=(*WAYS, "idle"), default=(*WAYS, "idle"))
    options = parser.parse_args()
    marks = sorted({1, min(6, options.tokens // 1000), options.tokens // 1000})
    print(
        f"{'':<32} CPU ms/token at {'k / '.join(map(str, marks))}k | late ms, p50 / p99"
        " | held ms, p99 / most | echo ms, p50 / p99"
    )
    last_of: dict[str, tuple[float, float]] = {}
    for way in options.only:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            if way == "idle":
                print(f"{'lechat at rest':<32} {idle(home):.1f} ms of CPU per second", flush=True)
                continue
            if way == "below":
                screen_history.fill(home / "data", chats=1, messages=EARLIER)
            found, echoes = stream(way, options.tokens, home)
        cpu, last = found["cpu"], found["late"][-1]
        last_of[way] = cpu[marks[-1] - 1], percentile(echoes, 0.99)
        every = [value for stretch in found["late"] for value in stretch]
        print(
            f"{WAYS[way][0]:<32} {' / '.join(f'{cpu[mark - 1]:.2f}' for mark in marks):>24} |"
            f" {statistics.median(every):.1f} / {percentile(every, 0.99):.1f}"
            f" (last {percentile(last, 0.99):.1f}) |"
            f" {percentile(found['busy'], 0.99):.1f} / {max(found['busy']):.1f} |"
            f" {statistics.median(echoes):.1f} / {percentile(echoes, 0.99):.1f}",
            flush=True,
        )
    if {"lechat", "markdown"} <= last_of.keys():
        cpu_ratio, echo_ratio = (a / b for a, b in zip(last_of["lechat"], last_of["markdown"], strict=True))
        print(f"lechat / Markdown.get_stream: {cpu_ratio:.2f} of the CPU at the end, {echo_ratio:.2f} of the echo")


if __name__ == "__main__":
    main()
