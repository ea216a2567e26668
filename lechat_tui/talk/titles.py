"""A better title than the first words of a question, by the model itself. Knows no clock and no screen.

The request is the talk as the model has read it and one sentence more, so that the KV cache holds all but that, and the
next question goes on from the same place.
"""

from contextlib import aclosing
from dataclasses import replace

from lechat_tui.engine.base import Delta, Fitted, Request
from lechat_tui.message import Message
from lechat_tui.plaintext import safe
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.open_chat import first_title
from lechat_tui.talk.prompt import left_out

WISH = "Give our conversation a title of at most six words, in its language. Write only the title."

LONGEST = 24
"""Tokens: about twelve words."""

WORDS = 12

SIGNS = " \t\"'`*_#“”„«».:"
"""What models put around a title."""


def wanted(conversation: Conversation) -> bool:
    """Whether this talk has an answer, no name but the one it was given by itself, and a model that could name it.

    Never where that would push something out of the context window, or load another model.
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
        and not left_out(messages)
        and not conversation.nearly_full
    )


async def name(conversation: Conversation) -> bool:
    """Have the model name the talk; False when it has no name for it, or the talk got one meanwhile.

    Cancelling stops the model at once. Raises `EngineError`, `ModelError` or `StoreError`.
    """
    chat = conversation.chat
    assert chat
    title = cleaned(await _asked(conversation, chat.id))
    return bool(title) and await conversation.retitle(chat, title)


async def _asked(conversation: Conversation, chat: int) -> str:
    sampling = replace(conversation.setup.sampling(), temperature=0.0, max_tokens=LONGEST)
    messages = (*conversation.prompt(), Message("user", WISH))
    said = ""
    async with aclosing(conversation.engine.stream(Request(conversation.spec(), messages, sampling, chat))) as events:
        async for event in events:
            match event:
                case Fitted(left_out=left_out) if left_out:
                    return ""  # the chat's own prefix would be lost from the KV cache
                case Delta(text, "text"):
                    said += text
                    if "\n" in said.strip():
                        break
                case _:
                    pass
    return said


def cleaned(said: str) -> str:
    """The title in what a model said; empty when there is none."""
    line = safe(said).strip().partition("\n")[0]
    label, colon, after = line.partition(":")
    if colon and label.strip(SIGNS).casefold() in ("title", "titre", "titel", "título", "titolo"):
        line = after
    return " ".join(line.strip(SIGNS).split()[:WORDS])[:80]
