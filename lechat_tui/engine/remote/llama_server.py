"""llama.cpp's `llama-server`. https://github.com/ggml-org/llama.cpp/tree/master/tools/server"""

from collections.abc import Iterator
from typing import Any, ClassVar

from lechat_tui.engine.base import DialectName, Prefill
from lechat_tui.engine.remote.dialect import Chat, Dialect, template_switch
from lechat_tui.engine.remote.errors import ServerError
from lechat_tui.engine.remote.pieces import JSON, Piece, ServerModel, Usage, number, rate, table, tables, text
from lechat_tui.message import Message, Sampling


class LlamaServer(Dialect):
    """Counts tokens, reports prefill and speed, and continues an answer that is the last message."""

    name: ClassVar[DialectName] = "llama-server"
    title: ClassVar[str] = "llama-server"
    ignored: ClassVar[tuple[str, ...]] = ()
    continues: ClassVar[bool] = True

    async def models(self) -> list[ServerModel]:
        payload = await self.connection.get("/v1/models")
        rows = [row for row in tables(payload.get("data")) if text(row.get("id"))]
        props = await self._props() if len(rows) == 1 else {}
        return [self._model(row, props) for row in rows]

    def _model(self, row: JSON, props: JSON) -> ServerModel:
        meta = table(row.get("meta"))
        opened = number(meta.get("n_ctx")) or number(table(props.get("default_generation_settings")).get("n_ctx"))
        accepted = table(row.get("architecture")).get("input_modalities")
        return ServerModel(
            name=text(row.get("id")),
            context=opened or number(meta.get("n_ctx_train")),
            images="image" in accepted if isinstance(accepted, list) else None,
            parameters=number(meta.get("n_params")) / 1e9,
            bytes=number(meta.get("size")),
            loaded=text(table(row.get("status")).get("value")) in ("", "loaded"),
        )

    async def _props(self) -> JSON:
        try:
            return await self.connection.get("/props")
        except ServerError:
            return {}

    async def count(self, chat: Chat) -> int | None:
        body = {"model": chat.model, "messages": self.messages(chat), **self.thinking(chat.sampling)}
        try:
            payload = await self.connection.post("/v1/chat/completions/input_tokens", body)
        except ServerError:
            return None  # an older server
        return number(payload.get("input_tokens")) or None

    def switch(self, on: bool) -> dict[str, Any]:
        return template_switch(on)

    def body(self, chat: Chat) -> dict[str, Any]:
        return {**super().body(chat), "return_progress": True, "reasoning_format": "auto"}

    def sampling(self, sampling: Sampling) -> dict[str, Any]:
        return {
            **super().sampling(sampling),
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
        }

    def message(self, message: Message) -> dict[str, Any]:
        thinking = {"reasoning_content": message.thinking} if message.thinking and message.role == "assistant" else {}
        return {**super().message(message), **thinking}

    def read(self, event: JSON) -> Iterator[Piece]:
        if progress := table(event.get("prompt_progress")):
            done, cached = number(progress.get("processed")), number(progress.get("cache"))
            yield Prefill(max(done, cached), number(progress.get("total")), cached)
        yield from super().read(event)
        if timings := table(event.get("timings")):
            cached, new = number(timings.get("cache_n")), number(timings.get("prompt_n"))
            yield Usage(
                prompt=cached + new,
                cached=cached,
                completion=number(timings.get("predicted_n")),
                tokens_per_s=rate(timings.get("predicted_per_second")),
            )
