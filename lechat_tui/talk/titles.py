"""Asks the model for a title that is better than the first words of the question.

The request is the chat as the model has it in its KV cache, and one more sentence. So only that sentence is evaluated,
and the next question continues from the same prefix.
"""

from contextlib import aclosing
from dataclasses import replace

from lechat_tui.engine.base import Delta, Fitted, Request
from lechat_tui.message import GREEDY, Message, Receipt
from lechat_tui.plaintext import safe
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.open_chat import first_title
from lechat_tui.talk.prompt import left_out

TITLE_REQUEST = "Give our conversation a title of at most six words, in its language. Write only the title."

MAX_TITLE_TOKENS = 24
"""About twelve words."""

REQUEST_TOKENS = 32
"""Tokens that are evaluated for a title, at most: those of the request."""

MAX_TITLE_SECONDS = 15.0
"""A model that needs longer would keep the machine busy for a title that is hardly better than the question."""

MAX_TITLE_WORDS = 12

TITLE_MARKS = " \t\"'`*_#“”„«».:"
"""Characters that models put around a title."""


def can_name(conversation: Conversation) -> bool:
    """Whether the chat has an answer, its automatic title, and a model that can name it.

    False where that would push a message out of the context window, load another model, or take too long.
    """
    chat, messages = conversation.chat, conversation.messages
    if not chat or conversation.private or conversation.busy or not conversation.settings.titles or len(messages) < 2:
        return False
    first, last = messages[0], messages[-1]
    return (
        not conversation.model.toy
        and chat.title == first_title(first.text, first.attachments)
        and last.role == "assistant"
        and last.state == "complete"
        and last.receipt is not None
        and last.receipt.model == conversation.model.id
        and title_seconds(last.receipt) <= MAX_TITLE_SECONDS
        and not left_out(messages)
        and not conversation.nearly_full
    )


def title_seconds(receipt: Receipt) -> float:
    """How long a title will take at most, by the speed of this answer; 0 where that was not measured."""
    evaluated = receipt.prompt_tokens - receipt.cached_tokens
    prefill = receipt.ttft_ms / 1000 * REQUEST_TOKENS / max(evaluated, REQUEST_TOKENS)
    decode = MAX_TITLE_TOKENS / receipt.tokens_per_s if receipt.tokens_per_s else 0.0
    return prefill + decode


async def name_chat(conversation: Conversation) -> bool:
    """Let the model rename the chat; False if it finds no title, or the chat was renamed meanwhile.

    Cancelling stops the model at once. Raises `EngineError`, `ModelError` or `StoreError`.
    """
    chat = conversation.chat
    assert chat
    title = clean_title(await _ask_for_title(conversation, chat.id))
    return bool(title) and await conversation.retitle(chat, title)


async def _ask_for_title(conversation: Conversation, chat: int) -> str:
    """What the model writes, up to the end of its first line; empty if it would lose a message of the chat."""
    sampling = replace(GREEDY, max_tokens=MAX_TITLE_TOKENS)
    messages = (*conversation.prompt(), Message("user", TITLE_REQUEST))
    text = ""
    async with aclosing(conversation.engine.stream(Request(conversation.spec(), messages, sampling, chat))) as events:
        async for event in events:
            match event:
                case Fitted(left_out=left_out) if left_out:
                    return ""  # the chat's own prefix would be lost from the KV cache
                case Delta(piece, "text"):
                    text += piece
                    if "\n" in text.strip():
                        break
                case _:
                    pass
    return text


def clean_title(text: str) -> str:
    """The title in what a model wrote; empty when there is none."""
    line = safe(text).strip().partition("\n")[0]
    label, colon, after = line.partition(":")
    if colon and label.strip(TITLE_MARKS).casefold() in ("title", "titre", "titel", "título", "titolo"):
        line = after
    return " ".join(line.strip(TITLE_MARKS).split()[:MAX_TITLE_WORDS])[:80]
