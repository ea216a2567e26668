"""Has two models answer the same question. Both answers are stored in the chat, as siblings."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from lechat_tui.engine.base import Event
from lechat_tui.errors import LechatError
from lechat_tui.message import Message
from lechat_tui.models.catalog import Model
from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.dialogs.compare import Compare, Side


class Comparison:
    """The chat's model answers first, then the other one."""

    def __init__(self, conversation: Conversation, other: Model, question: Draft | None) -> None:
        """`question` is asked first; None takes the last question of the chat, and its answer if there is one."""
        self._conversation = conversation
        self._other = other
        self._question = question
        last = next((message for message in reversed(conversation.messages) if message.role == "user"), None)
        text = question.text if question else last.text if last else ""
        self.screen = Compare((conversation.model.id, other.id), text, self._answer)

    async def _answer(self, sides: Sequence[Side]) -> None:
        first, second = sides
        conversation, question = self._conversation, self._question
        if question:
            await self._fill(first, conversation.ask(question.text, question.attachments))
        else:
            answer = conversation.messages[-1]
            if answer.role == "assistant" and answer.text:
                if answer.receipt and answer.receipt.model:  # perhaps not the model that the chat has now
                    first.name_model(answer.receipt.model)
                first.settle(answer)
            else:
                await self._fill(first, conversation.regenerate())
        await self._fill(second, conversation.regenerate(model=self._other))

    async def _fill(self, side: Side, events: AsyncGenerator[Event, None]) -> None:
        before = {message.id for message in self._conversation.messages}
        try:
            await side.follow(events)
        finally:
            last = self._conversation.messages[-1] if self._conversation.messages else None
            if last and last.role == "assistant" and last.id not in before:
                side.settle(last)

    def keep(self, answer: Message | None) -> None:
        """Show the branch of this answer."""
        if answer:
            with suppress(LechatError):  # both are stored, and the user can go to the other branch
                self._conversation.show_branch(answer.id)
