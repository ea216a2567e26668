"""Goes to another chat, to a search hit, to another branch; deletes a chat."""

import asyncio

from lechat_tui.commands.base import Host, busy_message
from lechat_tui.commands.checks import may_leave
from lechat_tui.store import Hit
from lechat_tui.ui.chat.chat_lists import ChatLists
from lechat_tui.ui.chat.chat_switch import ChatSwitch
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.queue import TurnQueue
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

    async def delete(self, id: int) -> None:
        """Delete the chat with this ID, after a confirmation."""
        host = self._host
        chat = await asyncio.to_thread(host.store.chat, id)
        if not chat or not await host.confirm(f"Delete “{chat.title}”?"):
            return
        if self._chats.current == id:
            if self._queue.answering:
                host.say(busy_message(host))
                return
            self._switch.open(None)
        await asyncio.to_thread(host.conversation.delete, chat)
        self._chats.refresh()
        self._status.change(state="deleted; /undelete restores it")
