"""When the program ends: at once, or once what is downloaded is here. Knows the downloads, not what ending takes."""

import time
from collections.abc import Awaitable, Callable, Sequence

from lechat_tui.commands.base import Choice
from lechat_tui.commands.program import TWICE
from lechat_tui.ui.widgets.downloads import Downloads

LEAVING = (
    Choice("wait", "Leave when it is done", "the talk goes on meanwhile"),
    Choice("leave", "Leave now", "what came is kept, and the next download goes on from there"),
    Choice("stay", "Stay"),
)
"""What can become of a download when the person leaves."""


class Leaving:
    """Asks what becomes of the downloads, and remembers what was answered."""

    def __init__(
        self,
        downloads: Downloads,
        *,
        choose: Callable[[str, Sequence[Choice]], Awaitable[str | None]],
        say: Callable[[str], None],
    ) -> None:
        self._downloads = downloads
        self._choose = choose
        self._say = say
        self._awaited = False
        self._asked = float("-inf")

    async def agreed(self) -> bool:
        """Whether the program may end now."""
        names = ", ".join(job.model.id for job in self._downloads.running)
        answer = await self._choose(f"{names} is still being downloaded", LEAVING) if names else "leave"
        self._awaited = answer == "wait" and bool(self._downloads.running)
        if self._awaited:
            self._say(f"lechat leaves when {names} is here; /exit asks again")
        return not self._awaited and answer in ("leave", "wait")

    def stay(self) -> None:
        """What was waited for does not come."""
        self._awaited = False

    @property
    def due(self) -> bool:
        """Whether all that was waited for is here."""
        return self._awaited and not self._downloads.running

    def twice(self) -> bool:
        """Whether this is the second time within `TWICE` that a key asks for the end."""
        before, self._asked = self._asked, time.monotonic()
        return self._asked - before < TWICE
