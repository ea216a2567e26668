"""`lechat ps`: the models that this user's lechat processes have loaded."""

import json
import os
import re
import subprocess
from dataclasses import asdict

from lechat_tui.cli import printing
from lechat_tui.errors import LechatError
from lechat_tui.plaintext import safe
from lechat_tui.units import duration_text, size_text
from lechat_tui.values import dataclass

WORKER = "lechat_tui.engine.worker"
_ROW = re.compile(rf"\s*(\d+)\s+(\d+)\s+([\d:.-]+)\s+.*? -m {re.escape(WORKER)} (.+)")
"""A row of `ps`: process ID, resident memory in KiB, age, and the command line, which ends in the model's name."""


@dataclass(frozen=True)
class Running:
    """One loaded model."""

    model: str
    pid: int
    """Of its engine process."""
    bytes: int
    """Resident memory, mapped weights included."""
    seconds: int
    """Age of the process."""


def run(*, as_json: bool) -> None:
    """Print the loaded models. Raises `LechatError` if the system does not list processes."""
    found = running(_listing())
    if as_json:
        printing.show(json.dumps([asdict(row) for row in found], indent=2))
        return
    if not found:
        printing.say("no model is loaded; each lechat loads its own and unloads it when it ends")
        return
    rows = [("model", "memory", "age", "process")]
    rows += [(safe(row.model), size_text(row.bytes), duration_text(row.seconds), str(row.pid)) for row in found]
    width = max(len(row[0]) for row in rows)
    for name, memory, age, pid in rows:
        printing.show(f"{name:<{width}}  {memory:>8}  {age:>7}  {pid:>7}")


def running(listing: str) -> list[Running]:
    """The engine processes in the output of `ps -o pid=,rss=,etime=,args=`."""
    matches = filter(None, map(_ROW.fullmatch, listing.splitlines()))
    return [Running(row[4].strip(), int(row[1]), int(row[2]) * 1024, _seconds(row[3])) for row in matches]


def _listing() -> str:
    command = ["ps", "-ww", "-U", str(os.getuid()), "-o", "pid=,rss=,etime=,args="]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise LechatError("this system's ps does not list processes, so loaded models cannot be shown") from error
    return listed.stdout


def _seconds(age: str) -> int:
    """Seconds of an age that `ps` prints as `[[DD-]HH:]MM:SS`."""
    days, _, clock = age.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(float(part or 0))
    return int(days or 0) * 86_400 + seconds
