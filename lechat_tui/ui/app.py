"""The Textual app: themes, keys, clipboard, the start page, and how the program ends."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import App
from textual.command import Provider
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.theme import Theme
from textual.worker import WorkerFailed

from lechat_tui import clipboard
from lechat_tui.drawing.kitty import Placements
from lechat_tui.drawing.themes import DEFAULT, Themes
from lechat_tui.drawing.thumbnails import graphics
from lechat_tui.plaintext import safe
from lechat_tui.settings.choices import Choices
from lechat_tui.talk.conversation import Conversation
from lechat_tui.terminal import text_order
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.driver import InvalidInput, OrderingDriver, TerminalDriver
from lechat_tui.ui.look.bidi import Bidi
from lechat_tui.ui.look.plain import added_filters, without_gray
from lechat_tui.ui.look.start_page import ENTER, StartPage
from lechat_tui.ui.look.themes import read_themes, textual_theme
from lechat_tui.ui.palette import Palette, Slash
from lechat_tui.ui.textual_private import (
    on_the_stack,
    raise_frame_rate,
    read_alt_enter_as_new_line,
    write_to_terminal,
)
from lechat_tui.ui.window import AnyWindowApp

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources
    from lechat_tui.models.jobs import Jobs


class LeChat(AnyWindowApp):
    """Shows one conversation until the user quits."""

    TITLE = "lechat"
    COMMAND_PALETTE_BINDING = "f24"  # never: `ChatScreen` has a binding that can be changed
    CSS_PATH = Path(__file__).with_name("lechat.tcss")
    DEFAULT_MODE = "chat"
    """The mode of the chat screen, so that no empty screen is laid out below it."""
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Slash}

    _variables_of: Theme | None = None
    """The theme of `_variables`."""
    _variables: dict[str, str]

    def __init__(
        self,
        conversation: Conversation,
        *,
        jobs: "Jobs",
        machine: "Callable[[], Resources]",
        themes: Themes | None = None,
        choices: Choices | None = None,
        start_page: StartPage | None = None,
        report: Callable[[Exception], str] = repr,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        """`report` logs an unexpected exception and returns a sentence about it."""
        self._report = report
        self._themes = themes or read_themes()
        self._start_page = start_page
        self._copied = ""
        self._order = text_order(conversation.settings.bidi, screen=True)
        raise_frame_rate()
        read_alt_enter_as_new_line()
        super().__init__()
        for theme in self._themes.known.values():
            self.register_theme(textual_theme(theme))
        chosen = conversation.settings.theme
        self.theme = self._themes.named(chosen).name
        self._invalid_input = False
        self._complaints = (*self._themes.complaints, *filter(None, [self._themes.missing(chosen)]))
        self._reduced = conversation.settings.reduced
        self._added_filters = added_filters(no_color=self.no_color, reduced=self._reduced)
        if self._order != "logical":
            self._added_filters = [Bidi(self._order), *self._added_filters]
        self.set_class(self._reduced, "-reduced")
        self.set_class(self.no_color, "-plain")
        if self._reduced:
            self.animation_level = "none"
        self._styled_with = self.get_css_variables()
        self.stylesheet.set_variables(self._styled_with)
        self.set_keymap(conversation.settings.keys)
        self._pictures = graphics(conversation.settings, self.console.color_system, self._to_terminal)
        self._chat = ChatScreen(
            conversation,
            jobs=jobs,
            machine=machine,
            copy=self.copy,
            pictures=self._pictures,
            themes=self._themes.descriptions,
            choices=choices,
            painted=self._save_start_page,
            clock=clock,
        )
        self.add_mode(self.DEFAULT_MODE, lambda: on_the_stack(self, self._chat))

    def get_line_filters(self) -> list[LineFilter]:
        """The filters that every row passes on its way to the terminal."""
        return [*without_gray(super().get_line_filters()), *self._added_filters]

    def get_css_variables(self) -> dict[str, str]:
        """The variables of the stylesheet; Textual asks four times at the start, and computes shades each time."""
        if self._variables_of is not self.current_theme:
            self._variables_of, self._variables = self.current_theme, super().get_css_variables()
        return self._variables

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The variables of the default theme, for those that a theme leaves out."""
        return self._themes.known[DEFAULT].variables

    def get_driver_class(self) -> type[Driver]:
        """Our own driver in a terminal; it takes over from the start page of the last run."""
        driver = super().get_driver_class()
        if driver is LinuxDriver:
            driver = TerminalDriver if self._order == "logical" else OrderingDriver
        return taking_over(driver, self._start_page) if self._start_page else driver

    def refresh_css(self, animate: bool = True) -> None:
        """Apply the colors of another theme; skips the call at the start of Textual, when they are applied already."""
        variables = self.get_css_variables()
        if variables != self._styled_with:
            self._styled_with = variables
            super().refresh_css(animate)
            for widget in self.screen.walk_children():
                widget.refresh()  # also those whose stylesheet is the same: many render the colors themselves

    def on_mount(self) -> None:
        """Show what is wrong with the themes, and quit cleanly on SIGTERM and SIGHUP."""
        for complaint in self._complaints:
            self._chat.host.say(complaint, error=True)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._chat.parts.quit.now)
        self.app_resume_signal.subscribe(self, self._redraw_images)

    def on_invalid_input(self, _: InvalidInput) -> None:
        """Tell the user once that keys get lost, and why."""
        if not self._invalid_input:
            self._invalid_input = True
            self._chat.host.say("the terminal sent bytes that are not UTF-8; set its encoding to UTF-8", error=True)

    def _redraw_images(self, _: App[None]) -> None:
        """Send images again after another program used the terminal."""
        if isinstance(self._pictures, Placements):
            self._pictures.send_again()
            self.refresh(layout=True)

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Remove all images from the terminal, which does not do so itself, and end."""
        if isinstance(self._pictures, Placements):
            self._pictures.close()
        super().exit(result, return_code, message)

    @property
    def clipboard(self) -> str:
        """The text that was copied last in this program."""
        return self._copied

    def copy(self, text: str) -> str:
        """Copy a text to every clipboard that can be reached; returns the sentence that says which."""
        self._copied = text
        return clipboard.copy(text, self._to_terminal)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what is cut or copied in the prompt."""
        self.copy(text)

    def _to_terminal(self, sequence: str) -> None:
        write_to_terminal(self, sequence)

    def _save_start_page(self) -> None:
        """Store the start page for the next run."""
        if self._start_page and not self.too_small and (rows := self._chat.start_page):
            self._start_page.save([row.render(self.console) for row in rows])

    def action_command_palette(self) -> None:
        """Open the command palette."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def before_crash(self, error: Exception) -> None:
        """Save what is typed, and print one sentence: Textual's traceback would also print the conversation."""
        with suppress(Exception):  # whatever else is broken
            self._chat.parts.unsent.save_now()
        cause = error.error if isinstance(error, WorkerFailed) and isinstance(error.error, Exception) else error
        vars(error)["__rich__"] = partial(Text, f"lechat: {safe(self._report(cause))}")

    async def action_quit(self) -> None:
        """Quit, as `/exit` does."""
        self._chat.action_leave()


def taking_over(driver: type[Driver], start_page: StartPage) -> type[Driver]:
    """This driver, without clearing what the start page shows: the first frame is painted over it."""

    def write(self: Driver, data: str) -> None:
        painted = start_page.painted
        if ENTER in data:
            start_page.hand_over()
        driver.write(self, data.replace(ENTER, "") if painted else data)

    return type(driver.__name__, (driver,), {"write": write, "cooked": start_page.cooked})
