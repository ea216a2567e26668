"""Brings libraries up to date while a chat is open, in a thread that never keeps the program from ending."""

import logging
import time
from collections.abc import Iterable
from threading import Event, Thread

from lechat_tui.errors import LechatError
from lechat_tui.library import names
from lechat_tui.library.sync import sync

_log = logging.getLogger(__name__)


class Synchronizer:
    """Synchronizes libraries, each in a thread of its own."""

    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}
        self._stop = Event()

    def start(self, libraries: Iterable[str], *, again: bool = False) -> None:
        """Synchronize these libraries; with `again`, also those that were done before. Returns at once.

        A library on a server is left alone. Files that could not be read are not tried again, and errors are logged:
        a question finds what there is, and `lechat library status` says what is missing.
        """
        for name in libraries:
            thread = self._threads.get(name)
            if thread is None or (again and not thread.is_alive()):
                self._threads[name] = Thread(target=self._run, args=(name,), name=f"library {name}", daemon=True)
                self._threads[name].start()

    def wait(self, seconds: float) -> None:
        """Wait until all is done, at most for so long."""
        end = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """End after the file that is being read. Nothing can be started after that."""
        self._stop.set()

    def _run(self, name: str) -> None:
        try:
            if names.index_of(name) is None:
                with names.find(name) as library:
                    sync(library, retry=False, stop=self._stop)
        except LechatError as error:
            _log.warning("the library %s was not synchronized: %s", name, error)
        except Exception:  # noqa: BLE001  # nobody awaits this thread
            _log.exception("the library %s was not synchronized", name)
