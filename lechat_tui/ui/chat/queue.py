"""The queue of turns, of which one runs at a time."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from textwrap import shorten
from typing import Literal

from textual.worker import Worker, WorkerCancelled, WorkerFailed

from lechat_tui.commands.base import LongTask
from lechat_tui.message import Attachment, Message, Span
from lechat_tui.models.catalog import Model
from lechat_tui.talk.conversation import Replay
from lechat_tui.values import dataclass

MAX_LINE_CHARACTERS = 60
"""A longer command line is shortened in messages."""


@dataclass(frozen=True)
class Turn:
    """Something the model is asked to do: by default to answer a question."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    pasted: tuple[Span, ...] = ()
    """The long pastes in the text."""
    kind: Literal["ask", "again", "compact", "continue", "compare", "task"] = "ask"
    how: Replay | None = None
    """How an answer is regenerated; None means with the current settings."""
    message: int = 0
    """The ID of the message that is replaced or answered again; 0 is the end of the chat."""
    model: Model | None = None
    """The model that answers again, or is compared; None is the chat's."""
    task: LongTask | None = None
    """What is done if it is no answer; its command line is the text."""

    @property
    def question(self) -> Message:
        """The question, or what is shown in its place while the turn is queued."""
        texts = {
            "again": "regenerate the answer",
            "compact": "summarize",
            "continue": "continue the answer",
            "compare": "compare",
        }
        text = texts.get(self.kind, self.text)
        return Message("user", text, attachments=self.attachments, pasted=self.pasted if text is self.text else ())

    @property
    def line(self) -> str:
        """The command line that asks for it; empty for a question."""
        command = {"again": "/regen", "compact": "/compact", "continue": "/continue", "compare": "/compare"}
        if self.kind in ("ask", "task"):
            return self.text if self.task else ""
        words = (command[self.kind], self.model.id if self.model else "", *self.text.split())
        return " ".join(filter(None, words))


class TurnQueue:
    """Runs turns one after the other."""

    def __init__(
        self,
        run: Callable[[Turn], Awaitable[None]],
        *,
        start_worker: Callable[[Callable[[], Awaitable[None]]], Worker[None]],
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """`run` runs a turn, in a worker that `start_worker` starts.

        `changed` is called when the waiting turns have changed, `ended` when a turn is over.
        """
        self._run = run
        self._start_worker = start_worker
        self._changed = changed
        self._ended = ended
        self._waiting: deque[Turn] = deque()
        self._running: Worker[None] | None = None
        self._held = False

    @property
    def waiting(self) -> Sequence[Turn]:
        """The waiting turns, in order."""
        return tuple(self._waiting)

    @property
    def answering(self) -> bool:
        """Whether a turn is running."""
        return self._running is not None

    def add(self, turn: Turn, place: int | None = None) -> None:
        """Run this turn once all earlier ones are over; `place` is the number of those that wait before it."""
        self._waiting.insert(len(self._waiting) if place is None else place, turn)
        self._changed()
        self.next()

    def next(self) -> None:
        """Start the next queued turn, if idle."""
        if not self._waiting or self._running or self._held:
            return
        turn = self._waiting.popleft()
        self._changed()
        self._running = self._start_worker(partial(self._run_turn, turn))

    async def _run_turn(self, turn: Turn) -> None:
        try:
            await self._run(turn)
        finally:
            self._running = None
            self._ended()

    def take(self, place: int) -> Turn:
        """Remove and return the waiting turn at this place, from 0. Raises `IndexError`."""
        turn = self._waiting[place]
        del self._waiting[place]
        self._changed()
        return turn

    def drop(self) -> str:
        """Remove all waiting turns; the command lines of those that are no question, with commas between them.

        Questions are saved as drafts.
        """
        lines = [shorten(turn.line, MAX_LINE_CHARACTERS, placeholder=" …") for turn in self._waiting if turn.line]
        self._waiting.clear()
        return ", ".join(lines)

    def hold(self) -> None:
        """Start no turn until `release`."""
        self._held = True

    def release(self) -> None:
        """Start turns again."""
        self._held = False
        self.next()

    async def stop(self) -> None:
        """Stop the running turn, if any; what arrived is kept."""
        if self._running:
            self._running.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await self._running.wait()
