"""The next question while it is prepared: its attachments, and the question that it will replace."""

from collections.abc import Sequence

from lechat_tui.message import Attachment, Message
from lechat_tui.plaintext import safe

PROMPT = "> "


class Draft:
    """What was attached, and what the next line begins with."""

    def __init__(self) -> None:
        self._attachments: list[Attachment] = []
        self._replaced = 0
        self._text = ""

    @property
    def prompt(self) -> str:
        """The prompt of the next line: the names of what is attached, then `> `."""
        names = safe(", ".join(attachment.name for attachment in self._attachments))
        return f"{names} {PROMPT}".lstrip()

    def attach(self, *attachments: Attachment) -> None:
        """Send these with the next question."""
        self._attachments += attachments

    def prefill(self, text: str) -> None:
        """Begin the next line with this text."""
        self._text = text

    def edit(self, question: Message) -> None:
        """Begin the next line with a question; sending it replaces that one."""
        self._replaced, self._text = question.id, question.text
        self._attachments = list(question.attachments)

    def take_text(self) -> str:
        """What the next line begins with."""
        text, self._text = self._text, ""
        return text

    def take(self) -> tuple[Sequence[Attachment], int]:
        """The attachments, and the number of the message that is replaced (0 for none); nothing is left of them."""
        taken = tuple(self._attachments), self._replaced
        self._attachments, self._replaced = [], 0
        return taken

    def replace_nothing(self) -> None:
        """The next question is a new one."""
        self._replaced = 0

    def clear(self) -> None:
        """Forget all of it."""
        self._attachments, self._replaced, self._text = [], 0, ""
