"""Switches from one chat to another: stops the answer, saves what is typed, and shows the other chat."""

from collections.abc import Callable

from lechat_tui.store import Chat
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.queue import TurnQueue
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.unsent import UnsentText


class ChatSwitch:
    """Opens chats, and closes the last one."""

    def __init__(
        self,
        conversation: Conversation,
        queue: TurnQueue,
        titler: Titler,
        editing: Editing,
        unsent: UnsentText,
        tasks: BackgroundTasks,
        opened: Callable[[bool], None],
        say: Callable[[str], None],
    ) -> None:
        """`opened` is called when another chat is open, with whether the one before was private."""
        self._conversation = conversation
        self._queue = queue
        self._titler = titler
        self._editing = editing
        self._unsent = unsent
        self._tasks = tasks
        self._opened = opened
        self._say = say

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open this chat, or a new one; if an answer is being written, stop it in the background first."""
        dropped = self._leave()
        if self._queue.answering:
            self._queue.hold()
            self._tasks.start("open", self._stop_and_open, chat, private, dropped)
        else:
            self._open(chat, private, dropped)

    async def stop_and_open(self, chat: Chat) -> None:
        """Open this chat, and wait until it is open."""
        dropped = self._leave()
        self._queue.hold()
        await self._stop_and_open(chat, False, dropped)

    async def close(self) -> str:
        """Stop the answer and save what is typed; what to tell the user about dropped requests, or nothing."""
        self._titler.stop()
        self._unsent.save_now()
        dropped = self._queue.drop()
        await self._queue.stop()
        self._conversation.close_private()
        return f"{dropped} was still queued and was dropped" if dropped else ""

    def _leave(self) -> str:
        """Save what is typed and queued; the command lines of what cannot be saved, or an empty string.

        A queued question is saved with the drafts of its chat.
        """
        self._titler.stop()
        self._unsent.leave()
        return self._queue.drop()

    async def _stop_and_open(self, chat: Chat | None, private: bool, dropped: str) -> None:
        try:
            await self._queue.stop()
        finally:
            self._queue.release()
        self._open(chat, private, dropped)
        self._queue.next()

    def _open(self, chat: Chat | None, private: bool, dropped: str) -> None:
        self._editing.forget()
        was_private = self._conversation.private
        self._conversation.open(chat, private=private)
        self._opened(was_private)
        self._unsent.restore()
        if dropped:
            self._say(f"{dropped} was still queued in the other chat and was dropped")
