"""Goes to another chat, to a search hit, to another branch; deletes a chat."""

import asyncio
from collections.abc import Sequence

from lechat_tui.commands.base import Host, busy_message
from lechat_tui.commands.checks import may_leave
from lechat_tui.store import Hit
from lechat_tui.ui.chat.chat_lists import ChatLists
from lechat_tui.ui.chat.chat_switch import ChatSwitch
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.queue import TurnQueue
from lechat_tui.ui.widgets.sidebar import Sidebar
from lechat_tui.ui.widgets.status import StatusLine
from lechat_tui.ui.widgets.transcript import Transcript


class Navigation:
    """Asks what must be asked before the open chat is left."""

    def __init__(
        self,
        host: Host,
        switch: ChatSwitch,
        chats: ChatLists,
        queue: TurnQueue,
        view: MessageView,
        transcript: Transcript,
        status: StatusLine,
    ) -> None:
        self._host = host
        self._switch = switch
        self._chats = chats
        self._queue = queue
        self._view = view
        self._transcript = transcript
        self._status = status

    async def to_chat(self, id: int | None) -> None:
        """Show the chat with this ID, or a new one."""
        chat = await asyncio.to_thread(self._host.store.chat, id) if id else None
        if await may_leave(self._host):
            self._switch.open(chat)

    async def to_hit(self, hit: Hit, query: str) -> None:
        """Show a message that was found, in its chat and its branch; an answer that is being written stops."""
        conversation = self._host.conversation
        if self._chats.current != hit.chat.id:
            if not await may_leave(self._host):
                return
            await self._switch.stop_and_open(hit.chat)
        index = conversation.index_of(hit.message)
        if index is None:
            await self._queue.stop()
            conversation.show_branch(hit.message)
            self._view.show()
            index = conversation.index_of(hit.message)
        if index is not None:
            self._transcript.show_match(index, query)

    async def to_branch(self, index: int | None, by: int) -> None:
        """Show the next branch, or the previous one with -1, at this index or near what is in view."""
        if self._queue.answering:
            self._status.change(state=busy_message(self._host))
        elif not self._view.walk(index, by) and index is None:
            self._status.change(state="no branches here")

    async def change(self, wanted: Sidebar.Deleted | Sidebar.Renamed) -> None:
        """Do what the user wants of the chats in the list."""
        match wanted:
            case Sidebar.Deleted(ids):
                await self._delete(ids)
            case Sidebar.Renamed(id, title):
                await self._rename(id, title)

    async def _rename(self, id: int, title: str) -> None:
        """Give the chat with this ID another title."""
        if self._chats.current == id:
            self._host.conversation.rename(title)
        else:
            await asyncio.to_thread(self._host.store.rename, id, title)
        self._chats.refresh()

    async def _delete(self, ids: Sequence[int]) -> None:
        """Delete the chats with these IDs, after one confirmation."""
        host = self._host
        chats = await asyncio.to_thread(host.store.chats_of, ids)
        one = len(chats) == 1
        what, them = (f"“{chats[0].title}”", "it") if one else (f"{len(chats)} chats", "them")
        if not chats or not await host.confirm(f"Delete {what}? Until you quit, /undelete brings {them} back"):
            return
        if self._chats.current in ids:
            if self._queue.answering:
                host.say(busy_message(host))
                return
            self._switch.open(None)
        await asyncio.to_thread(host.conversation.delete, *chats)
        self._chats.forget_marks()
        self._chats.refresh()
        self._status.change(state=f"{'' if one else f'{what} '}deleted; /undelete restores {them}")
