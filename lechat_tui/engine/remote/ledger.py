"""Which messages fit into a server's context window. Tokens are estimated, or counted where the server can count."""

import math
from collections.abc import Sequence
from dataclasses import replace

from lechat_tui.engine.base import ContextOverflow, Fitted
from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.engine.remote.dialect import Chat, Dialect
from lechat_tui.message import Message
from lechat_tui.values import dataclass

BYTES_PER_TOKEN = 3.6
"""Of UTF-8 in ordinary text, until the server has reported the tokens of a prompt."""
MESSAGE_TOKENS = 6
"""What a chat template adds around a message, about."""
IMAGE_TOKENS = 1100
"""An image, about."""
RESERVE = 0.05
"""Share of the window that stays free while tokens are only estimated."""
SURE = 0.5
"""A prompt estimated at less than this share of the room is not counted before it is sent."""
_ROUNDS = 8


@dataclass(frozen=True)
class FittedChat:
    """A conversation that fits."""

    chat: Chat
    fitted: Fitted


class Ledger:
    """The tokens of one model's prompts. It learns from the counts that the server reports."""

    def __init__(self) -> None:
        self._factor = 1.0
        """Counted tokens for each estimated one."""

    def learn(self, messages: Sequence[Message], tokens: int) -> None:
        """A prompt of these messages had so many tokens."""
        if tokens > 0 and messages:
            self._factor = min(max(tokens / sum(map(_estimate, messages)), 0.2), 5.0)

    def costs(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """About how many tokens each message has."""
        return tuple(math.ceil(_estimate(message) * self._factor) for message in messages)

    async def plan(self, dialect: Dialect, chat: Chat) -> tuple[Fitted, tuple[int, ...]]:
        """What fits of a conversation, and the indexes of what is kept. Raises `ServerError`."""
        tokens, counted = await self._count(dialect, chat, always=True)
        return self._selected(chat, tokens, counted)

    async def fitted(self, dialect: Dialect, chat: Chat) -> FittedChat:
        """The conversation without the messages that do not fit. Raises `ContextOverflow` and `ServerError`."""
        tokens, counted = await self._count(dialect, chat)
        kept = list(range(len(chat.messages)))
        trimmed = chat
        for _ in range(_ROUNDS):
            fitted, selected = self._selected(trimmed, tokens, counted)
            if not fitted.fits:
                break
            kept = [kept[i] for i in selected]
            trimmed = replace(chat, messages=tuple(chat.messages[i] for i in kept))
            if counted and fitted.left_out:  # what is left may cost more than its share of the whole
                tokens = await dialect.count(trimmed) or fitted.tokens
                self.learn(trimmed.messages, tokens)
            if not fitted.left_out or not counted or tokens <= fitted.room:
                left_out = tuple(i for i in range(len(chat.messages)) if i not in set(kept))
                tokens = tokens if counted else fitted.tokens
                return FittedChat(trimmed, replace(fitted, tokens=tokens, left_out=left_out, costs=()))
        raise overflow(chat.model, chat.window)

    def _selected(self, chat: Chat, tokens: int, counted: bool) -> tuple[Fitted, tuple[int, ...]]:
        """What fits, and the indexes of what is kept; `tokens` are those of the whole chat."""
        costs = self.costs(chat.messages)
        room = prompt_room(chat.window, chat.sampling.max_tokens)
        room = room if counted else math.floor(room * (1 - RESERVE))
        stays = kept_always(chat.messages)
        selection = fit(costs, room, pinned=stays, answers=answers(chat.messages)) if tokens > room else None
        kept = selection.kept if selection else tuple(sorted(stays)) if tokens > room else tuple(range(len(costs)))
        left_out = tuple(i for i in range(len(costs)) if i not in set(kept))
        total = sum(costs[i] for i in kept) if left_out else tokens
        return Fitted(total, chat.window, left_out, room, costs, estimated=not counted), kept

    async def _count(self, dialect: Dialect, chat: Chat, *, always: bool = False) -> tuple[int, bool]:
        """Tokens of the prompt, and whether the server has counted them."""
        estimated = sum(self.costs(chat.messages))
        if not always and estimated < prompt_room(chat.window, chat.sampling.max_tokens) * SURE:
            return estimated, False
        counted = await dialect.count(chat)
        if counted is None:
            return estimated, False
        self.learn(chat.messages, counted)
        return counted, True


def overflow(name: str, limit: int) -> ContextOverflow:
    """The error for a question that does not fit."""
    return ContextOverflow(
        f"the question and what must stay with it do not fit into the context window of {name} ({limit:,} tokens); "
        "shorten it, or choose a model with a longer one"
    )


def _estimate(message: Message) -> float:
    size = len(message.text.encode("utf-8", "replace"))
    return size / BYTES_PER_TOKEN + MESSAGE_TOKENS + IMAGE_TOKENS * len(message.images)
