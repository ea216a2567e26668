"""The last chats, below the prompt of the start page, where no list stands beside it. Knows titles, opens nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from lechat_tui.plaintext import safe
from lechat_tui.store import Chat
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.greeting import SHORT
from lechat_tui.ui.widgets.styled_lines import Line, StyledLines, padded

MOST, FEW = 5, 3
"""Chats shown, and on a short screen."""

HINTS = (("help", "help"), ("chats", "chats"), ("models", "models"), ("palette", "everything"))
"""Names of bindings, and what is said of each below the recent chats."""


class Recents(StyledLines, can_focus=True):
    """A few chats to go back to, and the keys to begin with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up"),
        Binding("down", "move(1)", "Down"),
        Binding("enter", "open", "Open"),
        Binding("escape", "leave", "Back to the prompt"),
    ]

    @dataclass
    class Opened(Message):
        """The person wants this chat."""

        chat: int

    class Left(Message):
        """The person wants to go on writing."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._chats: Sequence[Chat] = ()
        self._chosen = 0

    def offer(self, chats: Sequence[Chat]) -> None:
        """Show these, the latest first."""
        self._chats = chats[: FEW if self.app.size.height < SHORT else MOST]
        self._chosen = 0
        self._draw()

    def _draw(self) -> None:
        wide = max(self.size.width, 1)
        head = "Enter opens, Esc goes back" if self.has_focus else "Tab goes there"
        rows = [self._row(number, chat, wide) for number, chat in enumerate(self._chats)]
        above: list[Line] = [[("Last chats", "heading"), (f"  {head}", "faint")]] if rows else []
        self.can_focus = bool(rows)
        self.show(*above, *rows, *([[]] if rows else []), [(hints(self._keymap, wide), "faint")])
        self.styles.height = len(rows) + (3 if rows else 1)

    def _row(self, number: int, chat: Chat, wide: int) -> Line:
        title = safe(chat.title).replace("\n", " ") or "untitled"
        if self.has_focus and number == self._chosen:
            return [("▌ ", "bar"), (padded(title, wide - 2), "accent")]
        return [("  ", ""), (title, "text")]

    def on_resize(self) -> None:
        """There may be room for more words, or less."""
        self._draw()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show which row is chosen, or none."""
        super().watch_has_focus(has_focus)
        self._draw()

    def on_click(self, event: Click) -> None:
        """Open what was clicked."""
        if 1 <= event.y <= len(self._chats):
            self.post_message(self.Opened(self._chats[event.y - 1].id))

    def action_move(self, by: int) -> None:
        """Choose another; above the first is the prompt."""
        if self._chosen + by < 0:
            self.action_leave()
        self._chosen = min(max(self._chosen + by, 0), max(len(self._chats) - 1, 0))
        self._draw()

    def action_open(self) -> None:
        """Open the chosen one."""
        if self._chats:
            self.post_message(self.Opened(self._chats[self._chosen].id))

    def action_leave(self) -> None:
        """Back to the prompt."""
        self.post_message(self.Left())


def hints(keymap: Keymap, width: int) -> str:
    """As many of the keys to begin with as fit."""
    told = ""
    for hint in ("/ for commands", *(f"{keymap.key(name)} {word}" for name, word in HINTS)):
        longer = f"{told} · {hint}" if told else hint
        if len(longer) > width:
            break
        told = longer
    return told
