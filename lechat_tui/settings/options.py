"""The settings that the command line and `/set` override. Imports nothing heavy, so that `--help` is quick."""

import re

from lechat_tui.values import dataclass

_INT32 = 2**31 - 1
"""As in `ranges.py`, which needs msgspec."""

Range = tuple[type, float | None, float | None]
"""A type, and the least and the greatest value."""


@dataclass(frozen=True)
class Option:
    """A setting that the command line and `/set` override."""

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
    range: Range = (str, None, None)
    """Those of its field."""

    @property
    def repeats(self) -> bool:
        """Whether it is a list of texts, given one by one, and so has no range."""
        return self.name == "stop"

    @property
    def switches(self) -> bool:
        """Whether it is turned on and off, with a flag for each."""
        return self.name == "think"


OPTIONS = (
    Option(
        "temperature",
        "--temperature",
        "Randomness; 0 always picks the most likely token.",
        "",
        "X",
        ("temp",),
        range=(float, 0, 10),
    ),
    Option(
        "top_p",
        "--top-p",
        "Sample from the most likely tokens with this total probability.",
        "",
        "X",
        range=(float, 0, 1),
    ),
    Option("top_k", "--top-k", "Sample from the N most likely tokens; 0 means all.", range=(int, 0, _INT32)),
    Option(
        "min_p", "--min-p", "Drop tokens less likely than X times the most likely one.", "", "X", range=(float, 0, 1)
    ),
    Option(
        "repeat_penalty",
        "--repeat-penalty",
        "Penalize repetition; 1 means off.",
        "",
        "X",
        ("repetition_penalty",),
        range=(float, 0.1, 10),
    ),
    Option(
        "seed", "--seed", "Random seed, for reproducible answers.", "random for each answer", range=(int, 0, 2**32 - 2)
    ),
    Option(
        "max_tokens",
        "--max-tokens",
        "Maximum answer length in tokens.",
        "unlimited",
        aliases=("num_predict", "n_predict"),
        range=(int, 1, _INT32),
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
        range=(int, 1, _INT32),
    ),
    Option(
        "gpu_layers",
        "--n-gpu-layers",
        "Layers on the GPU; -1 means all that fit.",
        aliases=("num_gpu", "n_gpu_layers"),
        reloads=True,
        range=(int, -1, _INT32),
    ),
    Option(
        "threads",
        "--threads",
        "CPU threads.",
        "chosen by the engine",
        aliases=("num_thread",),
        reloads=True,
        range=(int, 1, 512),
    ),
)
"""A new setting is a field of `Settings` and, to be overridden, a row here."""


def option(name: str) -> Option | None:
    """The option of this name or alias; hyphens count as underscores."""
    name = name.replace("-", "_")
    return next((row for row in OPTIONS if name == row.name or name in row.aliases), None)


def unescaped(text: str) -> str:
    """The text with \\n, \\r, \\t and \\\\ as the characters they stand for."""
    return re.sub(r"\\([nrt\\])", lambda found: _ESCAPES[found[1]], text)


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
