"""Loads the model while the user types, and shows the models of the other roles."""

import asyncio
from collections.abc import Callable

from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.widgets.greeting import Greeting
from lechat_tui.ui.widgets.status import StatusLine

LOADING = "loading"
"""The state that the status line shows meanwhile."""


class Preload:
    """Loads the model of the chat, and shows it in the status line."""

    def __init__(self, conversation: Conversation, status: StatusLine, answering: Callable[[], bool]) -> None:
        self._conversation = conversation
        self._status = status
        self._answering = answering

    def switch(self, model: Model, role: ModelRole) -> None:
        """Let this model answer from now on."""
        self._conversation.switch(model)
        self.show(role)

    def show(self, role: ModelRole) -> None:
        """Show which model answers."""
        self._status.change(model=self._conversation.setup.title, role=role, context=self._conversation.window)
        for greeting in self._status.screen.query(Greeting):
            greeting.refresh()

    async def load(self) -> None:
        """Load the model, so that the first question does not have to wait. Raises `ModelError` and `EngineError`.

        One that needs more memory than is free is loaded by the first question, so that the user can read that before.
        """
        conversation = self._conversation
        hints = await asyncio.to_thread(self._hints)
        self._status.change(state=self._status.status.state or LOADING, hints=hints)
        try:
            await conversation.engine.load(await asyncio.to_thread(conversation.spec), careful=True)
        finally:
            if not self._answering() and self._status.status.state == LOADING:  # not what the user has to read
                self._status.change(state="")

    def _hints(self) -> list[str]:
        """The commands of the other roles, with their models."""
        roles: dict[ModelRole, str] = {role: self._role_hint(role) for role in ("text", "code", "vision")}
        return [hint for role, hint in roles.items() if hint and role != self._status.status.role]

    def _role_hint(self, role: ModelRole) -> str:
        try:
            return f"/{role} {self._conversation.models.for_role(role).id}"
        except ModelError:
            return ""
