"""The child process: one model, with frames in on stdin and out on stdout.

Run as `python -m lechat_tui.engine.worker`. Whatever native code prints goes to stderr, never between the frames. When
stdin ends, the parent is done: the answer is stopped, stdout is closed, the KV cache is saved where that is wanted, and
the process ends.
"""

import ctypes
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from lechat_tui.engine import checksums, wire
from lechat_tui.engine.background import Background
from lechat_tui.engine.base import ContextOverflow, EngineError, Event, Fitted, Loading, ScarceMemory
from lechat_tui.engine.transfer import Incoming, MissingMessages
from lechat_tui.private_memory import forbid_core_dumps

if TYPE_CHECKING:
    from lechat_tui.engine.llama.weights import Weights

IDLE_SECONDS = 3.0
"""Time without a request after which saved states are written."""

RELEASE_INTERVAL_SECONDS = 60.0
"""Time between two looks whether the buffers of an idle model should be returned to the system."""

LAST_WRITE_SECONDS = 60.0
"""The most time from the end of stdin to the end of the process."""

PR_SET_PDEATHSIG = 1
"""See prctl(2)."""

UNREADABLE = 65
"""Exit code when a frame cannot be decoded, as sysexits.h has it for data that is wrong."""

Work = wire.Load | wire.Answer | wire.Plan | wire.Forget


class Channel:
    """The two pipes. A thread of its own reads, so that a stop is received while the engine computes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._stopped = 0
        self._closed = False
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self.engines = 1
        """How many engines of the program work now."""
        self.loaded = False
        """True once there may be something to save at the end."""

    def read(self) -> None:
        """Read frames until stdin ends; then make sure that the process ends too."""
        for line in self._source:
            try:
                frame = wire.decode_down(line)
            except (
                Exception
            ):  # the edge of this thread: without it nothing would be read any more, and nothing would end
                logging.exception("the program sent a message that this process cannot read")
                os._exit(UNREADABLE)
            if isinstance(frame, wire.Stop):
                self._stopped = max(self._stopped, frame.turn)
            elif isinstance(frame, wire.Share):
                self.engines = frame.engines
            else:
                self._work.put(frame)
        self._close()
        time.sleep(LAST_WRITE_SECONDS)
        os._exit(0)

    def next(self, on_idle: Callable[[Callable[[], bool]], None], release: Callable[[float], bool]) -> Work | None:
        """What to do now, or None at the end.

        `on_idle` is called when nothing comes for a while, with a function that says whether something has come since;
        `release` at intervals from then on, with the idle time in seconds, until it is true.
        """
        try:
            work = self._work.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            on_idle(lambda: not self._work.empty())
            work = self._next_after_rest(release)
        while self._closed and work and not isinstance(work, wire.Forget):  # a deleted chat must not be saved
            work = self._work.get()
        return work

    def _next_after_rest(self, release: Callable[[float], bool]) -> Work | None:
        began = time.monotonic()
        while True:
            try:
                return self._work.get(timeout=RELEASE_INTERVAL_SECONDS)
            except queue.Empty:
                if release(time.monotonic() - began):
                    return self._work.get()

    def first(self) -> Work | None:
        """The first frame."""
        return self._work.get()

    def stopped(self, turn: int) -> bool:
        """Whether this turn was stopped."""
        return self._closed or turn <= self._stopped

    def close_stdout(self) -> None:
        """Tell the parent that this process will end by itself."""
        with suppress(OSError):
            self._sink.close()

    def _close(self) -> None:
        """The parent is gone, or done: stop what is running and end, at once if there is nothing to save."""
        if not self.loaded:
            os._exit(0)
        self._closed = True
        self._work.put(None)

    def send(self, turn: int, event: Event | wire.Loaded | wire.Resend | wire.Failed) -> None:
        """Write a frame; ends the work when the parent is gone."""
        try:
            self._sink.write(wire.encode(wire.Reply(turn, event)))
            self._sink.flush()
        except OSError:
            self._close()


def main() -> None:
    """Load the model of the first frame, then answer one request after the other."""
    forbid_core_dumps()
    _continue_without_parent()
    channel = _open_channel()
    threading.Thread(target=channel.read, daemon=True).start()
    try:
        from lechat_tui.engine.llama.devices import gpu_memory

        gpu_memory()  # while the program may still find out what to load
        loading = Background(partial(_load, channel))
        import_module("lechat_tui.engine.llama.answer")
        if loaded := loading.result():
            _serve(channel, *loaded)
    except EngineError as error:
        channel.send(0, wire.Failed(str(error), "memory" if isinstance(error, ScarceMemory) else ""))
    except Exception as error:  # the edge of the process, and llama.cpp may fail to import: the log has the trace
        logging.exception("the engine failed")
        channel.send(0, wire.Failed(f"the engine failed: {error}"))
    sys.stderr.flush()
    os._exit(0)  # Python's own end would wait a second for the thread that reads stdin, and then abort


def _continue_without_parent() -> None:
    """Let the system continue this process when its parent dies: suspended, it would never see that stdin has ended."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)


