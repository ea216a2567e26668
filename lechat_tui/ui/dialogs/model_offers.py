"""The models that the manager offers: those on this machine and those of the catalog, and which of them run here."""

from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lechat_tui.models import fit, servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.fit import Fit
from lechat_tui.ui.dialogs import model_rows
from lechat_tui.ui.dialogs.model_rows import Offer
from lechat_tui.units import size_text


class ModelOffers:
    """Reads them from the disk; `scan` and `assess` take long and belong in a thread."""

    def __init__(self, models: Models, machine: Callable[[], fit.Resources], current: Model) -> None:
        """`current` is the model that answers now."""
        self._models = models
        self._machine = machine
        self._current = current
        self._offers: list[Offer] = []
        self._fits: Mapping[str, Fit] = {}
        self._memory: Mapping[str, str] = {}
        self._variants: dict[str, Model] = {}
        """The quantization that is shown, by the id in the catalog."""
        self._servers: list[Model] = []
        """Servers on this machine that are not connected."""
        self.free_disk = ""
        """How much of the disk is free, as text; empty while that is unknown."""

    @property
    def all(self) -> Sequence[Offer]:
        """Every offer, in the order of the list."""
        return self._offers

    @property
    def assessed(self) -> bool:
        """Whether it is known which models run here."""
        return bool(self._fits)

    def scan(self) -> None:
        """Find the models that are on this machine now. Raises what `Models.installed` raises."""
        here = {model.id: model for model in self._models.installed()}
        rest = [self._variant(model, here) for id, model in self._models.catalog.items() if id not in here]
        self._offers = model_rows.sort(self._offer(model) for model in (*here.values(), *rest, *self._servers))

    def find_servers(self) -> None:
        """Find the servers on this machine that are not connected. Raises `ModelError`."""
        self._servers = servers.unconnected()

    def _variant(self, model: Model, here: Container[str]) -> Model:
        """The model in the quantization it is shown in, unless that one has a row of its own."""
        variant = self._variants.get(model.id, model)
        return model if variant.id in here else variant

    def assess(self) -> None:
        """Estimate which quantizations of all models run on this machine, and show the best one that fits."""
        machine = self._machine()
        self.free_disk = f"{size_text(machine.disk)} free on disk" if machine.disk is not None else ""
        known: dict[str, Fit] = {}
        best: dict[str, Model] = {}
        for offer in self._offers:
            for one in quantizations(offer.model):
                with suppress(ModelError):  # the shape of the model is unknown
                    known[one.id] = fit.measure(one, machine)
            if not offer.file and offer.model.id in known:
                chosen = fit.best_quantization(offer.model, machine)
                best[offer.family] = chosen.model if chosen.fits else offer.model
        self._fits, self._variants = known, best

    def note_memory(self, memory: Mapping[str, str]) -> bool:
        """The loaded models and the memory each takes, as text; False if that has not changed."""
        if memory == self._memory:
            return False
        self._memory = memory
        self._offers = [replace(offer, memory=memory.get(offer.model.id, "")) for offer in self._offers]
        return True

    def turn(self, offer: Offer, by: int) -> bool:
        """Offer the model in a larger quantization, or in a smaller one with -1; False if there is none."""
        others = quantizations(offer.model)
        at = [other.id for other in others].index(offer.model.id) + by
        if not 0 <= at < len(others):
            return False
        self._variants[offer.family] = others[at]
        self._offers = [self._offer(others[at]) if one is offer else one for one in self._offers]
        return True

    def _offer(self, model: Model) -> Offer:
        files = self._models.files(model) if model.weights.file else None
        fit, memory = self._fits.get(model.id), self._memory.get(model.id, "")
        current = model.id == self._current.id
        return Offer(model, files.weights if files else None, fit, current=current, memory=memory)


def quantizations(model: Model) -> list[Model]:
    """The model in each of its quantizations, smallest first."""
    others = [model.quantized(weights.quant) for weights in model.quants]
    return sorted((model, *others), key=lambda one: one.bytes)
