"""What the user chose and what is remembered for the next start: theme, keys, how answers are shown."""

from collections.abc import Mapping, Sequence

from textual.screen import Screen

from lechat_tui.commands.base import Bound
from lechat_tui.settings.choices import Choices
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.recents import Recents


class Preferences:
    """Applies them at once, and stores them where there is a file for that."""

    def __init__(
        self,
        screen: Screen[None],
        keymap: Keymap,
        choices: Choices | None,
        naming_keys: Sequence[Downloads | Offers | Recents],
    ) -> None:
        """`naming_keys` are the widgets whose text names keys."""
        self._screen = screen
        self._keymap = keymap
        self._choices = choices
        self._naming_keys = naming_keys

    def remember(self, name: str, value: object) -> None:
        """Store a setting for the next start; None removes it. Raises `ConfigError`."""
        if self._choices:
            self._choices.keep(name, value)

    def set_theme(self, name: str) -> None:
        """Switch to another theme."""
        self._screen.app.theme = name

    @property
    def bindings(self) -> Sequence[Bound]:
        """The rebindable keys as they are now."""
        return self._keymap.bindings

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Rebind keys now and for the next start; see `Host.bind`."""
        self._keymap.bind(chosen or {})
        try:
            self.remember("keys", dict(chosen) if chosen else None)
            if not chosen and self._choices:
                self._keymap.bind(self._choices.settings().keys)
        finally:
            self._screen.app.set_keymap(self._keymap.chosen)
            for widget in self._naming_keys:
                widget.show_keys()
