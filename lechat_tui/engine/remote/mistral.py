"""Mistral's API. https://docs.mistral.ai/api/"""

from typing import Any, ClassVar

from lechat_tui.engine.base import DialectName
from lechat_tui.engine.remote.dialect import Chat, Dialect
from lechat_tui.engine.remote.pieces import JSON, ServerModel, number, table, text
from lechat_tui.message import Sampling


class Mistral(Dialect):
    """Calls the seed `random_seed`, and continues an answer that is marked as a prefix."""

    name: ClassVar[DialectName] = "mistral"
    title: ClassVar[str] = "Mistral's API"
    continues: ClassVar[bool] = True
    repeats: ClassVar[bool] = True

    def can_chat(self, row: JSON) -> bool:
        return super().can_chat(row) and table(row.get("capabilities")).get("completion_chat") is not False

    def model(self, row: JSON) -> ServerModel:
        able = table(row.get("capabilities"))
        vision, reasoning = able.get("vision"), able.get("reasoning")
        return ServerModel(
            name=text(row.get("id")),
            context=number(row.get("max_context_length")),
            images=vision if isinstance(vision, bool) else None,
            thinking=reasoning if isinstance(reasoning, bool) else None,
        )

    def body(self, chat: Chat) -> dict[str, Any]:
        body = super().body(chat)
        del body["stream_options"]  # it always reports the usage, and rejects unknown keys
        return body

    def sampling(self, sampling: Sampling) -> dict[str, Any]:
        values = super().sampling(sampling)
        if "seed" in values:
            values["random_seed"] = values.pop("seed")
        return values

    def messages(self, chat: Chat) -> list[dict[str, Any]]:
        messages = super().messages(chat)
        if chat.continues:
            messages[-1]["prefix"] = True
        return messages
