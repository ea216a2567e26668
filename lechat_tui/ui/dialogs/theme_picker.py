"""Picks a theme, with a live preview of the highlighted one."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.widgets import OptionList

from lechat_tui.commands.base import Choice
from lechat_tui.ui.dialogs.picker import Picker


class ThemePicker(Picker):
    """Its result is the name of a theme, or None. It stands at the side, so that the chat shows the new colors."""

    HINT: ClassVar[str] = "Enter selects · Esc cancels"

    def __init__(self, themes: Mapping[str, str], current: str) -> None:
        rows = [Choice(name, name, description) for name, description in themes.items()]
        super().__init__("Which theme?", rows, chosen=current)
        self._current = current

    @on(OptionList.OptionHighlighted)
    def _preview(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = self._shown[event.option_index].value

    def action_leave(self) -> None:
        """Restore the previous theme."""
        self.app.theme = self._current
        super().action_leave()
