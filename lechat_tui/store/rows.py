"""What the history hands out, and how a receipt is written in it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

import msgspec

from lechat_tui.message import Attachment, Citation, Details, Receipt, Span
from lechat_tui.plaintext import storable
from lechat_tui.values import dataclass

CHAT_COLUMNS = "chat.id, chat.title, chat.created, chat.updated, chat.leaf, chat.system, chat.model, chat.libraries"
"""In the order of the fields of `Chat`."""


MAX_MOMENT = 253_370_764_800
"""The beginning of the year 9999 in seconds since the epoch; no time zone makes a year with five digits of it."""


@dataclass(frozen=True)
class Chat:
    """One chat, without its messages."""

    id: int
    title: str
    created: float
    """Seconds since the epoch, UTC; so is `updated`."""
    updated: float
    """When the last message was added."""
    leaf: int
    """ID of the last message of the branch that is shown; 0 for an empty chat."""
    system: str
    """The system prompt of this chat; empty for none."""
    model: str
    """ID of the model that answered last."""
    libraries: tuple[str, ...] = ()
    """Names of the libraries that its questions are answered from."""


@dataclass(frozen=True)
class Listing:
    """The IDs and dates of chats, the one added to last first: enough to lay out a list before any title is read."""

    ids: Sequence[int] = ()
    updated: Sequence[float] = ()
    """When each was last added to by the clock of that moment, in seconds since the epoch."""


@dataclass(frozen=True)
class Draft:
    """A question that was typed and not sent yet."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    pasted: tuple[Span, ...] = ()
    """Where its long pastes are."""


@dataclass(frozen=True)
class Hit:
    """A message that a search found."""

    chat: Chat
    message: int
    """Its ID."""
    snippet: str
    """The text around the matches."""
    matches: tuple[tuple[int, int], ...] = ()
    """Start and end of each match in the snippet."""

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The snippet in pieces, each with whether it is a match: what stands before a match, the match, and so on."""
        done = 0
        for start, end in self.matches:
            yield self.snippet[done:start], False
            yield self.snippet[start:end], True
            done = end
        yield self.snippet[done:], False


def chat_of(row: Sequence[Any]) -> Chat:
    """The chat in a row of `CHAT_COLUMNS`, whatever types a damaged history has in it."""
    id, title, created, updated, leaf, system, model, libraries = row
    times = moment(created), moment(updated)
    attached = tuple(text(libraries).split("\n")) if libraries else ()
    return Chat(whole(id), text(title), *times, whole(leaf), text(system), text(model), attached)


def text(value: object) -> str:
    """A column that should be text."""
    if isinstance(value, bytes):
        return storable(value.decode("utf-8", "replace"))
    return value if isinstance(value, str) else "" if value is None else str(value)


def moment(value: object) -> float:
    """A column that should be seconds since the epoch; 0 for what no calendar has."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= MAX_MOMENT else 0.0


def whole(value: object) -> int:
    """A column that should be an integer."""
    return value if isinstance(value, int) else 0


def encode_receipt(receipt: Receipt | None) -> str | None:
    """A receipt as JSON that can be stored whatever is in it."""
    return msgspec.json.encode(_valid(asdict(receipt))).decode() if receipt else None


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _valid(item) for key, item in value.items()}
    return [_valid(item) for item in value] if isinstance(value, list | tuple) else value


def decode_receipt(text: str | None) -> Receipt | None:
    """A stored receipt; None when it is unreadable, since the answer matters more than how it was made."""
    try:
        return msgspec.json.decode(text, type=Receipt).share_texts() if text else None
    except (msgspec.DecodeError, UnicodeError):
        return None


def encode_details(details: Details | None) -> str:
    """How a document is used, as JSON; empty for anything but a document."""
    return msgspec.json.encode(_valid(asdict(details))).decode() if details else ""


def decode_details(text: str) -> Details | None:
    """Stored details; None when there are none or when they are unreadable."""
    try:
        return msgspec.json.decode(text, type=Details) if text else None
    except (msgspec.DecodeError, UnicodeError):
        return None


def encode_citations(citations: Sequence[Citation]) -> str:
    """Citations as JSON; empty for none."""
    return msgspec.json.encode(_valid([asdict(citation) for citation in citations])).decode() if citations else ""


def decode_citations(encoded: str) -> tuple[Citation, ...]:
    """Stored citations; none if they are unreadable, since the answer has them too."""
    try:
        return msgspec.json.decode(encoded, type=tuple[Citation, ...]) if encoded else ()
    except (msgspec.DecodeError, UnicodeError):
        return ()


def encode_spans(spans: Sequence[Span]) -> str:
    """Spans as JSON; empty for none."""
    return msgspec.json.encode(spans).decode() if spans else ""


def decode_spans(encoded: str, text: str) -> tuple[Span, ...]:
    """Stored spans of a text; none if they do not fit it, since they only say what is folded."""
    try:
        spans = msgspec.json.decode(encoded, type=tuple[Span, ...]) if encoded else ()
    except (msgspec.DecodeError, UnicodeError):
        return ()
    edges = [0, *chain.from_iterable(spans), len(text)]
    return spans if edges == sorted(edges) else ()
