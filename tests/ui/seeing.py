"""What a user sees and does, for the tests of the screen."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot

from lechat_tui.models.fit import Resources
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.widgets.prompt import Prompt
from lechat_tui.ui.widgets.transcript import Transcript

TIMEOUT_SECONDS = 20.0
"""How long to wait for what should appear."""

NOON = datetime(2026, 3, 5, 12, 0)

MACHINE = Resources(ram=16_000_000_000, disk=212_000_000_000)

MakeApp = Callable[..., LeChat]


def screen_text(app: App[None]) -> str:
    """The text on the screen, row by row, with what a dialog leaves visible behind it."""
    visible_screen_stack.set(app._background_screens)
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def chat(app: App[None]) -> ChatScreen:
    """The chat screen, also below a dialog."""
    found = app.screen_stack[0]
    assert isinstance(found, ChatScreen)
    return found


def transcript(app: App[None]) -> Transcript:
    """The transcript widget."""
    return chat(app).query_one(Transcript)


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait until this is true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await pilot.pause()


async def shows(pilot: Pilot[None], *texts: str) -> None:
    """Wait until all of these are on the screen."""
    app = pilot.app
    assert isinstance(app, LeChat)
    try:
        await until(pilot, lambda: all(text in screen_text(app) for text in texts))
    except TimeoutError:
        raise AssertionError(f"not all of {texts} in\n{screen_text(app)}") from None


async def hides(pilot: Pilot[None], text: str) -> None:
    """Wait until this is no longer on the screen."""
    app = pilot.app
    assert isinstance(app, LeChat)
    try:
        await until(pilot, lambda: text not in screen_text(app))
    except TimeoutError:
        raise AssertionError(f"{text} is still in\n{screen_text(app)}") from None


async def rests(pilot: Pilot[None]) -> None:
    """Wait until no background task is running."""
    await pilot.pause()
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
    await pilot.pause()


def prompt(pilot: Pilot[None]) -> Prompt:
    """The prompt widget."""
    return next(screen.query_one(Prompt) for screen in pilot.app.screen_stack if isinstance(screen, ChatScreen))


async def send(pilot: Pilot[None], text: str) -> None:
    """Type this and send it."""
    prompt(pilot).set_text(text)
    await pilot.pause()
    await pilot.press("enter")
