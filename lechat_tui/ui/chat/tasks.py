"""Work in the background of the screen, so that no key waits for it. An error becomes a note."""

from collections.abc import Awaitable, Callable
from functools import partial

from textual.dom import DOMNode
from textual.worker import Worker

from lechat_tui.errors import LechatError

Work = Callable[..., Awaitable[None]]


class BackgroundTasks:
    """Runs tasks in the workers of a screen."""

    def __init__(self, screen: DOMNode, show_error: Callable[[str], None]) -> None:
        self._screen = screen
        self._show_error = show_error

    def start(self, group: str, work: Work, *args: object, exclusive: bool = False) -> None:
        """Run this in the background; an exclusive task cancels the earlier ones of its group."""
        _: Worker[None] = self._screen.run_worker(partial(self.run, work, *args), group=group, exclusive=exclusive)

    async def run(self, work: Work, *args: object) -> None:
        """Run this here, and show its `LechatError`."""
        try:
            await work(*args)
        except LechatError as error:
            self._show_error(str(error))
