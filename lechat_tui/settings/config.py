"""The settings: their names, values and defaults, how `config.toml` is read, and the options that override it."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Literal

from lechat_tui.errors import LechatError
from lechat_tui.machine.footprint import KvType
from lechat_tui.message import Think
from lechat_tui.settings.ranges import (
    Batch,
    Keep,
    Layers,
    Minutes,
    Penalty,
    Seed,
    Share,
    Size,
    StopTexts,
    Temperature,
    Threads,
    Tokens,
    TopK,
)
from lechat_tui.settings.tables import TableError, build, read
from lechat_tui.values import dataclass


class ConfigError(LechatError):
    """The configuration can't be used; the text says where and why."""


@dataclass(frozen=True)
class Settings:
    """Every key of `config.toml`, with its default."""

    text: str = ""
    """The model for `/text`; empty is the best one installed."""
    code: str = ""
    """The model for `/code`."""
    vision: str = ""
    """The model for `/vision`."""
    embed: str = ""
    """The embedding model of the libraries."""
    system: str = ""
    """System prompt for every chat that has none of its own."""
    theme: str = "mistral-dark"
    titles: bool = True
    """Let the model name a chat after its first answer, while it is idle."""
    stats: bool = False
    """Show the speed and the time to the first token beside every answer."""
    reduced: bool = False
    """Plain ASCII without frames, drawings and animation, for screen readers and simple terminals."""
    pictures: Literal["auto", "kitty", "blocks", "none"] = "auto"
    """How thumbnails are drawn: by the terminal with Kitty's graphics protocol, as half blocks, or not at all; `auto`
    is `kitty` where the terminal is known to draw images in cells, and `blocks` elsewhere."""
    bidi: Literal["auto", "terminal", "lechat", "words"] = "auto"
    """Who puts Hebrew and Arabic into the order of the cells: the terminal or lechat; with `words`, lechat orders words
    and the terminal the letters in each. `auto` goes by the terminal."""
    temperature: Temperature | None = None
    """Randomness; 0 always picks the most likely token. Unset, this and the next four are the model card's."""
    top_p: Share | None = None
    """Sample from the most likely tokens that together have this probability; 1 is all."""
    top_k: TopK | None = None
    """Sample from this many of the most likely tokens; 0 is all."""
    min_p: Share | None = None
    """Drop tokens less likely than this share of the most likely one's probability; 0 is none."""
    repeat_penalty: Penalty | None = None
    """Make tokens of the last answer and question less likely; 1 is off."""
    seed: Seed | None = None
    """Random seed; unset picks one for each answer."""
    max_tokens: Tokens | None = None
    """Maximum answer length, in tokens."""
    stop: StopTexts | None = None
    """End an answer before any of these texts."""
    think: Think = "auto"
    """Whether a model that can think does so before it answers; `auto` leaves it to the model."""
    context: Tokens | None = None
    """Context window, in tokens; unset is the catalog's choice for the model, or as much of it as fits."""
    gpu_layers: Layers = -1
    """Layers on the GPU; -1 is all of them, or as many as fit."""
    threads: Threads | None = None
    """CPU threads; unset lets the engine choose."""
    keep: Keep = "forever"
    """How long a chat is kept after its last message, as in `90d`, `8w`, `6m` or `1y`."""
    states: Size = 4_000_000_000
    """Size on disk for saved states, which spare reading a chat again after a restart; 0 saves none."""
    keep_warm: Minutes = 30.0
    """Minutes after which an idle model is unloaded; 0 is never."""
    speculate: bool = True
    """Speculative decoding by prompt lookup, where it is faster; the answer is the same."""
    threads_batch: Threads | None = None
    """CPU threads for prefill; unset is as many as `threads`."""
    batch: Batch | None = None
    """Tokens computed at once; fewer need less memory."""
    kv_type: KvType | None = None
    """Type of the KV cache: `q8_0` takes about half the memory of `f16` and is slightly less exact."""
    flash_attention: Literal["auto", "on", "off"] | None = None
    mmap: bool | None = None
    """Map the weights into memory instead of reading them; unset leaves it to llama.cpp."""
    lora: tuple[str, ...] | None = None
    """LoRA adapters for every model, as `PATH` or `PATH:SCALE`; unset are the model's own, an empty list is none."""
    folders: tuple[str, ...] = ()
    """Folders with GGUF files that can be used in place."""
    keys: dict[str, str] = field(default_factory=dict)
    """Rebound keys: the name of a binding and its new keys, as in `stop = "ctrl+x"`."""


def load(file: Path) -> Settings:
    """The settings in a `config.toml`; the defaults when there is no such file.

    Raises `ConfigError` that names the file and the line or the key.
    """
    try:
        table = read(file)
    except TableError as error:
        raise ConfigError(f"{file} {error}") from error
    try:
        return build(Settings, table)
    except TableError as error:
        raise ConfigError(f"{file}: {error}") from error


def override(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with these values in place of theirs, None left out. Raises `ConfigError`."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return build(Settings, {**asdict(settings), **given})
    except TableError as error:
        raise ConfigError(str(error)) from error


def changed(settings: Settings, name: str, text: str | None) -> Settings:
    """The settings with one of them set to what was typed; None unsets it. Raises `ConfigError`."""
    from lechat_tui.settings.options import option  # not needed for the first paint

    row = option(name)
    value: object = getattr(Settings(), name) if text is None else text
    if text is not None and row and row.repeats:
        value = texts(text)
    try:
        return build(Settings, {**asdict(settings), name: value}, strict=False)
    except TableError as error:
        raise ConfigError(str(error)) from error


def texts(typed: str) -> tuple[str, ...]:
    """The texts that were typed, in quotes where they have spaces in them; a newline is \\n. Raises `ConfigError`."""
    from lechat_tui.settings.options import unescaped

    try:
        words = shlex.split(typed.replace("\\", "\\\\"))
    except ValueError as error:
        raise ConfigError('a quote is not closed; put each text in quotes, as in "END" "# "') from error
    return tuple(map(unescaped, words))
