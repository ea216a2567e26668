"""Where the program begins. What is asked for most often is answered without reading a command line."""

import os
import sys
from typing import NoReturn

from lechat_tui import __version__, terminal
from lechat_tui.cli import edge

LAST = (["-c"], ["-C"], ["--continue"])
"""Lines that open the screen on the last chat."""


def main() -> NoReturn:
    """Run the program and leave with its exit code; whatever goes wrong is one line on stderr."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        edge.leave(lambda: print(f"lechat {__version__}"))
    if (not arguments or arguments in LAST) and _at_a_terminal() and not terminal.cannot_be_drawn_on(os.environ):
        edge.leave(lambda: _show(resume="last" if arguments else ""))
    from lechat_tui.cli import main

    main.main()


def _at_a_terminal() -> bool:
    return bool(sys.stdin and sys.stdout) and sys.stdin.isatty() and sys.stdout.isatty()


def _show(*, resume: str) -> None:
    """What `ask` in `main.py` does with such a line, behind the start page of last time."""
    import gc

    from lechat_tui.ui.look.front import Front

    gc.disable()  # nothing that is imported is ever garbage; the screen enables it
    front = Front()
    try:
        front.open(page=not resume)
        from lechat_tui.cli import compose, screen

        conversation = compose.conversation(compose.Overrides(resume=resume))
        with conversation.store:
            screen.run(conversation, front)
    finally:
        front.close()
