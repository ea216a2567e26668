"""`lechat connect`: use models on servers, list them, remove them."""

import asyncio
import sys
from contextlib import suppress

from lechat_tui.cli import printing
from lechat_tui.engine.base import EngineError, Server
from lechat_tui.engine.remote.discovery import discover
from lechat_tui.engine.remote.pieces import ServerModel
from lechat_tui.engine.remote.server import base_url
from lechat_tui.errors import LechatError
from lechat_tui.models import servers
from lechat_tui.models.catalog import Model, ModelError


def run(url: str, *, name: str, key_env: str, key_file: str, cacert: str, agreed: bool) -> None:
    """Connect a server: find out what it offers, ask for consent, and list its models. Raises `LechatError`."""
    if key_env and key_file:
        raise LechatError("give --key-env or --key-file, not both")
    server = Server(base_url(url), key_env, key_file, cacert)
    if refusal := servers.refused(server):
        raise LechatError(refusal)
    if not servers.is_allowed(server):
        _ask(server, agreed=agreed)
    title, rows, models = asyncio.run(servers.add(server, name))
    printing.say(f"{title} at {server.label}: {_counted(len(rows))}")
    _print(rows, models)
    printing.say(f"lechat -m {rows[0].id} starts a chat with it")


def run_without_url(*, agreed: bool) -> None:
    """Look for servers on this machine and connect each that the user wants. Raises `LechatError`."""
    found = asyncio.run(discover())
    if not found:
        raise LechatError("no server found on this machine's usual ports; lechat connect URL connects any other")
    for server in found:
        with suppress(EngineError):
            run(server.url, name="", key_env="", key_file="", cacert="", agreed=agreed)


def list_servers() -> None:
    """Print the connected servers and their models. Raises `ModelError`."""
    known = servers.connected()
    if not known:
        printing.say("no server is connected; lechat connect URL connects one")
    for name, rows in known.items():
        server = servers.server_of(rows[0])
        key = f", key in {server.key_env or server.key_file}" if server.key_env or server.key_file else ""
        printing.show(f"{name}  {server.url}{key}")
        for row in rows:
            printing.show(f"  {row.id}")


def remove(name: str) -> None:
    """Remove a server and its models. Raises `ModelError`."""
    gone = servers.remove(name)
    if not gone:
        known = ", ".join(servers.connected()) or "none"
        raise ModelError(f"there is no server {name}; connected servers: {known}")
    printing.say(f"{name} is removed, with {_counted(gone)}")


def _ask(server: Server, *, agreed: bool) -> None:
    question = servers.question(server)
    if not agreed:
        if not sys.stdin.isatty():
            raise ModelError(f"{server.label} is another machine; --yes allows chats to be sent there")
        printing.say(f"{question} [y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ModelError("nothing was connected")
    servers.allow(server)


def _counted(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"


def _print(rows: list[Model], models: list[ServerModel]) -> None:
    width = max(len(row.id) for row in rows)
    for row, model in zip(rows, models, strict=True):
        printing.show(f"  {row.id:<{width}}  {servers.facts(model)}".rstrip())
