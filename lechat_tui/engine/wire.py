"""The frames between the program and the engine's child process: one line of JSON each.

Down: `Load`, `Answer`, `Plan`, `Stop`, `Forget`, `Share`. Up: `Loaded`, `Resend`, `Failed` and the events of `base`.
Every answer carries a turn number, counted up by the parent, so that the rest of a stopped answer is not taken for the
next one. A request has only the messages that the last one did not have, see `transfer.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from lechat_tui.engine.base import Delta, Done, EngineError, Fitted, Loading, LocalModel, Prefill, Request
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Load:
    """The first frame down: load this model."""

    model: LocalModel
    states: Path | None = None
    """The folder for saved states of the KV cache; None saves none."""
    limit: int = 0
    """The most bytes they may take; 0 keeps none."""
    careful: bool = False
    """Fail where the model needs more memory than is free now."""


@dataclass(frozen=True)
class Answer:
    """Answer this request, after the first `same` messages of the last one."""

    turn: int
    request: Request[LocalModel]
    same: int = 0


@dataclass(frozen=True)
class Plan:
    """Reply with what would fit of this request, without answering it; it continues the last one as in `Answer`."""

    turn: int
    request: Request[LocalModel]
    same: int = 0


@dataclass(frozen=True)
class Stop:
    """Stop answering this turn and every earlier one."""

    turn: int


@dataclass(frozen=True)
class Forget:
    """This chat was deleted."""

    chat: int


@dataclass(frozen=True)
class Share:
    """So many engines of this program work at the same time now: share the cores with them."""

    engines: int


@dataclass(frozen=True)
class Loaded:
    """The model is warm."""

    memory: int = 0
    """Bytes of memory the child has used so far."""


@dataclass(frozen=True)
class Resend:
    """Send the request again, with all messages."""


@dataclass(frozen=True)
class Failed:
    """Loading or an answer ended with an error."""

    reason: str
    cause: Literal["", "overflow", "memory"] = ""
    """`overflow` when the question does not fit into the context window, `memory` when the model was not loaded because
    it needs more than is free.
    """


@dataclass(frozen=True)
class Reply:
    """An event of a turn; turn 0 is the loading."""

    turn: int
    event: Any


Frame = Load | Answer | Plan | Stop | Forget | Share | Reply

_DOWN: Mapping[str, type] = {kind.__name__: kind for kind in (Load, Answer, Plan, Stop, Forget, Share)}
_UP: Mapping[str, type] = {
    kind.__name__: kind for kind in (Loading, Loaded, Resend, Fitted, Prefill, Delta, Done, Failed)
}


def encode(frame: Frame) -> bytes:
    """A frame as one line, with its newline."""
    if isinstance(frame, Reply):
        row = [type(frame.event).__name__, frame.turn, frame.event]
    else:
        row = [type(frame).__name__, frame]
    try:
        return msgspec.json.encode(row, enc_hook=str) + b"\n"
    except UnicodeEncodeError:  # a path that is not UTF-8: its bytes are lone surrogates, which only `json` writes
        return json.dumps(msgspec.to_builtins(row, enc_hook=str)).encode() + b"\n"


def decode_down(line: bytes) -> Load | Answer | Plan | Stop | Forget | Share:
    """The frame in a line from the parent. Raises `EngineError` for an invalid one."""
    match _row(line):
        case [str(kind), body] if kind in _DOWN:
            return _build(_DOWN[kind], body)  # type: ignore[no-any-return]
    raise EngineError("the engine received an unknown frame")


def decode_up(line: bytes) -> Reply:
    """The frame in a line from the child. Raises `EngineError` for an invalid one."""
    match _row(line):
        case [str(kind), int(turn), body] if kind in _UP:
            return Reply(turn, _build(_UP[kind], body))
    raise EngineError("the engine sent something that is not a frame")


def _row(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise EngineError("the engine sent a frame that is not JSON") from error


def _no_number(word: str) -> None:
    raise ValueError(word)


def _build(kind: type, body: object) -> Any:
    try:
        return msgspec.convert(body, kind, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise EngineError(f"the engine sent an invalid frame: {error}") from error


def _from_text(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(kind)
