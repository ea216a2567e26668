"""Reads lines from the terminal, with editing, history and completion where Python has readline.

readline reads the user's `~/.inputrc`; `docs/decisions.md` says why this is not prompt_toolkit.
"""

import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec

from lechat_tui.commands.base import completions
from lechat_tui.commands.foreign import BLOCKS
from lechat_tui.plaintext import safe, storable

HAS_READLINE = find_spec("readline") is not None
"""A Python built without it reads lines, too, only without editing."""

if HAS_READLINE:
    import readline


class LineReader:
    """Reads what the user types; a backslash at the end of a line, or three quotes around lines, continue the text."""

    def __init__(self, history: Sequence[str] = ()) -> None:
        if HAS_READLINE:
            readline.clear_history()
            readline.set_auto_history(False)
            readline.set_completer(_completion)
            readline.set_completer_delims(" ")
            binding = "bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete"
            readline.parse_and_bind(binding)
            for text in history:
                self.remember(text)

    def remember(self, text: str) -> None:
        """Add a text to the history that Up goes through."""
        if HAS_READLINE:
            readline.add_history(safe(text))

    def read(self, prompt: str, prefilled: str = "") -> str:
        """What the user enters after the prompt; `prefilled` can be edited. Raises `EOFError`, `KeyboardInterrupt`."""
        if HAS_READLINE and prefilled:
            readline.set_startup_hook(lambda: readline.insert_text(safe(prefilled)))
        try:
            return storable(self._text(prompt))
        finally:
            if HAS_READLINE:
                readline.set_startup_hook(None)

    def _text(self, prompt: str) -> str:
        text = input(prompt)
        continued = " " * (len(prompt) - 2) + "| "
        if block := next(filter(text.lstrip().startswith, BLOCKS), ""):
            lines = [text.lstrip().removeprefix(block)]
            while not lines[-1].rstrip().endswith(block):
                lines.append(input(continued))
            return "\n".join(lines).rstrip().removesuffix(block).strip("\n")
        lines = [text]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1].removesuffix("\\")
            lines.append(input(continued))
        return "\n".join(lines)


def _completion(word: str, number: int) -> str | None:
    """The completion of this number, or None after the last one: readline's protocol."""
    line = readline.get_line_buffer()
    found = [command.name + " " * bool(command.argument) for command in completions(line)] if line == word else []
    return found[number] if number < len(found) else None


def hidden_input() -> AbstractContextManager[None]:
    """Meanwhile, what is typed is not shown inside an answer; it becomes the beginning of the next line.

    All of it: in line mode a terminal drops what follows the first 4,095 bytes of a line, and everything at Ctrl+C.
    """
    return _terminal_mode(lambda flags: flags & ~(termios.ECHO | termios.ICANON) | termios.NOFLSH)


def shown_input() -> AbstractContextManager[None]:
    """Inside `hidden_input`: what is typed is shown again, line by line."""
    return _terminal_mode(lambda flags: flags & ~termios.NOFLSH | termios.ECHO | termios.ICANON)


@contextmanager
def _terminal_mode(change: Callable[[int], int]) -> Iterator[None]:
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, ValueError, OSError):  # no terminal: nothing is shown anyway
        yield
        return
    with suppress(termios.error):
        termios.tcsetattr(sys.stdin, termios.TCSANOW, [*before[:3], change(before[3]), *before[4:]])
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
