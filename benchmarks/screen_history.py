"""How long it takes to open a long chat, and a list of very many chats.

    python benchmarks/screen_history.py [--messages 5000] [--chats 100000]

Times are from the key to the bytes that render its effect. Late is how much later than asked a timer of 10 ms fires in
the program's event loop while the list is opened, scrolled and searched: a stutter is a late timer.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from pathlib import Path

from terminal_program import ROOT, Terminal, percentile

from lechat_tui.store import Store

PROGRAM = str(ROOT / "benchmarks" / "screen_programs.py")
TEXT = (
    "A **paragraph** with `code` and words enough to be wrapped in a column.\n\n- one thing\n- another, with *more*\n"
)


def fill(folder: Path, *, chats: int, messages: int) -> None:
    """Write a history with this many chats, each with this many messages."""
    Store(folder).close()
    now = time.time()
    with sqlite3.connect(folder / "history.db") as db:
        for number in range(1, chats + 1):
            moment = now - (chats - number) * 600
            title = f"chat {number} about {['plums', 'pears', 'apples', 'figs'][number % 4]}"
            first = (number - 1) * messages
            last = first + messages
            db.execute(
                "INSERT INTO chat (id, title, created, updated, leaf, last, system, model)"
                " VALUES (?, ?, ?, ?, ?, ?, '', 'echo')",
                (number, title, moment, moment, last if messages else 0, last if messages else number),
            )
            for place in range(1, messages + 1):
                role = "user" if place % 2 else "assistant"
                text = f"question {place}" if place % 2 else f"answer {place}\n\n{TEXT}"
                db.execute(
                    "INSERT INTO message (id, chat, parent, role, text, thinking, state, created, written)"
                    " VALUES (?, ?, ?, ?, ?, '', 'complete', ?, ?)",
                    (first + place, number, first + place - 1 if place > 1 else None, role, text, moment, moment),
                )
    db.close()


def long_chat(home: Path, messages: int) -> None:
    """Pick a long chat in the list."""
    fill(home / "data", chats=2, messages=messages)
    with Terminal("-m", "lechat_tui", home=home) as terminal:
        terminal.see("chat 1 about")
        terminal.rest(2)
        terminal.type("\x13")  # Ctrl+S
        terminal.rest(0.5)
        terminal.type("\x1b[B")
        terminal.rest(0.3)
        terminal.type("\r")
        print(f"a chat of {messages:,} messages opens in {terminal.see(f'answer {messages}') * 1000:.0f} ms")


def many_chats(home: Path, chats: int) -> None:
    """Open the list, scroll and search it."""
    fill(home / "data", chats=chats, messages=0)
    result = home / "late.json"
    with Terminal(PROGRAM, "resting", str(result), home=home) as terminal:
        shown = terminal.see(f"chat {chats} about")
        print(f"the list of {chats:,} chats shows {shown * 1000:.0f} ms after the program starts")
        terminal.rest(2)
        terminal.type("\x13")
        terminal.rest(0.5)
        for _ in range(40):
            terminal.type("\x1b[6~")  # page down
            terminal.rest(0.05)
        terminal.type("\x1b[F")  # end
        print(f"its last chat shows {terminal.see('chat 1 about') * 1000:.0f} ms after End")
        for key in "figs":
            terminal.type(key)
            terminal.rest(0.12)
        terminal.rest(1)
        terminal.type("\x15")  # Ctrl+U
        terminal.rest(0.5)
        for key in "77123":
            terminal.rest(0.12)
            terminal.type(key)
        print(f"a search finds one of them {terminal.see('77123 about') * 1000:.0f} ms after its last letter")
        terminal.rest(1)
        terminal.type("\x11")  # Ctrl+Q
        while terminal.runs():
            terminal.rest(0.05)
    found = json.loads(result.read_text())
    for what in ("late", "busy"):
        values = found[what]
        print(f"{what}: {percentile(values, 0.99):.1f} ms at the 99th percentile, {max(values):.1f} at most")


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--chats", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long_chat(Path(folder), options.messages)
    with tempfile.TemporaryDirectory() as folder:
        many_chats(Path(folder), options.chats)


if __name__ == "__main__":
    main()
