"""Models offered below the greeting while only the bundled model is installed: one for each task."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from lechat_tui import paths
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.plaintext import safe
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.styled_lines import Line, Span, StyledLines, padded
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit


class Offers(StyledLines, can_focus=True):
    """Offers models until the user takes one or declines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up"),
        Binding("down", "move(1)", "Down"),
        Binding("enter", "take", "Download"),
        Binding("escape", "dismiss", "No, thanks"),
    ]

    class Taken(Message):
        """The user wants this model."""

        def __init__(self, model: Model) -> None:
            super().__init__()
            self.model = model

    class Dismissed(Message):
        """The user declined."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._fits: list[tuple[str, Fit]] = []
        self._chosen = 0
        self._update()

    def offer(self, choices: "Mapping[ModelRole, Fit]") -> None:
        """Show these; a model for several tasks has one row."""
        roles: dict[str, list[str]] = {}
        fits: dict[str, Fit] = {}
        for role, fit in choices.items():
            roles.setdefault(fit.model.id, []).append(role)
            fits[fit.model.id] = fit
        self._fits = [(", ".join(names), fits[id]) for id, names in roles.items()]
        self._update()

    def _update(self) -> None:
        here = self.has_focus
        if not self._fits:
            self.show([("checking what this machine can run", "soft")])
            return
        rows = [self._row(number, roles, fit) for number, (roles, fit) in enumerate(self._fits)]
        away = f"{self._keymap.key('first_models')} chooses · /models shows all · chaton answers meanwhile"
        keys = "Enter downloads · Esc hides this" if here else away
        self.show([("This machine can run", "soft")], *rows, [], [(keys, "soft")])

    def _row(self, number: int, roles: str, fit: "Fit") -> Line:
        chosen = self.has_focus and number == self._chosen
        row: list[Span] = [
            ("▌ " if chosen else "  ", "bar" if chosen else ""),
            (padded(safe(fit.model.id), 22 if self.size.width >= 60 else 16), "accent" if chosen else "text"),
            (f"  {roles:<18}", "soft"),
            (f"  {size_text(fit.model.bytes) if fit.model.bytes else '':>8}", "soft"),
        ]
        if not fit.speed or self.size.width < 64:
            return row
        unit = "tokens/s" if self.size.width >= 80 else "t/s"
        return [*row, (f"  up to {fit.speed:.0f} {unit}", "soft")]

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._update()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._update()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the chosen row while the list has the focus."""
        super().watch_has_focus(has_focus)
        self._update()

    def on_click(self, event: Click) -> None:
        """Choose the model that was clicked; a double click takes it."""
        number = event.y - 1
        if 0 <= number < len(self._fits):
            self._chosen = number
            self._update()
            if event.chain == 2:
                self.action_take()

    def action_move(self, by: int) -> None:
        """Choose another model."""
        self._chosen = min(max(self._chosen + by, 0), max(len(self._fits) - 1, 0))
        self._update()

    def action_take(self) -> None:
        """Download the chosen model."""
        if self._fits:
            self.post_message(self.Taken(self._fits[self._chosen][1].model))

    def action_dismiss(self) -> None:
        """Decline."""
        self.post_message(self.Dismissed())


def needed(model: Model) -> bool:
    """Whether to offer models: this one is the bundled model, and the user has not declined."""
    return model.toy and not _declined().exists()


def decline() -> None:
    """Offer no models on this machine again, or if that cannot be stored, until the program ends."""
    with suppress(OSError):
        _declined().parent.mkdir(parents=True, exist_ok=True)
        _declined().touch()


def _declined() -> Path:
    return paths.data() / "no-first-models"
