"""The model offered below the greeting while only the bundled model is installed."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from lechat_tui import paths, writing
from lechat_tui.models.catalog import Model
from lechat_tui.plaintext import safe
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.look.start_page import NO_OFFER
from lechat_tui.ui.widgets.recents import hints
from lechat_tui.ui.widgets.styled_lines import Line, PromptAside
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit

WIDE = 64
"""Columns from which on the speed is shown."""


class Offers(PromptAside, can_focus=True):
    """Offers one model until the user takes it or declines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Download"),
        Binding("up", "leave", "Back to the prompt"),
        Binding("escape", "dismiss", "No, thanks"),
    ]

    class Taken(Message):
        """The user wants this model."""

        def __init__(self, model: Model) -> None:
            super().__init__()
            self.model = model

    class Dismissed(Message):
        """The user declined."""

    class Left(Message):
        """The user wants to go back to the prompt."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._fit: Fit | None = None
        self._update()

    def offer(self, fit: "Fit | None") -> None:
        """Show this model; None while it is not known which one."""
        self._fit = fit
        self._update()

    def _update(self) -> None:
        if not self._fit:
            self.show([("checking what this machine can run", "soft")])
            return
        key = self._keymap.key("first_models")
        keys = "Enter downloads · Esc hides this" if self.has_focus else f"{key} downloads it · /models shows all"
        self.show(
            [("This machine can run a real model; chaton is only a toy", "soft")],
            self._row(self._fit),
            [(keys, "soft")],
            [],
            [(hints(self._keymap, self.size.width), "faint")],
        )

    def _row(self, fit: "Fit") -> Line:
        model = fit.model
        facts = [size_text(model.bytes)] if model.bytes else []
        facts += ["text, code and images" if model.supports_images else "text and code"]
        if fit.speed and self.size.width >= WIDE:
            facts.append(f"up to {fit.speed:.0f} tokens/s")
        mark = ("▌ ", "bar") if self.has_focus else ("  ", "")
        return [mark, (safe(model.id), "accent"), (f"  {' · '.join(facts)}", "soft")]

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._update()

    def show_keys(self) -> None:
        """Name the keys that are bound now."""
        self._update()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the row while it has the focus."""
        super().watch_has_focus(has_focus)
        self._update()

    def on_click(self, event: Click) -> None:
        """Take the model with a double click."""
        if event.y == 1 and event.chain == 2:
            self.action_take()

    def action_take(self) -> None:
        """Take the model."""
        if self._fit:
            self.post_message(self.Taken(self._fit.model))

    def action_dismiss(self) -> None:
        """Decline."""
        self.post_message(self.Dismissed())

    def action_leave(self) -> None:
        """Go back to the prompt."""
        self.post_message(self.Left())


def needed(model: Model) -> bool:
    """Whether to offer models: this one is the bundled model, and the user has not declined."""
    return model.toy and not _declined().exists()


def decline() -> None:
    """Offer no models on this machine again, or if that cannot be stored, until the program ends."""
    with suppress(OSError):
        writing.private_folder(_declined().parent)
        _declined().touch()


def _declined() -> Path:
    return paths.data() / NO_OFFER
