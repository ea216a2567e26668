"""What becomes of a question that does not fit into the context window. Knows no tokenizer: it asks the engine to plan.

Only text files and the pipe are cut, at the end of a line where there is one near; the words on the line never are.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Literal

from lechat_tui.attachments.texts import joined, stored_text
from lechat_tui.cli.piped import Given, NoPrompt
from lechat_tui.engine.base import ContextOverflow, Fitted
from lechat_tui.message import Attachment, Message
from lechat_tui.talk.conversation import Conversation

Overflow = Literal["refuse", "head", "tail", "middle", "map"]

Say = Callable[[str], None]
Plan = Callable[[str], Awaitable[Fitted]]
"""What would fit of the question with this material."""

TRIES = 16
"""Plans asked for to find where to cut."""

ENOUGH = 0.95
"""Share of the room that a cut should use."""

NEAR = 0.2
"""Share of what stays that may go as well, so that the cut is at the end of a line."""

AHEAD = 4
"""How many times the last piece is looked at to find the next one."""


async def fitting(
    conversation: Conversation, given: Given, files: Sequence[Attachment], overflow: Overflow, say: Say
) -> tuple[str, Sequence[Attachment]]:
    """The text and the attachments that are asked in the end. Raises `ContextOverflow` when nothing helps.

    What is cut goes into the text of the question, so a text file that does not fit is no attachment any more. With
    `map` each piece has been asked about by then, on branches of the chat that are not shown.
    """
    if overflow == "refuse":
        return given.text, files
    _, complete = await conversation.plan(Message("user", given.text, attachments=tuple(files)))
    if complete.fits:
        return given.text, files
    images = tuple(file for file in files if file.kind == "image")
    material = joined(*(stored_text(file) for file in files if file.kind == "text"), given.material)

    async def plan(material: str) -> Fitted:
        _, fitted = await conversation.plan(Message("user", joined(material, given.instruction), attachments=images))
        return fitted

    if overflow == "map":
        return await _mapped(conversation, material, given.instruction, images, plan, say), images
    whole = await plan(material)
    if whole.fits:
        return joined(material, given.instruction), images
    cut = CUTS[overflow]
    stays = await _largest(material, whole, cut, plan)
    gone, every = len(material) - sum(len(material[part]) for part in stays), len(material)
    say(f"{KEPT[overflow]}: {gone:,} of {every:,} characters ({gone / every:.0%}) did not fit and were left out")
    return joined(_with_gaps(material, stays), given.instruction), images


Cut = Callable[[str, int], Sequence[slice]]
"""The parts of a text that stay when about so many characters may."""


def _head(text: str, size: int) -> Sequence[slice]:
    line = text.rfind("\n", int(size * (1 - NEAR)), size) + 1
    return [slice(0, line or size)]


def _tail(text: str, size: int) -> Sequence[slice]:
    start = len(text) - size
    line = text.find("\n", max(start - 1, 0), start + int(size * NEAR)) + 1
    return [slice(line or start, len(text))]


def _middle(text: str, size: int) -> Sequence[slice]:
    return [*_head(text, size - size // 2), *_tail(text, size // 2)]


CUTS: Mapping[Overflow, Cut] = {"head": _head, "tail": _tail, "middle": _middle}

KEPT: Mapping[Overflow, str] = {
    "head": "the beginning of the text is kept",
    "tail": "the end of the text is kept",
    "middle": "the beginning and the end of the text are kept",
}


def _with_gaps(text: str, stays: Sequence[slice]) -> str:
    """The parts that stay, and between them what the model is told of the rest."""
    ends = [0, *(place for part in stays for place in (part.start, part.stop)), len(text)]
    pieces = [
        text[start:end] if number % 2 else f"\n[… {end - start:,} characters left out …]\n"
        for number, (start, end) in enumerate(pairwise(ends))
        if end > start
    ]
    return "".join(pieces)


async def _largest(text: str, whole: Fitted, cut: Cut, plan: Plan) -> Sequence[slice]:
    """The most that may stay of a text that does not fit as a whole. Raises `ContextOverflow`."""
    budget = whole.costs[-1] - (whole.tokens - whole.room)
    low, high = 0, len(text)
    size = int(high * budget / whole.costs[-1] * ENOUGH)
    for _ in range(TRIES):
        size = size if low < size < high else (low + high) // 2
        if not size or high - low <= len(text) // 1000:
            break
        fitted = await plan(_with_gaps(text, cut(text, size)))
        share = fitted.costs[-1] / max(budget, 1)
        if fitted.fits:
            low = size
            if share >= ENOUGH:
                break
        else:
            high = size
        size = int(size / share * (1 + ENOUGH) / 2)
    if not low:
        raise ContextOverflow(
            f"nothing of the text fits: what must stay leaves no room in the {whole.room:,} tokens a prompt may take; "
            "shorten the words on the line, or raise --ctx-size"
        )
    return cut(text, low)


async def _mapped(
    conversation: Conversation, material: str, instruction: str, images: Sequence[Attachment], plan: Plan, say: Say
) -> str:
    """Ask about each piece, then about the answers, and once more about those if they do not fit either."""
    before = len(material)
    while not (await plan(material)).fits:
        if not instruction:
            raise NoPrompt("--overflow map needs words that say what to do with each piece")
        pieces = await _pieces(material, plan)
        if len(pieces) >= before:
            raise ContextOverflow("the answers about the pieces do not fit into the context either; raise --ctx-size")
        before = len(pieces)
        say(f"{len(material):,} characters do not fit into the context; they are read in {len(pieces)} pieces")
        answers = [await _asked(conversation, piece, instruction, images) for piece in pieces]
        material = joined(*(f"Part {n} of {len(answers)}: {text.strip()}" for n, text in enumerate(answers, start=1)))
    return joined(material, instruction)


async def _pieces(text: str, plan: Plan) -> list[str]:
    """The text in pieces that fit, each as long as possible. Raises `ContextOverflow`."""
    pieces: list[str] = []
    while text:
        ahead = text[: AHEAD * len(pieces[-1])] if pieces else text
        whole = await plan(ahead)
        end = len(ahead) if whole.fits else (await _largest(ahead, whole, _head, plan))[0].stop
        pieces.append(text[:end])
        text = text[end:]
    return pieces


async def _asked(conversation: Conversation, piece: str, instruction: str, images: Sequence[Attachment]) -> str:
    """The answer about a piece. Question and answer stay in the history, on a branch that is not shown."""
    async with aclosing(conversation.ask(joined(piece, instruction), images, title=instruction)) as events:
        async for _ in events:
            pass
    answer = conversation.messages[-1].text
    conversation.undo()
    return answer
