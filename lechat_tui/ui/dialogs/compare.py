"""Two models answer the same question, side by side. Knows how to have them asked, not how they are drawn."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from lechat_tui.engine.base import Delta, Done, Event, Loading, Prefill
from lechat_tui.errors import LechatError
from lechat_tui.message import Message, Receipt
from lechat_tui.models.catalog import Model
from lechat_tui.plaintext import safe
from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.widgets.transcript import Transcript

WIDE = 100
"""Columns from which the answers stand side by side; below, one stands under the other."""

CHOOSE = "1 ← keeps the first, 2 → the second; the other stays a branch"


class Side(Vertical):
    """One model's answer."""

    def __init__(self, number: int, model: str) -> None:
        super().__init__()
        self._title = f"{number}  {safe(model)}"
        self.talk = Transcript()
        self._figures = Static("", classes="figures", markup=False)
        self.message: Message | None = None
        """The answer, once it is kept."""

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="title", markup=False)
        yield self.talk
        yield self._figures

    async def follow(self, events: AsyncGenerator[Event, None], model: str) -> None:
        """Draw the answer as it comes."""
        self.talk.show_activity("waiting for the model")
        try:
            async with aclosing(events):
                async for event in events:
                    self._show(event, model)
        finally:
            self.talk.hide_activity()

    def _show(self, event: Event, model: str) -> None:
        match event:
            case Loading(fraction):
                self.talk.show_activity(f"loading {safe(model)}", fraction)
            case Prefill(done, total, cached):
                self.talk.show_activity(
                    f"reading {total - cached:,} new tokens", (done - cached) / max(total - cached, 1)
                )
            case Delta(text, kind):
                self.talk.hide_activity()
                self.talk.grow_answer(text, kind)
            case Done(receipt):
                self._tell(receipt)
            case _:
                pass

    def settle(self, message: Message) -> None:
        """The answer as it is kept."""
        self.message = message
        self.talk.show([message])
        if message.receipt:
            self._tell(message.receipt)

    def _tell(self, receipt: Receipt) -> None:
        speed = f", {receipt.tokens_per_s:.1f} tokens/s" if receipt.tokens_per_s else ""
        self._figures.update(f"{receipt.completion_tokens:,} tokens{speed}")


class Compare(ModalScreen[None]):
    """The chat's model answers at the left, another one at the right; one of the answers is kept in view.

    Both are kept in the chat, as siblings. Leaving without a choice keeps the first.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Stop, leave", priority=True),
        Binding("1,left", "keep(0)", "Keep the first", priority=True),
        Binding("2,right", "keep(1)", "Keep the second", priority=True),
        Binding("pageup,up", "page(-1)", "Scroll up", priority=True),
        Binding("pagedown,down", "page(1)", "Scroll down", priority=True),
    ]

    def __init__(self, conversation: Conversation, other: Model, question: Draft | None) -> None:
        """`question` is asked first; None takes the last one, and its answer when there is one."""
        super().__init__()
        self._conversation = conversation
        self._other = other
        self._asked = question
        self._sides = (Side(1, conversation.model.id), Side(2, other.id))
        self._question = Static("", id="question", markup=False)
        self._hint = Static("", id="hint", markup=False)
        self._answering: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="sides"):
            yield self._question
            with Horizontal(id="columns"):
                yield from self._sides
            yield self._hint

    def on_mount(self) -> None:
        """Have the first answer, then the second."""
        self._hint.update("Esc stops")
        self._answering = self.run_worker(self._answer_both, group="compare")

    async def _answer_both(self) -> None:
        conversation = self._conversation
        try:
            if self._asked:
                self._question.update(safe(self._asked.text))
                await self._fill(0, conversation.ask(self._asked.text, self._asked.attachments))
            else:
                last = next((m for m in reversed(conversation.messages) if m.role == "user"), None)
                self._question.update(safe(last.text) if last else "")
                answer = conversation.messages[-1]
                if answer.role == "assistant" and answer.text:
                    self._rename(answer)
                    self._sides[0].settle(answer)
                else:
                    await self._fill(0, conversation.regenerate())
            await self._fill(1, conversation.regenerate(model=self._other))
        except LechatError as error:
            self._hint.update(f"{error} · Esc closes")
        else:
            self._hint.update(CHOOSE)
        finally:
            self._answering = None

    def _rename(self, answer: Message) -> None:
        """The answer that is there may be by a model the chat has left."""
        if answer.receipt and answer.receipt.model:
            self._sides[0].query_one(".title", Static).update(f"1  {safe(answer.receipt.model)}")

    async def _fill(self, number: int, events: AsyncGenerator[Event, None]) -> None:
        side, conversation = self._sides[number], self._conversation
        before = {message.id for message in conversation.messages}
        model = self._other if number else conversation.model
        try:
            await side.follow(events, model.id)
        finally:
            last = conversation.messages[-1] if conversation.messages else None
            if last and last.role == "assistant" and last.id not in before:
                side.settle(last)

    def on_resize(self, event: Resize) -> None:
        """Side by side where there is room."""
        self.set_class(event.size.width < WIDE, "-narrow")

    def action_page(self, direction: int) -> None:
        """Scroll both."""
        for side in self._sides:
            side.talk.page(direction)

    def action_leave(self) -> None:
        """Stop what is being written; then leave, with the first answer in view."""
        if self._answering:
            _: Worker[None] = self.run_worker(self.stop, group="stop")
        else:
            self._keep(0)

    async def stop(self) -> None:
        """End the answer that is being made, if one is; what was said is kept."""
        if self._answering:
            self._answering.cancel()
            with suppress(WorkerCancelled, WorkerFailed):
                await self._answering.wait()
            self._hint.update(f"stopped · {CHOOSE}")

    def action_keep(self, number: int) -> None:
        """Go on with this answer, once both are there."""
        if not self._answering:
            self._keep(number)

    def _keep(self, number: int) -> None:
        kept = self._sides[number].message or self._sides[1 - number].message
        with suppress(LechatError):  # both are kept; the one that is shown can be walked from
            if kept:
                self._conversation.show_branch(kept.id)
        self.dismiss()
