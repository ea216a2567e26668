"""The parent's side of the engine: a child process for each warm model. Knows no llama.cpp.

A child that is not busy is unloaded when the plan says so: when it was not asked for `keep_warm`, when the warm models
together take more than `room`, or when the machine's free memory falls into the reserve. The least recently used goes
first, and for the last two reasons never the one that was used last.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lechat_tui.engine import wire
from lechat_tui.engine.base import ContextOverflow, Done, EngineError, Event, Fitted, Loading, ModelSpec, Request
from lechat_tui.machine import hardware
from lechat_tui.machine.hardware import Memory
from lechat_tui.machine.split_files import size_on_disk

WORKER = (sys.executable, "-P", "-m", "lechat_tui.engine.worker")
"""The child's command; `-P` keeps the folder the person stands in out of its imports."""

LOG_LIMIT = 2_000_000
"""Bytes after which the log begins anew."""

KILLED = -9
"""The exit code of a process that was killed from outside: its last words say nothing of it."""

GRACE = 3.0
"""Seconds a child has to fall silent once its pipe is closed; one that does not is killed."""

LAST_WRITE = 60.0
"""Seconds that a silent child, which may be writing what it read, is waited for when its memory is needed."""

FAREWELL = 0.5
"""Seconds that a silent child is waited for at the program's end; it ends by itself."""

WATCH = 30.0
"""Seconds between two looks at idle children and the machine's memory, while there are any."""

Up = tuple[asyncio.StreamReader, asyncio.ReadTransport]
"""What a child says, and the pipe it comes through."""


class LocalEngine:
    """Runs each model in a process of its own and keeps as many warm as the plan allows."""

    def __init__(
        self,
        logs: Path | None = None,
        *,
        states: Path | None = None,
        limit: int = 0,
        room: int | None = None,
        keep_warm: float = 1800.0,
        memory: Callable[[], Memory] = hardware.memory,
        worker: Sequence[str] = WORKER,
    ) -> None:
        """`logs` is the folder for the engine's own words; None, or one that cannot be written, keeps none.

        `states` is the folder of what was read of each chat, of at most `limit` bytes. `room` is how many bytes the
        warm models may take together, by default half of the machine's memory: the other half is for everything else
        that runs. `keep_warm` is in seconds, 0 for ever. `memory` reads the machine's memory.
        """
        self._logs = logs
        self._states = states
        self._limit = limit
        self._room = memory().share(2) if room is None else room
        self._keep_warm = keep_warm
        self._memory = memory
        self._worker = worker
        self._children: dict[ModelSpec, Child] = {}
        """Least recently used first."""
        self._sizes: dict[ModelSpec, int] = {}
        """Bytes of the models that were loaded once, context included, as their children said."""
        self._starting = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def load(self, model: ModelSpec) -> None:
        """Start the model's process and wait until it is warm. Raises `EngineError`.

        Its adapters are laid over it by the first question that names them.
        """
        async with aclosing(self._warm(model.bare)) as loading:
            async for _ in loading:
                pass

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer; closing the generator stops it. Raises `EngineError`."""
        async with aclosing(self._warm(request.model.bare)) as loading:
            async for progress in loading:
                yield progress
        async with self._using(request.model.bare) as child, aclosing(child.answer(request)) as events:
            async for event in events:
                yield event

    async def plan(self, request: Request) -> Fitted:
        """What would fit of this request. Raises `EngineError`."""
        await self.load(request.model)
        async with self._using(request.model.bare) as child:
            return await child.plan(request)

    def forget(self, chat: int) -> None:
        """The chat is deleted: no child keeps anything of it, nor does the disk."""
        for child in self._children.values():
            child.forget(chat)
        if self._states:
            with suppress(OSError):
                for file in (*self._states.glob(f"*/{chat}.kv"), *self._states.glob(f"*/{chat}-*.part")):
                    file.unlink(missing_ok=True)

    async def close(self) -> None:
        """End every child. One that still writes what it read is not waited for: it ends by itself."""
        if self._watching:
            self._watching.cancel()
        children = list(self._children.values())
        self._children.clear()
        await asyncio.gather(*(child.leave() for child in children))

    async def _warm(self, model: ModelSpec) -> AsyncGenerator[Loading, None]:
        """Yield progress until the model is warm. Raises `EngineError`.

        A graphics card's memory is known to llama.cpp alone: where a load fails, the idle models go, and it is tried
        once more.
        """
        try:
            async with aclosing(self._loading(model)) as loading:
                async for progress in loading:
                    yield progress
        except EngineError:
            idle = [other for other in self._idle() if other != model]
            if not idle:
                raise
            await asyncio.gather(*(self._unload(other) for other in idle))
            async with aclosing(self._loading(model)) as loading:
                async for progress in loading:
                    yield progress

    async def _loading(self, model: ModelSpec) -> AsyncGenerator[Loading, None]:
        async with self._using(model) as child:
            if child.loaded:
                return
            async with aclosing(child.loading()) as loading:
                async for progress in loading:
                    yield progress
            self._sizes[model] = child.memory
            await self._tidy()

    @asynccontextmanager
    async def _using(self, model: ModelSpec) -> AsyncIterator["Child"]:
        """The model's process, which is not unloaded within this."""
        child = await self._child(model)
        child.users += 1
        try:
            yield child
        finally:
            child.users -= 1
            child.used = time.monotonic()

    async def _child(self, model: ModelSpec) -> "Child":
        """The model's process, started when there is none, and now the most recently used."""
        if (child := self._children.get(model)) is None or child.ended:
            async with self._starting:
                child = await self._started(model)
        self._children[model] = self._children.pop(model, child)
        return child

    async def _started(self, model: ModelSpec) -> "Child":
        child = self._children.get(model)
        if child and not child.ended:
            return child  # somebody else started it meanwhile
        if child:
            await self._unload(model)
        await self._make_room(model)
        child = await Child.start(model, self._worker, self._logs, self._states, self._limit)
        self._children[model] = child
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return child

    def _idle(self) -> list[ModelSpec]:
        """The models that nobody waits for, least recently used first."""
        return [model for model, child in self._children.items() if not child.users]

    async def _unload(self, model: ModelSpec) -> None:
        """End a model's process; its memory is back when this returns."""
        if child := self._children.pop(model, None):
            await child.close()

    async def _make_room(self, model: ModelSpec) -> None:
        """Unload idle models until the new one fits beside the others."""
        for other in self._idle():
            if sum(map(self._size, self._children)) + self._size(model) <= self._room:
                return
            await self._unload(other)

    async def _tidy(self) -> None:
        """Unload the idle models that the plan has no place for."""
        for model in self._idle():
            child = self._children.get(model)
            if child is None or child.users:
                continue
            old = 0 < self._keep_warm <= time.monotonic() - child.used
            last = model == next(reversed(self._children))
            full = sum(map(self._size, self._children)) > self._room
            if old or (not last and (full or self._memory().is_short())):
                await self._unload(model)

    async def _watch(self) -> None:
        """Tidy now and then, for as long as there is something to unload."""
        while self._children:
            await asyncio.sleep(min(WATCH, self._keep_warm or WATCH))
            await self._tidy()

    def _size(self, model: ModelSpec) -> int:
        """Bytes the model takes: what its child said, or the weights alone before its first load, and its adapters."""
        child = self._children.get(model)
        return max(_weight(model), self._sizes.get(model, 0)) + (child.overlaid if child else 0)


