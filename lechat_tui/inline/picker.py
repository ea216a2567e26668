"""Questions to the user in the middle of a command: a choice from a list, a yes or a no."""

from collections.abc import Sequence
from functools import partial

from lechat_tui.commands.base import Choice
from lechat_tui.drawing.notes import Note
from lechat_tui.drawing.rows import Row, prefixed, text_rows
from lechat_tui.inline.flow import Flow
from lechat_tui.inline.lines import LineReader, shown_input
from lechat_tui.inline.loop import BackgroundLoop
from lechat_tui.plaintext import safe

MAX_ROWS = 20
"""Choices shown at a time."""

NUMBER_WIDTH = 6
"""Cells of the number before a choice."""


class Picker:
    """Asks on the main thread; its methods run on the loop and raise `EOFError` for Ctrl+C and Ctrl+D."""

    def __init__(self, flow: Flow, lines: LineReader, loop: BackgroundLoop) -> None:
        self._flow = flow
        self._lines = lines
        self._loop = loop

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The value of a choice, by its number; words reduce the list, an empty line is None."""
        shown = list(choices)
        while shown:
            self._flow.text(f"\n{title}", self._flow.look.strong)
            self._flow.rows(self._numbered(shown[:MAX_ROWS]))
            more = f"{len(shown) - MAX_ROWS} more; " if len(shown) > MAX_ROWS else ""
            typed = (await self._read(f"{more}type a number, words to search, or Enter to cancel: ")).strip()
            if not typed:
                return None
            if typed.isdecimal() and 1 <= int(typed[:6]) <= len(shown[:MAX_ROWS]):
                return shown[int(typed) - 1].value
            shown = [choice for choice in choices if choice.matches(typed)]
            if not shown:
                self._flow.item(Note(f"nothing matches {typed}"))
                shown = list(choices)
        return None

    async def confirm(self, question: str) -> bool:
        """Whether the user types yes; Enter alone is a no."""
        return (await self._read(f"{safe(question)} [y/N] ")).strip().lower() in ("y", "yes")

    async def _read(self, prompt: str) -> str:
        self._flow.clear()
        return await self._loop.call_on_main(partial(self._read_shown, prompt))

    def _read_shown(self, prompt: str) -> str:
        with shown_input():
            return self._lines.read(prompt)

    def _numbered(self, choices: Sequence[Choice]) -> list[Row]:
        look, rows = self._flow.look, list[Row]()
        for number, choice in enumerate(choices, 1):
            parts = [" ".join(safe(text).split()) for text in (choice.label, choice.detail) if text]
            lines = text_rows([("  ".join(parts), look.text)], self._flow.width - NUMBER_WIDTH)
            rows += prefixed(lines, (f"{number:>4}  ", look.soft), (" " * NUMBER_WIDTH, look.text))
        return rows
