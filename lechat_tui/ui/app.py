"""The program on the screen: themes, keys, the first page. Knows no talk."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import App
from textual.command import Provider
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.worker import WorkerFailed

from lechat_tui import clipboard
from lechat_tui.drawing.kitty import Placements
from lechat_tui.drawing.themes import DEFAULT, Themes
from lechat_tui.drawing.thumbnails import graphics
from lechat_tui.plaintext import safe
from lechat_tui.settings.choices import Choices
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.driver import InvalidInput, TerminalDriver
from lechat_tui.ui.look.front import ENTER, Front
from lechat_tui.ui.look.plain import added_filters, without_gray
from lechat_tui.ui.look.themes import read_themes, textual_theme
from lechat_tui.ui.palette import Palette, Slash
from lechat_tui.ui.textual_private import (
    CrashReportingApp,
    on_the_stack,
    raise_frame_rate,
    read_alt_enter_as_new_line,
    write_to_terminal,
)

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources
    from lechat_tui.models.jobs import Jobs


class LeChat(CrashReportingApp):
    """Shows one conversation until the person leaves."""

    TITLE = "lechat"
    COMMAND_PALETTE_BINDING = "f24"  # `ChatScreen` has a binding of its own, which can be changed
    CSS_PATH = "lechat.tcss"
    DEFAULT_MODE = "chat"
    """Its screen is the conversation, so that no empty one is laid out below."""
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Slash}

    def __init__(
        self,
        conversation: Conversation,
        *,
        jobs: "Jobs",
        machine: "Callable[[], Resources]",
        themes: Themes | None = None,
        choices: Choices | None = None,
        front: Front | None = None,
        failed: Callable[[Exception], str] = repr,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        """`failed` makes a sentence of what should not have happened, and keeps the rest of it somewhere."""
        self._failed = failed
        self._themes = themes or read_themes()
        self._front = front
        self._copied = ""
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
            painted=self._remember_page,
            clock=clock,
        )
        self.add_mode(self.DEFAULT_MODE, lambda: on_the_stack(self, self._chat))

    def get_line_filters(self) -> list[LineFilter]:
        """The filters that every row passes on its way to the terminal."""
        return [*without_gray(super().get_line_filters()), *self._added_filters]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What a theme leaves out is as in the first one."""
        return self._themes.known[DEFAULT].variables

    def get_driver_class(self) -> type[Driver]:
        """The usual one, which takes over from what was shown before."""
        usual = super().get_driver_class()
        if usual is LinuxDriver:
            usual = TerminalDriver
        return taking_over(usual, self._front) if self._front else usual

    def refresh_css(self, animate: bool = True) -> None:
        """Read the styles again for other colours; Textual asks for it at every start, when they are those already."""
        variables = self.get_css_variables()
        if variables != self._styled_with:
            self._styled_with = variables
            super().refresh_css(animate)

    def on_mount(self) -> None:
        """End well when the terminal goes or the system wants the program to end."""
        for complaint in self._complaints:
            self._chat.host.say(complaint, error=True)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._chat.parts.quit.now)
        self.app_resume_signal.subscribe(self, self._come_back)

    def on_invalid_input(self, _: InvalidInput) -> None:
        """Say once that keys get lost, and why."""
        if not self._invalid_input:
            self._invalid_input = True
            self._chat.host.say("the terminal sent bytes that are not UTF-8; set its encoding to UTF-8", error=True)

    def _come_back(self, _: App[None]) -> None:
        """The terminal was lent to another program."""
        if isinstance(self._pictures, Placements):
            self._pictures.send_again()
            self.refresh(layout=True)

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """End, and leave no picture in the terminal; it keeps those of each of its two screens apart."""
        if isinstance(self._pictures, Placements):
            self._pictures.close()
        super().exit(result, return_code, message)

    @property
    def clipboard(self) -> str:
        """The text that was copied last in this program."""
        return self._copied

    def copy(self, text: str) -> str:
        """Put the text on every clipboard that can be reached; the sentence says which."""
        self._copied = text
        return clipboard.copy(text, self._to_terminal)

    def copy_to_clipboard(self, text: str) -> None:
        """What the editor's own cut and copy do."""
        self.copy(text)

    def _to_terminal(self, sequence: str) -> None:
        write_to_terminal(self, sequence)

    def _remember_page(self) -> None:
        """Keep the start page for the next start."""
        if self._front and (rows := self._chat.start_page):
            self._front.keep([row.render(self.console) for row in rows])

    def action_command_palette(self) -> None:
        """Everything, by name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def before_crash(self, error: Exception) -> None:
        """Save what is typed, and print one sentence: Textual's traceback would also print the conversation."""
        with suppress(Exception):  # what is typed is kept if anything still works
            self._chat.parts.unsent.save_now()
        cause = error.error if isinstance(error, WorkerFailed) and isinstance(error.error, Exception) else error
        vars(error)["__rich__"] = partial(Text, f"lechat: {safe(self._failed(cause))}")

    async def action_quit(self) -> None:
        """Leave; what was said is kept."""
        self._chat.action_leave()


def taking_over(usual: type[Driver], front: Front) -> type[Driver]:
    """This driver, but what the front shows stays until the first page of the screen is drawn over it."""

    def write(self: Driver, data: str) -> None:
        painted = front.painted
        if ENTER in data:
            front.hand_over()
        usual.write(self, data.replace(ENTER, "") if painted else data)

    return type(usual.__name__, (usual,), {"write": write})
