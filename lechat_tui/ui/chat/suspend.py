"""The terminal, lent to another program while the talk goes on behind it. Knows no editor and no prompt.

Nothing of the screen is drawn meanwhile, and no key is read: both would go where the other program draws and reads.
"""

import asyncio
import io
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

from textual.app import App, SuspendNotSupported

from lechat_tui.errors import LechatError

PATIENCE = 3.0
"""Seconds a program has to end when it is asked to."""


class NotLentError(LechatError):
    """This terminal cannot be lent; the text says so."""


class Lent:
    """Runs one program at a time on the terminal, and has it end when lechat must."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._back = asyncio.Event()
        self._back.set()

    @property
    def away(self) -> bool:
        """Whether another program has the terminal."""
        return not self._back.is_set()

    async def run(self, app: App[None], *command: str) -> int:
        """Lend the terminal to this program until it ends; its exit code.

        Raises `NotLentError`, and `OSError` when the program cannot be started.
        """
        self._back.clear()
        try:
            with app.batch_update(), _suspended(app):
                self._process = await asyncio.create_subprocess_exec(*command)
                return await self._process.wait()
        except SuspendNotSupported as error:
            raise NotLentError("this terminal cannot be lent to an editor") from error
        finally:
            if self._process and self._process.returncode is None:  # lechat ends without having asked it to
                self._process.terminate()
            self._process = None
            self._back.set()

    async def end(self) -> None:
        """Have the program end, kindly at first; the terminal is back then."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.terminate()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._back.wait()
                        return
                self._process.kill()
        await self._back.wait()


@contextmanager
def _suspended(app: App[None]) -> Iterator[None]:
    """Textual without the terminal, which it takes back whatever happens, unless the terminal is gone.

    What is raised inside `App.suspend` would keep it from that.
    """
    raised: BaseException | None = None
    with app.suspend():
        modes = _modes()
        try:
            with ExitStack() as stack:
                stack.enter_context(_interrupts_for_others())
                stack.enter_context(redirect_stdout(io.StringIO()))
                stack.enter_context(redirect_stderr(io.StringIO()))  # what is logged is not written into the other
                yield
        except BaseException as error:  # noqa: BLE001  # raised again below, once the terminal is back
            raised = error
        if modes and not _modes():
            raise raised or NotLentError("the terminal is gone")
        _restore(modes)
    if raised:
        raise raised


def _modes() -> list[Any] | None:
    """Echo, line editing and the rest of what the terminal does by itself; None where there is no terminal."""
    try:
        return termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None
    except (OSError, ValueError, termios.error):
        return None


def _restore(modes: list[Any] | None) -> None:
    """A program that was killed may leave the terminal without echo, and Textual would keep it so."""
    if modes and sys.__stdin__:
        with suppress(termios.error):
            termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSADRAIN, modes)


@contextmanager
def _interrupts_for_others() -> Iterator[None]:
    """Ctrl+C and Ctrl+\\ go to everybody at the terminal, and mean the other program.

    A handler, unlike ignoring, is not inherited by it.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
