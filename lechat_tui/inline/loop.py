"""Work on an event loop in a thread of its own, waited for by the main thread, which alone reads the keys.

The loop goes on while a person types: the engine loads, unloads and is listened to. Ctrl+C cancels what is waited for.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from lechat_tui.errors import LechatError

T = TypeVar("T")


class Turns:
    """A loop that works while the main thread waits, or reads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._wishes: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._loop.run_forever, name="turns", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do this on the loop; False when Ctrl+C broke it off. Raises what the work raises."""
        made: Future[asyncio.Task[None]] = Future()
        self._loop.call_soon_threadsafe(lambda: made.set_result(self._start(work)))
        task = made.result()
        try:
            self._serve(task)
        finally:
            if not task.done():
                self._loop.call_soon_threadsafe(task.cancel)
                self._drain(task)
        if task.cancelled():
            return False
        task.result()
        return True

    def behind(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this on the loop, and wait for nothing."""
        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(work)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._behind = task  # a loop holds its tasks weakly

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        task.add_done_callback(lambda _: self._wishes.put(None))
        return task

    def _serve(self, task: "asyncio.Task[None]") -> None:
        """Wait, do what the work wants done by the main thread, and hand a Ctrl+C on."""
        while True:
            try:
                wish = self._wishes.get()
                if wish is None:
                    return
                wish()
            except KeyboardInterrupt:
                self._loop.call_soon_threadsafe(task.cancel)

    def _drain(self, task: "asyncio.Task[None]") -> None:
        while self._wishes.get() is not None:
            pass

    async def on_main(self, do: Callable[[], T]) -> T:
        """From the work: let the main thread do this, which may read keys. Ctrl+C there raises `EOFError` here."""
        done: asyncio.Future[T] = self._loop.create_future()

        def wish() -> None:
            try:
                result = do()
            except (KeyboardInterrupt, EOFError):
                self._loop.call_soon_threadsafe(_fail, done, EOFError())
            except LechatError as error:
                self._loop.call_soon_threadsafe(_fail, done, error)
            else:
                self._loop.call_soon_threadsafe(_fulfil, done, result)

        self._wishes.put(wish)
        return await done

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _fulfil(done: "asyncio.Future[T]", result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[T]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
