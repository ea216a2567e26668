"""Finds the processes that a program under test has left."""

import os
import time
from pathlib import Path


def running_with(variable: str, value: str) -> list[int]:
    """The IDs of other processes in whose environment the variable has this value; zombies have none."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


def left_after(seconds: float, variable: str, value: str) -> list[int]:
    """Those that still run after so much time; returns as soon as there are none."""
    end = time.monotonic() + seconds
    while (found := running_with(variable, value)) and time.monotonic() < end:
        time.sleep(0.05)
    return found
