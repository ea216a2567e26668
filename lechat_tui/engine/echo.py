"""An engine that says what it was told to say: for tests, and to try the screen with no model at all."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace

from lechat_tui.engine.base import Delta, Done, EngineError, Event, Fitted, ModelSpec, Prefill, Request
from lechat_tui.engine.context import answers, fit, kept_always, prompt_room
from lechat_tui.message import Receipt

Step = Event | EngineError | asyncio.Event
"""What happens next: an event is yielded, an error raised, an `asyncio.Event` waited for."""

_PIECES = re.compile(r"\s*\S+|\s+")


class EchoEngine:
    """Answers by script: a string or a sequence of steps for each request, in order.

    Steps given bare are one answer: `EchoEngine(Delta("Bon"), Delta("jour"))`. When the script is at its end, the
    question itself is the answer. `pace` is the number of seconds before each piece of the answer. `requests`,
    `loaded` and `forgotten` hold what it was asked, `closed` how many streams have ended, `load_error` is raised by
    `load`.
    """

    def __init__(
        self,
        *script: str | Sequence[Step] | Step,
        pace: float = 0.0,
        load_error: EngineError | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.loaded: list[ModelSpec] = []
        self.forgotten: list[int] = []
        self.closed = 0
        self._answers = list(_answers(script))
        self._pace = pace
        self._load_error = load_error

    async def load(self, model: ModelSpec) -> None:
        """Remember the model, or fail as told."""
        self.loaded.append(model)
        if self._load_error:
            raise self._load_error

    async def plan(self, request: Request) -> Fitted:
        """What would fit, in words instead of tokens; `stream` leaves nothing out."""
        costs = tuple(len(message.text.split()) for message in request.messages)
        limit = prompt_room(request.model.context, request.sampling.max_tokens)
        stays = kept_always(request.messages)
        plan = fit(costs, limit, pinned=stays, answers=answers(request.messages))
        kept = plan.kept if plan else sorted(stays)
        left_out = tuple(i for i in range(len(costs)) if i not in kept)
        return Fitted(sum(costs[i] for i in kept), request.model.context, left_out, limit, costs)

    def forget(self, chat: int) -> None:
        """Remember which; there is nothing else to let go of."""
        self.forgotten.append(chat)

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Play the next answer of the script; a `Done` is added where the script has none."""
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else request.messages[-1].text
        steps = _spoken(answer, request) if isinstance(answer, str) else answer
        began, said, ended = time.monotonic(), 0, False
        try:
            for step in steps:
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case EngineError():
                        raise step
                    case _:
                        if isinstance(step, Delta):
                            said += 1
                            await asyncio.sleep(self._pace)
                        ended = isinstance(step, Done)
                        yield step
            if not ended:
                yield Done(self._receipt(request, said, time.monotonic() - began))
        finally:
            self.closed += 1

    def _receipt(self, request: Request, said: int, seconds: float) -> Receipt:
        """Words stand for tokens; the speed is told only where a pace makes it mean something."""
        return Receipt(
            model=request.model.name,
            file=request.model.file,
            context=request.model.context,
            sampling=replace(request.sampling, seed=request.sampling.seed or 0),
            prompt_tokens=_words(request),
            completion_tokens=said,
            tokens_per_s=said / seconds if self._pace else 0.0,
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


def _spoken(text: str, request: Request) -> Iterator[Step]:
    tokens = _words(request)
    yield Fitted(tokens, request.model.context)
    yield Prefill(tokens, tokens, 0)
    for piece in _PIECES.findall(text):
        yield Delta(piece)


def _words(request: Request) -> int:
    return sum(len(message.text.split()) for message in request.messages)
