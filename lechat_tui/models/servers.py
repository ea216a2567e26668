"""Models on servers: the rows that `lechat connect` writes, and which servers the user has agreed to.

The rows are a catalog, `servers.toml`, read before the user's own. They hold where the API key is, never the key.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lechat_tui import network, paths
from lechat_tui.engine.base import Server
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.engine.remote.pieces import ServerModel
    from lechat_tui.models.registry import Registry

_HEAD = "# Models on servers, written by lechat connect; lechat connect --remove NAME removes them.\n\n"
_UNTYPEABLE = re.compile(r"[^\w.+~@:/-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")
UNKNOWN_CONTEXT = 8192
"""Context window, in tokens, of a model of which the server does not report it."""
OPENED_CONTEXT = 16384
"""The same for a server that opens as long a window as it is asked for, and takes the memory for it."""
_CODE = re.compile(r"devstral|codestral|coder?\b|leanstral", re.IGNORECASE)


def registry() -> Path:
    """The catalog of models on servers."""
    return paths.data() / "servers.toml"


def server_of(model: Model) -> Server:
    """The server of a model that is on one."""
    return Server(model.server, model.key_env, model.key_file, model.cacert, model.dialect)


def rows(name: str, server: Server, title: str, found: "Iterable[ServerModel]") -> list[Model]:
    """A row for each model that a server offers, with the id `NAME/MODEL`."""
    return [
        Model(
            id=f"{name}/{_short(one.name)}",
            name=f"{_short(one.name)} on {title}",
            roles=_roles(one),
            server=server.url,
            model=one.name,
            key_env=server.key_env,
            key_file=server.key_file,
            cacert=server.cacert,
            dialect=server.dialect,
            context=_context(one, server.dialect),
            trained=one.context,
            parameters=one.parameters,
        )
        for one in found
    ]


def facts(model: "ServerModel") -> str:
    """What a server says about one of its models, as in `32,768 tokens, images, 7.2B, Q4_K_M, 4.4 GB`."""
    known = (
        f"{model.context:,} tokens" if model.context else "",
        "images" if model.images else "",
        "thinking" if model.thinking else "",
        f"{model.parameters:.1f}B" if model.parameters >= 0.05 else "",
        model.quant,
        size_text(model.bytes) if model.bytes else "",
    )
    return ", ".join(filter(None, known))


def name_for(server: Server, dialect: str, taken: Iterable[str]) -> str:
    """A short name for a server: its kind if it is on this machine, else its host; with its port if that is taken."""
    parts = urlsplit(server.url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("api.")
    base = dialect if server.is_here and dialect != "openai" else host.split(".")[0] if host[:1].isalpha() else host
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-._") or "server"
    used = set(taken)
    return base if base not in used else f"{base}-{parts.port or parts.scheme}"


def check_name(name: str) -> str:
    """The name as it is. Raises `ModelError` if it cannot begin the ids of models."""
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name} cannot be a server's name; use letters, digits, dots and dashes")
    return name


def unconnected() -> list[Model]:
    """A row for each server on this machine that is not connected, at a usual port; takes up to a second."""
    import asyncio

    from lechat_tui.engine.remote import discovery

    known = {rows[0].server for rows in connected().values()}
    roles: tuple[ModelRole, ...] = ("text", "code", "vision")
    found = [server.url for server in asyncio.run(discovery.discover())]
    return [Model(url, "a server on this machine", roles, server=url) for url in found if url not in known]


async def add(server: Server, name: str = "") -> "tuple[str, list[Model], list[ServerModel]]":
    """Ask a server what it offers and add that to the registry, under a name of its own unless one is given.

    Returns what kind of server it is, the rows, and what it reported about each. Raises `EngineError` and `ModelError`.
    """
    from lechat_tui.engine.remote import discovery
    from lechat_tui.models.registry import table

    found = await discovery.connect(server)
    if not found.models:
        raise ModelError(f"{server.label} offers no model that can chat; load one there, then connect again")
    known = connected()
    before = next((name for name, rows in known.items() if rows[0].server == server.url), "")
    name = check_name(name) if name else before or name_for(server, found.dialect, known)
    added = rows(name, found.server, server.label, found.models)
    with _registry().rewriting() as written:
        _drop(written, name)
        written.update({model.id: table(model) for model in added})
    return found.title, added, found.models


def connected() -> dict[str, list[Model]]:
    """The models of each server that was connected, by its name. Raises `ModelError`."""
    from lechat_tui.models import catalog

    found: dict[str, list[Model]] = {}
    for id, model in catalog.read(registry()).items():
        found.setdefault(id.partition("/")[0], []).append(model)
    return found


def remove(name: str) -> int:
    """Remove a server; returns how many models it had. Raises `ModelError`."""
    with _registry().rewriting() as written:
        return _drop(written, name)


def is_allowed(server: Server) -> bool:
    """Whether the user has agreed to send chats there. A server on this machine needs no consent."""
    from lechat_tui.models import consent

    return server.is_here or consent.accepted(_key(server))


def allow(server: Server) -> None:
    """Record that the user agreed to send chats there. Raises `ModelError`."""
    from lechat_tui.models import consent

    if not server.is_here:
        consent.accept(_key(server), server.label)


def check_allowed(server: Server) -> None:
    """Raise `ModelError` for a server on another machine that the user has not agreed to."""
    if not is_allowed(server):
        raise ModelError(
            f"{server.label} is another machine; lechat connect {server.url} shows what would be sent there"
        )


def question(server: Server, *, private: bool = False) -> str:
    """What to ask before chats are sent to a server."""
    plain = " without encryption" if server.url.startswith("http:") else ""
    chat = "This chat is private. Its" if private else "Chats with this server leave this machine: their"
    return (
        f"{chat} messages, attached files and system prompt are sent to {server.label}{plain}, and whoever runs it can "
        "read them. Use it?"
    )


def refused(server: Server) -> str:
    """The message for a server on another machine in offline mode; empty if it may be used."""
    if server.is_here or not network.is_forbidden():
        return ""
    return network.refusal(f"a server on another machine ({server.host})")


def _key(server: Server) -> str:
    parts = urlsplit(server.url)
    return f"server {parts.scheme}://{parts.netloc}"


def _context(model: "ServerModel", dialect: str) -> int:
    """The context window to ask for: all of it where the server has it open already, else one that fits into memory."""
    most = OPENED_CONTEXT if dialect == "ollama" else 2**31 - 1
    return min(model.context, most) or UNKNOWN_CONTEXT


def _short(name: str) -> str:
    """The name as it can be typed; of a model that is named by the path of its file, the file's name."""
    if name.endswith(".gguf"):
        name = name.rpartition("/")[2].removesuffix(".gguf")
    return _UNTYPEABLE.sub("-", name).strip("-/") or "model"


def _roles(model: "ServerModel") -> tuple[ModelRole, ...]:
    roles: tuple[ModelRole, ...] = ("code", "text") if _CODE.search(model.name) else ("text", "code")
    return (*roles, "vision") if model.images else roles


def _drop(written: dict[str, object], name: str) -> int:
    gone = [id for id in written if id.partition("/")[0] == name]
    for id in gone:
        del written[id]
    return len(gone)


def _registry() -> "Registry":
    from lechat_tui.models.registry import Registry

    return Registry(registry(), _HEAD, "delete it and connect the servers again")
