"""The engine for models on servers."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import field, replace

from lechat_tui.engine.base import (
    Delta,
    Done,
    EngineError,
    Event,
    Fitted,
    Prefill,
    RemoteModel,
    Request,
    Server,
    Waiting,
)
from lechat_tui.engine.remote import probe
from lechat_tui.engine.remote.connection import Connection, Timeouts
from lechat_tui.engine.remote.dialect import Chat, Dialect
from lechat_tui.engine.remote.errors import ServerError
from lechat_tui.engine.remote.ledger import FittedChat, Ledger, overflow
from lechat_tui.engine.remote.marks import RepeatedBeginning, ThinkingMarks
from lechat_tui.engine.remote.pieces import Ended, Piece, ServerModel, Usage
from lechat_tui.message import Receipt, StopReason
from lechat_tui.values import dataclass

DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between attempts at a request that may succeed a little later; only before the first token."""
MAX_WAIT_SECONDS = 60.0
"""A server that wants a longer pause is not waited for."""
ASSUMED_WINDOW = 8192
"""Context window in tokens where neither the server nor the user says."""
MAX_ANSWER_CHARACTERS = 8_000_000
"""Of one answer with its thinking: several times the longest context window."""
_MAX_SEED = 2**31 - 1

_TOO_LONG = ("context_length", "context length", "context window", "context size", "maximum context", "too long")
"""What servers write about a prompt that does not fit."""
_NAMES = {"top_k": "top-k", "min_p": "min-p", "repeat_penalty": "repeat penalty"}
_OFF = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}


@dataclass
class _Known:
    """What is known of one server."""

    connection: Connection
    dialect: Dialect | None = None
    """None until the server has been asked what it is."""
    models: dict[str, ServerModel] = field(default_factory=dict)


