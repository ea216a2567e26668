"""Puts turns into the queue: questions with what is attached, and the other things the model is asked to do."""

from lechat_tui.message import Attachment
from lechat_tui.models.catalog import Model
from lechat_tui.talk.conversation import Conversation, Replay
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.queue import Turn, TurnQueue
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.unsent import UnsentText
from lechat_tui.ui.widgets.prompt import PromptBox


class TurnRequests:
    """A request made while an answer is written waits in the queue and is shown below it."""

    def __init__(
        self,
        conversation: Conversation,
        queue: TurnQueue,
        view: MessageView,
        box: PromptBox,
        editing: Editing,
        unsent: UnsentText,
        titler: Titler,
    ) -> None:
        self._conversation = conversation
        self._queue = queue
        self._view = view
        self._box = box
        self._editing = editing
        self._unsent = unsent
        self._titler = titler

    def ask(self, text: str) -> None:
        """Send a question with what is attached, in place of the one that is edited, if any."""
        edited = self._editing.take()
        self._add(Turn(text, self._box.take_attachments(), message=edited))
        if edited:
            self._editing.end()

    def regenerate(self, replay: Replay | None, *, message: int, model: Model | None) -> None:
        """Answer a question again; see `Host.regenerate`."""
        self._add(Turn(kind="again", how=replay, message=message, model=model))

    def continue_answer(self) -> None:
        """Continue the last answer, which was cut short."""
        self._add(Turn(kind="continue"))

    def compare(self, model: Model, question: str) -> None:
        """Let two models answer this question, or the last one if it is empty."""
        attachments: tuple[Attachment, ...] = self._box.take_attachments() if question else ()
        self._add(Turn(question, attachments, kind="compare", model=model))

    def compact(self, hint: str) -> None:
        """Let the model sum up the chat."""
        self._add(Turn(hint, kind="compact"))

    def _add(self, turn: Turn) -> None:
        self._titler.stop()
        self._queue.add(turn)

    def take_back(self) -> bool:
        """Put the newest waiting request back into the prompt; False if none waits."""
        turn = self._queue.take_back()
        if turn is None:
            return False
        self._put_back(turn)
        self.show_queue()
        return True

    def put_back(self, turn: Turn) -> None:
        """Put a question that could not be stored back into the prompt, unless something is typed there."""
        if not self._box.prompt.text:
            self._put_back(turn)

    def _put_back(self, turn: Turn) -> None:
        self._box.prompt.set_text(turn.text)
        index = self._conversation.index_of(turn.message) if turn.kind == "ask" else None
        if index is not None:
            self._editing.mark(index)
        for attachment in turn.attachments:
            self._box.attach(attachment)

    def show_queue(self) -> None:
        """Show what waits, and store it with the drafts."""
        self._view.queue([(turn.waiting, turn.attachments) for turn in self._queue.waiting])
        self._unsent.save_soon()
