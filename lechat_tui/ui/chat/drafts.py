"""Drafts of unsent text, saved in the history so that they survive the program. Does not import Textual."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from lechat_tui.store import Draft, Store, StoreError
from lechat_tui.talk.conversation import Conversation


class Drafts:
    """The drafts of the open chat, saved where that chat is stored: in memory for a private one."""

    def __init__(self, conversation: Conversation, current: Callable[[], list[Draft]]) -> None:
        """`current` returns the drafts as they are now."""
        self._conversation = conversation
        self._current = current
        self._lock = asyncio.Lock()
        self._store = conversation.store
        self._chat = 0
        self._saved: list[Draft] = []
        self._closed = False
        """Between two chats nothing is saved."""

    def load(self) -> list[Draft]:
        """The saved drafts of the open chat."""
        self._closed = False
        self._store, self._chat = self._conversation.store, self._chat_id
        try:
            self._saved = self._store.drafts(self._chat)
        except StoreError as error:
            logging.warning("cannot read the drafts: %s", error)
            self._saved = []
        return self._saved

    async def save(self) -> None:
        """Save the current drafts, in a thread."""
        async with self._lock:
            if changed := self._changed():
                await asyncio.to_thread(_write, self._store, *changed)

    def save_now(self) -> None:
        """Save the current drafts, and no others until `load`."""
        changed = self._changed()
        self._closed = True
        if changed:
            _write(self._store, *changed)

    def _changed(self) -> list[tuple[int, Sequence[Draft]]]:
        """What must be written, by chat; a new chat that was stored in the meantime takes its drafts along."""
        if self._closed or self._store is not self._conversation.store:
            return []
        current, chat, before = self._current(), self._chat_id, self._chat
        if current == self._saved and chat == before:
            return []
        changed: list[tuple[int, Sequence[Draft]]] = [(chat, current)]
        if chat != before and self._saved:
            changed.append((before, ()))
        self._chat, self._saved = chat, current
        return changed

    @property
    def _chat_id(self) -> int:
        chat = self._conversation.chat
        return chat.id if chat else 0


def _write(store: Store, *drafts: tuple[int, Sequence[Draft]]) -> None:
    """Log a failure only: sending the question itself will report what is wrong with the disk."""
    try:
        for chat, texts in drafts:
            store.set_drafts(chat, texts)
    except StoreError as error:
        logging.warning("a draft was not saved: %s", error)
