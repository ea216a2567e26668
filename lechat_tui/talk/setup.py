"""Who answers and how: a model with the settings, adapters and system prompt that apply to it, as one value."""

from collections.abc import Collection, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Any, TypeVar

from lechat_tui.engine.base import LocalModel, ModelSpec, RemoteModel, Server, TuningOptions
from lechat_tui.message import Sampling
from lechat_tui.models import adapters, servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Lora, Model, ModelError, chat_template
from lechat_tui.models.locate import known_sha256
from lechat_tui.settings.config import Settings
from lechat_tui.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """What a conversation is answered with. `replace(setup, model=other)` is the same chat with another model."""

    model: Model
    settings: Settings = field(default_factory=Settings)
    own_system: str = ""
    """The system prompt given for this chat; empty for none."""

    @property
    def system(self) -> str:
        """The system prompt in force: the chat's own, else the user's setting, else the model's.

        Reasoning models keep their own system prompt after the user's; without it they stop reasoning, so it is left
        out where they shall not.
        """
        own = self.own_system or self.settings.system
        if self.model.thinking and self.settings.think == "off":
            return own
        if own and self.model.thinking and self.model.system:
            return f"{own}\n\n{self.model.system}"
        return own or self.model.system

    @property
    def window(self) -> int:
        """The context window to ask for, in tokens; the engine may open a shorter one."""
        return self.settings.context or self.model.context

    @property
    def loras(self) -> tuple[Lora, ...]:
        """The adapters to apply: those in the settings, else the model's own. Raises `ModelError`."""
        if self.settings.lora is None:
            return self.model.adapters
        return tuple(adapters.read(text, Path()) for text in self.settings.lora)

    @property
    def title(self) -> str:
        """The model and its adapters, as in `mistral-7b + pirate:0.8`, or its server. Raises `ModelError`."""
        if self.model.server:
            return f"{self.model.id} on {servers.server_of(self.model).label}"
        return " + ".join((self.model.id, *map(_short_name, self.loras)))

    @property
    def elsewhere(self) -> str:
        """The other machine that the chat is sent to, as host and port; empty if nothing leaves this one."""
        if not self.model.server:
            return ""
        server = servers.server_of(self.model)
        return "" if server.is_here else server.label

    def sampling(self) -> Sampling:
        """How to sample: the user's settings, else the model's values, else the defaults."""
        return _filled(Sampling, (self.settings, self.model))

    def tuning(self) -> TuningOptions:
        """How to run the model: the user's settings, else the model's values, else the defaults."""
        return _filled(TuningOptions, (self.settings, self.model))

    def spec(self, models: Models, *, agreed: Collection[Server] = ()) -> ModelSpec:
        """What the engine must load. `agreed` are servers that the user has agreed to, besides those on record.

        Raises `ModelError` when the weights or an adapter are not on this machine, or for another server elsewhere.
        """
        model = self.model
        if model.server:
            server = servers.server_of(model)
            if server not in agreed:
                servers.check_allowed(server)
            return RemoteModel(model.id, server, model.model, self.window, model.system)
        files = models.files(model)
        if files is None:
            raise ModelError(model.missing)
        return LocalModel(
            name=model.id,
            path=files.weights,
            projector=files.projector,
            template=chat_template(model),
            system=model.system,
            context=self.window,
            adapt=self.settings.context is None,
            adapters=adapters.find(models, model, self.loras),
            pace=model.pace,
            image_tokens=model.image_tokens,
            sha256=known_sha256(model.weights, files.weights),
            tuning=self.tuning(),
            verification=None if model.toy else models.verification(model, files),
        )


def _filled(kind: type[T], sources: Sequence[object]) -> T:
    """A dataclass whose fields have the first value that one of the sources has under their name, else the default."""
    values: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        given = (getattr(source, each.name, None) for source in sources)
        value = next((value for value in given if value is not None), None)
        if value is not None:
            values[each.name] = value
    return kind(**values)


def _short_name(lora: Lora) -> str:
    name = Path(lora.file).stem
    return name if lora.scale == 1 else f"{name}:{lora.scale:g}"
