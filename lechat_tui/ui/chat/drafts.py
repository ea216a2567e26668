"""What was typed and not said yet, kept so that it outlives the program. Knows no widget."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from lechat_tui.store import Draft, Store, StoreError
from lechat_tui.talk.conversation import Conversation


class Drafts:
    """The drafts of the chat that is open, where that chat is kept: in memory for a private one."""

    def __init__(self, conversation: Conversation, unsaid: Callable[[], list[Draft]]) -> None:
        """`unsaid` tells what there is now."""
        self._conversation = conversation
        self._unsaid = unsaid
        self._lock = asyncio.Lock()
        self._store = conversation.store
        self._chat = 0
        self._kept: list[Draft] = []
        self._closed = False
        """Between two chats nothing is kept."""

    def take(self) -> list[Draft]:
        """What was kept for the chat that is open now."""
        self._closed = False
        self._store, self._chat = self._conversation.store, self._number
        try:
            self._kept = self._store.drafts(self._chat)
        except StoreError as error:
            logging.warning("the drafts cannot be read: %s", error)
            self._kept = []
        return self._kept

    async def keep(self) -> None:
        """Write what there is now, off the loop."""
        async with self._lock:
            if work := self._due():
                await asyncio.to_thread(_write, self._store, *work)

    def keep_now(self) -> None:
        """Write what there is now, before another chat is opened or the program ends."""
        work = self._due()
        self._closed = True
        if work:
            _write(self._store, *work)

    def _due(self) -> list[tuple[int, Sequence[Draft]]]:
        """What must be written; a new chat that has become one of the history takes its drafts along."""
        if self._closed or self._store is not self._conversation.store:
            return []
        unsaid, chat, before = self._unsaid(), self._number, self._chat
        if unsaid == self._kept and chat == before:
            return []
        due: list[tuple[int, Sequence[Draft]]] = [(chat, unsaid)]
        if chat != before and self._kept:
            due.append((before, ()))
        self._chat, self._kept = chat, unsaid
        return due

    @property
    def _number(self) -> int:
        chat = self._conversation.chat
        return chat.id if chat else 0


def _write(store: Store, *drafts: tuple[int, Sequence[Draft]]) -> None:
    """A disk that takes no draft stops nobody: the question itself will say so."""
    try:
        for chat, unsaid in drafts:
            store.set_drafts(chat, unsaid)
    except StoreError as error:
        logging.warning("a draft is not kept: %s", error)
