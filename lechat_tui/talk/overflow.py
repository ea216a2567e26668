"""Text that does not fit into the context window: cut at the end of a line where one is near, or read in parts.

The engine counts the tokens: it is asked to plan the question with shorter and shorter text.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Literal

from lechat_tui.attachments.texts import joined
from lechat_tui.engine.base import ContextOverflow, Fitted, Waiting
from lechat_tui.message import Attachment
from lechat_tui.talk.conversation import Conversation

Kept = Literal["head", "tail", "middle"]
"""Which part of a text is kept."""

Plan = Callable[[str], Awaitable[Fitted]]
"""The engine's plan of the question with this material."""

Cut = Callable[[str, int], Sequence[slice]]
"""The parts of a text to keep so that they have at most this number of characters."""

MAX_PLANS = 16
"""Plans to ask the engine for until the best cut is found."""

MIN_USED = 0.95
"""The part of the available tokens that a cut should use."""

MAX_LINE_LOSS = 0.2
"""The part of the kept text that may be dropped, too, so that a cut is at the end of a line."""

LOOKAHEAD = 4
"""How many times the length of the last piece is considered for the next one."""


def _head(text: str, size: int) -> Sequence[slice]:
    line = text.rfind("\n", int(size * (1 - MAX_LINE_LOSS)), size) + 1
    return [slice(0, line or size)]


def _tail(text: str, size: int) -> Sequence[slice]:
    start = len(text) - size
    line = text.find("\n", max(start - 1, 0), start + int(size * MAX_LINE_LOSS)) + 1
    return [slice(line or start, len(text))]


def _middle(text: str, size: int) -> Sequence[slice]:
    return [*_head(text, size - size // 2), *_tail(text, size // 2)]


CUTS: Mapping[Kept, Cut] = {"head": _head, "tail": _tail, "middle": _middle}

KEPT: Mapping[Kept, str] = {
    "head": "the beginning of the text is kept",
    "tail": "the end of the text is kept",
    "middle": "the beginning and the end of the text are kept",
}


def with_gaps(text: str, kept: Sequence[slice]) -> str:
    """The parts to keep, with a note to the model in place of each part between them."""
    ends = [0, *(index for part in kept for index in (part.start, part.stop)), len(text)]
    pieces = [
        text[start:end] if number % 2 else f"\n[… {end - start:,} characters left out …]\n"
        for number, (start, end) in enumerate(pairwise(ends))
        if end > start
    ]
    return "".join(pieces)


async def largest(text: str, whole: Fitted, cut: Cut, plan: Plan) -> Sequence[slice]:
    """The largest parts of a text that fit; `whole` is the plan of all of it. Raises `ContextOverflow`."""
    available = whole.costs[-1] - (whole.tokens - whole.room)
    low, high = 0, len(text)
    size = int(high * available / whole.costs[-1] * MIN_USED)
    for _ in range(MAX_PLANS):
        size = size if low < size < high else (low + high) // 2
        if not size or high - low <= len(text) // 1000:
            break
        fitted = await plan(with_gaps(text, cut(text, size)))
        used = fitted.costs[-1] / max(available, 1)
        if fitted.fits:
            low = size
            if used >= MIN_USED:
                break
        else:
            high = size
        size = int(size / used * (1 + MIN_USED) / 2)
    if not low:
        raise ContextOverflow(
            f"no part of the text fits into the {whole.room:,} tokens a prompt may have, because the rest of the "
            "question fills them; shorten the question, or increase the context window"
        )
    return cut(text, low)


async def in_parts(
    conversation: Conversation, material: str, instruction: str, images: Sequence[Attachment], plan: Plan
) -> AsyncGenerator[Waiting | str, None]:
    """Ask about each piece of a text, and yield the answers as one text at the end; again while they do not fit either.

    Question and answer of a piece stay in the history, on a branch that is not shown. Raises `ContextOverflow`.
    """
    before = len(material)
    while not (await plan(material)).fits:
        pieces = await _pieces(material, plan)
        if len(pieces) >= before:
            raise ContextOverflow("the answers about the parts do not fit into the context window either; increase it")
        before = len(pieces)
        yield Waiting(
            f"{len(material):,} characters do not fit into the context window; reading them in {len(pieces)} parts"
        )
        answers = []
        for number, piece in enumerate(pieces, start=1):
            yield Waiting(f"reading part {number} of {len(pieces)}")
            answers.append(await _answer(conversation, piece, instruction, images))
        material = joined(*(f"Part {n} of {len(answers)}: {text.strip()}" for n, text in enumerate(answers, start=1)))
    yield material


async def _pieces(text: str, plan: Plan) -> list[str]:
    """The text in pieces that fit, each as long as possible. Raises `ContextOverflow`."""
    pieces: list[str] = []
    while text:
        ahead = text[: LOOKAHEAD * len(pieces[-1])] if pieces else text
        whole = await plan(ahead)
        end = len(ahead) if whole.fits else (await largest(ahead, whole, _head, plan))[0].stop
        pieces.append(text[:end])
        text = text[end:]
    return pieces


async def _answer(conversation: Conversation, piece: str, instruction: str, images: Sequence[Attachment]) -> str:
    """The answer about a piece; question and answer stay in the history, on a branch that is not shown."""
    before = len(conversation.messages)
    try:
        async with aclosing(conversation.ask(joined(piece, instruction), images, title=instruction)) as events:
            async for _ in events:
                pass
        return conversation.messages[-1].text
    finally:
        if len(conversation.messages) > before:
            conversation.undo()
