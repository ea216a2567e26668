"""One chat after the other: the one that is open ends well before another is shown. Knows no list of them."""

from collections.abc import Callable

from lechat_tui.store import Chat
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.queue import Turns
from lechat_tui.ui.chat.tasks import Behind
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.unsent import Unsaid
from lechat_tui.ui.widgets.prompt import PromptBox


class Opening:
    """Lets go of a chat, keeps what was typed in it, and opens the next."""

    def __init__(
        self,
        conversation: Conversation,
        turns: Turns,
        titler: Titler,
        box: PromptBox,
        editing: Editing,
        unsaid: Unsaid,
        behind: Behind,
        show: Callable[[bool], None],
        say: Callable[[str], None],
    ) -> None:
        """`show` is called when the conversation is another, with whether the one before was private."""
        self._conversation = conversation
        self._turns = turns
        self._titler = titler
        self._box = box
        self._editing = editing
        self._unsaid = unsaid
        self._behind = behind
        self._show = show
        self._say = say

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open this chat, or a new one; what is being said in the other one stops first, behind, and is kept."""
        dropped = self._let_go()
        self._box.hold("", ())
        if self._turns.answering:
            self._turns.hold()
            self._behind("open", self._stop_and_open, chat, private, dropped)
        else:
            self._open(chat, private, dropped)

    async def stop_and_open(self, chat: Chat) -> None:
        """The same, and wait for it."""
        dropped = self._let_go()
        self._box.hold("", ())
        self._turns.hold()
        await self._stop_and_open(chat, False, dropped)

    async def close(self) -> str:
        """Stop, keep, and let go of what is private: the program ends. What is said of that, where anything is."""
        dropped = self._let_go()
        await self._turns.stop()
        self._conversation.leave_private()
        return f"{dropped} waited and was not done any more" if dropped else ""

    def _let_go(self) -> str:
        """What waits is a draft of its chat, when it is a question; the command lines of the rest."""
        self._titler.stop()
        self._unsaid.keep_now()
        return self._turns.drop()

    async def _stop_and_open(self, chat: Chat | None, private: bool, dropped: str) -> None:
        try:
            await self._turns.stop()
        finally:
            self._turns.release()
        self._open(chat, private, dropped)
        self._turns.next()

    def _open(self, chat: Chat | None, private: bool, dropped: str) -> None:
        self._editing.forget()
        was_private = self._conversation.private
        self._conversation.open(chat, private=private)
        self._show(was_private)
        self._unsaid.take()
        if dropped:
            self._say(f"{dropped} waited in the other chat and was not done")
