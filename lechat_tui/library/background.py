"""Brings libraries up to date while a chat is open, in child processes, so that no key and no token waits for it."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from threading import Event, Thread

from lechat_tui import paths
from lechat_tui.engine.embedding import Embedder
from lechat_tui.errors import LechatError
from lechat_tui.library import names

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


class Synchronizer:
    """Synchronizes libraries, each in a child process of its own."""

    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}
        self._embedding: dict[str, Thread] = {}
        self._stop = Event()

    def start(self, libraries: Iterable[str], *, again: bool = False) -> None:
        """Synchronize these libraries; with `again`, also those that were done before. Returns at once.

        A library on a server, or without folders, is left alone. Files that could not be read are not tried again, and
        errors are logged: a question finds what there is, and `lechat library status` says what is missing.
        """
        for name in libraries:
            thread = self._threads.get(name)
            if thread is None or (again and not thread.is_alive()):
                arguments = (name, paths.environment())
                self._threads[name] = Thread(target=self._run, args=arguments, name=f"library {name}", daemon=True)
                self._threads[name].start()

    def embed(self, name: str, embedder: Embedder) -> None:
        """Make vectors for the passages of a library, after its synchronization. Returns at once; errors are logged."""
        thread = self._embedding.get(name)
        if thread is None or not thread.is_alive():
            before = self._threads.get(name)
            arguments = (name, embedder, before)
            self._embedding[name] = Thread(target=self._embed, args=arguments, name=f"vectors {name}", daemon=True)
            self._embedding[name].start()

    def _embed(self, name: str, embedder: Embedder, before: Thread | None) -> None:
        from lechat_tui.library.embedding import embed_pending

        if before:
            before.join()
        try:
            with names.find(name) as library:
                embed_pending(library, embedder, stop=self._stop)
        except LechatError as error:
            _log.warning("the library %s has no vectors for some passages: %s", name, error)

    def wait(self, seconds: float, *, vectors: bool = False) -> None:
        """Wait until all is synchronized, and all vectors are made if they are wanted, at most for so long."""
        end = time.monotonic() + seconds
        for thread in [*self._threads.values(), *(self._embedding.values() if vectors else ())]:
            thread.join(max(0.0, end - time.monotonic()))

    def stop(self) -> None:
        """End after the file that is being read and the passage that is embedded. Nothing is done after that."""
        self._stop.set()

    def _run(self, name: str, environment: Mapping[str, str]) -> None:
        try:
            if names.index_of(name) or not _has_sources(name):
                return
            command = [sys.executable, "-P", "-m", "lechat_tui.library.sync_worker", name]
            pipe = subprocess.PIPE
            with subprocess.Popen(
                command, stdin=pipe, stderr=pipe, stdout=subprocess.DEVNULL, env=environment
            ) as child:
                while child.poll() is None and not self._stop.wait(_POLL_SECONDS):
                    pass
                _, problem = child.communicate()  # closes its stdin
            if problem.strip() and not self._stop.is_set():
                _log.warning(
                    "the library %s was not synchronized: %s", name, problem.decode("utf-8", "replace").strip()
                )
        except (LechatError, OSError) as error:
            _log.warning("the library %s was not synchronized: %s", name, error)


def _has_sources(name: str) -> bool:
    with names.find(name) as library:
        return bool(library.sources())
