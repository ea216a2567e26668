"""Sends each message of a chat to a child process once, and keeps there only the text of those that may still be sent.

The parent's half remembers what the last request had, and leaves out what the next one begins with, too. The child's
half completes the request. Of a message that did not fit it keeps only the number of its tokens, which decides what is
left out; a request that wants its text after all is sent again as a whole.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from operator import eq, is_

from lechat_tui.engine.base import Fitted, LocalModel, Request
from lechat_tui.message import Message, Role
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Counted(Message):
    """A message whose tokens have been counted; without its text if it did not fit."""

    tokens: int = 0
    """Those of the message itself, images included."""
    complete: bool = True
    """False for one that is only here to be counted."""


class MissingMessages(Exception):
    """The text of a message is needed that is not here any more."""


class Outgoing:
    """The parent's half."""

    def __init__(self) -> None:
        self._sent: tuple[Message, ...] = ()

    def shortened(self, request: Request[LocalModel]) -> tuple[int, Request[LocalModel]]:
        """How many of the messages the child has, and the request with the others only."""
        same = _same(self._sent, request.messages)
        self._sent = request.messages
        return same, replace(request, messages=tuple(map(_bare, request.messages[same:])))

    def forget(self) -> None:
        """Assume that the child has no message."""
        self._sent = ()


class Incoming:
    """The child's half."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._settled = 0
        """How many messages at the beginning are counted, and are there only as far as they must stay."""

    def completed(self, same: int, request: Request[LocalModel]) -> Request[LocalModel]:
        """The request with all of its messages, the first of which are those of the last request."""
        self._messages[same:] = request.messages
        self._settled = min(self._settled, same)
        return replace(request, messages=tuple(self._messages))

    def count(self, fitted: Fitted) -> None:
        """Keep the tokens of the messages, where they were counted, and not the text of those that did not fit."""
        left_out = set(fitted.left_out[bisect_left(fitted.left_out, self._settled) :])
        for index in range(self._settled, len(fitted.costs)):
            message, tokens = self._messages[index], fitted.costs[index]
            if index in left_out:
                self._messages[index] = _stub(message.role, tokens)
            elif not isinstance(message, Counted):
                self._messages[index] = _counted(message, tokens)
        self._settled = max([self._settled, *fitted.left_out[-1:]])

    def forget(self) -> None:
        """Drop everything."""
        self._messages.clear()
        self._settled = 0


def _same(sent: Sequence[Message], wanted: Sequence[Message]) -> int:
    """How many messages both begin with; usually they are the same objects."""
    same = 0
    for equal in (is_, eq):
        pairs = zip(sent[same:], wanted[same:], strict=False)
        same += next((i for i, (a, b) in enumerate(pairs) if not equal(a, b)), min(len(sent), len(wanted)) - same)
    return same


def _bare(message: Message) -> Message:
    """What a model may get of the message."""
    return replace(message, receipt=None, state="complete", id=0, parent=0, created=0.0)


def _counted(message: Message, tokens: int) -> Counted:
    return Counted(
        message.role, message.text, message.thinking, message.attachments, pinned=message.pinned, tokens=tokens
    )


@lru_cache(maxsize=4096)
def _stub(role: Role, tokens: int) -> Counted:
    """A message that is only counted; those with the same count are one object."""
    return Counted(role, "", tokens=tokens, complete=False)
