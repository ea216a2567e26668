"""The first models to get, on a machine that has none: one for each task, as the hardware allows. Knows no hardware."""

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
    """Offers models below the greeting until one is taken or the person says no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up"),
        Binding("down", "move(1)", "Down"),
        Binding("enter", "take", "Download"),
        Binding("escape", "dismiss", "No, thanks"),
    ]

    class Taken(Message):
        """The person wants this model."""

        def __init__(self, model: Model) -> None:
            super().__init__()
            self.model = model

    class Dismissed(Message):
        """The person wants none of them, or to go on writing."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._fits: list[tuple[str, Fit]] = []
        self._chosen = 0
        self._draw()

    def offer(self, choices: "Mapping[ModelRole, Fit]") -> None:
        """Show these; a model that serves several tasks is one row."""
        roles: dict[str, list[str]] = {}
        fits: dict[str, Fit] = {}
        for role, fit in choices.items():
            roles.setdefault(fit.model.id, []).append(role)
            fits[fit.model.id] = fit
        self._fits = [(", ".join(names), fits[id]) for id, names in roles.items()]
        self._draw()

    def _draw(self) -> None:
        here = self.has_focus
        if not self._fits:
            self.show([("looking at what this machine can run", "soft")])
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
        unit = "tokens a second" if self.size.width >= 80 else "t/s"
        return [*row, (f"  up to {fit.speed:.0f} {unit}", "soft")]

    def on_resize(self) -> None:
        """There may be room for more words, or less."""
        self._draw()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show which row is chosen, or none."""
        super().watch_has_focus(has_focus)
        self._draw()

    def on_click(self, event: Click) -> None:
        """Choose what was clicked; a double click takes it."""
        number = event.y - 1
        if 0 <= number < len(self._fits):
            self._chosen = number
            self._draw()
            if event.chain == 2:
                self.action_take()

    def action_move(self, by: int) -> None:
        """Choose another."""
        self._chosen = min(max(self._chosen + by, 0), max(len(self._fits) - 1, 0))
        self._draw()

    def action_take(self) -> None:
        """Download the chosen one."""
        if self._fits:
            self.post_message(self.Taken(self._fits[self._chosen][1].model))

    def action_dismiss(self) -> None:
        """Show them no more."""
        self.post_message(self.Dismissed())


def wanted(model: Model) -> bool:
    """Whether to offer: the model that answers is the toy, and the person has not said no."""
    return model.toy and not _declined().exists()


def dismiss() -> None:
    """Offer no more on this machine; where that cannot be kept, until the program ends."""
    with suppress(OSError):
        _declined().parent.mkdir(parents=True, exist_ok=True)
        _declined().touch()


def _declined() -> Path:
    return paths.data() / "no-first-models"
