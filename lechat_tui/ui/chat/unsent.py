"""Text that was typed but not sent: in the prompt, set aside for an edit, or queued. It is saved with its chat."""

from collections.abc import Awaitable, Callable, Sequence

from textual.timer import Timer

from lechat_tui.commands.base import resembles_private
from lechat_tui.store import Draft
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.drafts import Drafts
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.queue import Turn
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.widgets.pastes import Expanded, joined
from lechat_tui.ui.widgets.prompt_box import PromptBox

SAVE_DELAY_SECONDS = 0.4
"""Time from a key to the disk, at most."""


class UnsentText:
    """Saves it, and restores it when its chat is opened again."""

    def __init__(
        self,
        conversation: Conversation,
        box: PromptBox,
        editing: Editing,
        queued: Callable[[], Sequence[Turn]],
        tasks: BackgroundTasks,
    ) -> None:
        self._box = box
        self._editing = editing
        self._queued = queued
        self._tasks = tasks
        self._drafts = Drafts(conversation, self._drafts_now)
        self._timer: Timer | None = None
        self._left: str | None = None
        """What was in the prompt when another chat was asked for; what was typed after it is for that chat."""

    def expect_chat(self, text: str) -> None:
        """Another chat may be opened soon: what follows this text in the prompt is typed for that one."""
        self._left = text

    async def until_opened(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Do what may open the expected chat; afterwards none is expected."""
        try:
            await work(*args)
        finally:
            self._left = None

    def leave(self) -> None:
        """Save the drafts of the chat that is left, and keep in the prompt only what was typed for the next one."""
        self._drafts.save_now()
        typed = self._parts()[1]
        self._left = None
        self._box.fill(typed.text, (), typed.pasted)

    def _parts(self) -> tuple[Expanded, Expanded]:
        """The text for the open chat, and that for the next one."""
        prompt = self._box.prompt
        return (prompt.expanded, Expanded("")) if self._left is None else prompt.take_from(self._left)

    def save_soon(self) -> None:
        """Save drafts soon (debounced)."""
        if self._timer is None and self._box.is_attached:
            self._timer = self._box.set_timer(SAVE_DELAY_SECONDS, self._save)

    def _save(self) -> None:
        self._timer = None
        self._tasks.start("draft", self._drafts.save)

    def save_now(self) -> None:
        """Save drafts at once: the program ends."""
        self._left = None
        self._drafts.save_now()

    def restore(self) -> None:
        """Put what was saved with the open chat into the prompt, before the text that is there."""
        typed = self._box.prompt.expanded
        drafts = [*self._drafts.load(), Draft(typed.text, tuple(self._box.attachments), typed.pasted)]
        text = joined(Expanded(draft.text, draft.pasted) for draft in drafts if draft.text)
        self._box.fill(text.text, [file for draft in drafts for file in draft.attachments], text.pasted)

    def _drafts_now(self) -> list[Draft]:
        """What to save; a text that begins like /private is never saved."""
        typed = self._parts()[0]
        if resembles_private(typed.text):
            typed = Expanded("")
        queued = [Draft(turn.text, turn.attachments, turn.pasted) for turn in self._queued() if turn.kind == "ask"]
        drafts = [Draft(typed.text, tuple(self._box.attachments), typed.pasted), *self._editing.aside, *queued]
        return [draft for draft in drafts if draft.text.strip() or draft.attachments]
