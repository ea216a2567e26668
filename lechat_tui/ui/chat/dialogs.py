"""Opens the dialogs over the chat, and waits for what the user chooses. A dialog is imported when it is opened."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from textual.screen import ModalScreen, Screen

from lechat_tui.commands.base import Choice
from lechat_tui.models.catalog import Model
from lechat_tui.store import Hit
from lechat_tui.ui.dialogs.picker import Picker, YesNo

Result = TypeVar("Result")


class Dialogs:
    """One method for each dialog; all of them have to run in a worker."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

    async def show(self, dialog: ModalScreen[Result]) -> Result | None:
        """Show any dialog; its result."""
        return await self._screen.app.push_screen_wait(dialog)

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The value of the chosen row, or None; typing narrows the rows down."""
        return await self.show(Picker(title, choices))

    async def ask(self, question: str, choices: Sequence[Choice], *, hint: str) -> str | None:
        """The value of the chosen answer, or None; `hint` says what Enter and Esc do."""
        return await self.show(Picker(question, choices, filtered=False, hint=hint))

    async def confirm(self, question: str, *, default: bool = False) -> bool:
        """Whether the user says yes; Enter alone gives the default."""
        return await self.show(YesNo(question, default=default)) == "yes"

    async def choose_theme(self, themes: Mapping[str, str]) -> str | None:
        """The name of a theme, or None; `themes` has a description of each."""
        from lechat_tui.ui.dialogs.theme_picker import ThemePicker

        return await self.show(ThemePicker(themes, self._screen.app.theme))

    async def find_message(
        self, search: Callable[[str], list[Hit]], query: str, now: datetime
    ) -> tuple[Hit, str] | None:
        """The chosen hit of a search, and the words that found it."""
        from lechat_tui.ui.dialogs.search import Finder

        return await self.show(Finder(search, query, now))

    async def accept_license(self, model: Model) -> bool:
        """Whether the user accepts the license of this model, now or earlier."""
        from lechat_tui.ui.dialogs.license import license_accepted

        return await license_accepted(self._screen.app, model)
