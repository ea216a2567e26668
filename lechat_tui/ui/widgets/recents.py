"""The most recent chats, below the prompt of a start page without the list of chats."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from lechat_tui.plaintext import safe
from lechat_tui.store import Chat
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.look.greeting_rows import MIN_ROWS_FOR_CAT
from lechat_tui.ui.widgets.styled_lines import Line, PromptAside, padded
from lechat_tui.units import date_text
from lechat_tui.values import dataclass

MAX_CHATS, MAX_CHATS_SHORT = 5, 3
"""Chats shown, and chats shown on a short screen."""

MAX_TITLE_CELLS = 60

DATE_CELLS = len("12 Nov 2026")

HINTS = (("help", "help"), ("chats", "chats"), ("models", "models"), ("palette", "everything"))
"""Bindings named below the recent chats, and a word for each."""


class Recents(PromptAside, can_focus=True):
    """A few chats to open, and the keys to begin with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up"),
        Binding("down", "move(1)", "Down"),
        Binding("enter", "open", "Open"),
        Binding("escape", "leave", "Back to the prompt"),
    ]

    @dataclass
    class Opened(Message):
        """The user wants this chat."""

        chat: int

    class Left(Message):
        """The user wants to go back to the prompt."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._chats: Sequence[Chat] = ()
        self._chosen = 0
        self._now = datetime.min

    def offer(self, chats: Sequence[Chat], now: datetime) -> None:
        """Show these chats, the newest first."""
        self._now = now
        self._chats = chats[: MAX_CHATS_SHORT if self.app.size.height < MIN_ROWS_FOR_CAT else MAX_CHATS]
        self._chosen = 0
        self._update()

    def _update(self) -> None:
        wide = max(self.size.width, 1)
        head = "Enter opens, Esc goes back" if self.has_focus else "Tab goes there"
        rows = [self._row(number, chat, wide) for number, chat in enumerate(self._chats)]
        above: list[Line] = [[("Recent chats", "heading"), (f"  {head}", "faint")]] if rows else []
        self.can_focus = bool(rows)
        self.show(*above, *rows, *([[]] if rows else []), [(hints(self._keymap, wide), "faint")])
        self.styles.height = len(rows) + (3 if rows else 1)

    def _row(self, number: int, chat: Chat, wide: int) -> Line:
        title, date = safe(chat.title).replace("\n", " ") or "untitled", date_text(chat.updated, self._now)
        room = max(min(wide - DATE_CELLS - 4, MAX_TITLE_CELLS), 0)
        chosen = self.has_focus and number == self._chosen
        mark = ("▌ ", "bar") if chosen else ("  ", "")
        return [mark, (padded(title, room), "accent" if chosen else "text"), (f"  {date}", "faint")]

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._update()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._update()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the chosen row while the list has the focus."""
        super().watch_has_focus(has_focus)
        self._update()

    def on_click(self, event: Click) -> None:
        """Open the chat that was clicked."""
        if 1 <= event.y <= len(self._chats):
            self.post_message(self.Opened(self._chats[event.y - 1].id))

    def action_move(self, by: int) -> None:
        """Choose another chat; above the first one is the prompt."""
        if self._chosen + by < 0:
            self.action_leave()
        self._chosen = min(max(self._chosen + by, 0), max(len(self._chats) - 1, 0))
        self._update()

    def action_open(self) -> None:
        """Open the chosen chat."""
        if self._chats:
            self.post_message(self.Opened(self._chats[self._chosen].id))

    def action_leave(self) -> None:
        """Go back to the prompt."""
        self.post_message(self.Left())


def hints(keymap: Keymap, width: int) -> str:
    """As many of the keys to begin with as fit into so many cells."""
    text = ""
    for hint in ("/ for commands", *(f"{keymap.key(name)} {word}" for name, word in HINTS)):
        longer = f"{text} · {hint}" if text else hint
        if len(longer) > width:
            break
        text = longer
    return text
