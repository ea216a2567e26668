"""Which chats there are: in the list at the left, and below the prompt of the start page. Opens none."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date

from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.tasks import Behind
from lechat_tui.ui.widgets.recents import MOST, Recents
from lechat_tui.ui.widgets.sidebar import ChatsMark, Sidebar

WIDE = 110
"""Columns from which the list of chats stands open beside the talk."""


class Chats:
    """Fills both lists from the history, off the loop, and knows whether the one at the left stands open."""

    def __init__(
        self,
        conversation: Conversation,
        sidebar: Sidebar,
        mark: ChatsMark,
        recents: Recents,
        behind: Behind,
        today: Callable[[], date],
    ) -> None:
        self._conversation = conversation
        self._sidebar = sidebar
        self._mark = mark
        self._recents = recents
        self._behind = behind
        self._today = today
        self._narrow: bool | None = None

    @property
    def current(self) -> int:
        """The number in the history of the chat that is shown; 0 for a new one and a private one."""
        conversation = self._conversation
        return conversation.chat.id if conversation.chat and conversation.store is conversation.history else 0

    @property
    def narrow(self) -> bool:
        """Whether the list, when it is open, lies over the talk."""
        return bool(self._narrow)

    def list(self) -> None:
        """The chats are others, or in another order."""
        if self._open:
            self._behind("chats", self._list, exclusive=True)

    async def _list(self) -> None:
        listing = await asyncio.to_thread(self._conversation.history.listing, self._sidebar.words)
        self._sidebar.show(listing, self.current, self._today())

    async def fill(self, ids: Sequence[int]) -> None:
        """Give the list what it wants to know of these."""
        self._sidebar.fill(await asyncio.to_thread(self._conversation.history.chats_of, ids))

    async def offer_recents(self) -> None:
        """The last chats, unless the list of all stands beside them."""
        beside = self._open
        self._recents.offer([] if beside else await asyncio.to_thread(self._conversation.history.chats, MOST))

    @property
    def _open(self) -> bool:
        return self._sidebar.has_class("-shown")

    def fit(self, width: int) -> bool:
        """The list stands open where there is room, unless the person said otherwise; whether that is another now."""
        narrow = width < WIDE
        if narrow == self._narrow:
            return False
        first, self._narrow = self._narrow is None, narrow
        self.open(not narrow)
        if not first:  # at the start it is listed after the first paint
            self.list()
        self._behind("recents", self.offer_recents)
        return True

    def open(self, wanted: bool = True) -> None:
        """Let the list stand open, or close it."""
        self._sidebar.set_class(wanted, "-shown")
        self._mark.set_class(wanted, "-open")

    def enter(self) -> bool:
        """Open the list and go into it; False when the person was in it, and it closed."""
        if self._sidebar.has_focus_within:
            return self.toggle()
        self.open()
        self._sidebar.focus_list()
        self.list()
        return True

    def toggle(self) -> bool:
        """Open the list and go into it; False when it was open, and closed."""
        if not self._open:
            return self.enter()
        self.open(False)
        return False

    def leave(self) -> None:
        """The person goes on with the talk: nothing lies over it."""
        if self.narrow:
            self.open(False)
