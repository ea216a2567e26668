"""Picks a theme: the one that is highlighted is on while one looks, and the old one is back when one leaves."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.widgets import OptionList

from lechat_tui.commands.base import Choice
from lechat_tui.ui.dialogs.picker import Picker


class ThemePicker(Picker):
    """Its answer is the name of a theme, or None. Stands aside, so that the talk can be seen in the new colours."""

    HINT: ClassVar[str] = "Enter keeps it · Esc goes back"

    def __init__(self, themes: Mapping[str, str], current: str) -> None:
        rows = [Choice(name, name, what) for name, what in themes.items()]
        super().__init__("Which theme?", rows, chosen=current)
        self._current = current

    @on(OptionList.OptionHighlighted)
    def _tried(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = self._shown[event.option_index].value

    def action_leave(self) -> None:
        """The old one again."""
        self.app.theme = self._current
        super().action_leave()
