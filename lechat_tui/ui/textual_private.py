"""Everything that lechat uses of Textual beyond its public API, in one place.

`tests/ui/test_textual_private.py` has a test for each function and class here, which fails when Textual changes what
is used. Check them before widening the version range of Textual in pyproject.toml.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import textual.screen
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import IS_ITERM, XTermParser
from textual.app import App
from textual.command import CommandPalette
from textual.keys import Keys
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip

FRAMES_PER_SECOND = 120
"""At most. After a frame a key waits up to two periods for the next one: with Textual's 60, 33 ms."""


def raise_frame_rate() -> None:
    """Let the screens created from now on repaint up to `FRAMES_PER_SECOND` times a second.

    `TEXTUAL_FPS`, which Textual reads when it is imported, has priority.
    """
    if not os.environ.get("TEXTUAL_FPS"):
        vars(textual.screen)["UPDATE_PERIOD"] = 1 / FRAMES_PER_SECOND


def read_alt_enter_as_new_line() -> None:
    """Read Alt+Enter, as terminals without the Kitty protocol send it, as Ctrl+J; Textual reads it as Enter."""
    if isinstance(ANSI_SEQUENCES_KEYS, dict):
        ANSI_SEQUENCES_KEYS["\x1b\r"] = (Keys.ControlJ,)


def on_the_stack(app: App[Any], screen: Screen[Any]) -> Screen[Any]:
    """The first screen of the app's mode, which `App.screen` returns from now on.

    Textual puts it on the stack only after it began to mount its widgets. From Python 3.12 on tasks are eager, so these
    are mounted before that, and an `Input` among them asks for `App.screen`.
    """
    app._screen_stacks[app._current_mode] = [screen]
    return screen


def is_exiting(app: App[Any]) -> bool:
    """Whether the app has begun to end."""
    return bool(app._exit or app._closing or app._closed)


def screen_rows(screen: Screen[Any]) -> list[Strip]:
    """The rows of a screen as they were laid out last."""
    return list(screen._compositor.render_strips())


def write_to_terminal(app: App[Any], sequence: str) -> None:
    """Write an escape sequence between two frames; does nothing before the terminal is set up."""
    if app._driver:
        app._driver.write(sequence)


class StyledOnceScreen(Screen[None]):
    """A screen whose widgets are not styled again when it is first shown: they were, when they were mounted."""

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Runs before Textual's own handler."""
        event.refresh_styles = False


class CrashReportingApp(App[None]):
    """An app that may replace what is printed when an unexpected exception ends it."""

    def before_crash(self, error: Exception) -> None:
        """Called once Textual has decided to end because of this exception.

        If the exception gets a `__rich__` method here, its result is printed in place of the traceback.
        """

    def _handle_exception(self, error: Exception) -> None:
        self.before_crash(error)
        super()._handle_exception(error)


class EarlyCommandPalette(CommandPalette):
    """Textual's command palette, which may be asked to move by a page before its list was laid out."""

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):  # raised by Textual while the list has no rows
            super()._action_command_list(action)


class SequenceReader:
    """What Textual makes of one complete escape sequence or character."""

    reports_sizes = not IS_ITERM
    """Whether the terminal may be asked to report its size; Textual never asks iTerm2."""

    def __init__(self) -> None:
        self._parser = XTermParser()

    def is_key(self, sequence: str) -> bool:
        """Whether Textual's table has a key for it."""
        return sequence in ANSI_SEQUENCES_KEYS

    def keys(self, sequence: str, *, alt: bool = False) -> Iterator[events.Key]:
        """The keys of a sequence of the table, of a key report or of a character."""
        for key in self._parser._sequence_to_key_events(sequence, alt=alt):
            if key.key != Keys.Ignore:
                yield key

    def mouse(self, sequence: str) -> Message | None:
        """The event of an SGR mouse report; None for coordinates outside of the window."""
        return self._parser.parse_mouse_code(sequence)

    def resize(self, width: int, height: int, pixel_width: int, pixel_height: int) -> events.Resize:
        """The event of a size in cells and pixels; with pixels, the mouse is reported in them from now on."""
        resize = events.Resize.from_dimensions((width, height), (pixel_width, pixel_height))
        if pixel_width and pixel_height:
            self._parser.terminal_size, self._parser.terminal_pixel_size = resize.size, resize.pixel_size
            self._parser.mouse_pixels = True
        return resize
