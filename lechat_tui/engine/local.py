"""The engine for models on this machine: a child process for each warm model. Does not import llama_cpp.

A child that is not busy is unloaded when it was not used for `keep_warm` seconds, when the warm models together take
more than `room` bytes, or when the machine's memory runs short. First goes the one that was not used for longest or
loads quickest (`costs.reload_loss`), and for the last two reasons never the one that was used last.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import cast

from lechat_tui.engine.base import EngineError, Event, Fitted, Loading, LocalModel, ModelSpec, Request, ScarceMemory
from lechat_tui.engine.child import Child, Timeouts, Unresponsive
from lechat_tui.engine.costs import reload_loss
from lechat_tui.engine.process import WORKER, Spare
from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Memory
from lechat_tui.machine.split_files import size_on_disk

WATCH_INTERVAL_SECONDS = 30.0
"""Time between two checks of idle children and the machine's memory, while there are any."""


class LocalEngine:
    """Runs each model in its own process and keeps as many warm as fit."""

    def __init__(
        self,
        logs: Path | None = None,
        *,
        states: Path | None = None,
        limit: int = 0,
        room: int | None = None,
        keep_warm: float = 1800.0,
        memory: Callable[[], Memory] = hardware.memory,
        timeouts: Timeouts | None = None,
        worker: Sequence[str] = WORKER,
        spare: Spare | None = None,
    ) -> None:
        """`logs` is the folder for the engine's log; None, or one that cannot be written, keeps none.

        `states` is the folder for saved KV caches, of at most `limit` bytes. `room` is how many bytes the warm models
        may take together, by default half of the machine's memory. `keep_warm` is in seconds, 0 for ever. `memory`
        reads the machine's memory. `spare` is a process for the first model.
        """
        self._logs = logs
        self._states = states
        self._limit = limit
        self._room = memory().share(2) if room is None else room
        self._keep_warm = keep_warm
        self._memory = memory
        self._timeouts = timeouts or Timeouts()
        self._worker = worker
        self._spare = spare
        self._children: dict[LocalModel, Child] = {}
        """Least recently used first."""
        self._sizes: dict[LocalModel, int] = {}
        """Bytes that each model took when it was loaded, context included, as its child reported."""
        self._working: list[Child] = []
        """The children that answer now; one that has requests waiting is in it more than once."""
        self._starting = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def load(self, model: ModelSpec, *, careful: bool = False) -> None:
        """Start the model's process and wait until it is warm. Raises `EngineError`.

        With `careful`, raises `ScarceMemory` for a model that needs more memory than is free once idle models are
        unloaded. Its adapters are applied by the first request that names them.
        """
        async with aclosing(self._warm(_local(model).bare, careful=careful)) as loading:
            async for _ in loading:
                pass

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer; closing the generator stops it. Raises `EngineError`.

        A child that did not obey an earlier stop is replaced by a new one.
        """
        try:
            async with aclosing(self._answer(request)) as events:
                async for event in events:
                    yield event
        except Unresponsive:  # raised before the first event of the answer
            async with aclosing(self._answer(request)) as events:
                async for event in events:
                    yield event

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        model = _local(request.model).bare
        async with aclosing(self._warm(model)) as loading:
            async for progress in loading:
                yield progress
        async with self._using(model) as child:
            with self._answering(child):
                async with aclosing(child.answer(_of_local(request))) as events:
                    async for event in events:
                        yield event

    async def plan(self, request: Request) -> Fitted:
        """What would fit of this request. Raises `EngineError`."""
        try:
            return await self._plan(request)
        except Unresponsive:
            return await self._plan(request)

    async def _plan(self, request: Request) -> Fitted:
        await self.load(request.model)
        async with self._using(_local(request.model).bare) as child:
            return await child.plan(_of_local(request))

    def forget(self, chat: int) -> None:
        """The chat was deleted: neither a child nor the disk keeps anything of it."""
        for child in self._children.values():
            child.forget(chat)
        if self._states:
            with suppress(OSError):
                for file in (*self._states.glob(f"*/{chat}.kv"), *self._states.glob(f"*/{chat}-*.part")):
                    file.unlink(missing_ok=True)

    async def close(self) -> None:
        """End every child. One that is still saving its KV cache is not waited for: it ends by itself."""
        if self._watching:
            self._watching.cancel()
        children = list(self._children.values())
        self._children.clear()
        await asyncio.gather(*(child.release() for child in children))

    async def _warm(self, model: LocalModel, *, careful: bool = False) -> AsyncGenerator[Loading, None]:
        """Yield progress until the model is warm. Raises `EngineError`.

        Only llama.cpp knows how much GPU memory is free: when a load fails, the idle models are unloaded and it is
        tried once more. So it is after a careful load that another caller began.
        """
        try:
            async with aclosing(self._loading(model, careful)) as loading:
                async for progress in loading:
                    yield progress
        except EngineError as error:
            idle = [other for other in self._idle() if other != model]
            if not idle and (careful or not isinstance(error, ScarceMemory)):
                raise
            await asyncio.gather(*(self._unload(other) for other in idle))
            async with aclosing(self._loading(model, careful)) as loading:
                async for progress in loading:
                    yield progress

    async def _loading(self, model: LocalModel, careful: bool) -> AsyncGenerator[Loading, None]:
        async with self._using(model, careful=careful) as child:
            if child.loaded:
                return
            async with aclosing(child.loading()) as loading:
                async for progress in loading:
                    yield progress
            self._sizes[model] = child.memory
            await self._unload_surplus()

    @asynccontextmanager
    async def _using(self, model: LocalModel, *, careful: bool = False) -> AsyncIterator[Child]:
        """The model's process, which is not unloaded within this context."""
        child = await self._child(model, careful)
        child.users += 1
        try:
            yield child
        finally:
            child.users -= 1
            child.last_used = time.monotonic()

    @contextmanager
    def _answering(self, child: Child) -> Iterator[None]:
        """The child answers within this context, and takes its part of the cores."""
        self._working.append(child)
        self._share_cores()
        try:
            yield
        finally:
            self._working.remove(child)
            self._share_cores()

    def _share_cores(self) -> None:
        """Tell the children that answer now how many they are."""
        working = set(self._working)
        for child in working:
            child.share(len(working))

    async def _child(self, model: LocalModel, careful: bool) -> Child:
        """The model's process, started if there is none, and now the most recently used."""
        if (child := self._children.get(model)) is None or child.ended:
            async with self._starting:
                child = await self._started(model, careful)
        self._children[model] = self._children.pop(model, child)
        return child

    async def _started(self, model: LocalModel, careful: bool) -> Child:
        child = self._children.get(model)
        if child and not child.ended:
            return child  # started by another caller meanwhile
        if child:
            await self._unload(model)
        await self._make_room(model)
        child = await Child.start(
            model,
            self._worker,
            logs=self._logs,
            states=self._states,
            limit=self._limit,
            timeouts=self._timeouts,
            careful=careful,
            spare=self._spare,
        )
        self._children[model] = child
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return child

    def _idle(self) -> list[LocalModel]:
        """The models that nobody uses now, those first that are missed least."""
        now = time.monotonic()
        idle = {model: child for model, child in self._children.items() if not child.users}
        return sorted(idle, key=lambda model: reload_loss(idle[model].load_seconds, now - idle[model].last_used))

    async def _unload(self, model: LocalModel) -> None:
        """End a model's process; its memory is free when this returns."""
        if child := self._children.pop(model, None):
            await child.close()

    async def _make_room(self, model: LocalModel) -> None:
        """Unload idle models until the new one fits beside the others, and into the memory that is free now."""
        for other in self._idle():
            fits = sum(map(self._size, self._children)) + self._size(model) <= self._room
            if fits and not self._memory().is_short(self._size(model)):
                return
            await self._unload(other)

    async def _unload_surplus(self) -> None:
        """Unload the idle models that should not stay warm."""
        for model in self._idle():
            child = self._children.get(model)
            if child is None or child.users:
                continue
            old = 0 < self._keep_warm <= time.monotonic() - child.last_used
            last = model == next(reversed(self._children))
            full = sum(map(self._size, self._children)) > self._room
            if old or (not last and (full or self._memory().is_short())):
                await self._unload(model)

    async def _watch(self) -> None:
        """Check now and then, for as long as there are children."""
        while self._children:
            await asyncio.sleep(min(WATCH_INTERVAL_SECONDS, self._keep_warm or WATCH_INTERVAL_SECONDS))
            await self._unload_surplus()

    def _size(self, model: LocalModel) -> int:
        """Bytes the model takes: its files before its first load, then what its child reported, and its adapters."""
        child = self._children.get(model)
        files = sum(map(size_on_disk, filter(None, (model.path, model.projector))))
        return max(files, self._sizes.get(model, 0)) + (child.adapter_bytes if child else 0)


def _local(model: ModelSpec) -> LocalModel:
    """The model, which is on this machine: `router` sends no other here."""
    assert isinstance(model, LocalModel)
    return model


def _of_local(request: Request) -> Request[LocalModel]:
    return cast("Request[LocalModel]", request)
