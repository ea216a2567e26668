"""Has the model give the chat a title, while the user does nothing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from lechat_tui.errors import LechatError
from lechat_tui.talk import titles
from lechat_tui.talk.conversation import Conversation

IDLE_SECONDS = 4.0
"""Time after an answer in which nothing is typed."""


class Titler:
    """Waits after an answer, then asks for a title; anything the user does cancels it."""

    def __init__(self, conversation: Conversation, renamed: Callable[[], None], *, idle: float = IDLE_SECONDS) -> None:
        """`renamed` is called when the title has changed; `idle` is in seconds."""
        self._conversation = conversation
        self._renamed = renamed
        self._idle = idle
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask for a title if nothing happens for a while."""
        self.stop()
        if titles.can_name(self._conversation):
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._begin)

    def stop(self) -> None:
        """The user needs the model: cancel."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._task:
            self._task.cancel()
            self._task = None

    def _begin(self) -> None:
        self._timer = None
        if titles.can_name(self._conversation):
            self._task = asyncio.create_task(self._name())

    async def _name(self) -> None:
        with suppress(LechatError):  # the next answer will report what is wrong
            if await titles.name_chat(self._conversation):
                self._renamed()
