"""Commands about the program itself."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from lechat_tui import paths
from lechat_tui.commands.base import COMMANDS, Bound, Command, Host, command, find, nearest
from lechat_tui.commands.key_names import shown
from lechat_tui.commands.privacy import may_leave

TYPING = (
    ("Enter", "send; a backslash before it makes a new line, on the screen Ctrl+J or Alt+Enter too"),
    ("Up, Down", "earlier questions"),
    ("@path", "in a question: the picture or the text of that file goes with it"),
    ("/path", "of a file that is there is no command"),
)
"""What `/help` says of the prompt: keys that cannot be changed."""

TWICE = 1.5
"""Seconds in which a second Ctrl+C leaves."""

GROUPS = {
    "chats": "Chats",
    "past": "What was said",
    "context": "What the model is given",
    "models": "Who answers",
    "settings": "How it answers",
    "receipts": "How it answered",
    "files": "Files",
    "view": "What is seen",
    "keys": "Keys",
    "program": "The program",
}
"""What the commands of a module are about, in the order of `/help`; those of any other come last."""

OTHERS = "More"

WIDEST = 24
"""Characters of the left column; what is longer pushes its line to the right."""

LOGGED = 20
"""Lines shown of the engine's log."""

LOG_END = 20_000
"""Bytes of it that are read."""


@command("/help", "what can be typed and pressed", argument="[COMMAND]", aliases=("/?",))
async def help(host: Host, rest: str) -> None:
    bindings = host.bindings()
    if rest:
        one = find(rest if rest.startswith("/") else f"/{rest}")
        if one is None:
            meant = nearest(f"/{rest.removeprefix('/')}")
            hint = f"did you mean {meant}?" if meant else "/help lists them"
            host.say(f"there is no command {rest}; {hint}", error=True)
            return
        also = f" (also {', '.join(one.aliases)})" if one.aliases else ""
        host.say(f"{one.name} {one.argument}".rstrip() + f": {one.help}{also}{_key_of(one, bindings)}")
        return
    host.say(manual(COMMANDS.values(), bindings))


def manual(commands: Iterable[Command], bindings: Sequence[Bound]) -> str:
    """All commands by what they are about, each with its key, then the keys that run none."""
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in (*GROUPS.values(), OTHERS)}
    for one in commands:
        title = GROUPS.get(one.run.__module__.rpartition(".")[2], OTHERS)
        row = f"{one.name} {one.argument}".rstrip(), one.help + _key_of(one, bindings)
        groups[title].append(row)
    groups["Keys"] += [(shown(bound.keys), bound.what) for bound in bindings if not find(bound.command)]
    groups["In the prompt"] = list(TYPING)
    wide = min(max(len(left) for rows in groups.values() for left, _ in rows), WIDEST)
    told = [
        "\n".join((title, *(f"  {left:<{wide}}  {right}" for left, right in rows)))
        for title, rows in groups.items()
        if rows
    ]
    return "\n\n".join(told)


def _key_of(command: Command, bindings: Sequence[Bound]) -> str:
    keys = [key for bound in bindings if bound.command == command.name for key in bound.keys]
    return f" ({shown(keys)})" if keys else ""


@command("/log", "the last lines of the engine's log")
async def log(host: Host, rest: str) -> None:
    file = paths.logs() / "engine.log"
    lines = await asyncio.to_thread(_last_lines, file)
    host.say("\n".join((*lines, f"{file}")) if lines else f"the engine has written nothing yet; it would be in {file}")


def _last_lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - LOG_END, 0))
            return opened.read().decode("utf-8", "replace").splitlines()[-LOGGED:]
    except OSError:
        return []


@command("/doctor", "look at everything an answer needs, and have the engine prove itself")
async def doctor(host: Host, rest: str) -> None:
    host.say("looking; it takes a few seconds")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "lechat_tui", "doctor",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=paths.environment(),
        start_new_session=True,  # the terminal's Ctrl+C is for the screen
    )  # fmt: skip
    said, _ = await process.communicate()
    host.say(said.decode("utf-8", "replace").strip(), error=process.returncode != 0)


@command("/exit", "leave; everything is kept", aliases=("/quit", "/bye", ":q"))
async def exit(host: Host, rest: str) -> None:
    if await may_leave(host):
        host.quit()
