"""Fits a conversation into the context window and makes its prompt. Evaluates nothing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from lechat_tui.engine.base import ContextOverflow, Fitted, Request
from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.sandbox import TemplateTooLong
from lechat_tui.engine.llama.segments import Segment, as_text, image_segments, length, segments_of
from lechat_tui.engine.llama.thinking import Framing
from lechat_tui.engine.transfer import Counted, MissingMessages
from lechat_tui.message import Message
from lechat_tui.values import dataclass

TEMPLATE_TOKENS = 8
"""Tokens that a template writes around one message: no Mistral template writes more."""

NO_THINKING_SWITCH = "its chat template has no thinking switch, so the think setting has no effect"

LONG_CHARACTERS = 3
"""Characters for each token of the context window from which on the messages are counted before they are rendered."""


@dataclass(frozen=True)
class FittedPrompt:
    """A prompt, and what it was made of."""

    segments: list[Segment]
    fitted: Fitted
    framing: Framing
    """How the answer begins."""


def fitted_prompt(llama: Llama, request: Request, reserved: int = 0) -> FittedPrompt:
    """The prompt of as much of the conversation as fits into the context window beside `reserved` tokens.

    Raises `ContextOverflow` when not even what must stay fits, and `MissingMessages`.
    """
    prompt = _fitted(llama, request, reserved)
    fitted = prompt.fitted
    if not fitted.fits:
        raise ContextOverflow(
            f"the question is {fitted.tokens:,} tokens long with the system prompt and pinned messages, but the "
            f"context window of {llama.spec.name} has room for {fitted.room:,}; shorten the question, or use a larger "
            "window (--ctx-size, /set context)"
        )
    return prompt


def plan_prompt(llama: Llama, request: Request) -> Fitted:
    """What would fit, the tokens of each message, and the prompt as text where that is wanted.

    A question that is too long is not an error here.
    """
    planned = _fitted(llama, request)
    costs = planned.fitted.costs or tuple(_cost(llama, message) for message in request.messages)
    prompt = tuple(as_text(llama.vocab, planned.segments)) if request.shows_prompt else ()
    return replace(planned.fitted, costs=costs, prompt=prompt)


def _fitted(llama: Llama, request: Request, reserved: int = 0) -> FittedPrompt:
    """The prompt of as much as fits; of what must stay when not even that does.

    A conversation that is surely too long is not rendered whole: some templates take time by the square of its length.
    The tokens of each message come with it where they had to be counted.
    """
    messages = request.messages
    limit = allowed = max(prompt_room(llama.window, request.sampling.max_tokens) - reserved, 1)
    must_stay = sorted(kept_always(messages))
    kept: Sequence[int] = range(len(messages))

    @cache
    def costs() -> list[int]:
        return [_cost(llama, message) + TEMPLATE_TOKENS for message in messages]

    def fewer() -> Sequence[int]:
        nonlocal allowed
        selection = fit(costs(), allowed, pinned=must_stay, answers=answers(messages))
        allowed -= TEMPLATE_TOKENS * len(messages)  # if the costs were a little too low, ask for less the next time
        return selection.kept if selection else must_stay

    def too_long() -> bool:
        return sum(costs()) - TEMPLATE_TOKENS * len(messages) > limit

    counted_only = any(map(_is_counted_only, messages))
    if counted_only and not too_long():
        raise MissingMessages
    if counted_only or (_characters(messages) > LONG_CHARACTERS * limit and too_long()):
        kept = fewer()
    while True:
        if counted_only and any(_is_counted_only(messages[i]) for i in kept):
            raise MissingMessages
        try:
            prompt = llama.template.prompt([messages[i] for i in kept], request.sampling.think)
        except TemplateTooLong:
            if list(kept) == must_stay:
                raise
            allowed = min(allowed, sum(costs()[i] for i in kept)) // 2
            kept = fewer()
            continue
        segments = segments_of(llama, prompt)
        tokens = length(llama, segments)
        if tokens <= limit or list(kept) == must_stay:
            break
        kept = fewer()
    left_out = tuple(sorted(set(range(len(messages))).difference(kept)))
    counted = tuple(cost - TEMPLATE_TOKENS for cost in costs()) if left_out else ()
    fitted = Fitted(tokens, llama.window, left_out, limit, counted, note=_note(llama, request))
    return FittedPrompt(segments, fitted, prompt.framing)


def _note(llama: Llama, request: Request) -> str:
    """What was reduced to save memory, and whether the model has no switch for thinking."""
    obeys = llama.template.obeys(request.sampling.think)
    return "; ".join(filter(None, [llama.tuning.note, "" if obeys else NO_THINKING_SWITCH]))


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(message.text) + len(message.thinking) for message in messages)


def _is_counted_only(message: Message) -> bool:
    return isinstance(message, Counted) and not message.complete


def _cost(llama: Llama, message: Message) -> int:
    """Tokens of the message itself."""
    if isinstance(message, Counted):
        return message.tokens
    images = sum(length(llama, image_segments(llama, image)) for image in message.images)
    return llama.template.count(message) + images
