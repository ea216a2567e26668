"""The list of chats at the left, with a search field."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click, DescendantBlur, DescendantFocus, Key
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from lechat_tui.store import Chat, Listing
from lechat_tui.ui.widgets.chat_list import ChatList
from lechat_tui.ui.widgets.field import Field
from lechat_tui.values import dataclass

SEARCH_DELAY_SECONDS = 0.08
"""The list is searched after a pause in typing of this length."""


class ChatsButton(Static):
    """Opens and closes the list with a click."""

    ALLOW_SELECT = False

    class Clicked(Message):
        """The button was clicked."""

    def __init__(self) -> None:
        super().__init__("▤ chats", markup=False)
        self.tooltip = "The list of chats"

    def on_click(self, event: Click) -> None:
        """Post `Clicked`."""
        event.stop()
        self.post_message(self.Clicked())


class Sidebar(Vertical):
    """Chats by day, newest first, with a field that filters them by title."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "delete", "Delete the chat, or the marked ones"),
        Binding("f2,ctrl+e", "rename", "Rename the chat"),
        Binding("escape", "leave", "Back to the prompt"),
        Binding("down", "enter_list", show=False),
    ]

    @dataclass
    class Opened(Message):
        """The user wants this chat; None is a new one."""

        chat: int | None

    @dataclass
    class Searched(Message):
        """The user wants the chats with this in their title."""

        text: str

    @dataclass
    class Deleted(Message):
        """The user wants these chats deleted."""

        chats: Sequence[int]

    @dataclass
    class Renamed(Message):
        """The user wants this chat to have this title."""

        chat: int
        title: str

    class Left(Message):
        """The user wants to go back to the prompt."""

    def __init__(self) -> None:
        super().__init__()
        self._search = Field(placeholder="⌕ search chats", compact=True, id="search", select_on_focus=False)
        self._rows = ChatList()
        self._title = Field(compact=True, id="title", select_on_focus=False)
        self._renamed = 0
        """The ID of the chat whose title is edited; 0 for none."""
        self._pause: Timer | None = None
        self.filled = False
        """Whether it has shown chats."""

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._rows
        yield self._title
        yield Static("Enter opens · F2 renames\nSpace marks · Delete deletes", id="keys", markup=False)

    @property
    def search_text(self) -> str:
        """The text in the search field."""
        return self._search.value

    def focus_list(self) -> None:
        """Focus the list."""
        self._rows.focus()

    def show(self, listing: Listing, current: int, now: datetime) -> None:
        """Show these chats, with a mark at the current one."""
        self.filled = True
        self._rows.show(listing, current, now)

    def fill(self, chats: Iterable[Chat]) -> None:
        """Pass chats that the list asked for to it."""
        self._rows.fill(chats)

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._pause:
            self._pause.stop()
        self._pause = self.set_timer(SEARCH_DELAY_SECONDS, self._search_now)

    def _search_now(self) -> None:
        self._pause = None
        self.post_message(self.Searched(self.search_text))

    @on(DescendantFocus)
    @on(DescendantBlur)
    def _show_keys(self) -> None:
        """Name the keys while one of them can be pressed."""
        self.set_class(self.has_focus_within, "-focused")

    def on_key(self, event: Key) -> None:
        """Type into the search field also while the list has the focus."""
        if self._rows.has_focus and event.is_printable and event.character not in (None, " "):
            assert event.character
            event.stop()
            self._search.focus(scroll_visible=False)
            self._search.insert_text_at_cursor(event.character)

    @on(Input.Submitted, "#search")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_enter_list()

    @on(ChatList.Picked)
    def _picked(self, event: ChatList.Picked) -> None:
        event.stop()
        self._reset()
        self.post_message(self.Opened(event.chat))

    def action_enter_list(self) -> None:
        """Go to the first chat in the list."""
        self._rows.go_to_first()
        self._rows.focus()

    def action_delete(self) -> None:
        """Ask to delete the marked chats, or else the highlighted one."""
        if chats := self._rows.marked or {self._rows.highlighted or 0} - {0}:
            self.post_message(self.Deleted(sorted(chats)))

    def clear_marks(self) -> None:
        """Unmark all chats: they are deleted."""
        self._rows.clear_marks()

    def action_rename(self) -> None:
        """Edit the title of the highlighted chat in its row."""
        title, row = self._rows.highlighted_title
        if self._rows.highlighted and not self._renamed:
            self._renamed = self._rows.highlighted
            self._title.value = title
            self._title.styles.offset = 0, self._rows.region.y - self.content_region.y + row
            self._title.add_class("-shown")
            self._title.focus(scroll_visible=False)
            self._title.cursor_position = len(title)

    @on(Input.Submitted, "#title")
    def _titled(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.post_message(self.Renamed(self._renamed, " ".join(event.value.split())))
        self._end_rename()

    @on(Input.Blurred, "#title")
    def _end_rename(self) -> None:
        if self._renamed:
            self._renamed = 0
            self._title.remove_class("-shown")
            self._rows.focus()

    def action_leave(self) -> None:
        """Give up the new title, or unmark the chats, or else go back to the prompt."""
        if self._renamed:
            self._end_rename()
        elif not self._rows.clear_marks():
            self._reset()
            self.post_message(self.Left())

    def _reset(self) -> None:
        """Show all chats again the next time."""
        self._rows.clear_marks()
        self._search.value = ""
