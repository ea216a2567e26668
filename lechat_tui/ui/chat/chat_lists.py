"""The two lists of chats: the one at the left, and the recent ones below the prompt of the start page."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.retention import remove_old
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.widgets.recents import MAX_CHATS, Recents
from lechat_tui.ui.widgets.sidebar import ChatsButton, Sidebar

WIDE = 110
"""Columns from which the list at the left is open by default."""


class ChatLists:
    """Fills both lists from the history, in a thread, and opens and closes the one at the left."""

    def __init__(
        self,
        conversation: Conversation,
        sidebar: Sidebar,
        mark: ChatsButton,
        recents: Recents,
        tasks: BackgroundTasks,
        now: Callable[[], datetime],
    ) -> None:
        self._conversation = conversation
        self._sidebar = sidebar
        self._mark = mark
        self._recents = recents
        self._tasks = tasks
        self._now = now
        self._narrow: bool | None = None

    @property
    def current(self) -> int:
        """The ID of the open chat in the history; 0 for a new and for a private one."""
        conversation = self._conversation
        return conversation.chat.id if conversation.chat and conversation.store is conversation.history else 0

    @property
    def narrow(self) -> bool:
        """Whether the open list covers the chat."""
        return bool(self._narrow)

    def refresh(self) -> None:
        """Refresh the list at the left."""
        if self._open:
            self._tasks.start("chats", self._refresh, exclusive=True)

    async def _refresh(self) -> None:
        listing = await asyncio.to_thread(self._conversation.history.listing, self._sidebar.search_text)
        self._sidebar.show(listing, self.current, self._now())

    async def fill(self, ids: Sequence[int]) -> None:
        """Give the list the titles of these chats."""
        self._sidebar.fill(await asyncio.to_thread(self._conversation.history.chats_of, ids))

    async def remove_old(self, show: Callable[[str], None]) -> None:
        """Remove chats as the setting `keep` says; `show` gets a sentence about it if there were any."""
        if removed := await remove_old(self._conversation, self._now().timestamp()):
            self.refresh()
            await self.offer_recents()
            show(removed)

    def forget_marks(self) -> None:
        """Unmark all chats."""
        self._sidebar.clear_marks()

    async def offer_recents(self) -> None:
        """Show the recent chats, unless the list of all is open beside them."""
        beside = self._open
        chats = [] if beside else await asyncio.to_thread(self._conversation.history.chats, MAX_CHATS)
        self._recents.offer(chats, self._now())

    @property
    def _open(self) -> bool:
        return self._sidebar.has_class("-shown")

    def fit(self, width: int) -> bool:
        """Open or close the list when the window becomes wide or narrow; whether it became one of them."""
        narrow = width < WIDE
        if narrow == self._narrow:
            return False
        first, self._narrow = self._narrow is None, narrow
        self.open(not narrow)
        if not first:  # at the start it is filled after the first paint
            self.refresh()
        self._tasks.start("recents", self.offer_recents)
        return True

    def open(self, wanted: bool = True) -> None:
        """Open or close the list."""
        for widget, name in ((self._sidebar, "-shown"), (self._mark, "-open")):
            widget.set_class(wanted, name, update=widget.is_attached)  # one that is not is styled when it is mounted

    def enter(self) -> bool:
        """Open the list and focus it; if it has the focus, close it and return False."""
        if self._sidebar.has_focus_within:
            return self.toggle()
        self.open()
        self._sidebar.focus_list()
        self.refresh()
        return True

    def toggle(self) -> bool:
        """Open the list and focus it; if it is open, close it and return False."""
        if not self._open:
            return self.enter()
        self.open(False)
        return False

    def leave(self) -> None:
        """Close the list if it covers the chat."""
        if self.narrow:
            self.open(False)
