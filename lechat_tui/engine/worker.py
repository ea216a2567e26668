"""The child process: one model, frames in on stdin, frames out on stdout. The engine's guest room.

Run as `python -m lechat_tui.engine.worker`. Whatever native code prints goes to stderr, never between the frames.
When stdin ends, the program that asked wants no more: the answer is broken off, stdout is closed, what the KV cache
holds is written to disk where that is wanted, and the process ends.
"""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from lechat_tui.engine import wire
from lechat_tui.engine.base import ContextOverflow, EngineError, Event

IDLE = 3.0
"""Seconds without a question after which there is time to write."""

LAST = 60.0
"""Seconds that breaking off and the last write may take: no process stays longer than its parent wants it."""

Work = wire.Load | wire.Answer | wire.Plan | wire.Forget


class Channel:
    """The two pipes. A thread of its own reads, so that a stop arrives while the engine computes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._stopped = 0
        self._closed = False
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self.loaded = False
        """True once there may be something to write at the end."""

    def listen(self) -> None:
        """Read frames until the pipe ends; then see to it that the process does too."""
        for line in self._source:
            match wire.decode_down(line):
                case wire.Stop(turn):
                    self._stopped = max(self._stopped, turn)
                case frame:
                    self._work.put(frame)
        self._close()
        time.sleep(LAST)
        os._exit(0)

    def next(self, rest: Callable[[Callable[[], bool]], None]) -> Work | None:
        """What to do now, or None at the end. When nothing comes for a while, `rest` is called: it asks who waits."""
        try:
            work = self._work.get(timeout=IDLE)
        except queue.Empty:
            rest(lambda: not self._work.empty())
            work = self._work.get()
        while self._closed and work and not isinstance(work, wire.Forget):  # what is deleted must not be written
            work = self._work.get()
        return work

    def first(self) -> Work | None:
        """The first frame."""
        return self._work.get()

    def stopped(self, turn: int) -> bool:
        """Whether this turn was stopped."""
        return self._closed or turn <= self._stopped

    def hush(self) -> None:
        """Close stdout: the parent knows then that this process ends by itself."""
        with suppress(OSError):
            self._sink.close()

    def _close(self) -> None:
        """The parent is gone, or done: break off, and leave nothing behind but what is written at the end."""
        if not self.loaded:
            os._exit(0)
        self._closed = True
        self._work.put(None)

    def say(self, turn: int, event: Event | wire.Loaded | wire.Failed) -> None:
        """Write a frame; a parent that is gone hears nothing any more."""
        try:
            self._sink.write(wire.encode(wire.Reply(turn, event)))
            self._sink.flush()
        except OSError:
            self._close()


def main() -> None:
    """Load the model of the first frame, then answer one request after the other."""
    channel = _open_channel()
    threading.Thread(target=channel.listen, daemon=True).start()
    try:
        first = channel.first()
        if isinstance(first, wire.Load):
            _serve(channel, first)
    except EngineError as error:
        channel.say(0, wire.Failed(str(error)))
    except Exception as error:  # the edge of the process, an unloadable llama.cpp included: the log has the trace
        logging.exception("the engine failed")
        channel.say(0, wire.Failed(f"the engine failed: {error}"))
    sys.stderr.flush()
    os._exit(0)  # Python's own end would wait a second for the thread that reads stdin, and then abort


def _open_channel() -> Channel:
    """Take stdout for the frames and give native code stderr in its place."""
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # native prints go to the log, never into the frames
    return Channel(sys.stdin.buffer, frames)


def _serve(channel: Channel, load: wire.Load) -> None:
    from lechat_tui.engine.llama.answer import answer, plan
    from lechat_tui.engine.llama.model import Llama

    llama = Llama(load.model, lambda event: channel.say(0, event), load.states, load.limit)
    channel.loaded = True
    channel.say(0, wire.Loaded(_memory()))
    while work := channel.next(llama.states.rest):
        match work:
            case wire.Answer(turn, request):
                _answer(channel, turn, answer(llama, request, partial(channel.stopped, turn)))
            case wire.Plan(turn, request):
                _answer(channel, turn, plan(llama, request))
            case wire.Forget(chat):
                llama.states.forget(chat)
            case _:
                pass
    channel.hush()
    llama.states.leave()
    os._exit(0)  # the system frees a process faster than llama.cpp frees a model


def _memory() -> int:
    """Bytes of memory this process has used at most, its mapped weights included; 0 where the system does not say."""
    try:
        import resource  # not on every system
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _answer(channel: Channel, turn: int, events: Iterator[Event]) -> None:
    try:
        for event in events:
            channel.say(turn, event)
    except EngineError as error:
        channel.say(turn, wire.Failed(str(error), isinstance(error, ContextOverflow)))
    except Exception as error:  # one answer failed; the model is still there for the next
        logging.exception("the answer failed")
        channel.say(turn, wire.Failed(f"the answer failed: {error}; lechat paths shows where the log is"))


if __name__ == "__main__":
    main()
