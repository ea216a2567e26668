"""An event loop in a thread of its own, for the main thread, which alone reads keys and receives signals.

The loop keeps running while the user types: the engine loads and unloads models. Ctrl+C cancels what is waited for.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from lechat_tui.errors import LechatError

T = TypeVar("T")


class BackgroundLoop:
    """A running event loop. `run` and `start` are for the main thread, `call_on_main` for coroutines on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        """Calls that coroutines request of the main thread; None when the coroutine that `run` waits for has ended.

        A signal may raise an exception in the main thread while it waits here, which `queue.Queue` does not survive:
        it may wake up the waiter that has left, and no other.
        """
        self._thread = threading.Thread(target=self._loop.run_forever, name="inline loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine to its end; False when Ctrl+C cancelled it. Raises what it raises."""
        started: Future[asyncio.Task[None]] = Future()
        self._loop.call_soon_threadsafe(lambda: started.set_result(self._task(work)))
        task = started.result()
        try:
            self._serve(task)
        finally:
            if not task.done():
                self._loop.call_soon_threadsafe(task.cancel)
                self._drain()
        if task.cancelled():
            return False
        task.result()
        return True

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine and return at once; call from any thread."""
        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(work)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._background = task  # a loop refers to its tasks weakly

    def _task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        task.add_done_callback(lambda _: self._calls.put(None))
        return task

    def _serve(self, task: "asyncio.Task[None]") -> None:
        """Make the calls that the coroutine requests until it ends; Ctrl+C cancels it."""
        while True:
            try:
                call = self._calls.get()
                if call is None:
                    return
                call()
            except KeyboardInterrupt:
                self._loop.call_soon_threadsafe(task.cancel)

    def _drain(self) -> None:
        while self._calls.get() is not None:
            pass

    async def call_on_main(self, function: Callable[[], T]) -> T:
        """Have the main thread call a function, which may read keys. Raises `EOFError` for Ctrl+C and Ctrl+D there."""
        done: asyncio.Future[T] = self._loop.create_future()

        def call() -> None:
            try:
                result = function()
            except (KeyboardInterrupt, EOFError):
                self._loop.call_soon_threadsafe(_fail, done, EOFError())
            except LechatError as error:
                self._loop.call_soon_threadsafe(_fail, done, error)
            else:
                self._loop.call_soon_threadsafe(_succeed, done, result)

        self._calls.put(call)
        return await done

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _succeed(done: "asyncio.Future[T]", result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[T]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
