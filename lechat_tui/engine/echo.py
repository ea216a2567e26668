"""An engine that plays a script instead of running a model: for tests, examples and trying the screen."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace

from lechat_tui.engine.base import Delta, Done, EngineError, Event, Fitted, ModelSpec, Prefill, PromptPart, Request
from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.message import Receipt

Step = Event | EngineError | asyncio.Event
"""A step of an answer: an event is yielded, an error raised, an `asyncio.Event` waited for."""

_PIECES = re.compile(r"\s*\S+|\s+")


class EchoEngine:
    """Answers from a script: a string or a sequence of steps for each request, in order.

        EchoEngine("the first answer", [Delta("the "), Delta("second")])

    Consecutive single steps are one answer: `EchoEngine(Delta("Bon"), Delta("jour"))`. After the end of the script the
    question itself is the answer. Words count as tokens.
    """

    def __init__(
        self,
        *script: str | Sequence[Step] | Step,
        pace: float = 0.0,
        load_error: EngineError | None = None,
    ) -> None:
        """`pace` is the number of seconds before each piece of an answer; `load` raises `load_error`."""
        self.requests: list[Request] = []
        """What `stream` was asked."""
        self.loaded: list[ModelSpec] = []
        self.forgotten: list[int] = []
        """The chats that `forget` was called with."""
        self.closed = 0
        """How many streams have ended, by themselves or because they were closed."""
        self._answers = list(_answers(script))
        self._pace = pace
        self._load_error = load_error

    async def load(self, model: ModelSpec, *, careful: bool = False) -> None:
        """Record the model. Raises `load_error`, where one is given."""
        self.loaded.append(model)
        if self._load_error:
            raise self._load_error

    async def plan(self, request: Request) -> Fitted:
        """Which messages would fit, counted in words. `stream` itself leaves none out."""
        costs = tuple(len(message.text.split()) for message in request.messages)
        limit = prompt_room(request.model.context, request.sampling.max_tokens)
        stays = kept_always(request.messages)
        plan = fit(costs, limit, pinned=stays, answers=answers(request.messages))
        kept = plan.kept if plan else sorted(stays)
        left_out = tuple(i for i in range(len(costs)) if i not in kept)
        parts = (
            (PromptPart(f"[{request.messages[i].role}]", "control"), PromptPart(request.messages[i].text, "text"))
            for i in kept
        )
        prompt = tuple(part for pair in parts for part in pair) if request.shows_prompt else ()
        return Fitted(sum(costs[i] for i in kept), request.model.context, left_out, limit, costs, prompt)

    def forget(self, chat: int) -> None:
        """Record the chat."""
        self.forgotten.append(chat)

    async def close(self) -> None:
        """Do nothing."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Play the next answer of the script. A `Done` is added where the answer does not end with one."""
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else request.messages[-1].text
        steps = _steps(answer, request) if isinstance(answer, str) else answer
        began, deltas, ended = time.monotonic(), 0, False
        try:
            for step in steps:
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case EngineError():
                        raise step
                    case _:
                        if isinstance(step, Delta):
                            deltas += 1
                            await asyncio.sleep(self._pace)
                        ended = isinstance(step, Done)
                        yield step
            if not ended:
                yield Done(self._receipt(request, deltas, time.monotonic() - began))
        finally:
            self.closed += 1

    def _receipt(self, request: Request, deltas: int, seconds: float) -> Receipt:
        """The speed is given only if there is a pace: without one it means nothing."""
        return Receipt(
            model=request.model.name,
            file=request.model.file,
            context=request.model.context,
            sampling=replace(request.sampling, seed=request.sampling.seed or 0),
            prompt_tokens=_words(request),
            completion_tokens=deltas,
            tokens_per_s=deltas / seconds if self._pace else 0.0,
            pictures=sum(len(message.images) for message in request.messages),
            engine="echo",
        )


def _answers(script: Sequence[str | Sequence[Step] | Step]) -> Iterator[str | Sequence[Step]]:
    bare: list[Step] = []
    for part in script:
        if not isinstance(part, str | Sequence):
            bare.append(part)
            continue
        if bare:
            yield bare
            bare = []
        yield part
    if bare:
        yield bare


def _steps(text: str, request: Request) -> Iterator[Step]:
    tokens = _words(request)
    yield Fitted(tokens, request.model.context)
    yield Prefill(tokens, tokens, 0)
    for piece in _PIECES.findall(text):
        yield Delta(piece)


def _words(request: Request) -> int:
    return sum(len(message.text.split()) for message in request.messages)
