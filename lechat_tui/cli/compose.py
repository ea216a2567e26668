"""Builds the parts of the program: settings, models, history, engine, conversation."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from lechat_tui import paths, terminal
from lechat_tui.engine.base import Engine
from lechat_tui.engine.local import LocalEngine
from lechat_tui.engine.process import Spare
from lechat_tui.engine.router import RouterEngine
from lechat_tui.models import adapters, catalog, imported, scan, servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.scan import ModelFolder
from lechat_tui.settings import config
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.store import Chat, Store, StoreError, open_for_reading
from lechat_tui.talk.conversation import Conversation
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources


MAX_ID_DIGITS = 18
"""Of a chat's ID; more do not fit into SQLite's integers."""


@dataclass(frozen=True)
class Overrides:
    """What the command line says about a conversation."""

    model: str = ""
    """A name or a path; empty lets the chat or the task decide."""
    system: str | None = None
    """The system prompt of a new chat; None is the configured one."""
    resume: str = ""
    """The ID of a chat, `last`, or empty for a new one."""
    with_images: bool = False
    """Whether the question has images."""
    with_scans: bool = False
    """Whether it has scans, of which only a model that supports images gets something."""
    private: bool = False
    """Whether nothing is saved."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values for fields of `Settings`, as `given` returns them."""


def given(*, lora: Sequence[str] | None = None, **settings: object) -> dict[str, Any]:
    """The settings that are not None. LoRA adapters, as `PATH[:SCALE]`, are relative to the current folder.

    Raises `ModelError` for an adapter that is not there.
    """
    values = {name: value for name, value in settings.items() if value is not None}
    return {**values, "lora": _absolute(lora, Path.cwd())} if lora else values


def settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The configuration, overridden by saved choices, overridden by these values.

    Raises `ConfigError` or `ModelError`.
    """
    saved = choices().settings()
    if saved.lora is not None:
        saved = replace(saved, lora=_absolute(saved.lora, paths.config()))
    if terminal.wants_reduced(os.environ):
        saved = replace(saved, reduced=True)
    return config.override(saved, overrides or {})


def _absolute(loras: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Adapters that are relative to this folder, with absolute paths."""
    return tuple(adapters.written(adapters.read(text, folder)) for text in loras)


def choices() -> Choices:
    """The choices that the program saves, which override `config.toml`."""
    return Choices(paths.config() / "config.toml", paths.data() / "choices.json")


def models(chosen: Settings) -> Models:
    """All models: the catalog, imported ones and the user's own. Raises `ModelError`."""
    rows = catalog.read(
        paths.bundled("models.toml"), imported.registry(), servers.registry(), paths.config() / "models.toml"
    )
    wanted: dict[ModelRole, str] = {role: getattr(chosen, role) for role in get_args(ModelRole)}
    return Models(rows, wanted, folders=model_folders(chosen), machine=this_machine)


def this_machine() -> "Resources":
    """The memory and disk space that models may use."""
    from lechat_tui.models import resources

    return resources.detect(paths.hub_cache())


def model_folders(chosen: Settings) -> tuple[ModelFolder, ...]:
    """The folders that are searched for models."""
    return scan.model_folders(chosen.folders)


def store(*, private: bool = False) -> Store:
    """The history; with `private`, one in memory. Raises `StoreError`."""
    return Store(None if private else paths.data())


def readable_store() -> Store:
    """The history to read from, also on a disk that is full or read-only. Raises `StoreError`."""
    return open_for_reading(paths.data())


def engine(chosen: Settings | None = None, spare: Spare | None = None) -> RouterEngine:
    """The engine, whose processes and connections start with the first question, but for a `spare` process."""
    chosen = chosen or Settings()
    local = LocalEngine(
        paths.logs(),
        states=paths.cache() / "states",
        limit=chosen.states,
        keep_warm=chosen.keep_warm * 60,
        spare=spare,
    )
    return RouterEngine(local, _remote)


def _remote() -> Engine:
    from lechat_tui.engine.remote.engine import RemoteEngine

    return cast(Engine, RemoteEngine())


def conversation(overrides: Overrides, spare: Spare | None = None) -> Conversation:
    """A conversation that is ready for a question; `spare` as in `engine`.

    Raises `ConfigError`, `ModelError` or `StoreError`.
    """
    chosen = settings(overrides.settings)
    available = models(chosen)
    history = store(private=overrides.private)
    try:
        chat = _resumed(history, overrides.resume)
        model, other = _model(available, overrides, chat)
        notice = "; ".join(filter(None, [other, *scan.missing(chosen.folders)]))
        conversation = Conversation(
            history,
            engine(chosen, spare),
            available,
            model,
            settings=chosen,
            chat=chat,
            system=overrides.system,
            notice=notice,
        )
        if overrides.model and chat and chat.model != model.id:
            conversation.switch(model)
        return conversation
    except Exception:
        history.close()
        raise


def find_chat(history: Store, id: str) -> Chat:
    """The chat with this ID, or the one added to last for `last`. Raises `StoreError` if there is none."""
    number = int(id) if id.isdecimal() and len(id) <= MAX_ID_DIGITS else 0
    chat = history.latest() if id == "last" else history.chat(number)
    if chat is None and id == "last":
        raise StoreError("there is no chat yet")
    if chat is None:
        raise StoreError(f"there is no chat {id}; lechat chats ls lists them")
    return chat


def _resumed(history: Store, resume: str) -> Chat | None:
    """The chat to continue; None for a new one, which is the last one of an empty history."""
    if not resume or (resume == "last" and history.latest() is None):
        return None
    return find_chat(history, resume)


def _model(models: Models, overrides: Overrides, chat: Chat | None) -> tuple[Model, str]:
    """The model that is named, else the one of the chat, else the best for the task; and a note if it is another.

    Raises `ModelError`.
    """
    if overrides.model:
        named = models.require(overrides.model)
        if overrides.with_images and not named.supports_images:
            raise ModelError(f"{named.id} does not support images; -m {models.for_role('vision').id} does")
        return named, ""
    own, problem = None, ""
    if chat and chat.model:
        try:
            own = models.of_chat(chat.model)
        except ModelError as error:
            problem = str(error)
    for_images = overrides.with_images or (overrides.with_scans and _has_real_vision(models))
    if own and (own.supports_images or not for_images):
        return own, ""
    model = models.for_role("vision" if for_images else "text")
    problem = f"{own.id} does not support images" if own else problem
    return model, f"{problem}; using {model.id} instead" if problem else ""


def _has_real_vision(models: Models) -> bool:
    """Whether a model that supports images is worth more than one that does not: a toy is not."""
    vision = models.for_role("vision")
    return vision.supports_images and (not vision.toy or models.for_role("text").toy)
