"""Writes chats of the history: their last messages, or a message that a search found."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from lechat_tui.commands.base import Choice
from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.items import Item
from lechat_tui.drawing.notes import Note, Summary
from lechat_tui.drawing.question import Question
from lechat_tui.inline.flow import Flow
from lechat_tui.message import Message
from lechat_tui.store import Chat, Hit
from lechat_tui.talk.conversation import Conversation

MAX_MESSAGES = 4
"""Messages of a chat that are written when it is opened."""

MAX_HITS = 10
"""Hits of a search to choose from."""

Choose = Callable[[str, Sequence[Choice]], Awaitable[str | None]]


class Chats:
    """Opens chats in a conversation and writes them; `choose` lets the user pick a hit."""

    def __init__(self, conversation: Conversation, flow: Flow, choose: Choose) -> None:
        self._conversation = conversation
        self._flow = flow
        self._choose = choose

    def show(self, index: int | None = None) -> None:
        """Write the last messages, or the message at this index and those after it."""
        messages = self._conversation.messages
        first = max(len(messages) - MAX_MESSAGES, 0) if index is None else index
        if first:
            self._say(f"{_count(first)} before this; lechat chats show prints all")
        shown = [_item(message, last=message is messages[-1]) for message in messages[first : first + MAX_MESSAGES]]
        for item in shown:
            self._flow.item(item)
        if self._conversation.chat and any(isinstance(item, Question) and item.foldable for item in shown):
            self._say(f"lechat chats show {self._conversation.chat.id} prints what is folded here (▸)")
        if after := len(messages[first + MAX_MESSAGES :]):
            self._say(f"{_count(after)} after this; the next question continues at the end")

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open a chat, or a new one, and write its title."""
        self._conversation.open(chat, private=private)
        if self._conversation.notice:
            self._say(self._conversation.notice)
        self._flow.text(f"\n{'-' * 8} {chat.title if chat else 'a new chat'} {'-' * 8}\n")

    async def search(self, words: str, open: Callable[[Chat], None]) -> None:
        """Let the user choose a message that contains the words, and show it; `open` opens its chat."""
        hits = await asyncio.to_thread(self._conversation.history.search, words, MAX_HITS)
        if not hits:
            self._say(f"no message contains {words}")
            return
        rows = [Choice(str(number), hit.chat.title, hit.snippet) for number, hit in enumerate(hits)]
        if chosen := await self._choose("Which message?", rows):
            self._go_to(hits[int(chosen)], open)

    def _go_to(self, hit: Hit, open: Callable[[Chat], None]) -> None:
        """Write the message on its branch; before an answer, its question."""
        conversation = self._conversation
        if conversation.private or not conversation.chat or conversation.chat.id != hit.chat.id:
            open(hit.chat)
        if conversation.index_of(hit.message) is None:
            conversation.show_branch(hit.message)
        index = conversation.index_of(hit.message) or 0
        self.show(max(index - 1, 0) if conversation.messages[index].role == "assistant" else index)

    def _say(self, text: str) -> None:
        self._flow.item(Note(text))


def _item(message: Message, *, last: bool) -> Item:
    match message.role:
        case "user":
            return Question(message, unanswered=last)
        case "summary":
            return Summary(message)
        case _:
            return Answer(message)


def _count(messages: int) -> str:
    return f"{messages} messages" if messages > 1 else "1 message"
