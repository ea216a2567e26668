"""A function that runs in a thread of its own, as those of llama.cpp do without holding up Python."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs a function at once; `result` waits for its end."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self.seconds = 0.0
        """How long it took, once there is a result."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """What the function returned; raises what it raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._result

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001  # raised again by `result`
            self._error = error
        self.seconds = time.perf_counter() - began
