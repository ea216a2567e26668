"""An earlier question in the prompt, to be edited and asked again."""

from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.prompt_box import PromptBox


class Editing:
    """Which question is edited, if any, and what was in the prompt before; true while one is edited."""

    def __init__(self, conversation: Conversation, box: PromptBox, keymap: Keymap) -> None:
        self._conversation = conversation
        self._box = box
        self._keymap = keymap
        self._question = 0
        """Its message ID; 0 for none."""
        self._original = ""
        """Its text."""
        self._aside: Draft | None = None

    def __bool__(self) -> bool:
        return self._question != 0

    @property
    def aside(self) -> list[Draft]:
        """What was in the prompt before, and returns after the edit."""
        return [self._aside] if self._aside else []

    @property
    def untouched(self) -> bool:
        """Whether the prompt can be replaced without a loss: it is empty, or has the question unchanged."""
        return self._box.prompt.full_text == (self._original if self else "")

    def begin(self, index: int) -> None:
        """Put the question at this index of the conversation into the prompt."""
        question = self._conversation.messages[index]
        if not self:
            typed = self._box.prompt.expanded
            self._aside = Draft(typed.text, self._box.take_attachments(), typed.pasted)
        self._box.fill(question.text, question.attachments, question.pasted)
        self.mark(index)

    def mark(self, index: int) -> None:
        """Treat the text in the prompt as an edit of the question at this index."""
        self._question = self._conversation.messages[index].id
        self._original = self._box.prompt.full_text
        cancel = self._keymap.key("stop")
        self._box.set_title(f"editing question {index + 1} · Enter sends it · {cancel} cancels")

    def take(self) -> int:
        """The message ID of the edited question, which is sent now; 0 for none."""
        taken, self._question = self._question, 0
        return taken

    def end(self) -> None:
        """Stop editing, and restore the prompt."""
        aside = self._aside
        self.forget()
        if aside:
            self._box.fill(aside.text, aside.attachments, aside.pasted)

    def forget(self) -> None:
        """Stop editing without restoring the prompt."""
        self._question, self._aside = 0, None
        self._box.set_title("")

    def previous(self) -> int | None:
        """The index of the question before the edited one, else of the last one; None if there is no question."""
        messages = self._conversation.messages
        now = self._conversation.index_of(self._question)
        questions = [index for index, message in enumerate(messages) if message.role == "user" and index != now]
        earlier = questions if now is None else [index for index in questions if index < now] or questions
        return earlier[-1] if earlier else None
