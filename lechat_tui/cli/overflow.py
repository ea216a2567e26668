"""What to do with input that does not fit into the context window; `--overflow` chooses.

Only files and stdin are cut; the words on the command line never are.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from lechat_tui.attachments.documents import caption
from lechat_tui.attachments.texts import joined, stored_text
from lechat_tui.cli.inputs import Input, NoPrompt
from lechat_tui.engine.base import Fitted
from lechat_tui.message import Attachment, Message
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.overflow import CUTS, KEPT, Plan, in_parts, largest, with_gaps

if TYPE_CHECKING:
    from lechat_tui.talk.document_use import Choice

Overflow = Literal["refuse", "head", "tail", "middle", "map", "passages"]

Say = Callable[[str], None]
"""Prints a hint."""

DOCUMENT_USES: "dict[Overflow, Choice]" = {"head": "beginning", "map": "parts", "passages": "passages"}
"""What each choice means for documents, which stay attachments."""


async def fitting(
    conversation: Conversation, question: Input, files: Sequence[Attachment], overflow: Overflow, say: Say
) -> Message:
    """The question to ask. Raises `ContextOverflow` when nothing helps.

    Text that is cut becomes part of the question, so a text file that does not fit is no longer an attachment. With
    `map`, each piece has been asked about by then, on branches of the chat that are not shown.
    """
    asked = Message("user", question.text, attachments=tuple(files))
    if overflow == "refuse":
        return asked
    _, complete = await conversation.plan(asked)
    if complete.fits:
        return asked
    if overflow in DOCUMENT_USES and any(file.kind == "document" for file in files):
        return await _documents(conversation, asked, DOCUMENT_USES[overflow], say)
    if overflow == "map" and not question.instruction:
        raise NoPrompt("--overflow map needs a prompt that says what to do with each part")
    if overflow == "passages":
        raise NoPrompt("--overflow passages is for documents; choose head, tail, middle or map for text")
    instruction = question.instruction
    images = tuple(file for file in files if file.kind == "image")
    material = joined(*(stored_text(file) for file in files if file.has_text), question.material)

    async def plan(material: str) -> Fitted:
        _, fitted = await conversation.plan(Message("user", joined(material, instruction), attachments=images))
        return fitted

    if overflow == "map":
        text = await _mapped(conversation, material, instruction, images, plan, say)
        return Message("user", joined(text, instruction), attachments=images)
    whole = await plan(material)
    if whole.fits:
        return Message("user", joined(material, instruction), attachments=images)
    kept = await largest(material, whole, CUTS[overflow], plan)
    total = len(material)
    dropped = total - sum(len(material[part]) for part in kept)
    say(f"{KEPT[overflow]}: {dropped:,} of {total:,} characters ({dropped / total:.0%}) did not fit and were left out")
    return Message("user", joined(with_gaps(material, kept), instruction), attachments=images)


async def _mapped(
    conversation: Conversation, material: str, instruction: str, images: Sequence[Attachment], plan: Plan, say: Say
) -> str:
    """The answers about each piece, or the material where it fits."""
    text = material
    async with aclosing(in_parts(conversation, material, instruction, images, plan)) as steps:
        async for step in steps:
            if isinstance(step, str):
                text = step
            elif "characters" in step.reason:
                say(step.reason)
    return text


async def _documents(conversation: Conversation, asked: Message, choice: "Choice", say: Say) -> Message:
    """The question with what fits of its documents."""
    from lechat_tui.talk import document_use  # loads the libraries

    async with aclosing(document_use.applied(conversation, asked, choice)) as steps:
        async for step in steps:
            if isinstance(step, Message):
                asked = step
            elif "part " not in step.reason:
                say(step.reason)
    for file in asked.attachments:
        if file.kind == "document":
            say(caption(file))
    return asked
