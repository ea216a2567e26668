"""Puts turns into the queue: questions with what is attached, and the other things the model is asked to do."""

from lechat_tui.commands.base import LongTask
from lechat_tui.message import Attachment, Span
from lechat_tui.models.catalog import Model
from lechat_tui.talk.conversation import Conversation, Replay
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.queue import Turn, TurnQueue
from lechat_tui.ui.chat.queue_editing import QueueEditing
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.unsent import UnsentText
from lechat_tui.ui.widgets.prompt_box import PromptBox


class TurnRequests:
    """A request made while an answer is written waits in the queue and is shown below it."""

    def __init__(
        self,
        conversation: Conversation,
        queue: TurnQueue,
        view: MessageView,
        box: PromptBox,
        editing: Editing,
        queue_editing: QueueEditing,
        unsent: UnsentText,
        titler: Titler,
    ) -> None:
        self._conversation = conversation
        self._queue = queue
        self._view = view
        self._box = box
        self._editing = editing
        self._queue_editing = queue_editing
        self._unsent = unsent
        self._titler = titler

    def ask(self, text: str, pasted: tuple[Span, ...] = ()) -> None:
        """Send a question with what is attached, in place of the one that is edited, if any."""
        edited = self._editing.take()
        turn = Turn(text, self._box.take_attachments(), pasted, message=edited)
        self._titler.stop()
        self._queue.add(turn, self._queue_editing.leave())
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

    def run_task(self, task: LongTask) -> None:
        """Run a long task."""
        self._add(Turn(task.line, kind="task", task=task))

    def _add(self, turn: Turn) -> None:
        self._titler.stop()
        self._queue.add(turn)

    def put_back(self, turn: Turn) -> None:
        """Put a question that could not be stored back into the prompt, unless something is typed there."""
        if self._box.prompt.text:
            return
        self._box.prompt.set_text(turn.text, turn.pasted)
        index = self._conversation.index_of(turn.message) if turn.kind == "ask" else None
        if index is not None:
            self._editing.mark(index)
        for attachment in turn.attachments:
            self._box.attach(attachment)

    def show_queue(self) -> None:
        """Show what waits, and store it with the drafts."""
        self._view.queue([turn.question for turn in self._queue.waiting])
        self._unsent.save_soon()
