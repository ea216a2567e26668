"""Fits a talk into the context window and makes its prompt. Evaluates nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lechat_tui.engine.base import ContextOverflow, EngineError, Fitted, Request
from lechat_tui.engine.context import answers, fit, held, room
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.llama.prefill import Run, length
from lechat_tui.engine.llama.prompt import Prompt
from lechat_tui.message import Attachment, Message

AROUND = 8
"""Tokens a template writes around one message: no Mistral template writes more."""


def fitted_prompt(llama: Llama, request: Request, taken: int = 0) -> tuple[list[Run], Fitted]:
    """The prompt of as much of the talk as the context holds beside `taken` tokens. Raises `ContextOverflow`."""
    runs, fitted = _fitted(llama, request, taken)
    if not fitted.fits:
        raise ContextOverflow(
            f"the question is {fitted.tokens} tokens long, with what must stay before it, and the context window of "
            f"{llama.spec.name} takes {fitted.room}; shorten it, or raise the window (--ctx-size, /set context)"
        )
    return runs, fitted


def planned(llama: Llama, request: Request) -> Fitted:
    """What would fit, and what each message costs; a question that is too long is no error here."""
    _, fitted = _fitted(llama, request)
    return replace(fitted, costs=tuple(_cost(llama, message) for message in request.messages))


def _fitted(llama: Llama, request: Request, taken: int = 0) -> tuple[list[Run], Fitted]:
    """The prompt of as much as fits; of what must stay when not even that does."""
    messages = request.messages
    limit = allowed = max(room(llama.size, request.sampling.max_tokens) - taken, 1)
    stays = sorted(held(messages))
    kept: Sequence[int] = range(len(messages))
    costs: list[int] = []
    while (tokens := length(llama, runs := _asking(llama, [messages[i] for i in kept]))) > limit and list(
        kept
    ) != stays:
        costs = costs or [_cost(llama, message) + AROUND for message in messages]
        plan = fit(costs, allowed, pinned=stays, answers=answers(messages))
        kept = plan.kept if plan else stays
        allowed -= AROUND * len(messages)  # the costs were too low by a little: ask for less the next time round
    left_out = tuple(i for i in range(len(messages)) if i not in kept)
    return runs, Fitted(tokens, llama.size, left_out, limit, note=llama.tuning.note)


def _cost(llama: Llama, message: Message) -> int:
    """How many tokens the message itself takes."""
    pictures = sum(length(llama, _seen(llama, picture)) for picture in message.images)
    return llama.template.count(message) + pictures


def _asking(llama: Llama, messages: Sequence[Message]) -> list[Run]:
    return runs_of(llama, llama.template.prompt(messages))


def runs_of(llama: Llama, prompt: Prompt) -> list[Run]:
    """The prompt, with each picture between the control tokens that belong around it."""
    runs: list[Run] = []
    for part in prompt.parts:
        for run in _seen(llama, part) if isinstance(part, Attachment) else [part]:
            if runs and isinstance(run, tuple) and isinstance(runs[-1], tuple):
                runs[-1] += run
            else:
                runs.append(run)
    return runs


def picture_tokens(llama: Llama, runs: Iterable[Run]) -> dict[str, int]:
    """What each picture takes, with the control tokens around it, by its SHA-256."""
    return {run.sha256: length(llama, _seen(llama, run)) for run in runs if isinstance(run, Attachment)}


def _seen(llama: Llama, picture: Attachment) -> list[Run]:
    if llama.projector is None:
        raise EngineError(f"{llama.spec.name} cannot see pictures; /vision switches to a model that can")
    layout = llama.projector.layout(picture)
    return [layout.before, picture, layout.after]
