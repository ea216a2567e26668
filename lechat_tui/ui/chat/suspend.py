"""Suspends the screen while another program, such as an editor, uses the terminal; answers continue meanwhile."""

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

TERMINATE_SECONDS = 3.0
"""Time a program has to end before it is killed."""


class SuspendError(LechatError):
    """The screen cannot be suspended."""


class ExternalProgram:
    """Runs one program at a time in the terminal, and ends it when lechat has to end."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._back = asyncio.Event()
        self._back.set()

    @property
    def running(self) -> bool:
        """Whether another program uses the terminal."""
        return not self._back.is_set()

    async def run(self, app: App[None], *command: str) -> int:
        """Run this program in the terminal until it ends; its exit code.

        Raises `SuspendError`, and `OSError` when the program cannot be started.
        """
        self._back.clear()
        try:
            with app.batch_update(), _suspended(app):
                self._process = await asyncio.create_subprocess_exec(*command)
                return await self._process.wait()
        except SuspendNotSupported as error:
            raise SuspendError("this terminal cannot run another program beside lechat") from error
        finally:
            if self._process and self._process.returncode is None:  # lechat ends without having ended it
                self._process.terminate()
            self._process = None
            self._back.set()

    async def end(self) -> None:
        """End the program, by force if it takes too long; returns when the screen is back."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.terminate()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TERMINATE_SECONDS):
                        await self._back.wait()
                        return
                self._process.kill()
        await self._back.wait()


@contextmanager
def _suspended(app: App[None]) -> Iterator[None]:
    """Suspend Textual, and resume it whatever is raised, unless the terminal is gone.

    `App.suspend` does not resume if something is raised inside.
    """
    raised: BaseException | None = None
    with app.suspend():
        modes = _modes()
        try:
            with ExitStack() as stack:
                stack.enter_context(_interrupts_for_others())
                stack.enter_context(redirect_stdout(io.StringIO()))
                stack.enter_context(redirect_stderr(io.StringIO()))  # the log is not written over the program
                yield
        except BaseException as error:  # noqa: BLE001  # raised again below, when the screen is back
            raised = error
        if modes and not _modes():
            raise raised or SuspendError("the terminal is gone")
        _restore(modes)
    if raised:
        raise raised


def _modes() -> list[Any] | None:
    """The modes of the terminal, such as echo and line editing; None if there is no terminal."""
    try:
        return termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None
    except (OSError, ValueError, termios.error):
        return None


def _restore(modes: list[Any] | None) -> None:
    """Restore the modes: a killed program may leave the terminal without echo, and Textual would leave it like that."""
    if modes and sys.__stdin__:
        with suppress(termios.error):
            termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSADRAIN, modes)


@contextmanager
def _interrupts_for_others() -> Iterator[None]:
    """Ignore Ctrl+C and Ctrl+\\, which are meant for the other program.

    With a handler, since a program would inherit ignored signals.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
