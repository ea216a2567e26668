"""`lechat fit --on SERVER`: what a server's machine can run, as far as the server reports it."""

import asyncio
import json
from collections.abc import Iterator, Sequence

from lechat_tui.cli import printing
from lechat_tui.engine.base import Server
from lechat_tui.engine.remote import discovery
from lechat_tui.engine.remote.discovery import Found
from lechat_tui.engine.remote.pieces import ServerModel
from lechat_tui.engine.remote.server import base_url
from lechat_tui.models import servers
from lechat_tui.models.catalog import ModelError
from lechat_tui.units import size_text

NO_MACHINE = (
    "it does not report the memory of its machine; lechat fit --vram SIZE --ram SIZE calculates what a machine with "
    "as much can run"
)


def run(where: str, name: str, *, as_json: bool) -> None:
    """Print what a server offers and what of it is loaded. Raises `LechatError`."""
    server = _server(where)
    if refusal := servers.refused(server):
        raise ModelError(refusal)
    servers.check_allowed(server)
    found = asyncio.run(discovery.connect(server, running=True))
    models = [model for model in found.models if name in ("", model.name, *_ids(server, model))]
    if not models:
        offered = ", ".join(model.name for model in found.models) or "none"
        raise ModelError(
            f"{server.label} has no model {name}; it has: {offered}" if name else f"{server.label}: no model"
        )
    if as_json:
        printing.show(json.dumps(_object(found, models), indent=2))
        return
    printing.show(f"{found.title} at {server.label}: {NO_MACHINE}")
    for line in table(models):
        printing.show(line)
    if taken := sum(model.memory for model in found.models):
        printing.show(f"What is loaded now takes {size_text(taken)}, so its machine has at least that much memory.")


def _server(where: str) -> Server:
    """The connected server of this name, or the one at this address. Raises `EngineError` and `ModelError`."""
    known = {name: servers.server_of(rows[0]) for name, rows in servers.connected().items()}
    if server := known.get(where):
        return server
    if "." not in where and ":" not in where and where != "localhost":
        raise ModelError(f"there is no server {where}; connected servers: {', '.join(known) or 'none'}")
    url = base_url(where)
    return next((server for server in known.values() if server.url == url), Server(url))


def _ids(server: Server, model: ServerModel) -> list[str]:
    """What lechat calls the model of a connected server."""
    rows = [row for rows in servers.connected().values() for row in rows]
    return [row.id for row in rows if row.server == server.url and row.model == model.name]


def table(models: Sequence[ServerModel]) -> Iterator[str]:
    """A line for each model."""
    rows = [
        (model.name, size_text(model.bytes) if model.bytes else "", _context(model), _state(model)) for model in models
    ]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, size, context, state in rows:
        yield f"  {name:<{wide[0]}}  {size:>{wide[1]}}  {context:>{wide[2]}}  {state}".rstrip()


def _context(model: ServerModel) -> str:
    return f"{model.context:,} tokens" if model.context else ""


def _state(model: ServerModel) -> str:
    if model.loaded is None:
        return ""
    if not model.loaded:
        return "not loaded"
    if not model.memory:
        return "loaded"
    gpu = (
        "all of it" if model.gpu_memory >= model.memory else size_text(model.gpu_memory) if model.gpu_memory else "none"
    )
    return f"loaded: {size_text(model.memory)}, {gpu} on a GPU"


def _object(found: Found, models: Sequence[ServerModel]) -> dict[str, object]:
    return {
        "server": found.server.label,
        "kind": found.dialect,
        "memory": None,
        "models": [
            {
                "model": model.name,
                "bytes": model.bytes,
                "context": model.context,
                "loaded": model.loaded,
                "memory": model.memory,
                "gpu_memory": model.gpu_memory,
            }
            for model in models
        ],
    }
