"""What the user may set, in `config.toml`. Knows how to read it and how to say what is wrong with it."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from lechat_tui.errors import LechatError
from lechat_tui.settings.tables import TableError, build

Count = Annotated[int, Meta(ge=1)]


class ConfigError(LechatError):
    """The configuration cannot be used; the text says where and why."""


@dataclass(frozen=True)
class Settings:
    """Every setting, with what holds when the user says nothing."""

    text: str = ""
    """The model for `/text`; empty is the best one installed."""
    code: str = ""
    """The model for `/code`."""
    vision: str = ""
    """The model for `/vision`."""
    system: str = ""
    """A system prompt for every chat that has none of its own."""
    theme: str = "mistral-dark"
    titles: bool = True
    """Let the model name a chat after its first answer, while nothing is asked of it."""
    stats: bool = False
    """Say beside every answer how many tokens a second it was, and how soon the first came."""
    reduced: bool = False
    """Plain ASCII without frames, drawings and animation: for screen readers and simple terminals."""
    pictures: Literal["auto", "kitty", "blocks", "none"] = "auto"
    """How thumbnails are drawn: by the terminal with Kitty's graphics protocol, as half blocks, or not at all; `auto`
    is the first where the terminal is known to draw pictures in cells."""
    temperature: Annotated[float, Meta(ge=0, le=10)] | None = None
    """0 is greedy; unset is what the model's card recommends."""
    seed: Annotated[int, Meta(ge=0, le=2**32 - 2)] | None = None
    """Unset draws one for each answer; 2^32 - 1 is llama.cpp's own sign for that."""
    max_tokens: Count | None = None
    """The longest answer, in tokens."""
    context: Count | None = None
    """The context window, in tokens; unset is the catalog's choice for the model, or what of it fits."""
    gpu_layers: Annotated[int, Meta(ge=-1)] = -1
    """Layers on the GPU; -1 is all of them, or as many as fit, 0 none."""
    threads: Count | None = None
    """CPU threads; unset lets the engine choose."""
    states: Annotated[int, Meta(ge=0)] = 4_000_000_000
    """Bytes on disk for what the models have read of each chat, so that none is read again; 0 keeps nothing."""
    keep_warm: Annotated[float, Meta(ge=0)] = 30.0
    """Minutes after which a model that is not asked is unloaded; 0 is never."""
    speculate: bool = True
    """Guess what the answer repeats and evaluate it in one go, where that is faster; the answer stays the same."""
    threads_batch: Count | None = None
    """CPU threads for reading a prompt; unset is as many as `threads`."""
    batch: Annotated[int, Meta(ge=32, le=512)] | None = None
    """Tokens computed at once; fewer need less memory."""
    kv_type: Literal["f16", "q8_0"] | None = None
    """How the KV cache is kept: `q8_0` takes about half the memory of `f16` and is not quite exact."""
    flash_attention: Literal["auto", "on", "off"] | None = None
    mmap: bool | None = None
    """Map the weights into memory instead of reading them; unset leaves it to llama.cpp."""
    lora: tuple[str, ...] | None = None
    """LoRA adapters laid over every model, as `PATH` or `PATH:SCALE`; unset are the model's own of the catalog, an
    empty list is none."""
    folders: tuple[str, ...] = ()
    """Folders where GGUF files of yours lie; what is in them can be used where it is."""
    keys: dict[str, str] = field(default_factory=dict)
    """Rebound keys: the name of a binding and its new keys, as in `stop = "ctrl+x"`."""


def load(file: Path) -> Settings:
    """The settings in a `config.toml`; all defaults when there is none.

    Raises `ConfigError` that names the file and the line or the key.
    """
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    try:
        return build(Settings, table)
    except TableError as error:
        raise ConfigError(f"{file}: {error}") from error


def changed(settings: Settings, name: str, text: str | None) -> Settings:
    """The settings with one of them set to what a person typed; None unsets it. Raises `ConfigError`."""
    value = getattr(Settings(), name) if text is None else text
    try:
        return build(Settings, {**asdict(settings), name: value}, strict=False)
    except TableError as error:
        raise ConfigError(str(error)) from error
