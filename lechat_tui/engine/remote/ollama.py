"""Ollama's own API. https://github.com/ollama/ollama/blob/main/docs/api.md

Its OpenAI-compatible route ignores the size of the context window and cuts the prompt silently; this one does not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from lechat_tui.engine.base import Delta, DialectName
from lechat_tui.engine.remote.connection import Framing
from lechat_tui.engine.remote.dialect import Chat, Dialect
from lechat_tui.engine.remote.pictures import encoded
from lechat_tui.engine.remote.pieces import JSON, Ended, Piece, ServerModel, Usage, number, table, tables, text
from lechat_tui.message import Message, Sampling

_COUNT = re.compile(r"([\d.]+)\s*([BM])", re.IGNORECASE)


class Ollama(Dialect):
    """Loads a model with the context window it is asked for."""

    name: ClassVar[DialectName] = "ollama"
    title: ClassVar[str] = "Ollama"
    path: ClassVar[str] = "/api/chat"
    framing: ClassVar[Framing] = "lines"
    ignored: ClassVar[tuple[str, ...]] = ()
    continues: ClassVar[bool] = True
    chooses_window: ClassVar[bool] = True

    async def models(self) -> list[ServerModel]:
        payload = await self.connection.get("/api/tags")
        return [self.model(row) for row in tables(payload.get("models")) if text(row.get("name"))]

    def model(self, row: JSON) -> ServerModel:
        details = table(row.get("details"))
        return ServerModel(
            name=text(row.get("name")),
            parameters=_billions(text(details.get("parameter_size"))),
            bytes=number(row.get("size")),
            quant=text(details.get("quantization_level")),
        )

    async def describe(self, name: str) -> ServerModel:
        payload = await self.connection.post("/api/show", {"model": name})
        info, details = table(payload.get("model_info")), table(payload.get("details"))
        listed = payload.get("capabilities")
        able = [text(item) for item in listed] if isinstance(listed, list) else []
        return ServerModel(
            name=name,
            context=next((number(value) for key, value in info.items() if key.endswith(".context_length")), 0),
            images="vision" in able if able else None,
            thinking="thinking" in able if able else None,
            parameters=_billions(text(details.get("parameter_size"))),
            quant=text(details.get("quantization_level")),
        )

    async def running(self, models: Sequence[ServerModel]) -> list[ServerModel]:
        payload = await self.connection.get("/api/ps")
        rows = {text(row.get("name")): row for row in tables(payload.get("models"))}
        return [_running(model, rows.get(model.name)) for model in models]

    async def load(self, name: str) -> None:
        await self.connection.post("/api/chat", {"model": name, "messages": []}, seconds=900.0)

    def switch(self, on: bool) -> dict[str, Any]:
        return {"think": on}

    def body(self, chat: Chat) -> dict[str, Any]:
        options = self.sampling(chat.sampling)
        if chat.window:
            options["num_ctx"] = chat.window
        return {
            "model": chat.model,
            "messages": self.messages(chat),
            "stream": True,
            "truncate": False,
            "options": options,
            **self.thinking(chat.sampling),
        }

    def sampling(self, sampling: Sampling) -> dict[str, Any]:
        values = {
            "temperature": max(sampling.temperature, 0.0),
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
            "seed": sampling.seed,
            "num_predict": sampling.max_tokens,
            "stop": list(sampling.stop) or None,
        }
        return {key: value for key, value in values.items() if value is not None}

    def message(self, message: Message) -> dict[str, Any]:
        role = "user" if message.role == "summary" else message.role
        images = {"images": [encoded(image) for image in message.images]} if message.images else {}
        return {"role": role, "content": message.text, **images}

    def read(self, event: JSON) -> Iterator[Piece]:
        message = table(event.get("message"))
        if piece := text(message.get("thinking")):
            yield Delta(piece, "thinking")
        if piece := text(message.get("content")):
            yield Delta(piece)
        for call in tables(message.get("tool_calls")):
            yield Delta(text(table(call.get("function")).get("name")) or "tool", "tool")
        if event.get("done") is True:
            new, nanoseconds = number(event.get("eval_count")), number(event.get("eval_duration"))
            speed = new / (nanoseconds / 1e9) if nanoseconds else None
            yield Usage(prompt=number(event.get("prompt_eval_count")) or None, completion=new, tokens_per_s=speed)
            yield Ended("length" if event.get("done_reason") == "length" else "end")


def _running(model: ServerModel, row: JSON | None) -> ServerModel:
    if row is None:
        return replace(model, loaded=False)
    memory, gpu_memory = number(row.get("size")), number(row.get("size_vram"))
    context = number(row.get("context_length")) or model.context
    return replace(model, loaded=True, memory=memory, gpu_memory=gpu_memory, context=context)


def _billions(size: str) -> float:
    """Billions of parameters in a text such as `7.2B` or `270M`; 0 for anything else."""
    found = _COUNT.fullmatch(size.strip())
    try:
        return float(found[1]) / (1 if found[2] in "Bb" else 1000) if found else 0.0
    except ValueError:
        return 0.0
