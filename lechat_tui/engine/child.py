"""One child process of the engine, seen from the parent: its frames, its end, and the tail of its stderr.

Does not import llama_cpp; `worker.py` is the other end.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import suppress
from pathlib import Path

from lechat_tui.engine import wire
from lechat_tui.engine.base import (
    ContextOverflow,
    Done,
    EngineError,
    Event,
    Fitted,
    Loading,
    LocalModel,
    Request,
    ScarceMemory,
)
from lechat_tui.engine.process import Log, Spare
from lechat_tui.engine.process import start as process_start
from lechat_tui.engine.transfer import Outgoing
from lechat_tui.machine.split_files import size_on_disk
from lechat_tui.values import dataclass

MAX_FRAME_BYTES = 2**24

SIGKILL_CODE = -9
"""The exit code of a process that was killed from outside: the last line of its stderr does not say why."""

Pipe = tuple[asyncio.StreamReader, asyncio.ReadTransport]
"""The child's stdout."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a child that should end, in seconds."""

    stop: float = 15.0
    """From a stop to the end of the turn; after that it is killed, since the next turn would wait for ever."""
    silence: float = 5.0
    """Without a frame in a turn; after that it is continued, in case that something has suspended it (SIGSTOP)."""
    eof: float = 3.0
    """From closing its stdin to the end of its stdout; after that it is killed."""
    last_write: float = 60.0
    """From there to its end when its memory is needed: it may be saving its KV cache."""
    exit_grace: float = 0.5
    """The same when the program ends; the child then ends by itself later."""


class Unresponsive(EngineError):
    """The child did not stop the turn before this one and was ended; a new child can run this one."""


