"""A question that was asked before, in the prompt to be asked anew. Knows the prompt and the messages, no queue."""

from collections.abc import Sequence

from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.prompt import PromptBox


class Editing:
    """Which question is edited, if one is, and what stood in the prompt before."""

    def __init__(self, conversation: Conversation, box: PromptBox, keymap: Keymap) -> None:
        self._keymap = keymap
        self._conversation = conversation
        self._box = box
        self._question = 0
        """Its number; 0 for none."""
        self._begun_with = ""
        """Its text."""
        self._aside: Draft | None = None

    def __bool__(self) -> bool:
        return self._question != 0

    @property
    def aside(self) -> list[Draft]:
        """What stood in the prompt before, and comes back into it."""
        return [self._aside] if self._aside else []

    @property
    def untouched(self) -> bool:
        """Whether the prompt holds nothing that would be lost: nothing, or the question as it was."""
        return self._box.prompt.written == (self._begun_with if self else "")

    def begin(self, place: int) -> None:
        """Put the question of this place into the prompt."""
        question = self._conversation.messages[place]
        if not self:
            self._aside = Draft(self._box.prompt.written, self._box.take_attachments())
        self._box.hold(question.text, question.attachments)
        self.mark(place)

    def mark(self, place: int) -> None:
        """What stands in the prompt is the question of this place."""
        self._question = self._conversation.messages[place].id
        self._begun_with = self._box.prompt.written
        self._box.mark(f"editing question {place + 1} · Enter asks it again · {self._keymap.key('stop')} cancels")

    def take(self) -> int:
        """The number of the question that is edited, which is asked now; 0 for none."""
        taken, self._question = self._question, 0
        return taken

    def end(self) -> None:
        """What stood in the prompt before comes back."""
        aside = self._aside
        self.forget()
        if aside:
            self._box.hold(aside.text, aside.attachments)

    def forget(self) -> None:
        """Nothing is edited, and nothing comes back."""
        self._question, self._aside = 0, None
        self._box.mark("")

    def before(self) -> int | None:
        """The place of the last question, or of the one before that which is edited; None when there is none."""
        messages = self._conversation.messages
        now = self._conversation.place(self._question)
        asked = [at for at, message in enumerate(messages) if message.role == "user" and at != now]
        return _last(asked if now is None else [at for at in asked if at < now] or asked)


def _last(places: Sequence[int]) -> int | None:
    return places[-1] if places else None
