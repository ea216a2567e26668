"""What was typed and not said: in the prompt, put aside for an edit, waiting. Knows the prompt, no store."""

from collections.abc import Callable, Sequence

from textual.timer import Timer

from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.drafts import Drafts
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.queue import Turn
from lechat_tui.ui.chat.tasks import Behind
from lechat_tui.ui.widgets.prompt import PromptBox

PAUSE = 0.4
"""Seconds from a key to the disk, at most, for what is typed."""


class Unsaid:
    """Has it kept with its chat, and puts it back into the prompt when the chat is opened again."""

    def __init__(
        self,
        conversation: Conversation,
        box: PromptBox,
        editing: Editing,
        waiting: Callable[[], Sequence[Turn]],
        behind: Behind,
    ) -> None:
        self._box = box
        self._editing = editing
        self._waiting = waiting
        self._behind = behind
        self._drafts = Drafts(conversation, self._now)
        self._timer: Timer | None = None

    def soon(self) -> None:
        """It is another now, and kept in a moment: not at every key."""
        if self._timer is None and self._box.is_attached:
            self._timer = self._box.set_timer(PAUSE, self._keep)

    def _keep(self) -> None:
        self._timer = None
        self._behind("draft", self._drafts.keep)

    def keep_now(self) -> None:
        """Another chat is opened, or the program ends."""
        self._drafts.keep_now()

    def take(self) -> None:
        """Put back what was kept for the chat that is open now, before what stands in the prompt."""
        drafts = [*self._drafts.take(), Draft(self._box.prompt.written, tuple(self._box.attachments))]
        self._box.hold(
            "\n\n".join(draft.text for draft in drafts if draft.text),
            [picture for draft in drafts for picture in draft.attachments],
        )

    def _now(self) -> list[Draft]:
        """All of it, but what shall be private."""
        prompt = self._box.prompt
        typed = "" if prompt.text.lstrip().startswith("/private") else prompt.written
        waits = [Draft(turn.text, turn.attachments) for turn in self._waiting() if turn.kind == "ask"]
        unsaid = [Draft(typed, tuple(self._box.attachments)), *self._editing.aside, *waits]
        return [draft for draft in unsaid if draft.text.strip() or draft.attachments]
