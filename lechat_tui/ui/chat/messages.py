"""The messages of a conversation on the transcript: all of them, their branches, what the model does not see.

Knows these two, and nothing of how an answer is had.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from lechat_tui.message import Attachment, Message
from lechat_tui.plaintext import safe
from lechat_tui.store import StoreError
from lechat_tui.talk.conversation import Branch, Conversation
from lechat_tui.ui.widgets.transcript import Transcript

Waiting = tuple[str, Sequence[Attachment]]
"""How a turn that waits is shown."""


class Talk:
    """Keeps what is on the screen in step with what is kept."""

    def __init__(self, conversation: Conversation, transcript: Transcript, changed: Callable[[], None]) -> None:
        """`changed` is called when there may be something to see now, or nothing any more."""
        self._conversation = conversation
        self._transcript = transcript
        self._changed = changed
        self._queue: Sequence[Waiting] = ()

    def show(self) -> None:
        """Show the branch that is shown, and nothing else."""
        self._show(self._conversation.messages)
        self.divide(self._conversation.left_out)
        self.mark_branches()
        self._changed()

    def _show(self, messages: Sequence[Message]) -> None:
        self._transcript.show(messages)
        self._transcript.queue(self._queue)

    def queue(self, waiting: Sequence[Waiting]) -> None:
        """Show below all else what waits."""
        self._queue = waiting
        self._transcript.queue(waiting)

    def note(self, text: str, *, error: bool = False) -> None:
        """Say something to the person only."""
        self._transcript.note(text, error=error)
        self._changed()

    def ask(self, text: str, attachments: Sequence[Attachment], place: int | None) -> None:
        """A question was sent; in place of the message there, if there is one."""
        if place is not None:
            self._show(self._conversation.messages[:place])
        self._transcript.add_question(text, attachments)
        self._changed()

    def answer_again(self, place: int | None) -> None:
        """The last answer, or the one of this place, goes: another one comes."""
        if place is None:
            self._transcript.remove_after_question()
            return
        messages = self._conversation.messages
        asked = next((at for at in range(place, -1, -1) if messages[at].role == "user"), place)
        self._show(messages[: asked + 1])

    def sum_up(self, summary: Message) -> None:
        """A summary was kept; the model sees nothing above it any more."""
        self._transcript.add_summary(summary)
        self.divide(0)

    def settle(self) -> None:
        """What is on the screen of the last answer becomes what was kept."""
        messages = self._conversation.messages
        if messages and messages[-1].role == "assistant":
            self._transcript.end_answer(messages[-1])
        self.mark_branches()

    def divide(self, left_out: int) -> None:
        """Draw the line above which the model sees nothing, or none when it sees all."""
        place = self._conversation.horizon(left_out)
        above = any(message.pinned for message in self._conversation.messages[:place])
        self._transcript.divide(place or -1, pinned=above)

    # Branches

    def mark_branches(self) -> None:
        """Say of each message whether something else was said in its place too, and which other model said it."""
        conversation = self._conversation
        with suppress(StoreError):  # a history that cannot be read will say so where it matters
            pairs = zip(conversation.branches(), conversation.messages, strict=False)
            self._transcript.mark_branches(
                [branch_mark(branch, message, conversation.model.id) for branch, message in pairs]
            )

    def walk(self, place: int | None, by: int) -> int | None:
        """Go on to another branch, at the place that is given or the nearest; where that was, or None for nowhere."""
        branches = self._conversation.branches()
        at = self._nearest(branches) if place is None else place
        if at is None or at >= len(branches):
            return None
        branch = branches[at]
        self._conversation.walk(at, (branch.number - 1 + by) % branch.count + 1)
        return at

    def _nearest(self, branches: Sequence[Branch]) -> int | None:
        """The last message in view that has branches, or else the last of all."""
        places = [place for place, branch in enumerate(branches) if branch.count > 1]
        first, last = self._transcript.messages_in_view()
        seen = [place for place in places if first <= place <= last]
        return next(iter(reversed(seen or places)), None)


def branch_mark(branch: Branch, message: Message, model: str) -> str:
    """Which branch a message is, as in `2/3`, and whose answer, when it is not this model's; empty for the only one."""
    other = message.receipt.model if message.receipt and message.receipt.model != model else ""
    return f"{branch.number}/{branch.count} {safe(other)}".rstrip() if branch.count > 1 else ""
