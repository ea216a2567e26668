"""Items beside questions and answers: notes to the user, what the engine is doing, and summaries."""

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.style import Style

from lechat_tui.drawing.answer import ENDINGS
from lechat_tui.drawing.items import FOLD, INDENT, Item, estimated_rows, indented
from lechat_tui.drawing.rows import Look, Row, Run, prefixed, row, text_rows, wrap
from lechat_tui.message import Message
from lechat_tui.plaintext import safe

MAX_BAR_CELLS = 24
"""The length of a progress bar."""

COLUMN = re.compile(r" *\S.*?  +(?=\S)")
"""The first of two columns in a line, with the gap between them."""


SLASH_COMMANDS = {
    "lechat pull": "/pull",
    "lechat ls --all": "/models",
    "lechat ls": "/models",
    "lechat fit": "/models",
    "lechat rm": "/models",
    "lechat chats ls": "/resume",
}
"""Shell commands that messages name, and what the user can type in a chat instead."""

_SHELL_COMMAND = re.compile("|".join(rf"{command}\b(?! \S+ --)" for command in SLASH_COMMANDS))
"""A command with an option stays, because slash commands have none."""


class Note(Item):
    """Something the program says to the user, which the model does not get."""

    def __init__(self, text: str, *, error: bool = False) -> None:
        super().__init__()
        self.text = _SHELL_COMMAND.sub(lambda command: SLASH_COMMANDS[command[0]], text)
        self.error = error

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        mark, style = ("✗ ", look.error) if self.error else ("· ", look.note)
        rows = _table_rows(self.text, style, width - INDENT - 2)
        return prefixed(rows, (" " * INDENT + mark, style), (" " * (INDENT + 2), style))

    def _estimate(self, width: int) -> int:
        return estimated_rows(self.text, width - INDENT - 2)


class Activity(Item):
    """What the engine does before it answers: a text, a progress bar, and a hint, such as how to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.fraction: float | None = None
        self.hint = ""

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        runs: list[Run] = [(self.text, look.soft)]
        if self.fraction is not None:
            runs += _bar(self.fraction, min(MAX_BAR_CELLS, max(width // 4, 4)), look.accent, look.line)
        runs.append((f" {self.hint}", look.soft))
        first = next(wrap(runs, width - INDENT))[0]
        return indented([row(first)], look)

    def _estimate(self, width: int) -> int:
        return 1


class Summary(Item):
    """The summary that the model gets in place of the messages above it, folded at first."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.text = safe(message.text).strip()
        self._ending = ENDINGS.get(message.state)

    def _render(self, width: int, look: Look) -> Iterator[Row]:
        mark, words = "▾" if self.unfolded else "▸", len(self.text.split())
        head = [(f"{mark} summary of the messages above, {words} words; /undo removes it", look.soft + FOLD)]
        rows = text_rows(head, width - INDENT)
        if self.unfolded:
            edge = ("│ ", look.line)
            rows += prefixed(text_rows([(self.text, look.soft)], width - INDENT - 2), edge, edge)
        if self._ending:
            rows += text_rows([(self._ending, look.soft)], width - INDENT)
        return indented(rows, look)

    def _estimate(self, width: int) -> int:
        return estimated_rows(self.text, width - INDENT) + 1 if self.unfolded else 1


def _table_rows(text: str, style: Style, width: int) -> Iterator[Row]:
    """Text wrapped into rows; in a line of two columns, the second one is wrapped within its column."""
    for line in safe(text).split("\n"):
        column = COLUMN.match(line[: width // 2 + 1])
        if not column or cell_len(line) <= width or cell_len(column[0]) > width // 2:
            yield from text_rows([(line, style)], width)
            continue
        left, indent = column[0], cell_len(column[0])
        for number, (runs, _, joint, _) in enumerate(text_rows([(line[len(left) :], style)], width - indent)):
            yield Row([(" " * indent if number else left, style), *runs], indent if number else 0, joint)


def _bar(fraction: float, cells: int, full: Style, empty: Style) -> list[Run]:
    """A progress bar of so many cells, with a space before it."""
    done = round(min(max(fraction, 0.0), 1.0) * cells)
    return [(" ", empty), ("━" * done, full), ("─" * (cells - done), empty)]
