"""The entry point. The most frequent command lines run without loading the command line parser."""

import os
import sys
from typing import Any, NoReturn

from lechat_tui import __version__, terminal
from lechat_tui.cli import edge, printing, streams

LAST = (["-c"], ["-C"], ["--continue"])
"""Arguments that open the full screen on the most recent chat."""


def main() -> NoReturn:
    """Run the program and exit; a failure is one line on stderr."""
    streams.prepare()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        edge.leave(lambda: printing.show(f"lechat {__version__}"))
    if (not arguments or arguments in LAST) and _at_a_terminal() and not terminal.is_dumb(os.environ):
        edge.leave(lambda: _show(resume="last" if arguments else ""))
    from lechat_tui.cli import quick

    if (values := quick.read(arguments)) is not None:
        edge.leave(lambda: _answer(values))
    from lechat_tui.cli import main

    main.main()


def _answer(values: dict[str, Any]) -> None:
    """What `ask` in `main.py` does, while a process for the engine starts."""
    import gc

    gc.disable()  # imported modules are never garbage; `oneshot.run` enables it again
    from lechat_tui import paths
    from lechat_tui.engine.process import Spare

    spare = Spare(paths.logs())
    try:
        from lechat_tui.cli import asking

        asking.run(**values, spare=spare)
    finally:
        spare.close()


def _at_a_terminal() -> bool:
    return bool(sys.stdin and sys.stdout) and sys.stdin.isatty() and sys.stdout.isatty()


def _show(*, resume: str) -> None:
    """What `ask` in `main.py` does with these arguments, behind the start page of the last run."""
    import gc

    from lechat_tui.ui.look.start_page import StartPage

    gc.disable()  # imported modules are never garbage; `screen.run` enables it again
    start_page = StartPage()
    try:
        start_page.open(page=not resume)
        from lechat_tui.cli import compose, screen

        conversation = compose.conversation(compose.Overrides(resume=resume))
        with conversation.store:
            screen.run(conversation, start_page)
    finally:
        start_page.close()
