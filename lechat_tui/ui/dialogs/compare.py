"""Shows the answers of two models to the same question side by side. Asks nobody: it is given what fills the sides."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from lechat_tui.engine.base import Delta, Done, Event
from lechat_tui.errors import LechatError
from lechat_tui.message import Message, Receipt
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases
from lechat_tui.ui.widgets.transcript import Transcript

WIDE = 100
"""Columns from which the answers stand side by side; on a narrower screen, the second stands below the first."""

CHOOSE = "1 ← keeps the first, 2 → the second; the other stays as a branch"


class Side(Vertical):
    """One model's answer."""

    def __init__(self, number: int, model: str) -> None:
        super().__init__()
        self._number = number
        self._title = Static("", classes="title", markup=False)
        self.transcript = Transcript()
        self._figures = Static("", classes="figures", markup=False)
        self._notes = phrases.Notes()
        self.message: Message | None = None
        """The answer, once it is stored."""
        self.name_model(model)

    def name_model(self, model: str) -> None:
        """Show whose answer this is."""
        self._model = safe(model)
        self._title.update(f"{self._number}  {self._model}")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.transcript
        yield self._figures

    async def follow(self, events: AsyncGenerator[Event, None]) -> None:
        """Show the answer while it is written."""
        self.transcript.show_activity("waiting for the model")
        try:
            async with aclosing(events):
                async for event in events:
                    self._show(event)
        finally:
            self.transcript.hide_activity()

    def _show(self, event: Event) -> None:
        if activity := phrases.activity(event, self._model):
            self.transcript.show_activity(*activity)
        for sentence in self._notes.about(event, self._model):
            self.transcript.note(sentence)
        match event:
            case Delta(text, kind):
                self.transcript.hide_activity()
                self.transcript.grow_answer(text, kind)
            case Done(receipt):
                self._show_figures(receipt)
            case _:
                pass

    def settle(self, message: Message) -> None:
        """Show the answer as it is stored."""
        self.message = message
        self.transcript.show([message])
        if message.receipt:
            self._show_figures(message.receipt)

    def _show_figures(self, receipt: Receipt) -> None:
        speed = f", {receipt.tokens_per_s:.1f} tokens/s" if receipt.tokens_per_s else ""
        self._figures.update(f"{receipt.completion_tokens:,} tokens{speed}")


class Compare(ModalScreen[Message | None]):
    """Its result is the answer to continue with: the chosen one, or the first if the user leaves without a choice."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave", "Stop, close", priority=True),
        Binding("1,left", "keep(0)", "Keep the first", priority=True),
        Binding("2,right", "keep(1)", "Keep the second", priority=True),
        Binding("pageup,up", "page(-1)", "Scroll up", priority=True),
        Binding("pagedown,down", "page(1)", "Scroll down", priority=True),
    ]

    def __init__(
        self, models: tuple[str, str], question: str, answer: Callable[[Sequence[Side]], Awaitable[None]]
    ) -> None:
        """`answer` fills the two sides, one after the other; it is cancelled when the user stops it."""
        super().__init__()
        self._answer = answer
        self._sides = tuple(Side(number, model) for number, model in enumerate(models, 1))
        self._question = Static(safe(question), id="question", markup=False)
        self._hint = Static("Esc stops", id="hint", markup=False)
        self._answering: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="sides"):
            yield self._question
            with Horizontal(id="columns"):
                yield from self._sides
            yield self._hint

    def on_mount(self) -> None:
        """Start the answers."""
        self._answering = self.run_worker(self._fill, group="compare")

    async def _fill(self) -> None:
        try:
            await self._answer(self._sides)
        except LechatError as error:
            self._hint.update(f"{error} · Esc closes")
        else:
            self._hint.update(CHOOSE)
        finally:
            self._answering = None

    def on_resize(self, event: Resize) -> None:
        """Place the answers side by side where there is room."""
        self.set_class(event.size.width < WIDE, "-narrow")

    def action_page(self, direction: int) -> None:
        """Scroll both answers."""
        for side in self._sides:
            side.transcript.page(direction)

    def action_leave(self) -> None:
        """Stop the answer that is being written; if there is none, close with the first answer."""
        if self._answering:
            _: Worker[None] = self.run_worker(self.stop, group="stop")
        else:
            self._keep(0)

    async def stop(self) -> None:
        """Stop the answer that is being written, if any; what arrived is kept."""
        if self._answering:
            self._answering.cancel()
            with suppress(WorkerCancelled, WorkerFailed):
                await self._answering.wait()
            self._hint.update(f"stopped · {CHOOSE}")

    def action_keep(self, number: int) -> None:
        """Continue with this answer, once both are written."""
        if not self._answering:
            self._keep(number)

    def _keep(self, number: int) -> None:
        self.dismiss(self._sides[number].message or self._sides[1 - number].message)
