"""Commands about the program: help, log, self-test, quit."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from lechat_tui import paths
from lechat_tui.commands.base import COMMANDS, LEAVING, Bound, Command, Host, command, find, nearest
from lechat_tui.commands.checks import may_leave
from lechat_tui.commands.key_names import shown

TYPING = (
    ("Enter", "send; after a backslash, start a new line (also Ctrl+J or Alt+Enter in the full screen)"),
    ("Up, Down", "earlier questions"),
    ("@path", "attach an image or a text file, anywhere in a question"),
    ("/path", "a line that begins with a file path is a question"),
)
"""The part of `/help` about the prompt, whose keys can't be rebound."""

NETWORK = (
    ("/pull, /models", "download models from the Hugging Face hub"),
    ("USER/REPO", "as a model name is looked up there"),
    ("/connect URL", "use the models of a server: a chat with one of them is sent there"),
    ("lechat --offline", "disable all of this except servers on this machine; nothing else uses the network"),
)
"""The part of `/help` about the network."""

DOUBLE_PRESS_SECONDS = 1.5
"""Within which the interrupt key pressed again quits."""

GROUPS = {
    "models": "Choose a model",
    "files": "Attach files, save results",
    "chats": "Manage chats",
    "private": "Manage chats",
    "view": "Copy, paste and display",
    "answers": "Get another answer",
    "branches": "Change an earlier question",
    "settings": "Settings",
    "context": "Control what the model is sent",
    "receipts": "See how an answer was made",
    "keys": "Keys",
    "program": "Help and quit",
}
"""The heading of each module's commands, in the order of `/help`; those of any other module come last."""

OTHER = "More"

MAX_LEFT_COLUMN = 24
"""Characters; a longer entry pushes its line to the right."""

LOG_LINES = 20

LOG_BYTES = 20_000
"""Read from the end of the log."""


@command("/help", "list the commands and keys", argument="[COMMAND]", aliases=("/?",))
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
    host.show_page("Help", manual(COMMANDS.values(), bindings))


def manual(commands: Iterable[Command], bindings: Sequence[Bound]) -> str:
    """The prompt, all commands by what they are for, the keys that run none, and the network."""
    groups: dict[str, list[tuple[str, str]]] = {"Ask a question": list(TYPING)}
    groups |= {title: [] for title in (*GROUPS.values(), OTHER)}
    for one in commands:
        title = GROUPS.get(one.run.__module__.rpartition(".")[2], OTHER)
        row = f"{one.name} {one.argument}".rstrip(), one.help + _key_of(one, bindings)
        groups[title].append(row)
    groups["Keys"] += [(shown(bound.keys), bound.what) for bound in bindings if not find(bound.command)]
    groups["Network"] = list(NETWORK)
    width = min(max(len(left) for rows in groups.values() for left, _ in rows), MAX_LEFT_COLUMN)
    sections = [
        "\n".join((title, *(f"  {left:<{width}}  {right}" for left, right in rows)))
        for title, rows in groups.items()
        if rows
    ]
    return "\n\n".join(sections)


def _key_of(command: Command, bindings: Sequence[Bound]) -> str:
    keys = [key for bound in bindings if bound.command == command.name for key in bound.keys]
    return f" ({shown(keys)})" if keys else ""


@command("/log", "show the last lines of the engine's log")
async def log(host: Host, rest: str) -> None:
    file = paths.logs() / "engine.log"
    lines = await asyncio.to_thread(_last_lines, file)
    end = f"this is the end of llama.cpp's log, for bug reports: {file}"
    host.say("\n".join((*lines, end)) if lines else f"the engine has logged nothing yet; the log will be {file}")


def _last_lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - LOG_BYTES, 0))
            return opened.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]
    except OSError:
        return []


@command("/doctor", "check the installation and run a self-test")
async def doctor(host: Host, rest: str) -> None:
    host.say("checking; this takes a few seconds")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "lechat_tui", "doctor",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=paths.environment(),
        start_new_session=True,  # an interrupt from the terminal is for the screen
    )  # fmt: skip
    output, _ = await process.communicate()
    host.say(output.decode("utf-8", "replace").strip(), error=process.returncode != 0)


@command("/exit", "quit; everything is saved", aliases=("/quit", "/bye", *LEAVING))
async def exit(host: Host, rest: str) -> None:
    if await may_leave(host):
        host.quit()