class Child:
    """One child process and the model in it."""

    def __init__(
        self,
        model: LocalModel,
        process: "subprocess.Popen[bytes]",
        stdout: Pipe,
        stdin: asyncio.WriteTransport,
        log: "Log",
        timeouts: Timeouts,
    ) -> None:
        self._model = model
        self._process = process
        self._stdout, self._stdout_transport = stdout
        self._stdin = stdin
        self._log = log
        self._timeouts = timeouts
        self._turn = 0
        self._outgoing = Outgoing()
        """What the child has of the last request."""
        self._unresponsive = False
        """Whether it was killed because it did not stop a turn."""
        self._stopping: asyncio.Task[None] | None = None
        """Waits for the end of a turn that was stopped."""
        self._answering = asyncio.Lock()
        self._frames: asyncio.Queue[object] = asyncio.Queue()
        """What the child has sent for the current turn."""
        self._progress = Loading(0.0)
        self._failure: EngineError | None = None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._closing = False
        self.loaded = False
        self.memory = 0
        """Bytes of memory it used to load the model."""
        self.adapter_bytes = 0
        """Size of the adapters applied to the model."""
        self._engines = 1
        self.users = 0
        """How many callers are using it now."""
        self.last_used = time.monotonic()
        self.load_seconds = 0.0
        """How long it took to load the model."""

    @classmethod
    async def start(
        cls,
        model: LocalModel,
        worker: Sequence[str],
        *,
        logs: Path | None,
        states: Path | None,
        limit: int,
        timeouts: Timeouts,
        careful: bool = False,
        spare: Spare | None = None,
    ) -> "Child":
        """Start the process, which begins to load the model at once; `careful` as in `Engine.load`.

        A `spare` process is taken instead, if it still can be.

        Not through asyncio's own subprocesses: they kill a child that still runs when the program ends, and it may be
        saving its KV cache then.
        """
        taken = spare and spare.take()
        if taken:
            process, log = taken
        else:
            log = Log(logs)
            process = process_start(worker, model.name, log)
        loop = asyncio.get_running_loop()
        stdout = asyncio.StreamReader(limit=MAX_FRAME_BYTES)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), process.stdout)
        stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        child = cls(model, process, (stdout, transport), stdin, log, timeouts)
        child._send(wire.Load(model, states, limit, careful))
        return child

    @property
    def ended(self) -> bool:
        """True when the process is gone or could not load the model."""
        return self._failure is not None or self._process.poll() is not None

    async def loading(self) -> AsyncGenerator[Loading, None]:
        """Yield progress until the model is loaded. Raises `EngineError`."""
        noted = False
        while not self.loaded:
            if self._failure:
                raise self._failure
            changed, noted = self._changed, bool(self._progress.note)
            yield self._progress
            while not await _within(self._timeouts.silence, changed.wait()):
                self._wake()
        if not noted and self._progress.note:
            yield self._progress

    async def answer(self, request: Request[LocalModel]) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer. Raises `EngineError`, and `Unresponsive` before the first event."""
        async with self._answering:
            await self._previous_turn()
            self._begin(wire.Answer, request)
            self.adapter_bytes = sum(size_on_disk(adapter.path) for adapter in request.model.adapters)
            over = False
            try:
                while not over:
                    frame = await self._next_frame(wire.Answer, request)
                    over = isinstance(frame, wire.Failed | Done)
                    yield _event(frame)
            finally:
                if not over:
                    self._stop(Done)

    async def plan(self, request: Request[LocalModel]) -> Fitted:
        """What would fit of this request. Raises `EngineError` or `Unresponsive`."""
        async with self._answering:
            await self._previous_turn()
            self._begin(wire.Plan, request)
            try:
                fitted = _event(await self._next_frame(wire.Plan, request))
            except asyncio.CancelledError:
                self._stop(Fitted)
                raise
            assert isinstance(fitted, Fitted)
            return fitted

    async def _previous_turn(self) -> None:
        """Wait for the end of a turn that was stopped. Raises `Unresponsive`."""
        if self._stopping:
            await asyncio.shield(self._stopping)
            self._stopping = None
        if self._unresponsive:
            raise Unresponsive("the engine did not stop and was killed; ask again to restart it")

    def _stop(self, last: type[Done] | type[Fitted]) -> None:
        """Stop the current turn, whose last event this is, and see that it ends."""
        self._send(wire.Stop(self._turn))
        self._stopping = asyncio.create_task(self._end_of_turn(self._frames, last))

    async def _end_of_turn(self, frames: "asyncio.Queue[object]", last: type[Done] | type[Fitted]) -> None:
        """Wait for the last frame of a turn; kills the process when it does not come in time."""
        try:
            async with asyncio.timeout(self._timeouts.stop):
                while not isinstance(await frames.get(), wire.Failed | wire.Resend | last):
                    pass
        except TimeoutError:
            self._process.kill()
            self._end(f"the engine of {self._model.name} did not stop and was killed; ask again to restart it")
            self._unresponsive = True

    def share(self, engines: int) -> None:
        """Tell the child how many engines work now, itself included, if that has changed."""
        if engines != self._engines:
            self._engines = engines
            self._send(wire.Share(engines))

    def forget(self, chat: int) -> None:
        """Tell the child that a chat was deleted."""
        self._send(wire.Forget(chat))
        self._outgoing.forget()

    async def close(self) -> None:
        """Close the child's stdin, which ends it, and wait until the process is gone and its memory free."""
        try:
            if await self._wait_for_eof() and await self._wait_for_exit(self._timeouts.last_write):
                return
            self._process.kill()
            await self._wait_for_exit(self._timeouts.last_write)
        except asyncio.CancelledError:  # the program ends meanwhile, and so does the child
            self._log.close()
            raise

    async def release(self) -> None:
        """Close the child's stdin and wait until it has ended or will end by itself."""
        if not await self._wait_for_eof():
            self._process.kill()
        if not await self._wait_for_exit(self._timeouts.exit_grace):
            self._process.returncode = 0  # nobody waits for it any more, so that Popen does not warn
            self._log.close()

    async def _wait_for_eof(self) -> bool:
        """Close the child's stdin; True once it has closed its stdout, False when it does not react."""
        self._closing = True
        self._wake()
        self._stdin.close()
        done, _ = await asyncio.wait((self._reader,), timeout=self._timeouts.eof)
        return bool(done)

    async def _wait_for_exit(self, seconds: float) -> bool:
        """Wait for the process to end; False when it has not after so many seconds."""
        try:
            await asyncio.to_thread(self._process.wait, seconds)
        except subprocess.TimeoutExpired:
            return False
        await self._reader
        self._stdout_transport.close()
        self._log.close()
        return True

    def _begin(self, kind: type[wire.Answer] | type[wire.Plan], request: Request[LocalModel]) -> None:
        """Begin a turn. Raises `EngineError` when the child is gone."""
        self._turn += 1
        self._frames = asyncio.Queue()
        if self._failure:
            raise self._failure
        self._wake()
        self._send_request(kind, request)

    async def _next_frame(self, kind: type[wire.Answer] | type[wire.Plan], request: Request[LocalModel]) -> object:
        """The next frame of the current turn, of this kind; what the child lacks of its request is sent again."""
        while isinstance(frame := await self._received(), wire.Resend):
            self._outgoing.forget()
            self._send_request(kind, request)
        return frame

    async def _received(self) -> object:
        """What the child sends next for the current turn."""
        while self._frames.empty():
            if not await _within(self._timeouts.silence, self._changed.wait()):
                self._wake()
        return self._frames.get_nowait()

    def _wake(self) -> None:
        """Continue the process, where something has suspended it."""
        with suppress(OSError):
            self._process.send_signal(signal.SIGCONT)

    def _send_request(self, kind: type[wire.Answer] | type[wire.Plan], request: Request[LocalModel]) -> None:
        same, rest = self._outgoing.shortened(request)
        self._send(kind(self._turn, rest, same))

    def _send(self, frame: wire.Frame) -> None:
        """Write a frame to the pipe; when the child is gone, the reader notices and reports it."""
        if not self._stdin.is_closing():
            self._stdin.write(wire.encode(frame))

    async def _read(self) -> None:
        """Take in what the child sends, until its stdout ends."""
        try:
            while line := await self._stdout.readline():
                self._receive(wire.decode_up(line))
        except (EngineError, ValueError) as error:
            self._process.kill()
            self._end(f"{error}; it was killed; ask again to restart it")
            return
        if not self._closing:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, self._timeouts.eof)
            self._process.kill()  # does nothing to a process that has ended
        self._end(self._exit_message())

    def _receive(self, reply: wire.Reply) -> None:
        match reply:
            case wire.Reply(0, Loading(fraction, note)):
                self._progress = Loading(fraction, note or self._progress.note)
            case wire.Reply(0, wire.Loaded(size)):
                self.loaded, self.memory = True, size
                self.load_seconds = time.monotonic() - self.last_used
            case wire.Reply(0, wire.Failed(reason, cause)):
                self._end(reason, ScarceMemory if cause == "memory" else EngineError)
            case wire.Reply(turn, event) if turn == self._turn:
                self._frames.put_nowait(event)
            case _:
                return  # the rest of an answer that was stopped
        self._announce()

    def _end(self, reason: str, kind: type[EngineError] = EngineError) -> None:
        self._failure = self._failure or kind(reason)
        self._frames.put_nowait(wire.Failed(reason))
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _exit_message(self) -> str:
        code = self._process.returncode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        why = "the system may be out of memory" if code == SIGKILL_CODE else self._log.last_line()
        return f"the engine of {self._model.name} {how}" + (f" ({why})" if why else "") + "; ask again to restart it"


async def _within(seconds: float, happening: Awaitable[object]) -> bool:
    """Whether it happened in this time."""
    try:
        async with asyncio.timeout(seconds):
            await happening
    except TimeoutError:
        return False
    return True


def _event(frame: object) -> Event:
    """The event in a frame of a turn. Raises `EngineError` for a `Failed` frame."""
    if isinstance(frame, wire.Failed):
        raise ContextOverflow(frame.reason) if frame.cause == "overflow" else EngineError(frame.reason)
    assert isinstance(frame, Event)
    return frame
