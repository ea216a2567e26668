"""Shows what happens while an answer is written: loading, reading, writing, and how long it takes."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from textual.timer import Timer

from lechat_tui.engine.base import Delta, Done, Event, Fitted, Loading, Prefill, Retrieved
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.status import StatusLine
from lechat_tui.ui.widgets.transcript import Transcript
from lechat_tui.units import duration_text


class AnswerProgress:
    """Shows the events of the engine in the transcript and in the status line."""

    def __init__(
        self, conversation: Conversation, view: MessageView, transcript: Transcript, status: StatusLine, keymap: Keymap
    ) -> None:
        self._conversation = conversation
        self._view = view
        self._transcript = transcript
        self._status = status
        self._keymap = keymap
        self._clock: Timer | None = None
        self._began = self._phase_began = 0.0
        self._activity: tuple[str, float | None] = ("", None)
        self._notes = phrases.Notes()

    def reset(self) -> None:
        """Show the figures of the open chat: another chat or branch is shown."""
        self._notes.forget_fullness()
        self._status.change(used=self._conversation.used, speed=0.0, private=self._conversation.private)

    def show_used(self) -> None:
        """Show how much of the context window is used."""
        self._status.change(used=self._conversation.used)

    async def follow(self, events: AsyncGenerator[Event, None], begun: Callable[[], None]) -> None:
        """Show all events; `begun` is called after the first, when the question is stored."""
        self._began = time.monotonic()
        self._clock = self._transcript.set_interval(1.0, self._tick)
        self._busy("waiting for the model")
        first = True
        async with aclosing(events):
            async for event in events:
                self._show(event)
                if first:
                    first = False
                    begun()

    async def follow_task(self, steps: AsyncGenerator[tuple[str, float | None], None]) -> None:
        """Show all steps of a long task: what is done, and the fraction that is done."""
        self._began = time.monotonic()
        self._clock = self._transcript.set_interval(1.0, self._tick)
        async with aclosing(steps):
            async for text, fraction in steps:
                self._busy(text, fraction)

    def end(self) -> None:
        """The answer is complete; warn once if the context window is nearly full."""
        self._rest()
        self._status.change(state=self._notes.fullness(self._conversation.nearly_full))

    def _show(self, event: Event) -> None:
        model = self._conversation.model.id
        for sentence in self._notes.about(event, model):
            self._view.note(sentence)
        if activity := phrases.activity(event, model):
            self._busy(*activity)
        match event:
            case Retrieved():
                self._view.show_passages()
            case Loading(fraction):
                self._status.change(state=f"loading {fraction:.0%}")
            case Fitted(left_out=left_out):
                self._status.change(context=self._conversation.window)
                self._view.divide(len(left_out))
            case Prefill(done):
                self._status.change(state="reading", used=done)
            case Delta(text, kind):
                self._rest()
                self._transcript.grow_answer(text, kind)
                self._status.change(state="thinking" if kind == "thinking" else "writing")
            case Done(receipt):
                self._status.change(used=receipt.prompt_tokens + receipt.completion_tokens, speed=receipt.tokens_per_s)

    def _busy(self, text: str, fraction: float | None = None) -> None:
        if text != self._activity[0]:
            self._phase_began = time.monotonic()
        self._activity = text, fraction
        self._tick()

    def _tick(self) -> None:
        """Show the activity, and the time it has taken or will take."""
        now = time.monotonic()
        fraction, stop = self._activity[1], self._keymap.key("stop")
        hint = waiting(now - self._began, now - self._phase_began, fraction, stop)
        self._transcript.show_activity(*self._activity, hint)

    def _rest(self) -> None:
        if self._clock:
            self._clock.stop()
            self._clock = None
            self._transcript.hide_activity()


def waiting(seconds: float, phase: float, fraction: float | None, stop: str) -> str:
    """The text beside the bar: the time left in a phase if that can be estimated, else the time so far.

    `seconds` is the time since the question, `phase` since the phase began; `stop` is the key that stops.
    """
    if fraction and phase >= 1:
        left = phase * (1 - fraction) / fraction
        return f"about {duration_text(left)} left · {stop} stops"
    return f"{duration_text(seconds)} · {stop} stops" if seconds >= 1 else f"· {stop} stops"
