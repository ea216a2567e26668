"""From chat to chat as the person points: to one of a list, to a hit of the search; and one goes. Knows no keys."""

import asyncio

from lechat_tui.commands.base import Host, busy_message
from lechat_tui.commands.privacy import may_leave
from lechat_tui.store import Hit
from lechat_tui.ui.chat.chat_switch import Opening
from lechat_tui.ui.chat.history import Chats
from lechat_tui.ui.chat.queue import Turns
from lechat_tui.ui.widgets.transcript import Transcript


class Going:
    """Asks what must be asked before the chat that is open is left."""

    def __init__(self, host: Host, opening: Opening, chats: Chats, turns: Turns, transcript: Transcript) -> None:
        self._host = host
        self._opening = opening
        self._chats = chats
        self._turns = turns
        self._transcript = transcript

    async def to_chat(self, number: int | None) -> None:
        """Show the chat of this number, or a new one."""
        chat = await asyncio.to_thread(self._host.store.chat, number) if number else None
        if await may_leave(self._host):
            self._opening.open(chat)

    async def to_hit(self, hit: Hit, words: str) -> None:
        """Show a message that was found, in its chat and its branch; what is being said elsewhere stops and is kept."""
        conversation = self._host.conversation
        if self._chats.current != hit.chat.id:
            if not await may_leave(self._host):
                return
            await self._opening.stop_and_open(hit.chat)
        place = conversation.place(hit.message)
        if place is None:
            await self._turns.stop()
            conversation.show_branch(hit.message)
            self._host.show_talk()
            place = conversation.place(hit.message)
        if place is not None:
            self._transcript.show_match(place, words)

    async def delete(self, number: int) -> bool:
        """Delete the chat of this number, if the person means it; whether it is gone."""
        host = self._host
        chat = await asyncio.to_thread(host.store.chat, number)
        if not chat or not await host.confirm(f"Delete “{chat.title}”?"):
            return False
        if self._chats.current == number:
            if self._turns.answering:
                host.say(busy_message(host))
                return False
            self._opening.open(None)
        await asyncio.to_thread(host.conversation.delete, chat)
        self._chats.list()
        return True
