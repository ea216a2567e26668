"""The child process that brings a library up to date: `python -m lechat_tui.library.sync_worker NAME`.

It runs at low priority, and ends when its stdin is closed, as by the end of the program that started it.
"""

import os
import sys
from contextlib import suppress
from threading import Event, Thread
from time import sleep

from lechat_tui.errors import LechatError
from lechat_tui.library import names
from lechat_tui.library.sync import sync

NICE = 10
"""Lower than that of the screen and of the engine."""

GRACE_SECONDS = 2.0
"""For the file that is being read when stdin is closed; a library survives a kill at any time."""


def main(name: str) -> int:
    """Synchronize a library; returns the exit code."""
    with suppress(AttributeError, OSError):
        os.nice(NICE)
    stop = Event()
    Thread(target=_watch, args=(stop,), daemon=True).start()
    try:
        with names.find(name) as library:
            sync(library, retry=False, stop=stop)
    except LechatError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _watch(stop: Event) -> None:
    while os.read(0, 1024):  # not through a file object, whose lock would be held at the end of the process
        pass
    stop.set()
    sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