class Child:
    """One child process and the model in it."""

    def __init__(
        self, model: ModelSpec, process: "subprocess.Popen[bytes]", up: Up, down: asyncio.WriteTransport, log: "Log"
    ) -> None:
        self._model = model
        self._process = process
        self._up, self._pipe = up
        self._down = down
        self._log = log
        self._turn = 0
        self._answering = asyncio.Lock()
        self._frames: asyncio.Queue[object] = asyncio.Queue()
        """What the child says to the current turn."""
        self._fraction = 0.0
        self._failure: EngineError | None = None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._closing = False
        self.loaded = False
        self.memory = 0
        """Bytes it took to load."""
        self.overlaid = 0
        """Bytes of the adapters that lie over the model."""
        self.users = 0
        """How many wait for it."""
        self.used = time.monotonic()
        """When somebody last did."""

    @classmethod
    async def start(
        cls, model: ModelSpec, worker: Sequence[str], logs: Path | None, states: Path | None, limit: int
    ) -> "Child":
        """Start the process; it begins to load at once.

        Not by asyncio's own subprocesses: these kill what still runs when the program ends, and a child may have
        something to write then.
        """
        log = Log(logs)
        process = _process(worker, log)
        loop = asyncio.get_running_loop()
        up = asyncio.StreamReader(limit=2**24)
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(up), process.stdout)
        down, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        child = cls(model, process, (up, pipe), down, log)
        child._send(wire.Load(model, states, limit))
        return child

    @property
    def ended(self) -> bool:
        """True when the process is gone or could not load."""
        return self._failure is not None or self._process.poll() is not None

    async def loading(self) -> AsyncGenerator[Loading, None]:
        """Yield progress until the model is warm. Raises `EngineError`."""
        while not self.loaded:
            if self._failure:
                raise self._failure
            changed = self._changed
            yield Loading(self._fraction)
            await changed.wait()

    async def answer(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer. Raises `EngineError`."""
        async with self._answering:
            self._begin(wire.Answer(self._turn + 1, request))
            self.overlaid = sum(size_on_disk(adapter.path) for adapter in request.model.adapters)
            over = False
            try:
                while not over:
                    frame = await self._frames.get()
                    over = isinstance(frame, wire.Failed | Done)
                    yield _event(frame)
            finally:
                if not over:
                    self._send(wire.Stop(self._turn))

    async def plan(self, request: Request) -> Fitted:
        """What would fit of this request. Raises `EngineError`."""
        async with self._answering:
            self._begin(wire.Plan(self._turn + 1, request))
            fitted = _event(await self._frames.get())
            assert isinstance(fitted, Fitted)
            return fitted

    def forget(self, chat: int) -> None:
        """Tell the child that a chat is deleted."""
        self._send(wire.Forget(chat))

    async def close(self) -> None:
        """Close the child's pipe, which ends it, and wait until it is gone, what it writes at its end included."""
        if await self._fallen_silent() and await self._gone(LAST_WRITE):
            return
        self._process.kill()
        await self._gone(LAST_WRITE)

    async def leave(self) -> None:
        """Close the child's pipe and wait until it ends, or is about to end by itself."""
        if not await self._fallen_silent():
            self._process.kill()
        if not await self._gone(FAREWELL):
            self._process.returncode = 0  # nobody waits for it any more, and Popen need not complain
            self._log.close()

    async def _fallen_silent(self) -> bool:
        """Close the pipe; True when the child has closed its own, False when it does not hear."""
        self._closing = True
        self._down.close()
        done, _ = await asyncio.wait((self._reader,), timeout=GRACE)
        return bool(done)

    async def _gone(self, patience: float) -> bool:
        """Wait for the process to end; False when it does not in so many seconds."""
        try:
            await asyncio.to_thread(self._process.wait, patience)
        except subprocess.TimeoutExpired:
            return False
        await self._reader
        self._pipe.close()
        self._log.close()
        return True

    def _begin(self, frame: wire.Answer | wire.Plan) -> None:
        """Begin a turn. Raises `EngineError` when the child is gone."""
        self._turn = frame.turn
        self._frames = asyncio.Queue()
        if self._failure:
            raise self._failure
        self._send(frame)

    def _send(self, frame: wire.Frame) -> None:
        """Hand a frame to the pipe; when the child is gone the reader finds out and says so."""
        if not self._down.is_closing():
            self._down.write(wire.encode(frame))

    async def _read(self) -> None:
        """Pass on what the child says, until it says no more."""
        try:
            while line := await self._up.readline():
                self._hear(wire.decode_up(line))
        except (EngineError, ValueError) as error:
            self._process.kill()
            self._end(f"{error}; it was ended, ask again to go on")
            return
        if not self._closing:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, GRACE)
            self._process.kill()  # does nothing to one that has ended
        self._end(self._obituary())

    def _hear(self, said: wire.Said) -> None:
        match said:
            case wire.Said(0, Loading(fraction)):
                self._fraction = fraction
            case wire.Said(0, wire.Loaded(size)):
                self.loaded, self.memory = True, size
            case wire.Said(0, wire.Failed(reason)):
                self._end(reason)
            case wire.Said(turn, event) if turn == self._turn:
                self._frames.put_nowait(event)
            case _:
                return  # the rest of an answer that was stopped
        self._announce()

    def _end(self, reason: str) -> None:
        self._failure = self._failure or EngineError(reason)
        self._frames.put_nowait(wire.Failed(reason))
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _obituary(self) -> str:
        code = self._process.returncode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        why = "a system short of memory does that" if code == KILLED else self._log.last_line()
        return f"the engine of {self._model.name} {how}" + (f" ({why})" if why else "") + "; ask again to go on"


