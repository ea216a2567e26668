"""LM Studio. https://lmstudio.ai/docs/developer/rest"""

from typing import Any, ClassVar

from lechat_tui.engine.base import DialectName
from lechat_tui.engine.remote.dialect import Dialect
from lechat_tui.engine.remote.pieces import JSON, ServerModel, number, table, tables, text


class LMStudio(Dialect):
    """Lists every model on its disk and loads one when it is asked for it."""

    name: ClassVar[DialectName] = "lm-studio"
    title: ClassVar[str] = "LM Studio"
    ignored: ClassVar[tuple[str, ...]] = ("min_p",)

    def switch(self, on: bool) -> dict[str, Any]:
        return {}  # its chat completions have none

    async def models(self) -> list[ServerModel]:
        payload = await self.connection.get("/api/v1/models")
        rows = tables(payload.get("models") or payload.get("data"))
        return [
            self.model(row) for row in rows if _name(row) and text(row.get("type")) not in ("embedding", "embeddings")
        ]

    def model(self, row: JSON) -> ServerModel:
        able = table(row.get("capabilities"))
        loaded = next(tables(row.get("loaded_instances")), {})
        opened = number(table(loaded.get("config")).get("context_length"))
        vision, quant = able.get("vision"), row.get("quantization")
        return ServerModel(
            name=_name(row),
            context=opened or number(row.get("max_context_length")),
            images=vision if isinstance(vision, bool) else text(row.get("type")) == "vlm" or None,
            loaded=bool(loaded) if "loaded_instances" in row else None,
            bytes=number(row.get("size_bytes")),
            quant=text(table(quant).get("name")) or text(quant),
        )


def _name(row: JSON) -> str:
    return text(row.get("key")) or text(row.get("id"))
