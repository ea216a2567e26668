"""A queued request in the prompt: it can be changed, dropped, or put back where it was."""

from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.queue import Turn, TurnQueue
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.prompt_box import PromptBox


class QueueEditing:
    """The request that was taken from the queue into the prompt; true while there is one."""

    def __init__(
        self, conversation: Conversation, queue: TurnQueue, box: PromptBox, editing: Editing, keymap: Keymap
    ) -> None:
        self._conversation = conversation
        self._queue = queue
        self._box = box
        self._editing = editing
        self._keymap = keymap
        self._turn: Turn | None = None
        self._place = 0
        """Its place in the queue, from 0."""
        self._text = ""
        """What was put into the prompt."""

    def __bool__(self) -> bool:
        return self._turn is not None

    def step(self, by: int) -> bool:
        """Take the request that was queued before (1) or after (-1) the one in the prompt, which is put back.

        With none in the prompt, take the last one. False if there is none, or if something else is in the prompt.
        """
        if not self._turn and by < 0:
            return False
        if not self._turn:
            place = len(self._queue.waiting) - 1
        elif not self._box.prompt.text:
            place = self._place - (by > 0)
            self.drop()
        elif self._untouched:
            place = self._place - by
            self.cancel()
        else:
            return False
        return self._take(place) or by < 0

    def pick(self, place: int) -> None:
        """Take the request at this place of those that wait, unless something else is in the prompt."""
        if self._turn and self._untouched:
            place += place >= self._place
            self.cancel()
        self._take(place)

    def _take(self, place: int) -> bool:
        free = not (self._turn or self._editing or self._box.prompt.text or self._box.attachments)
        if not free or not 0 <= place < len(self._queue.waiting):
            return False
        turn = self._queue.take(place)
        self._turn, self._place = turn, place
        self._box.fill(turn.line or turn.text, turn.attachments, turn.pasted)
        self._text = self._box.prompt.full_text
        index = self._conversation.index_of(turn.message) if turn.kind == "ask" else None
        if index is not None:
            self._editing.mark(index)
        else:
            cancel = self._keymap.key("stop")
            self._box.set_title(f"queued {place + 1} · Enter queues it again, empty drops it · {cancel} cancels")
        return True

    @property
    def _untouched(self) -> bool:
        attachments = self._turn.attachments if self._turn else ()
        return self._box.prompt.full_text == self._text and tuple(self._box.attachments) == attachments

    def cancel(self) -> None:
        """Put the request back as it was, and empty the prompt."""
        turn, place = self._turn, self.leave()
        if turn:
            self._box.fill("", ())
            self._editing.forget()
            self._queue.add(turn, place)

    def requeue(self, text: str) -> bool:
        """Put a command back that is sent unchanged; False for anything else."""
        turn = self._turn
        if not turn or turn.kind == "ask" or text != turn.line:
            return False
        self._queue.add(turn, self.leave())
        return True

    def drop(self) -> None:
        """Do not put it back."""
        if self._turn:
            self.leave()
            self._editing.forget()

    def leave(self) -> int | None:
        """The place in the queue for what is sent instead; None if nothing was taken. The prompt stays as it is."""
        place = self._place if self._turn else None
        if self._turn:
            self._turn = None
            self._box.set_title("")
        return place
