"""Runs the model and writes what it answers, line below line."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from lechat_tui.drawing.answer import speed_summary
from lechat_tui.drawing.notes import Note
from lechat_tui.drawing.question import UNANSWERED
from lechat_tui.engine.base import Delta, Event, Fitted, Retrieved
from lechat_tui.inline.flow import Flow
from lechat_tui.message import Message
from lechat_tui.models.catalog import Model
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.units import token_speed_text, tokens_text
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class PendingAnswer:
    """An answer that was requested by a question or a command."""

    events: Callable[[], AsyncGenerator[Event, None]]
    title: str = ""
    """Written above the answer."""
    has_images: bool = False
    """Whether its question has images, which not every model supports."""
    is_summary: bool = False
    continues: bool = False
    """Whether it continues the last answer."""


class Answers:
    """Runs one pending answer at a time. `confirm` asks the user, `switch` makes another model answer."""

    def __init__(
        self,
        conversation: Conversation,
        flow: Flow,
        *,
        confirm: Callable[[str], Awaitable[bool]],
        switch: Callable[[Model], None],
    ) -> None:
        self._conversation = conversation
        self._flow = flow
        self._confirm = confirm
        self._switch = switch
        self._notes = phrases.Notes()
        self.shows_figures = conversation.settings.stats
        """Whether the time to the first token is written below an answer, too."""

    async def run(self, pending: PendingAnswer) -> None:
        """Write the answer as it arrives. Raises what the conversation raises; cancelling it stops the engine."""
        conversation = self._conversation
        if pending.has_images and not conversation.model.supports_images:
            await self._offer_model_for_images()
        before = len(conversation.messages)
        self._flow.text(pending.title)
        self._flow.begin(conversation.unfinished if pending.continues else None)
        try:
            async with aclosing(pending.events()) as events:
                async for event in events:
                    self._show(event)
        finally:
            last = conversation.messages[-1] if conversation.messages else None
            answer = last if last and last.role == "assistant" else None
            self._flow.end(answer, self._sources())
            if last and last.role == "user" and not pending.is_summary:
                self._flow.text(f"  {UNANSWERED}\n")
        if pending.is_summary and len(conversation.messages) > before:
            self._say("the model gets this summary instead of the earlier messages; /undo removes it")
        self._write_figures(last)

    def _sources(self) -> list[str]:
        """What is written below an answer about passages of a library."""
        messages = self._conversation.messages
        if not messages or not self._conversation.has_passages:
            return []
        from lechat_tui.talk.sources import cited, uncited  # only for answers about passages

        return cited(messages[-1]) or uncited(messages)

    def _show(self, event: Event) -> None:
        model = self._conversation.model.id
        if (activity := phrases.activity(event, model)) and phrases.is_long(event):
            text, fraction = activity
            self._flow.show_activity(text, phrases.percent(fraction))
        for sentence in self._notes.about(event, model):
            self._say(sentence)
        match event:
            case Fitted(left_out=left_out) if left_out:
                self._say(phrases.left_out(len(left_out)))
            case Retrieved():
                self._flow.cites = True
            case Delta(text, kind):
                self._flow.grow(text, kind)
            case _:
                pass

    def _say(self, text: str) -> None:
        self._flow.item(Note(text))

    def _write_figures(self, last: Message | None) -> None:
        conversation = self._conversation
        receipt = last.receipt if last else None
        if receipt is None:
            return
        context = f"{tokens_text(conversation.used)} of {tokens_text(conversation.window)} tokens"
        speed = token_speed_text(receipt.tokens_per_s) if receipt.tokens_per_s else ""
        speed = speed_summary(receipt) if self.shows_figures else speed
        self._flow.text(" · ".join(filter(None, (conversation.setup.title, context, speed))) + "\n")
        if warning := self._notes.fullness(conversation.nearly_full):
            self._say(warning)

    async def _offer_model_for_images(self) -> None:
        model, other = self._conversation.model, self._conversation.image_model()
        if other and await self._confirm(phrases.offer_image_model(model.id, other.id)):
            self._switch(other)
        else:
            self._say(phrases.no_images(model.id))