def _process(command: Sequence[str], log: "Log") -> "subprocess.Popen[bytes]":
    source = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.file, bufsize=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))},
        start_new_session=True,  # the terminal's Ctrl+C is for the screen, which then says stop
    )  # fmt: skip


class Log:
    """Where a child's stderr goes, and the last thing it said there."""

    def __init__(self, folder: Path | None) -> None:
        self.file = _open_log(folder)
        self._start = self.file.seek(0, os.SEEK_END)

    def last_line(self) -> str:
        """The last line of this child, shortened; empty when it said nothing."""
        try:
            self.file.seek(max(self._start, self.file.seek(0, os.SEEK_END) - 4096))
            lines = self.file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        self.file.close()


def _event(frame: object) -> Event:
    """What the child said to a turn. Raises `EngineError` when it said that it failed."""
    if isinstance(frame, wire.Failed):
        raise ContextOverflow(frame.reason) if frame.overflow else EngineError(frame.reason)
    assert isinstance(frame, Event)
    return frame


def _open_log(folder: Path | None) -> BinaryIO:
    if folder:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / "engine.log"
            if file.exists() and file.stat().st_size > LOG_LIMIT:
                file.unlink()
            return file.open("a+b")
    return tempfile.TemporaryFile()


def _weight(model: ModelSpec) -> int:
    """Bytes of the model's files."""
    return sum(map(size_on_disk, filter(None, (model.path, model.projector))))
