"""Windows that are too small: the app is laid out for the smallest usable size, and one sentence covers it."""

import asyncio
import textwrap
from contextlib import suppress

from rich.console import RenderableType
from textual.events import Event, Key, Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from lechat_tui.ui.textual_private import CrashReportingApp, write_to_terminal

MIN_SIZE = Size(24, 8)
"""The smallest usable window, in cells. Nothing is ever laid out for a smaller one."""

TOO_SMALL = f"Enlarge this window to {MIN_SIZE.width}x{MIN_SIZE.height} or more; nothing is lost"

MAX_WAIT_SECONDS = 0.2
"""A key waits for the ones before it, at most."""


class AnyWindowApp(CrashReportingApp):
    """An app whose widgets never see a window smaller than `MIN_SIZE`."""

    _window: Size | None = None
    """The size of the terminal; None until the first `Resize`."""
    _covered = ""
    """What was written over the whole window, if it is too small."""

    @property
    def size(self) -> Size:
        """The size that is laid out."""
        return usable(super().size)

    @property
    def too_small(self) -> bool:
        """Whether the window is smaller than `MIN_SIZE`."""
        window = self._window or super().size
        return window != usable(window)

    async def on_event(self, event: Event) -> None:
        """Lay out for a usable size, whatever the terminal reports."""
        if isinstance(event, Resize) and not event.is_forwarded:
            self._window, size = event.size, usable(event.size)
            if size != event.size:
                event = Resize(size, size)
            if self.too_small or self._covered:
                self.refresh(layout=True)
        elif isinstance(event, Key) and not event.is_printable and self.focused:
            await _idle(self.focused)
        await super().on_event(event)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Write a frame to the terminal, or only the sentence."""
        if not self.too_small:
            self._covered = ""
            super()._display(screen, renderable)
            return
        window = self._window or super().size
        sequence = cover(window)
        if sequence != self._covered:
            self._covered = sequence
            write_to_terminal(self, sequence)


async def _idle(widget: Widget) -> None:
    """Wait until a widget has handled what was sent to it, so that no key overtakes the ones before."""
    idle = asyncio.Event()
    if widget.call_later(idle.set):
        with suppress(TimeoutError):
            await asyncio.wait_for(idle.wait(), MAX_WAIT_SECONDS)


def usable(size: Size) -> Size:
    """This size, or the smallest usable one where it is larger."""
    return Size(max(size.width, MIN_SIZE.width), max(size.height, MIN_SIZE.height))


def cover(size: Size) -> str:
    """The escape sequence that clears a window and writes the sentence into it, as far as it fits."""
    rows = textwrap.wrap(TOO_SMALL, max(size.width, 1))[: max(size.height, 1)]
    return "\x1b[0m\x1b[2J" + "".join(f"\x1b[{number};1H{row}" for number, row in enumerate(rows, 1))
