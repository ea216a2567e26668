"""What every kind of server is asked, and the generic dialect: OpenAI's chat completions.

A dialect is one class: it lists the models, builds the body of a request and reads the events of the answer. The others
are subclasses that differ in what their servers differ in.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from lechat_tui.engine.base import Delta, DialectName
from lechat_tui.engine.remote.connection import DONE, Connection, Framing
from lechat_tui.engine.remote.pictures import data_uri
from lechat_tui.engine.remote.pieces import (
    JSON,
    Ended,
    Piece,
    ServerModel,
    Usage,
    number,
    table,
    tables,
    text,
)
from lechat_tui.message import Message, Sampling, StopReason
from lechat_tui.values import dataclass

_REASONS: dict[str, StopReason] = {"length": "length", "max_tokens": "length", "model_length": "length"}
"""Every other reason is the end of the answer."""

CONTEXT_KEYS = ("max_model_len", "max_context_length", "context_length", "context_window", "n_ctx")
"""Where servers put the context window of a model."""


@dataclass(frozen=True)
class Chat:
    """A conversation to be answered by a model of a server."""

    model: str
    """Its name on the server."""
    messages: tuple[Message, ...]
    sampling: Sampling
    window: int = 0
    """Context window in tokens; 0 if it is not known."""
    continues: bool = False
    """The last message is the model's own unfinished answer."""


class Dialect:
    """OpenAI's chat completions, as most servers offer them."""

    name: ClassVar[DialectName] = "openai"
    title: ClassVar[str] = "an OpenAI-compatible server"
    path: ClassVar[str] = "/v1/chat/completions"
    framing: ClassVar[Framing] = "sse"
    ignored: ClassVar[tuple[str, ...]] = ("top_k", "min_p", "repeat_penalty")
    """Fields of `Sampling` that the server does not know."""
    continues: ClassVar[bool] = False
    """Whether it can continue an unfinished answer."""
    chooses_window: ClassVar[bool] = False
    """Whether each request says how long the context window shall be."""
    repeats: ClassVar[bool] = False
    """Whether a continued answer begins with what there was before."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def models(self) -> list[ServerModel]:
        """The models that can chat. Raises `ServerError`."""
        payload = await self.connection.get("/v1/models")
        return [self.model(row) for row in tables(payload.get("data") or payload.get("models")) if self.can_chat(row)]

    def can_chat(self, row: JSON) -> bool:
        """Whether a row of the list is a model to chat with."""
        return bool(text(row.get("id")))

    def model(self, row: JSON) -> ServerModel:
        """A model from its row in the list."""
        context = next((size for key in CONTEXT_KEYS if (size := number(row.get(key)))), 0)
        return ServerModel(text(row.get("id")), context)

    async def describe(self, name: str) -> ServerModel:
        """What the server says about one of its models. Raises `ServerError`."""
        return next((model for model in await self.models() if model.name == name), ServerModel(name))

    async def running(self, models: Sequence[ServerModel]) -> list[ServerModel]:
        """These models with what each takes while it is loaded, where the server says so. Raises `ServerError`."""
        return list(models)

    async def count(self, chat: Chat) -> int | None:
        """Tokens of the whole prompt, images included; None if the server can't count. Raises `ServerError`."""
        return None

    def switch(self, on: bool) -> dict[str, Any]:
        """The keys that turn thinking on or off; empty if the server has no switch."""
        return {"reasoning_effort": "high" if on else "none"}

    async def load(self, name: str) -> None:
        """Have the server load a model, where it can be asked to. Raises `ServerError`."""

    async def stream(self, chat: Chat) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. Closing the generator stops it. Raises `ServerError`."""
        async with aclosing(self.connection.stream(self.path, self.body(chat), self.framing)) as events:
            async for event in events:
                if event is DONE:
                    yield Ended("end")
                    return
                for piece in self.read(event):
                    yield piece

    def body(self, chat: Chat) -> dict[str, Any]:
        """The request for an answer."""
        return {
            "model": chat.model,
            "messages": self.messages(chat),
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.sampling(chat.sampling),
            **self.thinking(chat.sampling),
        }

    def thinking(self, sampling: Sampling) -> dict[str, Any]:
        """The keys for thinking; empty where that is left to the model."""
        return {} if sampling.think == "auto" else self.switch(sampling.think == "on")

    def sampling(self, sampling: Sampling) -> dict[str, Any]:
        """The keys for how to sample."""
        values: dict[str, Any] = {"temperature": max(sampling.temperature, 0.0)}
        if sampling.top_p < 1:
            values["top_p"] = sampling.top_p
        if sampling.seed is not None:
            values["seed"] = sampling.seed
        if sampling.max_tokens:
            values["max_tokens"] = sampling.max_tokens
        if sampling.stop:
            values["stop"] = list(sampling.stop)
        return values

    def messages(self, chat: Chat) -> list[dict[str, Any]]:
        """The messages as the server wants them."""
        return [self.message(message) for message in chat.messages]

    def message(self, message: Message) -> dict[str, Any]:
        """One message; its images come before its text."""
        role = "user" if message.role == "summary" else message.role
        if not message.images:
            return {"role": role, "content": message.text}
        images = [{"type": "image_url", "image_url": {"url": data_uri(image)}} for image in message.images]
        return {"role": role, "content": [*images, *([{"type": "text", "text": message.text}] if message.text else [])]}

    def read(self, event: JSON) -> Iterator[Piece]:
        """The pieces in one event of the stream."""
        for choice in tables(event.get("choices")):
            delta = table(choice.get("delta"))
            yield from thinking_of(delta)
            yield from self.content(delta.get("content"))
            yield from tool_calls(delta)
            if reason := text(choice.get("finish_reason")):
                yield Ended(_REASONS.get(reason, "end"))
        yield from usage(event)

    def content(self, content: object) -> Iterator[Delta]:
        """The text in the content of a delta: a string, or a list of parts."""
        if piece := text(content):
            yield Delta(piece)
        for part in tables(content):
            if part.get("type") == "thinking":
                for inner in tables(part.get("thinking")):
                    if piece := text(inner.get("text")):
                        yield Delta(piece, "thinking")
                if piece := text(part.get("thinking")):
                    yield Delta(piece, "thinking")
            elif piece := text(part.get("text")):
                yield Delta(piece)


def template_switch(on: bool) -> dict[str, Any]:
    """The keys for a server that passes variables on to the model's chat template, by their usual names."""
    return {
        "reasoning_effort": "high" if on else "none",
        "chat_template_kwargs": {"enable_thinking": on, "thinking": on},
    }


def thinking_of(delta: JSON) -> Iterator[Delta]:
    """The thinking in a delta, under either of its names."""
    if piece := text(delta.get("reasoning_content")) or text(delta.get("reasoning")):
        yield Delta(piece, "thinking")


def tool_calls(delta: JSON) -> Iterator[Delta]:
    """The fragments of tool calls in a delta."""
    for call in tables(delta.get("tool_calls")):
        function = table(call.get("function"))
        if piece := text(function.get("name")) + text(function.get("arguments")):
            yield Delta(piece, "tool")


def usage(event: JSON) -> Iterator[Usage]:
    """The token counts in an event, if it has any."""
    counts = table(event.get("usage"))
    if not counts:
        return
    details = table(counts.get("prompt_tokens_details"))
    yield Usage(
        prompt=_count(counts.get("prompt_tokens")),
        cached=_count(details.get("cached_tokens")),
        completion=_count(counts.get("completion_tokens")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
