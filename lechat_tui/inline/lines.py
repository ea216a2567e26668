"""A line from the person: editing, history and completion where the terminal and Python have them. Knows no talk."""

import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec

from lechat_tui.commands.base import completions
from lechat_tui.plaintext import safe, whole

EDITED = find_spec("readline") is not None
"""A Python built without it reads lines all the same."""

if EDITED:
    import readline

BLOCK = '"""'
"""Begins and ends a text of several lines."""


class Lines:
    """Reads what a person types; a backslash at the end of a line, or three quotes round them, make lines one text."""

    def __init__(self, earlier: Sequence[str] = ()) -> None:
        if EDITED:
            readline.clear_history()
            readline.set_auto_history(False)
            readline.set_completer(_completed)
            readline.set_completer_delims(" ")
            binding = "bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete"
            readline.parse_and_bind(binding)
            for text in earlier:
                self.remember(text)

    def remember(self, text: str) -> None:
        """Let Up bring this back."""
        if EDITED:
            readline.add_history(safe(text))

    def read(self, prompt: str, begun: str = "") -> str:
        """What the person types after the prompt, begun with this. Raises `EOFError` and `KeyboardInterrupt`."""
        if EDITED and begun:
            readline.set_startup_hook(lambda: readline.insert_text(safe(begun)))
        try:
            return whole(self._text(prompt))
        finally:
            if EDITED:
                readline.set_startup_hook(None)

    def _text(self, prompt: str) -> str:
        text = input(prompt)
        more = " " * (len(prompt) - 2) + "| "
        if text.lstrip().startswith(BLOCK):
            lines = [text.lstrip().removeprefix(BLOCK)]
            while not lines[-1].rstrip().endswith(BLOCK):
                lines.append(input(more))
            return "\n".join(lines).rstrip().removesuffix(BLOCK).strip("\n")
        lines = [text]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1].removesuffix("\\")
            lines.append(input(more))
        return "\n".join(lines)


def _completed(word: str, number: int) -> str | None:
    """The readline protocol: the word's completions, one for each number."""
    line = readline.get_line_buffer()
    found = [command.name + " " * bool(command.argument) for command in completions(line)] if line == word else []
    return found[number] if number < len(found) else None


def unseen() -> AbstractContextManager[None]:
    """What is typed meanwhile is not shown between the words of an answer; it stands in the next line instead.

    All of it: a terminal that gathers lines drops what follows the first 4,095 bytes of one, and everything at Ctrl+C.
    """
    return _typing(lambda flags: flags & ~(termios.ECHO | termios.ICANON) | termios.NOFLSH)


def seen() -> AbstractContextManager[None]:
    """What is typed meanwhile is shown and gathered again."""
    return _typing(lambda flags: flags & ~termios.NOFLSH | termios.ECHO | termios.ICANON)


@contextmanager
def _typing(change: Callable[[int], int]) -> Iterator[None]:
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
