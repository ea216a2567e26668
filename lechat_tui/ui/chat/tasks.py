"""What is done behind the screen, so that no key waits for it; what goes wrong is told. Knows no talk."""

from collections.abc import Awaitable, Callable
from functools import partial

from textual.dom import DOMNode
from textual.worker import Worker

from lechat_tui.errors import LechatError

Work = Callable[..., Awaitable[None]]


class Behind:
    """Does work in workers of a screen, by groups of which one piece may stop the one before."""

    def __init__(self, screen: DOMNode, tell: Callable[[str], None]) -> None:
        """`tell` gets the sentence of what went wrong."""
        self._screen = screen
        self._tell = tell

    def __call__(self, group: str, work: Work, *given: object, exclusive: bool = False) -> None:
        """Do this behind. Given as a function, so that what never starts is nothing."""
        told = partial(self.told, work, *given)
        _: Worker[None] = self._screen.run_worker(told, group=group, exclusive=exclusive)

    async def told(self, work: Work, *given: object) -> None:
        """Do this here, and tell what goes wrong."""
        try:
            await work(*given)
        except LechatError as error:
            self._tell(str(error))
