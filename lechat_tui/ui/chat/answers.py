"""How each kind of turn is had of the conversation, and what becomes of the talk meanwhile. Knows no queue."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from lechat_tui.engine.base import Event
from lechat_tui.errors import LechatError
from lechat_tui.message import Attachment, Message
from lechat_tui.store import Draft
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.comparison import Comparison
from lechat_tui.ui.chat.messages import Talk
from lechat_tui.ui.chat.progress import Progress
from lechat_tui.ui.chat.queue import Turn
from lechat_tui.ui.dialogs.compare import Compare
from lechat_tui.ui.widgets.transcript import Transcript


class Stage(Protocol):
    """The screen, as an answer sees it."""

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a note in the transcript, for the person only."""
        ...

    def show_talk(self, place: int | None = None) -> None:
        """Show the talk as it is now."""
        ...

    def list_chats(self) -> None:
        """The chats are others, or in another order."""
        ...

    def warm(self) -> None:
        """Have the chat's model loaded."""
        ...

    async def before_question(self, attachments: Sequence[Attachment]) -> None:
        """Prepare for a question with these attachments."""
        ...

    async def compare_on(self, screen: Compare) -> Message | None:
        """Show the comparison until the user leaves it; the answer to continue with."""
        ...


class Answers:
    """Has a turn: shows what is asked, follows what comes, and puts right what did not come."""

    def __init__(
        self, conversation: Conversation, talk: Talk, transcript: Transcript, progress: Progress, stage: Stage
    ) -> None:
        self._conversation = conversation
        self._talk = talk
        self._transcript = transcript
        self._progress = progress
        self._stage = stage
        self._kinds: dict[str, Callable[[Turn], Awaitable[None]]] = {
            "ask": self._ask,
            "again": self._again,
            "compact": self._compact,
            "go on": self._go_on,
            "compare": self._compare,
        }

    async def have(self, turn: Turn) -> None:
        """Have this turn; what goes wrong is told."""
        try:
            await self._kinds[turn.kind](turn)
        except LechatError as error:
            self._stage.say(str(error), error=True)

    async def _ask(self, turn: Turn) -> None:
        await self._stage.before_question(turn.attachments)
        self._talk.ask(turn.text, turn.attachments, self._place(turn))
        try:
            await self._follow(self._conversation.ask(turn.text, turn.attachments, instead=turn.message))
        finally:
            if self._place(turn) is not None:  # the question could not be kept: what it stands for stays
                self._stage.show_talk()

    def _place(self, turn: Turn) -> int | None:
        return self._conversation.place(turn.message)

    async def _again(self, turn: Turn) -> None:
        conversation = self._conversation
        place, before = self._place(turn), conversation.messages
        self._talk.answer_again(place)
        try:
            await self._follow(conversation.regenerate(turn.how, place=place, model=turn.model))
        finally:
            if conversation.messages is before:
                self._stage.show_talk()

    async def _go_on(self, turn: Turn) -> None:
        if self._conversation.unfinished:
            self._transcript.resume_answer()
            await self._follow(self._conversation.go_on())

    async def _compare(self, turn: Turn) -> None:
        assert turn.model
        question = Draft(turn.text, turn.attachments) if turn.text or turn.attachments else None
        both = Comparison(self._conversation, turn.model, question)
        try:
            both.keep(await self._stage.compare_on(both.screen))
        finally:
            await both.screen.stop()
            self._stage.show_talk()
            self._stage.warm()

    async def _compact(self, turn: Turn) -> None:
        """What was written becomes the summary, or goes when it did not come to its end."""
        conversation = self._conversation
        before = len(conversation.messages)
        try:
            await self._follow(conversation.compact(turn.text))
        finally:
            self._transcript.drop_answer()
            self._progress.show_used()
            if len(conversation.messages) > before:
                self._show_summary()

    def _show_summary(self) -> None:
        summary = self._conversation.messages[-1]
        self._talk.sum_up(summary)
        if summary.receipt and summary.receipt.left_out:
            self._stage.say(phrases.missing_from_summary(summary.receipt.left_out))

    async def _follow(self, events: AsyncGenerator[Event, None]) -> None:
        await self._progress.follow(events, self._stage.list_chats)
