"""The models of the catalog and of this machine, by name and by role. Never uses the network."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths
from lechat_tui.engine.base import Verification
from lechat_tui.models import choose, imported, locate
from lechat_tui.models.catalog import Model, ModelError, ModelRole, Weights
from lechat_tui.models.headers import Headers
from lechat_tui.models.local_files import LocalFiles
from lechat_tui.models.locate import Files
from lechat_tui.models.resolve import resolve
from lechat_tui.models.scan import ModelFolder

if TYPE_CHECKING:
    from lechat_tui.models.suggest import Misfit


class Models:
    """Answers which model a name or a role means, and where its files are.

    `wanted` is the user's choice for each role, empty for none. `folders` are searched for files that no download of
    ours put there. `machine` returns the resources that a model may use; without it every model counts as fitting.
    """

    def __init__(
        self,
        catalog: Mapping[str, Model],
        wanted: Mapping[ModelRole, str] | None = None,
        folders: Iterable[ModelFolder] = (),
        machine: choose.DetectResources | None = None,
    ) -> None:
        self.catalog = dict(catalog)
        self._local = LocalFiles(folders, Headers(paths.cache() / "headers.json"), self.catalog)
        self._machine = cache(machine) if machine else None
        self._wanted = dict(wanted or {})

    def get(self, name: str) -> Model:
        """The model of this name. Raises `resolve.NotHere` for one to look up on the hub, else `ModelError`."""
        return resolve(name, self.catalog, self._local, self._suggestion)

    def chat_model(self, name: str) -> Model:
        """As `get`, but raises `ModelError` for an embedding model, too."""
        model = self.get(name)
        if model.embeds:
            raise ModelError(f"{model.id} is an embedding model, which can't chat; libraries use it (lechat library)")
        return model

    def embedder(self, name: str = "") -> Model:
        """The installed embedding model of this name; without one, the user's choice, else the first there is.

        Raises `ModelError`.
        """
        if not name:
            return self.for_role("embed")
        model = self.get(name)
        if not model.embeds:
            raise ModelError(f"{model.id} is a chat model; searching by meaning needs an embedding model")
        if not self.ready(model):
            raise ModelError(model.missing)
        return model

    def require(self, name: str) -> Model:
        """The installed chat model of this name. Raises `ModelError`, for a missing one with how to download it."""
        model = self.chat_model(name)
        if not self.ready(model):
            raise ModelError(model.missing)
        return model

    def of_chat(self, name: str) -> Model:
        """The model that answered a chat last. Raises `ModelError` with the reason if it is not on this machine."""
        try:
            model = self.get(name)
        except ModelError as error:
            raise ModelError(f"{name}, the model of this chat, is not on this machine") from error
        if not self.ready(model):
            where = "" if model.repo else f" ({model.weights.file} is missing)"
            raise ModelError(f"{model.id}, the model of this chat, is not on this machine{where}")
        return model

    def ready(self, model: Model) -> bool:
        """Whether the model can answer: its files are here, or it is on a server."""
        return bool(model.server) or self.files(model) is not None

    def add(self, rows: Iterable[Model]) -> None:
        """Add models to the catalog, or replace those of the same id."""
        self.catalog |= {model.id: model for model in rows}

    def on_servers(self) -> list[Model]:
        """The models on servers, in the order of the catalog."""
        return [model for model in self.catalog.values() if model.server]

    def remember(self, model: Model, *, keep: bool) -> None:
        """List a model that was given by the path of its file, so that its name means it from now on.

        With `keep`, later runs of the program list it, too, if that can be written. Does nothing for other models.
        """
        file = Path(model.weights.file)
        if model.repo or not file.is_absolute() or self.catalog.get(model.id) == model or self._local.at(file):
            return
        self.catalog[model.id] = model
        if keep:
            with suppress(ModelError):
                imported.register(model)

    def for_role(self, role: ModelRole) -> Model:
        """The user's choice, else the first installed model of the role that fits. Raises `ModelError`."""
        if wanted := self._wanted.get(role):
            try:
                return self.get(wanted)
            except ModelError as error:
                raise ModelError(f"{role} = {wanted!r} in config.toml: {error}") from error
        candidates = (model for model in locate.installed(self.catalog, self._local) if role in model.roles)
        if chosen := choose.first_that_fits(candidates, self._machine):
            return chosen
        raise ModelError(choose.nothing_installed(role, self.catalog, self._machine))

    def best_quantization(self, model: Model) -> Model:
        """The model in the quantization that fits this machine best. Raises `ModelError` if its size is not known."""
        from lechat_tui.models import fit

        return fit.best_quantization(model, self._machine()).model if self._machine else model

    def verification(self, model: Model, files: Files) -> Verification | None:
        """Which of its files to verify before they are loaded; None if all of them are known to be whole."""
        from lechat_tui.engine import checksums  # not needed for the first paint

        record = paths.verified()
        todo = checksums.unverified(locate.expected(model, files), record)
        return Verification(todo, record) if todo else None

    def misfit(self, model: Model) -> "Misfit | None":
        """Why this machine's memory can't hold the model; None if it can, or if that is not known."""
        from lechat_tui.models import suggest

        return suggest.misfit(model, self.catalog, self._machine()) if self._machine else None

    def _suggestion(self, name: str) -> str:
        from lechat_tui.models import suggest

        machine = self._machine() if self._machine else None
        if meant := suggest.similar(name, self.catalog, [model.id for model in self._local.models], machine):
            return f"; did you mean {meant}?"
        best = suggest.best_here(self.catalog, machine)
        return f"; try {best}, the best model for this machine, or USER/REPO for any GGUF on the hub" if best else ""

    def files(self, model: Model) -> Files | None:
        """The model's files; None unless all of them are on this machine."""
        return locate.files(model, self._local)

    def path(self, model: Model, weights: Weights) -> Path | None:
        """One of the model's files, the first part of a split one; None unless all parts are on this machine."""
        return locate.path(model, weights, self._local)

    def installed(self) -> list[Model]:
        """The chat models whose files are here now: those of the catalog in its order, then others."""
        self.rescan()
        return [model for model in locate.installed(self.catalog, self._local) if not model.embeds]

    def embedders(self) -> list[Model]:
        """The embedding models whose files are here, in the same order."""
        return [model for model in locate.installed(self.catalog, self._local) if model.embeds]

    def rescan(self) -> None:
        """Look for model files again when they are next needed."""
        self._local.forget()
