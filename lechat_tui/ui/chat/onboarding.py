"""Models on their way here: offered on a fresh machine, left in the middle, fetched. Knows three widgets, no talk."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.ui.widgets import offers
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.recents import Recents

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit, Resources


class Arrivals:
    """Decides what is offered, and when: models stand in the place of the last chats while there is none."""

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
        """The program begins with this model answering."""
        self._wanted = offers.wanted(model)
        self.show()

    async def look(self) -> None:
        """Say what was left in the middle; else what this machine could run, when it has nothing real yet."""
        left = await asyncio.to_thread(self._unfinished)
        if left and not self._downloads.running:
            self._downloads.offer(left[0])
        if self._wanted:
            found = await asyncio.to_thread(self._first)
            self._wanted = bool(found)
            self._offers.offer(found)
            self.show()

    def show(self) -> None:
        """The first models are offered while none is here nor on its way."""
        shown = self._wanted and not self._downloads.running
        self._offers.set_class(shown, "-wanted")
        self._recents.set_class(shown, "-unwanted")

    def offer_none(self) -> None:
        """There is a model, or the person wants none of them."""
        self._wanted = False
        self.show()

    def decline(self) -> None:
        """The person wants none of them, now and later."""
        self.offer_none()
        offers.dismiss()

    def _unfinished(self) -> list[Model]:
        from lechat_tui.models.unfinished import unfinished

        return [model for model in unfinished(self._models.catalog.values()) if self._models.files(model) is None]

    def _first(self) -> "dict[ModelRole, Fit]":
        """What there is to offer: nothing where a real model is here, or nobody knows what the machine can hold."""
        from lechat_tui.models import fit

        if not all(model.toy for model in self._models.installed()):
            return {}
        with suppress(ModelError):
            return fit.best_by_role(self._models.catalog, self._machine())
        return {}
