"""When a chat is named: while nobody wants anything of the model. Knows no widget."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from lechat_tui.errors import LechatError
from lechat_tui.talk import titles
from lechat_tui.talk.conversation import Conversation

IDLE = 4.0
"""Seconds after an answer in which nothing is typed."""


class Titler:
    """Waits after an answer, then has the chat named; whatever the person does ends it at once."""

    def __init__(self, conversation: Conversation, named: Callable[[], None], *, idle: float = IDLE) -> None:
        """`named` is called when the title has changed."""
        self._conversation = conversation
        self._named = named
        self._idle = idle
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def rest(self) -> None:
        """An answer has ended: name the chat if nothing happens for a while."""
        self.stop()
        if titles.wanted(self._conversation):
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._begin)

    def stop(self) -> None:
        """The person does something: the model is theirs."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._task:
            self._task.cancel()
            self._task = None

    def _begin(self) -> None:
        self._timer = None
        if titles.wanted(self._conversation):
            self._task = asyncio.create_task(self._name())

    async def _name(self) -> None:
        with suppress(LechatError):  # a chat without a better name is as good; what ails the model, an answer will tell
            if await titles.name(self._conversation):
                self._named()
