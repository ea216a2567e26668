"""The settings: their names, values and defaults, how `config.toml` is read, and the options that override it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

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


@dataclass(frozen=True)
class Option:
    """A setting that the command line and `/set` override. Its type and range are those of its field."""

    name: str
    """Its field in `Settings`, its key in `config.toml` and its name for `/set`."""
    flag: str
    """On the command line."""
    help: str
    unset: str = ""
    """Shown when neither the user nor the model sets it."""
    metavar: str = "N"
    aliases: tuple[str, ...] = ()
    """Its names in Ollama, llama.cpp and llm."""
    reloads: bool = False
    """Whether a loaded model must be loaded again for it."""

    @property
    def repeats(self) -> bool:
        """Whether it is a list of texts, given one by one, and so has no range."""
        return self.name == "stop"

    @property
    def switches(self) -> bool:
        """Whether it is turned on and off, with a flag for each."""
        return self.name == "think"

    @property
    def range(self) -> tuple[type, float | None, float | None]:
        """Its type, and the least and the greatest value."""
        hint = _HINTS[self.name]
        annotated = next((part for part in get_args(hint) if hasattr(part, "__metadata__")), hint)
        kind, meta = get_args(annotated)
        return kind, meta.ge, meta.le


OPTIONS = (
    Option("temperature", "--temperature", "Randomness; 0 always picks the most likely token.", "", "X", ("temp",)),
    Option("top_p", "--top-p", "Sample from the most likely tokens with this total probability.", "", "X"),
    Option("top_k", "--top-k", "Sample from the N most likely tokens; 0 means all."),
    Option("min_p", "--min-p", "Drop tokens less likely than X times the most likely one.", "", "X"),
    Option("repeat_penalty", "--repeat-penalty", "Penalize repetition; 1 means off.", "", "X", ("repetition_penalty",)),
    Option("seed", "--seed", "Random seed, for reproducible answers.", "random for each answer"),
    Option(
        "max_tokens",
        "--max-tokens",
        "Maximum answer length in tokens.",
        "unlimited",
        aliases=("num_predict", "n_predict"),
    ),
    Option(
        "stop",
        "--stop",
        "End the answer before this text; repeatable.",
        "none",
        "TEXT",
        ("stop_sequence", "stop_sequences", "reverse_prompt"),
    ),
    Option("think", "--think", "Turn thinking on or off, if the model can think.", "auto", "on|off|auto"),
    Option(
        "context",
        "--ctx-size",
        "Context window in tokens.",
        aliases=("num_ctx", "ctx_size", "context_length"),
        reloads=True,
    ),
    Option(
        "gpu_layers",
        "--n-gpu-layers",
        "Layers on the GPU; -1 means all that fit.",
        aliases=("num_gpu", "n_gpu_layers"),
        reloads=True,
    ),
    Option("threads", "--threads", "CPU threads.", "chosen by the engine", aliases=("num_thread",), reloads=True),
)
"""A new setting is a field of `Settings` and, to be overridden, a row here."""

_HINTS: dict[str, Any] = get_type_hints(Settings, include_extras=True)


def option(name: str) -> Option | None:
    """The option of this name or alias; hyphens count as underscores."""
    name = name.replace("-", "_")
    return next((row for row in OPTIONS if name == row.name or name in row.aliases), None)


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
    try:
        words = shlex.split(typed.replace("\\", "\\\\"))
    except ValueError as error:
        raise ConfigError('a quote is not closed; put each text in quotes, as in "END" "# "') from error
    return tuple(map(unescaped, words))


def unescaped(text: str) -> str:
    """The text with \\n, \\r, \\t and \\\\ as the characters they stand for."""
    return re.sub(r"\\([nrt\\])", lambda found: _ESCAPES[found[1]], text)


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
