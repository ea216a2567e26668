"""Offers the first model on a machine that has none, and unfinished downloads."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.ui.widgets import offers
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.recents import Recents

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit, Resources


class Onboarding:
    """Decides what is offered below the prompt: models, as long as there is none, else the recent chats."""

    def __init__(
        self,
        models: Models,
        downloads: Downloads,
        offered: Offers,
        recents: Recents,
        machine: "Callable[[], Resources]",
    ) -> None:
        self._models = models
        self._downloads = downloads
        self._offers = offered
        self._recents = recents
        self._machine = machine
        self._wanted = False

    def begin(self, model: Model) -> None:
        """The program starts with this model."""
        self._wanted = offers.needed(model)
        self.show()

    async def check(self) -> None:
        """Offer to resume an unfinished download, and the first model if there is none."""
        left = await asyncio.to_thread(self._unfinished)
        if left and not self._downloads.running:
            self._downloads.offer_resume(left[0])
        if self._wanted:
            found = await asyncio.to_thread(self._first)
            self._wanted = found is not None
            self._offers.offer(found)
            self.show()

    def show(self) -> None:
        """Show the first models unless one is downloading."""
        shown = self._wanted and not self._downloads.running
        for widget, name in ((self._offers, "-wanted"), (self._recents, "-unwanted")):
            widget.set_class(shown, name, update=widget.is_attached)  # one that is not is styled when it is mounted

    def offer_none(self) -> None:
        """Offer no models: there is one, or the user wants none."""
        self._wanted = False
        self.show()

    def decline(self) -> None:
        """Offer no models, now and at later starts."""
        self.offer_none()
        offers.decline()

    def _unfinished(self) -> list[Model]:
        from lechat_tui.models.unfinished import unfinished

        return [model for model in unfinished(self._models.catalog.values()) if self._models.files(model) is None]

    def _first(self) -> "Fit | None":
        """The model to offer; None if one is installed, or if the memory of the machine is not known."""
        from lechat_tui.models import fit

        if not all(model.toy for model in self._models.installed()):
            return None
        with suppress(ModelError):
            return fit.best_by_role(self._models.catalog, self._machine()).get("text")
        return None
