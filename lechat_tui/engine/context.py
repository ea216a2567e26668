"""Chooses which messages fit into the context window. Works on token counts alone, without a tokenizer or a model."""

import math
from collections.abc import Collection, Sequence

from lechat_tui.message import Message
from lechat_tui.values import dataclass

STEP_SHARE = 0.25
"""Messages are left out in steps of this share of the window: between two steps the prompt keeps its prefix, and the
KV cache can be reused."""

ANSWER_TOKENS = 2048
"""Tokens kept free for the answer, but no more than a quarter of the window."""


@dataclass(frozen=True)
class Selection:
    """Which messages are sent to the model, by index, in order."""

    kept: tuple[int, ...]
    left_out: tuple[int, ...]


def fit(
    tokens: Sequence[int], limit: int, *, pinned: Collection[int] = (), answers: Collection[int] = ()
) -> Selection | None:
    """Choose the messages that fit into `limit` tokens; None when those that must stay do not.

    `tokens` are the costs of the messages, oldest first. The pinned ones and the last stay. Of the others the oldest
    are left out first, and with a question the answers that follow it.
    """
    must_stay = {*pinned, len(tokens) - 1}
    if sum(tokens[i] for i in must_stay) > limit:
        return None
    step = max(1, int(limit * STEP_SHARE))
    too_many = math.ceil(max(0, sum(tokens) - limit) / step) * step
    left_out: list[int] = []
    for index in range(len(tokens)):
        if too_many <= 0 and not (index in answers and left_out[-1:] == [index - 1]):
            break
        if index not in must_stay:
            left_out.append(index)
            too_many -= tokens[index]
    gone = set(left_out)
    return Selection(tuple(i for i in range(len(tokens)) if i not in gone), tuple(left_out))


def kept_always(messages: Sequence[Message]) -> set[int]:
    """The messages that must stay, by index: system prompts, pinned ones, and the last question with its answer."""
    always = {i for i, message in enumerate(messages) if message.pinned or message.role == "system"}
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role != "assistant"), 0)
    return always | set(range(last, len(messages)))


def answers(messages: Sequence[Message]) -> set[int]:
    """The messages that make no sense without the one before them, by index."""
    return {i for i, message in enumerate(messages) if i and message.role == "assistant"}


def prompt_room(window: int, max_tokens: int | None = None) -> int:
    """Tokens a prompt may take of a context window; the rest is for an answer of at most `max_tokens`."""
    reserve = min(ANSWER_TOKENS, window // 4)
    return window - min(reserve, max_tokens or reserve)
