"""Fits a conversation into the context window and makes its prompt. Evaluates nothing."""

from collections.abc import Sequence
from dataclasses import replace

from lechat_tui.engine.base import ContextOverflow, Fitted, Request
from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.segments import Segment, image_segments, length, segments_of
from lechat_tui.message import Message

TEMPLATE_TOKENS = 8
"""Tokens that a template writes around one message: no Mistral template writes more."""


def fitted_prompt(llama: Llama, request: Request, reserved: int = 0) -> tuple[list[Segment], Fitted]:
    """The prompt of as much of the conversation as fits into the context window beside `reserved` tokens.

    Raises `ContextOverflow` when not even what must stay fits.
    """
    segments, fitted = _fitted(llama, request, reserved)
    if not fitted.fits:
        raise ContextOverflow(
            f"the question and what must come before it are {fitted.tokens} tokens long, but the context window of "
            f"{llama.spec.name} has room for {fitted.room}; shorten the question, or use a larger window (--ctx-size, "
            "/set context)"
        )
    return segments, fitted


def plan_prompt(llama: Llama, request: Request) -> Fitted:
    """What would fit, and the tokens of each message; a question that is too long is not an error here."""
    _, fitted = _fitted(llama, request)
    return replace(fitted, costs=tuple(_cost(llama, message) for message in request.messages))


def _fitted(llama: Llama, request: Request, reserved: int = 0) -> tuple[list[Segment], Fitted]:
    """The prompt of as much as fits; of what must stay when not even that does."""
    messages = request.messages
    limit = allowed = max(prompt_room(llama.window, request.sampling.max_tokens) - reserved, 1)
    must_stay = sorted(kept_always(messages))
    kept: Sequence[int] = range(len(messages))
    costs: list[int] = []
    while True:
        segments = segments_of(llama, llama.template.prompt([messages[i] for i in kept]))
        tokens = length(llama, segments)
        if tokens <= limit or list(kept) == must_stay:
            break
        costs = costs or [_cost(llama, message) + TEMPLATE_TOKENS for message in messages]
        selection = fit(costs, allowed, pinned=must_stay, answers=answers(messages))
        kept = selection.kept if selection else must_stay
        allowed -= TEMPLATE_TOKENS * len(messages)  # if the costs were a little too low, ask for less the next time
    left_out = tuple(i for i in range(len(messages)) if i not in kept)
    return segments, Fitted(tokens, llama.window, left_out, limit, note=llama.tuning.note)


def _cost(llama: Llama, message: Message) -> int:
    """Tokens of the message itself."""
    images = sum(length(llama, image_segments(llama, image)) for image in message.images)
    return llama.template.count(message) + images
