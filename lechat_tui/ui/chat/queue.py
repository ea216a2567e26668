"""What the model is to say, one after the other. Knows the queue, not how a turn is had nor how it looks."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from textwrap import shorten
from typing import Literal

from textual.worker import Worker, WorkerCancelled, WorkerFailed

from lechat_tui.message import Attachment
from lechat_tui.models.catalog import Model
from lechat_tui.talk.conversation import Again

LONGEST = 60
"""Characters of a command line that is told."""


@dataclass(frozen=True)
class Turn:
    """Something the model is to say, once its turn has come: by default the answer to a question."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    kind: Literal["ask", "again", "compact", "go on", "compare"] = "ask"
    how: Again | None = None
    """How an answer is drawn again; None is how the settings say."""
    message: int = 0
    """The number of the message it is asked in place of, or answered again for; 0 is the end of the talk."""
    model: Model | None = None
    """Who answers again, or is compared; None is the chat's."""

    @property
    def waiting(self) -> str:
        """What is shown of it while it waits."""
        told = {"again": "answer once more", "compact": "sum up", "go on": "go on", "compare": "compare"}
        return told.get(self.kind, self.text)

    @property
    def line(self) -> str:
        """The command line that asks for it; empty for a question, which is kept as a draft."""
        command = {"again": "/regen", "compact": "/compact", "go on": "/continue", "compare": "/compare"}
        if self.kind == "ask":
            return ""
        words = (command[self.kind], self.model.id if self.model else "", *self.text.split())
        return shorten(" ".join(filter(None, words)), LONGEST, placeholder=" …")


class Turns:
    """A queue of turns, of which one is had at a time."""

    def __init__(
        self,
        answer: Callable[[Turn], Awaitable[None]],
        *,
        begin: Callable[[Callable[[], Awaitable[None]]], Worker[None]],
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """`answer` has a turn, in a worker that `begin` makes.

        `changed` is called when something else waits, `ended` when a turn is over.
        """
        self._answer = answer
        self._begin = begin
        self._changed = changed
        self._ended = ended
        self._waiting: deque[Turn] = deque()
        self._now: Worker[None] | None = None
        self._held = False

    @property
    def waiting(self) -> Sequence[Turn]:
        """What waits, in its order."""
        return tuple(self._waiting)

    @property
    def answering(self) -> bool:
        """Whether a turn is had now."""
        return self._now is not None

    def add(self, turn: Turn) -> None:
        """Have this once its turn has come."""
        self._waiting.append(turn)
        self._changed()
        self.next()

    def next(self) -> None:
        """Have what waits longest, if anything does and nothing is in the way."""
        if not self._waiting or self._now or self._held:
            return
        turn = self._waiting.popleft()
        self._changed()
        self._now = self._begin(partial(self._have, turn))

    async def _have(self, turn: Turn) -> None:
        try:
            await self._answer(turn)
        finally:
            self._now = None
            self._ended()

    def take_back(self) -> Turn | None:
        """What was added last, which waits no longer; None when nothing does."""
        return self._waiting.pop() if self._waiting else None

    def drop(self) -> str:
        """Nothing waits any longer; the command lines of what is not done now, with commas between them."""
        dropped = ", ".join(turn.line for turn in self._waiting if turn.line)
        self._waiting.clear()
        return dropped

    def hold(self) -> None:
        """Nothing begins from now on."""
        self._held = True

    def release(self) -> None:
        """Go on with what waits."""
        self._held = False
        self.next()

    async def stop(self) -> None:
        """End the answer that is being made, if one is; what was said is kept."""
        if self._now:
            self._now.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await self._now.wait()
