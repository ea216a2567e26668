"""One engine for all models: those on this machine, and those on servers."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from lechat_tui.engine.base import Engine, Event, Fitted, LocalModel, ModelSpec, Request
from lechat_tui.engine.local import LocalEngine


class RouterEngine:
    """Passes a request on to the engine for its kind of model. The one for servers is made when it is first needed."""

    def __init__(self, local: LocalEngine, remote: Callable[[], Engine]) -> None:
        self.local = local
        self._make_remote = remote
        self._remote: Engine | None = None

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer. Raises `EngineError`."""
        async with aclosing(self._engine(request.model).stream(request)) as events:
            async for event in events:
                yield event

    async def plan(self, request: Request) -> Fitted:
        """What would fit of this request. Raises `EngineError`."""
        return await self._engine(request.model).plan(request)

    async def load(self, model: ModelSpec, *, careful: bool = False) -> None:
        """Make the model ready for the next request. Raises `EngineError`; with `careful` also `ScarceMemory`."""
        await self._engine(model).load(model, careful=careful)

    def forget(self, chat: int) -> None:
        """Drop everything that is kept for a chat."""
        self.local.forget(chat)

    async def close(self) -> None:
        """Unload every model and close every connection."""
        await self.local.close()
        if self._remote:
            await self._remote.close()

    def _engine(self, model: ModelSpec) -> Engine:
        if isinstance(model, LocalModel):
            return self.local
        if self._remote is None:
            self._remote = self._make_remote()
        return self._remote