def _open_channel() -> Channel:
    """Keep stdout for the frames, and give native code stderr in its place."""
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native prints go to the log, never into the frames
    return Channel(sys.stdin.buffer, frames)


def _load(channel: Channel) -> "tuple[wire.Load, Weights] | None":
    """Load the weights of the first frame; None if it is another one, or the end."""
    from lechat_tui.engine.llama.weights import Weights

    load = channel.first()
    if not isinstance(load, wire.Load):
        return None
    if verification := load.model.verification:
        checksums.complete(load.model.name, verification, lambda fraction: channel.send(0, Loading(fraction)))
    weights = Weights(load.model, lambda event: channel.send(0, event), careful=load.careful)
    if verification:
        checksums.remember(verification.files, verification.record)
    return load, weights


def _serve(channel: Channel, load: wire.Load, weights: "Weights") -> None:
    from lechat_tui.engine.llama.answer import answer, plan
    from lechat_tui.engine.llama.model import Llama

    report = partial(channel.send, 0)
    llama = Llama(load.model, report, load.states, load.limit, weights=weights)
    if llama.threads:
        llama.threads.engines = lambda: channel.engines
    channel.loaded = True
    channel.send(0, wire.Loaded(_memory()))
    incoming = Incoming()
    while work := channel.next(llama.saved_states.flush_idle, llama.release):
        match work:
            case wire.Answer(turn, request, same):
                events = answer(llama, incoming.completed(same, request), partial(channel.stopped, turn))
                _send_all(channel, turn, _without_costs(events, incoming))
            case wire.Plan(turn, request, same):
                _send_all(channel, turn, plan(llama, incoming.completed(same, request)))
            case wire.Forget(chat):
                llama.saved_states.forget(chat)
                incoming.forget()
            case _:
                pass
    channel.close_stdout()
    llama.saved_states.flush_all()
    os._exit(0)  # the system frees a process faster than llama.cpp frees a model


def _memory() -> int:
    """The most memory this process has used, in bytes, mapped weights included; 0 where that is unknown."""
    try:
        import resource  # not on every system
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _without_costs(events: Iterator[Event], incoming: Incoming) -> Iterator[Event]:
    """The events of an answer; the tokens of the messages stay here."""
    for event in events:
        if isinstance(event, Fitted):
            incoming.count(event)
            event = replace(event, costs=())
        yield event


def _send_all(channel: Channel, turn: int, events: Iterator[Event]) -> None:
    try:
        for event in events:
            channel.send(turn, event)
    except MissingMessages:
        channel.send(turn, wire.Resend())
    except EngineError as error:
        channel.send(turn, wire.Failed(str(error), "overflow" if isinstance(error, ContextOverflow) else ""))
    except Exception as error:  # one answer failed; the model stays loaded for the next
        logging.exception("the answer failed")
        channel.send(turn, wire.Failed(f"the answer failed: {error}; lechat paths shows where the log is"))


if __name__ == "__main__":
    main()
