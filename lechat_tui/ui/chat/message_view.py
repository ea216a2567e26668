"""Shows the messages of the open chat in the transcript: the branch, the queue, and where the context begins."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from lechat_tui.message import Message
from lechat_tui.plaintext import safe
from lechat_tui.store import StoreError
from lechat_tui.talk import prompt
from lechat_tui.talk.branches import Branch
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.widgets.transcript import Transcript

EXCHANGE = 2
"""Messages at the end of a chat that a turn changes: a question and its answer."""


class MessageView:
    """Keeps the transcript in step with the conversation."""

    def __init__(
        self,
        conversation: Conversation,
        transcript: Transcript,
        *,
        shown: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        """`shown` is called when another chat or branch is shown, `changed` when the transcript may be empty now."""
        self._conversation = conversation
        self._transcript = transcript
        self._shown = shown
        self._changed = changed
        self._queue: Sequence[Message] = ()
        self._marked = ""
        """The model for which the branches of all messages but the last are marked; empty for none."""
        self._divided: tuple[int, bool, int] | None = None
        """What the divider was placed for: messages left out, whether images are sent, pinned messages."""

    @property
    def empty(self) -> bool:
        """Whether the transcript shows nothing: the start page is shown instead."""
        return self._transcript.empty

    def show(self, index: int | None = None) -> None:
        """Show the current branch, with the message at this index in view, else the newest."""
        self._show(self._conversation.messages)
        self.divide(prompt.left_out(self._conversation.messages))
        self.mark_branches()
        self._mark_unanswered()
        self._changed()
        self._shown()
        if index is not None:
            self._transcript.reveal(index)

    def _show(self, messages: Sequence[Message], *, keep_notes: bool = False) -> None:
        self._marked, self._divided = "", None
        self._transcript.show(messages, keep_notes=keep_notes)
        self._transcript.queue(self._queue)

    def queue(self, waiting: Sequence[Message]) -> None:
        """Show these turns as queued, below all messages."""
        self._queue = waiting
        self._transcript.queue(waiting)

    def note(self, text: str, *, error: bool = False) -> None:
        """Show a note, which only the user sees."""
        self._transcript.note(text, error=error)
        self._changed()

    def add_question(self, question: Message, index: int | None) -> None:
        """Show a question that was sent, in place of the message at this index if there is one."""
        if index is not None:
            self._show(self._conversation.messages[:index])
        self._transcript.add_question(question)
        self._changed()

    def show_passages(self) -> None:
        """Show the last question with the passages that were found for it."""
        if self._conversation.messages:
            self._transcript.replace_question(self._conversation.messages[-1])

    def remove_answer(self, index: int | None) -> None:
        """Remove the last answer, or the one at this index with all that follows: it is being regenerated."""
        if index is None:
            self._transcript.remove_after_question()
            return
        messages = self._conversation.messages
        question = next((at for at in range(index, -1, -1) if messages[at].role == "user"), index)
        self._show(messages[: question + 1], keep_notes=True)

    def add_summary(self, summary: Message) -> None:
        """Show a summary; the model sees nothing above it from now on."""
        self._transcript.add_summary(summary)
        self._divided = None
        self.divide(0)

    def end_answer(self) -> None:
        """Show the last answer as it was stored."""
        messages = self._conversation.messages
        if messages and messages[-1].role == "assistant":
            self._transcript.end_answer(messages[-1])
        self._mark_unanswered()
        self.mark_branches()

    def _mark_unanswered(self) -> None:
        messages = self._conversation.messages
        if messages and messages[-1].role == "user":
            self._transcript.mark_unanswered()

    def divide(self, left_out: int) -> None:
        """Show the line above which the model sees nothing, or none if it sees all."""
        messages, images = self._conversation.messages, self._conversation.model.supports_images
        state = left_out, images, sum(message.pinned for message in messages)
        if self._divided == state:
            return
        self._divided = state
        index = prompt.horizon(messages, left_out, images=images)
        pinned = any(message.pinned for message in messages[:index])
        self._transcript.divide(index or -1, pinned=pinned)

    # Branches

    def mark_branches(self) -> None:
        """Show for each message which branch it is, and which other model wrote it."""
        conversation = self._conversation
        with suppress(StoreError):  # a history that cannot be read will say so where it matters
            model = conversation.model.id
            branches = conversation.last_branches(EXCHANGE) if self._marked == model else conversation.branches()
            last = conversation.messages[-len(branches) :] if branches else []
            pairs = zip(branches, last, strict=False)
            self._transcript.mark_branches([branch_mark(branch, message, model) for branch, message in pairs])
            self._marked = model

    def walk(self, index: int | None, by: int) -> bool:
        """Show another branch at this index, or at the nearest message with branches; False if there is none."""
        branches = self._conversation.branches()
        at = self._nearest(branches) if index is None else index
        if at is None or at >= len(branches):
            return False
        branch = branches[at]
        self._conversation.show_sibling(at, (branch.number - 1 + by) % branch.count + 1)
        self.show(at)
        return True

    def _nearest(self, branches: Sequence[Branch]) -> int | None:
        """The index of the last message in view that has branches, else of the last of all."""
        indices = [index for index, branch in enumerate(branches) if branch.count > 1]
        first, last = self._transcript.messages_in_view()
        in_view = [index for index in indices if first <= index <= last]
        return next(iter(reversed(in_view or indices)), None)


def branch_mark(branch: Branch, message: Message, model: str) -> str:
    """Which branch a message is, as in `2/3`, and the model if it is not `model`; empty for the only branch."""
    other = message.receipt.model if message.receipt and message.receipt.model != model else ""
    return f"{branch.number}/{branch.count} {safe(other)}".rstrip() if branch.count > 1 else ""