class RemoteEngine:
    """Answers with models on servers.

    Closing the generator of an answer closes its connection, which stops the server.
    """

    def __init__(
        self, timeouts: Timeouts | None = None, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._timeouts = timeouts
        self._sleep = sleep
        self._servers: dict[Server, _Known] = {}
        self._ledgers: dict[tuple[Server, str], Ledger] = {}

    async def stream(self, request: Request[RemoteModel]) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer; closing the generator stops it. Raises `EngineError`."""
        delays = iter(DELAYS_SECONDS)
        started = False
        while True:
            try:
                async with aclosing(self._answer(request)) as events:
                    async for event in events:
                        started = started or isinstance(event, Delta | Done)
                        yield event
                return
            except ServerError as error:
                self._forget_server(request.model.server)
                if started:
                    raise ServerError(f"{error}; what has arrived is kept") from error
                delay = next(delays, None)
                if not error.temporary or delay is None or (error.wait or 0) > MAX_WAIT_SECONDS:
                    raise
                delay = error.wait if error.wait is not None else delay * random.uniform(0.8, 1.2)
                yield Waiting(f"{error}; trying again")
                await self._sleep(delay)

    async def plan(self, request: Request[RemoteModel]) -> Fitted:
        """What would fit of this request. Raises `EngineError`."""
        known, dialect = await self._opened(request.model.server)
        chat = await self._chat(known, dialect, request)
        fitted, _ = await self._ledger(request.model).plan(dialect, chat)
        return fitted

    async def load(self, model: RemoteModel, *, careful: bool = False) -> None:
        """Find out what the server is, and have it load the model if it can. Raises `EngineError`."""
        known, dialect = await self._opened(model.server)
        await self._described(known, dialect, model.remote)
        await dialect.load(model.remote)

    async def models(self, server: Server) -> tuple[Dialect, list[ServerModel]]:
        """The kind of a server and the models it offers. Raises `EngineError`."""
        _, dialect = await self._opened(server)
        return dialect, await dialect.models()

    def forget(self, chat: int) -> None:
        """Nothing is kept for a chat."""

    async def close(self) -> None:
        """Close all connections."""
        servers, self._servers = list(self._servers.values()), {}
        for known in servers:
            await known.connection.close()

    async def _answer(self, request: Request[RemoteModel]) -> AsyncGenerator[Event, None]:
        model = request.model
        known, dialect = await self._opened(model.server)
        chat = await self._chat(known, dialect, request)
        if chat.continues and not dialect.continues:
            raise EngineError(f"{dialect.title} can't continue an answer; /regen answers the question again")
        prompt = await self._fitted(dialect, model, chat)
        receipt = _receipt(model, dialect, prompt, request)
        yield replace(prompt.fitted, note=_note(dialect, known.models.get(chat.model), request, chat), receipt=receipt)
        answer = _Answer(receipt)
        async with aclosing(dialect.stream(prompt.chat)) as pieces:
            filters = _Filters(dialect, prompt.chat)
            try:
                async for piece in pieces:
                    for event in answer.take(piece, filters):
                        yield event
                    if answer.complete:
                        break
            except ServerError as error:
                for delta in filters.rest():
                    yield delta
                raise _explained(error, chat) from error
        for delta in filters.rest():
            yield delta
        if answer.ended is None:
            raise ServerError(f"the connection to {model.server.label} broke off", temporary=True)
        final = answer.receipt()
        if final.prompt_tokens and not final.pictures:
            self._ledger(model).learn(prompt.chat.messages, final.prompt_tokens)
        yield Done(final)

    async def _fitted(self, dialect: Dialect, model: RemoteModel, chat: Chat) -> FittedChat:
        try:
            return await self._ledger(model).fitted(dialect, chat)
        except ServerError as error:
            raise _explained(error, chat) from error

    async def _chat(self, known: _Known, dialect: Dialect, request: Request[RemoteModel]) -> Chat:
        """The request as a dialect takes it, with a seed and the context window."""
        model = request.model
        described = await self._described(known, dialect, model.remote)
        sampling = request.sampling
        if sampling.seed is None:
            sampling = replace(sampling, seed=random.randrange(_MAX_SEED))
        if described.thinking is False or not dialect.switch(sampling.think == "on"):
            sampling = replace(sampling, think="auto")
        window = _window(dialect, model, described)
        return Chat(model.remote, request.messages, sampling, window, request.continues)

    async def _opened(self, server: Server) -> tuple[_Known, Dialect]:
        if (known := self._servers.get(server)) is None:
            known = self._servers[server] = _Known(Connection(server, self._timeouts))
        if known.dialect is None:
            known.dialect = await probe.find(known.connection)
        return known, known.dialect

    async def _described(self, known: _Known, dialect: Dialect, name: str) -> ServerModel:
        if (described := known.models.get(name)) is None:
            described = known.models[name] = await dialect.describe(name)
        return described

    def _forget_server(self, server: Server) -> None:
        """Ask again next time what it is and what its models are: another one may have taken its place."""
        if known := self._servers.get(server):
            known.models.clear()
            known.dialect = None

    def _ledger(self, model: RemoteModel) -> Ledger:
        return self._ledgers.setdefault((model.server, model.remote), Ledger())


class _Filters:
    """What the text of an answer goes through."""

    def __init__(self, dialect: Dialect, chat: Chat) -> None:
        before = chat.messages[-1].text if chat.continues and dialect.repeats else ""
        self._repeated = RepeatedBeginning(before)
        self._thinking = None if chat.continues else ThinkingMarks()

    def feed(self, delta: Delta) -> Iterator[Delta]:
        for fresh in self._repeated.feed(delta):
            yield from self._thinking.feed(fresh) if self._thinking else (fresh,)

    def rest(self) -> Iterator[Delta]:
        for held in self._repeated.rest():
            yield from self._thinking.feed(held) if self._thinking else (held,)
        if self._thinking:
            yield from self._thinking.rest()


class _Answer:
    """What is known of an answer while it arrives."""

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._usage = Usage()
        self._began = time.perf_counter()
        self._first = 0.0
        self._last = 0.0
        self._deltas = self._characters = 0
        self.ended: StopReason | None = None
        self.complete = False
        """Whether nothing more is to be expected."""

    def take(self, piece: Piece, filters: _Filters) -> Iterator[Event]:
        """The events that a piece becomes."""
        match piece:
            case Delta():
                now = time.perf_counter()
                self._first, self._last = self._first or now, now
                self._deltas += 1
                self._characters += len(piece.text)
                if self._characters > MAX_ANSWER_CHARACTERS:
                    raise ServerError("the answer became longer than lechat accepts")
                yield from filters.feed(piece)
            case Prefill():
                yield piece
            case Usage():
                self._usage = merged(self._usage, piece)
            case Ended(reason):
                self.complete = self.ended is not None
                self.ended = self.ended or reason

    def receipt(self) -> Receipt:
        """The receipt of the whole answer; what the server did not report was measured here."""
        usage, seconds = self._usage, self._last - self._first
        completion = self._deltas if usage.completion is None else usage.completion
        measured = (completion - 1) / seconds if completion > 1 and seconds > 0 else 0.0
        return replace(
            self._receipt,
            prompt_tokens=self._receipt.prompt_tokens if usage.prompt is None else usage.prompt,
            cached_tokens=usage.cached or 0,
            completion_tokens=completion,
            ttft_ms=(self._first - self._began) * 1000 if self._first else 0.0,
            tokens_per_s=measured if usage.tokens_per_s is None else usage.tokens_per_s,
            stop_reason=self.ended or "end",
        )


def merged(one: Usage, other: Usage) -> Usage:
    """The counts of both; the later one's where both have some."""
    return Usage(
        prompt=one.prompt if other.prompt is None else other.prompt,
        cached=one.cached if other.cached is None else other.cached,
        completion=one.completion if other.completion is None else other.completion,
        tokens_per_s=one.tokens_per_s if other.tokens_per_s is None else other.tokens_per_s,
    )


def _window(dialect: Dialect, model: RemoteModel, described: ServerModel) -> int:
    """The context window in tokens: the user's where it is smaller than the server's."""
    if dialect.chooses_window:
        return min(model.context or ASSUMED_WINDOW, described.context or model.context or ASSUMED_WINDOW)
    if model.context and described.context:
        return min(model.context, described.context)
    return model.context or described.context or ASSUMED_WINDOW


def _note(dialect: Dialect, described: ServerModel | None, request: Request[RemoteModel], chat: Chat) -> str:
    """What the server cannot do that the settings ask for, and what had to be assumed."""
    notes = []
    if request.sampling.think == "on" and described and described.thinking is False:
        notes.append("the server says that this model can't think")
    elif request.sampling.think != "auto" and not dialect.switch(True):
        notes.append(f"{dialect.title} has no switch for thinking")
    ignored = [_NAMES[name] for name in dialect.ignored if getattr(chat.sampling, name) != _OFF[name]]
    if ignored:
        notes.append(f"{dialect.title} ignores {_listed(ignored)}")
    if not (dialect.chooses_window or request.model.context or (described and described.context)):
        notes.append(
            f"the server does not report its context window; {chat.window:,} tokens are assumed (/set context)"
        )
    return "; ".join(notes)


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _explained(error: ServerError, chat: Chat) -> EngineError:
    """The error, as a `ContextOverflow` if the server says that the prompt is too long."""
    message = str(error).lower()
    if error.status in (400, 413, 422) and any(words in message for words in _TOO_LONG):
        return overflow(chat.model, chat.window)
    if error.status == 404:
        return ServerError(f"{error}; lechat connect --list shows the models it had", status=404)
    return error


def _receipt(model: RemoteModel, dialect: Dialect, prompt: FittedChat, request: Request[RemoteModel]) -> Receipt:
    chat = prompt.chat
    return Receipt(
        model=model.name,
        context=chat.window,
        sampling=chat.sampling,
        prompt_tokens=prompt.fitted.tokens,
        left_out=len(request.messages) - len(chat.messages),
        pictures=sum(len(message.images) for message in chat.messages),
        engine=dialect.title,
        server=model.server.label,
    )
