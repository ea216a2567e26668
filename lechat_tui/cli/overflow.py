"""What to do with input that does not fit into the context window; `--overflow` chooses.

Only text files and stdin are cut, at the end of a line where one is near; the words on the command line never are. The
engine counts the tokens: it is asked to plan the question with shorter and shorter text.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Literal

from lechat_tui.attachments.texts import joined, stored_text
from lechat_tui.cli.inputs import Input, NoPrompt
from lechat_tui.engine.base import ContextOverflow, Fitted
from lechat_tui.message import Attachment, Message
from lechat_tui.talk.conversation import Conversation

Overflow = Literal["refuse", "head", "tail", "middle", "map"]

Say = Callable[[str], None]
"""Prints a hint."""

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


async def fitting(
    conversation: Conversation, question: Input, files: Sequence[Attachment], overflow: Overflow, say: Say
) -> tuple[str, Sequence[Attachment]]:
    """The text and the attachments to ask with. Raises `ContextOverflow` when nothing helps.

    Text that is cut becomes part of the question, so a text file that does not fit is no longer an attachment. With
    `map`, each piece has been asked about by then, on branches of the chat that are not shown.
    """
    if overflow == "refuse":
        return question.text, files
    _, complete = await conversation.plan(Message("user", question.text, attachments=tuple(files)))
    if complete.fits:
        return question.text, files
    instruction = question.instruction
    images = tuple(file for file in files if file.kind == "image")
    material = joined(*(stored_text(file) for file in files if file.has_text), question.material)

    async def plan(material: str) -> Fitted:
        _, fitted = await conversation.plan(Message("user", joined(material, instruction), attachments=images))
        return fitted

    if overflow == "map":
        return await _mapped(conversation, material, instruction, images, plan, say), images
    whole = await plan(material)
    if whole.fits:
        return joined(material, instruction), images
    cut = CUTS[overflow]
    kept = await _largest(material, whole, cut, plan)
    total = len(material)
    dropped = total - sum(len(material[part]) for part in kept)
    say(f"{KEPT[overflow]}: {dropped:,} of {total:,} characters ({dropped / total:.0%}) did not fit and were left out")
    return joined(_with_gaps(material, kept), instruction), images


def _head(text: str, size: int) -> Sequence[slice]:
    line = text.rfind("\n", int(size * (1 - MAX_LINE_LOSS)), size) + 1
    return [slice(0, line or size)]


def _tail(text: str, size: int) -> Sequence[slice]:
    start = len(text) - size
    line = text.find("\n", max(start - 1, 0), start + int(size * MAX_LINE_LOSS)) + 1
    return [slice(line or start, len(text))]


def _middle(text: str, size: int) -> Sequence[slice]:
    return [*_head(text, size - size // 2), *_tail(text, size // 2)]


CUTS: Mapping[Overflow, Cut] = {"head": _head, "tail": _tail, "middle": _middle}

KEPT: Mapping[Overflow, str] = {
    "head": "the beginning of the text is kept",
    "tail": "the end of the text is kept",
    "middle": "the beginning and the end of the text are kept",
}


def _with_gaps(text: str, kept: Sequence[slice]) -> str:
    """The parts to keep, with a note to the model in place of each part between them."""
    ends = [0, *(index for part in kept for index in (part.start, part.stop)), len(text)]
    pieces = [
        text[start:end] if number % 2 else f"\n[… {end - start:,} characters left out …]\n"
        for number, (start, end) in enumerate(pairwise(ends))
        if end > start
    ]
    return "".join(pieces)


async def _largest(text: str, whole: Fitted, cut: Cut, plan: Plan) -> Sequence[slice]:
    """The largest parts of a text that fit; `whole` is the plan of all of it. Raises `ContextOverflow`."""
    available = whole.costs[-1] - (whole.tokens - whole.room)
    low, high = 0, len(text)
    size = int(high * available / whole.costs[-1] * MIN_USED)
    for _ in range(MAX_PLANS):
        size = size if low < size < high else (low + high) // 2
        if not size or high - low <= len(text) // 1000:
            break
        fitted = await plan(_with_gaps(text, cut(text, size)))
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
            "question fills them; shorten the words on the command line, or increase --ctx-size"
        )
    return cut(text, low)


async def _mapped(
    conversation: Conversation, material: str, instruction: str, images: Sequence[Attachment], plan: Plan, say: Say
) -> str:
    """Ask about each piece, and return the question about the answers; repeat while they do not fit either."""
    before = len(material)
    while not (await plan(material)).fits:
        if not instruction:
            raise NoPrompt("--overflow map needs a prompt that says what to do with each part")
        pieces = await _pieces(material, plan)
        if len(pieces) >= before:
            raise ContextOverflow("the answers about the parts do not fit into the context either; increase --ctx-size")
        before = len(pieces)
        say(f"{len(material):,} characters do not fit into the context; they are read in {len(pieces)} parts")
        answers = [await _answer(conversation, piece, instruction, images) for piece in pieces]
        material = joined(*(f"Part {n} of {len(answers)}: {text.strip()}" for n, text in enumerate(answers, start=1)))
    return joined(material, instruction)


async def _pieces(text: str, plan: Plan) -> list[str]:
    """The text in pieces that fit, each as long as possible. Raises `ContextOverflow`."""
    pieces: list[str] = []
    while text:
        ahead = text[: LOOKAHEAD * len(pieces[-1])] if pieces else text
        whole = await plan(ahead)
        end = len(ahead) if whole.fits else (await _largest(ahead, whole, _head, plan))[0].stop
        pieces.append(text[:end])
        text = text[end:]
    return pieces


async def _answer(conversation: Conversation, piece: str, instruction: str, images: Sequence[Attachment]) -> str:
    """The answer about a piece; question and answer stay in the history, on a branch that is not shown."""
    async with aclosing(conversation.ask(joined(piece, instruction), images, title=instruction)) as events:
        async for _ in events:
            pass
    answer = conversation.messages[-1].text
    conversation.undo()
    return answer
