"""Ends the program: at once, or when the downloads are done."""

import time
from collections.abc import Callable

from rich.text import Text
from textual.screen import Screen

from lechat_tui.commands.base import Choice
from lechat_tui.commands.program import DOUBLE_PRESS_SECONDS
from lechat_tui.plaintext import safe
from lechat_tui.ui.chat.chat_switch import ChatSwitch
from lechat_tui.ui.chat.dialogs import Dialogs
from lechat_tui.ui.chat.suspend import ExternalProgram
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.widgets.downloads import Downloads

WHEN = (
    Choice("wait", "Quit when it is done", "you can keep chatting until then"),
    Choice("quit", "Quit now", "what is downloaded is kept, and the next download resumes there"),
    Choice("stay", "Stay"),
)
"""The choices while something is downloaded."""


class Quit:
    """Asks about running downloads, and remembers to quit when they are done."""

    def __init__(
        self,
        screen: Screen[None],
        chats: ChatSwitch,
        external: ExternalProgram,
        downloads: Downloads,
        dialogs: Dialogs,
        tasks: BackgroundTasks,
        say: Callable[[str], None],
    ) -> None:
        self._screen = screen
        self._chats = chats
        self._external = external
        self._downloads = downloads
        self._dialogs = dialogs
        self._tasks = tasks
        self._say = say
        self._waiting = False
        self._pressed = float("-inf")

    def request(self) -> None:
        """Quit, after a question while something is downloaded."""
        self._tasks.start("quit", self._ask)

    async def _ask(self) -> None:
        names = ", ".join(job.model.id for job in self._downloads.running)
        answer = "quit"
        if names:
            answer = (
                await self._dialogs.ask(f"{names} is still downloading", WHEN, hint="Enter selects · Esc stays")
            ) or "stay"
        self._waiting = answer == "wait" and bool(self._downloads.running)
        if self._waiting:
            self._say(f"lechat quits when {names} is downloaded; /exit asks again")
        elif answer != "stay":
            await self._quit()

    def now(self) -> None:
        """Quit without asking; the chat and what is downloaded are kept."""
        self._tasks.start("quit", self._quit)

    async def _quit(self) -> None:
        await self._external.end()
        dropped = await self._chats.close()
        self._screen.app.exit(message=Text(safe(dropped)) if dropped else None)

    def stay(self) -> None:
        """Do not quit: a download that was waited for has failed."""
        self._waiting = False

    def if_due(self) -> None:
        """Quit if that only waited for downloads, and no editor is open."""
        if self._waiting and not self._downloads.running and not self._external.running:
            self.now()

    def pressed_twice(self) -> bool:
        """Whether a key asks to quit for the second time within `DOUBLE_PRESS_SECONDS` seconds."""
        before, self._pressed = self._pressed, time.monotonic()
        return self._pressed - before < DOUBLE_PRESS_SECONDS
