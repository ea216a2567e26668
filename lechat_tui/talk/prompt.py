"""From the messages of a chat to what the model is sent. Pure functions; they read no files but attached texts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lechat_tui.attachments.texts import inlined
from lechat_tui.message import Message
from lechat_tui.talk.setup import Setup

SUMMARY_REQUEST = (
    "Summarize our conversation so far, as notes for yourself to continue from: what I want, what was decided, the "
    "facts, names, numbers and code that will be needed, and what is still open. Write only the summary, in the "
    "language of the conversation."
)


def build_prompt(messages: Sequence[Message], setup: Setup) -> tuple[Message, ...]:
    """What is sent: the system prompt, pinned messages from before the last summary, the summary, and the rest.

    The last summary stands for everything before it. It is sent as a message of the user, because chat templates know
    no other role for it. Images become text for a model that does not support them; attached texts are inlined.
    """
    sent = [Message("system", setup.system)] if setup.system else []
    start = max(last_summary(messages), 0)
    for index, message in _sendable(messages, images=setup.model.supports_images):
        if index < start and (not message.pinned or message.role == "summary"):
            continue
        if message.role == "summary":
            message = _as_user(message)
        sent.append(inlined(message) if message.attachments else message)  # most stay the same object
    return tuple(sent)


def last_summary(messages: Sequence[Message]) -> int:
    """The index of the last summary; -1 when there is none."""
    return next((index for index in range(len(messages) - 1, -1, -1) if messages[index].role == "summary"), -1)


def left_out(messages: Sequence[Message]) -> int:
    """How many messages the last answer was made without, apart from those before the last summary."""
    since = messages[last_summary(messages) + 1 :]
    receipt = next((message.receipt for message in reversed(since) if message.receipt), None)
    return receipt.left_out if receipt else 0


def horizon(messages: Sequence[Message], left_out: int, *, images: bool) -> int:
    """The index of the first message that is sent when so many are left out; pinned ones above it are sent as well.

    `images` says whether the model supports images.
    """
    start = max(last_summary(messages), 0)
    if not left_out:
        return start
    free = [i for i, message in _sendable(messages, images=images) if i >= start and not message.pinned]
    return free[left_out - 1] + 1 if 0 < left_out <= len(free) else start


def summary_request(hint: str = "") -> Message:
    """The question that has the model write a summary; `hint` is what it must keep."""
    return Message("user", SUMMARY_REQUEST + (f" Above all, keep: {hint}" if hint else ""))


def _sendable(messages: Sequence[Message], *, images: bool) -> Iterator[tuple[int, Message]]:
    """The messages that are not empty, with their indexes. An answer to a pinned question counts as pinned."""
    pinned = False
    described = not images and any(message.attachments for message in messages)
    for index, message in enumerate(_without_images(messages) if described else messages):
        if pinned or message.pinned or message.role == "summary":
            pinned = message.pinned or message.role in ("summary", "assistant")
        if message.text.strip() or message.attachments:
            yield index, message if message.pinned == pinned else replace(message, pinned=pinned)


def _as_user(message: Message) -> Message:
    """A summary as a message of the user."""
    return replace(message, role="user", text=f"(Summary of the conversation so far: {message.text.strip()})")


def _without_images(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages for a model that does not support images: each image becomes the answer that described it."""
    for index, message in enumerate(messages):
        if not message.images:
            yield message
            continue
        names = ", ".join(image.name for image in message.images)
        following = messages[index + 1 : index + 2]
        description = next((m.text for m in following if m.receipt and m.receipt.pictures and m.text), None)
        note = f"(picture {names}: {description})" if description else f"(picture {names}, not visible to this model)"
        others = tuple(file for file in message.attachments if file.kind != "image")
        yield replace(message, text=f"{note}\n\n{message.text}".rstrip(), attachments=others)
