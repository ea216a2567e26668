"""vLLM and SGLang. https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"""

from dataclasses import replace
from typing import Any, ClassVar

from lechat_tui.engine.base import DialectName
from lechat_tui.engine.remote.dialect import Chat, Dialect, template_switch
from lechat_tui.engine.remote.errors import ServerError
from lechat_tui.engine.remote.pieces import JSON, ServerModel, number
from lechat_tui.message import Sampling


class SGLang(Dialect):
    """Knows all samplers, and continues an answer when it is asked to."""

    name: ClassVar[DialectName] = "sglang"
    title: ClassVar[str] = "SGLang"
    ignored: ClassVar[tuple[str, ...]] = ()
    continues: ClassVar[bool] = True

    def switch(self, on: bool) -> dict[str, Any]:
        return template_switch(on)

    def model(self, row: JSON) -> ServerModel:
        return replace(super().model(row), loaded=True)

    def body(self, chat: Chat) -> dict[str, Any]:
        body = super().body(chat)
        return {**body, "continue_final_message": True, "add_generation_prompt": False} if chat.continues else body

    def sampling(self, sampling: Sampling) -> dict[str, Any]:
        values = super().sampling(sampling)
        if sampling.top_k > 0:
            values["top_k"] = sampling.top_k
        if sampling.min_p > 0:
            values["min_p"] = sampling.min_p
        if sampling.repeat_penalty != 1:
            values["repetition_penalty"] = sampling.repeat_penalty
        return values


class VLLM(SGLang):
    """Counts tokens, too."""

    name: ClassVar[DialectName] = "vllm"
    title: ClassVar[str] = "vLLM"

    async def count(self, chat: Chat) -> int | None:
        body: dict[str, Any] = {"model": chat.model, "messages": self.messages(chat)}
        if "chat_template_kwargs" in (switch := self.thinking(chat.sampling)):
            body["chat_template_kwargs"] = switch["chat_template_kwargs"]
        if chat.continues:
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        try:
            payload = await self.connection.post("/tokenize", body)
        except ServerError:
            return None
        return number(payload.get("count")) or None
