"""Branches of a chat: where a message stands among its siblings, and which branch was shown last below it."""

from collections.abc import Mapping, Sequence

from lechat_tui.message import Message
from lechat_tui.values import dataclass

Tree = Mapping[int, Sequence[int]]
"""The ids of the messages below each message, oldest first; below 0 are the first messages of the chat."""


@dataclass(frozen=True)
class Branch:
    """The position of a message among its siblings."""

    number: int
    """From 1 on, oldest first."""
    count: int


def positions(messages: Sequence[Message], tree: Tree) -> list[Branch]:
    """The position of each of these messages among its siblings."""
    siblings = (tree.get(message.parent, [message.id]) for message in messages)
    return [
        Branch(ids.index(message.id) + 1 if message.id in ids else len(ids), len(ids))
        for message, ids in zip(messages, siblings, strict=True)
    ]


class ShownBranches:
    """Remembers which branch was shown last below each message of a chat."""

    def __init__(self) -> None:
        self._shown: dict[int, int] = {}

    def remember(self, messages: Sequence[Message]) -> None:
        """Note this branch as shown, before another one is."""
        self._shown.update((message.parent, message.id) for message in messages)

    def leaf(self, message: int, tree: Tree) -> int:
        """The last message of the branch below a message: the one shown last, or else the newest."""
        while after := tree.get(message):
            message = self._shown[message] if self._shown.get(message) in after else after[-1]
        return message
