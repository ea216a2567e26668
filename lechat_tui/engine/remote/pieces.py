"""What the stream of any server consists of, whatever its dialect."""

from collections.abc import Iterator, Mapping
from typing import Any

from lechat_tui.engine.base import Delta, Prefill
from lechat_tui.message import StopReason
from lechat_tui.values import dataclass

JSON = Mapping[str, Any]


@dataclass(frozen=True)
class Usage:
    """Counts of tokens and the speed as the server reports them; None where it does not."""

    prompt: int | None = None
    cached: int | None = None
    completion: int | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True)
class Ended:
    """The model has finished."""

    reason: StopReason


Piece = Delta | Prefill | Usage | Ended
"""A part of a stream."""


@dataclass(frozen=True)
class ServerModel:
    """A model that a server offers, with what the server says about it."""

    name: str
    """Its name on the server."""
    context: int = 0
    """Context window in tokens; 0 if the server does not say."""
    images: bool | None = None
    """Whether it accepts images; None if the server does not say."""
    thinking: bool | None = None
    parameters: float = 0.0
    """In billions; 0 if the server does not say."""
    bytes: int = 0
    """Size of the weights; 0 if the server does not say."""
    quant: str = ""
    loaded: bool | None = None
    """Whether it is loaded now; None if the server does not say."""
    memory: int = 0
    """Bytes that it takes while it is loaded; 0 if the server does not say."""
    gpu_memory: int = 0
    """How many of those are on a GPU."""


def number(value: object) -> int:
    """A count from a server's JSON; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def rate(value: object) -> float | None:
    """Tokens per second from a server's JSON; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else None


def text(value: object) -> str:
    """A string from a server's JSON; empty for anything else. Lone surrogates, which cannot be stored, are replaced."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def table(value: object) -> JSON:
    """An object from a server's JSON; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def tables(value: object) -> Iterator[JSON]:
    """The objects in a list of a server's JSON."""
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else iter(())


def error_text(payload: JSON) -> str:
    """The message of an error as servers write it: `error` as an object or a string, or `message` or `detail`."""
    error = payload.get("error")
    named = table(error)
    for value in (named.get("message"), named.get("reason"), error, payload.get("message"), payload.get("detail")):
        if found := text(value).strip():
            return " ".join(found.split())[:300]
    return ""
