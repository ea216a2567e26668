"""Removes chats that nothing was added to for as long as the setting `keep` says."""

import asyncio

from lechat_tui.talk.conversation import Conversation
from lechat_tui.units import span_seconds

CHATS_AT_ONCE = 100
"""Deleted in one transaction, so that no other program waits for long."""


async def remove_old(conversation: Conversation, now: float) -> str:
    """Remove old chats, except the open one; a sentence that says how many, empty for none. Raises `StoreError`.

    Their saved states go with them, and the attached files that no other chat has. `now` is in seconds since the
    epoch; a clock that is wrong removes nothing that a right one would keep: see `store.retention`.
    """
    history, keep = conversation.history, conversation.settings.keep
    seconds = span_seconds(keep)
    if seconds is None or history.private:
        return ""
    removed = 0
    old = await asyncio.to_thread(history.unused_for, seconds, now)
    for first in range(0, len(old), CHATS_AT_ONCE):
        shown = conversation.chat.id if conversation.chat else 0
        ids = [id for id in old[first : first + CHATS_AT_ONCE] if id != shown]
        await asyncio.to_thread(history.delete, *ids)
        for id in ids:
            conversation.engine.forget(id)
        removed += len(ids)
    return f"removed {removed} {'chat' if removed == 1 else 'chats'} unused for {keep}" if removed else ""
