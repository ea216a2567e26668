"""Puts the house together: configuration, catalog, history, engine, conversation."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lechat_tui import paths, terminal
from lechat_tui.engine.local import LocalEngine
from lechat_tui.models import adapters, catalog, imported, scan
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.scan import ModelFolder
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.talk.conversation import Conversation

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources


@dataclass(frozen=True)
class Wishes:
    """What the command line says of a conversation."""

    model: str = ""
    system: str | None = None
    resume: str = ""
    """The id of a chat, `last`, or empty for a new one."""
    pictures: bool = False
    """Whether the question comes with pictures."""
    private: bool = False
    temperature: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    context: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    lora: tuple[str, ...] | None = None
    """Adapters, as `PATH[:SCALE]`."""
    reduced: bool = False
    """Plain ASCII, without frames, drawings and animation."""


def settings(wishes: Wishes | None = None) -> Settings:
    """The configuration, the choices laid over it, and the command line over both.

    Raises `ConfigError` or `ModelError`.
    """
    read = choices().settings()
    if read.lora is not None:
        read = replace(read, lora=_anchored(read.lora, paths.config()))
    names = ("temperature", "seed", "max_tokens", "context", "gpu_layers", "threads")
    said = {name: getattr(wishes, name) for name in names if wishes and getattr(wishes, name) is not None}
    if wishes and wishes.lora is not None:
        said["lora"] = _anchored(wishes.lora, Path.cwd())
    if (wishes and wishes.reduced) or terminal.wants_reduced(os.environ):
        said["reduced"] = True
    return replace(read, **said)


def _anchored(loras: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Adapters that are named from this folder, named from everywhere."""
    return tuple(adapters.written(adapters.read(text, folder)) for text in loras)


def choices() -> Choices:
    """What was chosen on the screen and holds the next time too."""
    return Choices(paths.config() / "config.toml", paths.data() / "choices.json")


def models(chosen: Settings) -> Models:
    """The models there are. Raises `ModelError`."""
    rows = catalog.read(paths.bundled("models.toml"), imported.registry(), paths.config() / "models.toml")
    wanted: dict[ModelRole, str] = {"text": chosen.text, "code": chosen.code, "vision": chosen.vision}
    return Models(rows, wanted, folders=places(chosen), machine=this_machine)


def this_machine() -> "Resources":
    """What a model may take of this machine."""
    from lechat_tui.models import resources

    return resources.here(paths.hub_cache())


def places(chosen: Settings) -> tuple[ModelFolder, ...]:
    """Where models may lie."""
    return scan.model_folders(chosen.folders)


def store(*, private: bool = False) -> Store:
    """The history; one in memory for a private chat. Raises `StoreError`."""
    return Store(None if private else paths.data())


def engine(chosen: Settings | None = None) -> LocalEngine:
    """Who answers, in processes of its own that start with the first question."""
    chosen = chosen or Settings()
    return LocalEngine(
        paths.logs(), states=paths.cache() / "states", limit=chosen.states, keep_warm=chosen.keep_warm * 60
    )


def conversation(wishes: Wishes) -> Conversation:
    """A conversation ready to be asked. Raises `ConfigError`, `ModelError` or `StoreError`."""
    chosen = settings(wishes)
    available = models(chosen)
    history = store(private=wishes.private)
    try:
        chat = _chat(history, wishes.resume)
        return Conversation(
            history,
            engine(chosen),
            available,
            _model(available, wishes, chat),
            settings=chosen,
            chat=chat,
            system=wishes.system,
        )
    except Exception:
        history.close()
        raise


def _chat(history: Store, resume: str) -> Chat | None:
    if not resume:
        return None
    if resume == "last":
        return history.latest()
    chat = history.chat(int(resume))
    if chat is None:
        raise StoreError(f"there is no chat {resume}; lechat chats ls lists them")
    return chat


def _model(models: Models, wishes: Wishes, chat: Chat | None) -> Model:
    """Who answers: the one named, else the chat's own, else the best for the task."""
    if wishes.model:
        named = models.get(wishes.model)
        if models.files(named) is None:
            raise ModelError(named.missing)
        if wishes.pictures and not named.supports_images:
            raise ModelError(f"{named.id} cannot see pictures; -m {models.for_role('vision').id} can")
        return named
    if wishes.pictures:
        return models.for_role("vision")
    own = _own(models, chat.model) if chat else None
    return own or models.for_role("text")


def _own(models: Models, name: str) -> Model | None:
    """The model a chat was held with, if it is still here."""
    try:
        model = models.get(name)
    except ModelError:
        return None
    return model if models.files(model) else None
