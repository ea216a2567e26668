"""The list of chats at the left. Knows their titles and days, not what was said in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click, Key
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from lechat_tui.store import Chat, Listing
from lechat_tui.ui.widgets.chat_list import ChatList
from lechat_tui.ui.widgets.field import Field

PAUSE = 0.08
"""Seconds without a letter after which what was typed is searched."""


class ChatsMark(Static):
    """Opens the list with a click, and closes it; stands where nothing is ever said, above the talk or the list."""

    ALLOW_SELECT = False

    class Clicked(Message):
        """The person wants the list, or wants it gone."""

    def __init__(self) -> None:
        super().__init__("▤ chats", markup=False)
        self.tooltip = "The list of chats"

    def on_click(self, event: Click) -> None:
        """Say so."""
        event.stop()
        self.post_message(self.Clicked())


class Sidebar(Vertical):
    """Chats by day, newest first, with a box that filters them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "delete", "Delete the chat"),
        Binding("escape", "leave", "Back to the prompt"),
        Binding("down", "enter_list", show=False),
    ]

    @dataclass
    class Opened(Message):
        """The person wants this chat; None is a new one."""

        chat: int | None

    @dataclass
    class Searched(Message):
        """The person wants the chats with this in their title."""

        words: str

    @dataclass
    class Deleted(Message):
        """The person wants this chat deleted."""

        chat: int

    class Left(Message):
        """The person wants to go on writing."""

    def __init__(self) -> None:
        super().__init__()
        self._search = Field(placeholder="⌕ search chats", compact=True, id="search", select_on_focus=False)
        self._rows = ChatList()
        self._pause: Timer | None = None
        self.filled = False
        """Whether it has shown any chats."""

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._rows

    @property
    def words(self) -> str:
        """What is typed in the box."""
        return self._search.value

    def focus_list(self) -> None:
        """Move into the list."""
        self._rows.focus()

    def show(self, listing: Listing, current: int, today: date) -> None:
        """Show these chats; the current one is marked."""
        self.filled = True
        self._rows.show(listing, current, today)

    def fill(self, chats: Iterable[Chat]) -> None:
        """What the list wanted to know."""
        self._rows.fill(chats)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._pause:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._search_now)

    def _search_now(self) -> None:
        self._pause = None
        self.post_message(self.Searched(self.words))

    def on_key(self, event: Key) -> None:
        """What is typed into the list is searched."""
        if self._rows.has_focus and event.is_printable and event.character:
            event.stop()
            self._search.focus(scroll_visible=False)
            self._search.insert_text_at_cursor(event.character)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_enter_list()

    @on(ChatList.Picked)
    def _picked(self, event: ChatList.Picked) -> None:
        event.stop()
        self.post_message(self.Opened(event.chat))

    def action_enter_list(self) -> None:
        """From the box to the first chat found."""
        self._rows.go_to_first()
        self._rows.focus()

    def action_delete(self) -> None:
        """Ask for the end of the highlighted chat."""
        if chat := self._rows.highlighted:
            self.post_message(self.Deleted(chat))

    def action_leave(self) -> None:
        """Leave the list."""
        self.post_message(self.Left())
