"""Which models a server offers, and which servers run on this machine."""

import asyncio
from dataclasses import replace

from lechat_tui.engine.base import DialectName, EngineError, Server
from lechat_tui.engine.remote import probe
from lechat_tui.engine.remote.connection import Connection, Timeouts
from lechat_tui.engine.remote.dialect import Dialect
from lechat_tui.engine.remote.errors import ServerError
from lechat_tui.engine.remote.pieces import ServerModel
from lechat_tui.values import dataclass

USUAL_PORTS = {11434: "Ollama", 1234: "LM Studio", 8080: "llama-server", 8000: "vLLM", 30000: "SGLang"}
"""The default ports of these programs."""
MAX_DESCRIBED = 32
"""Models of one server that are asked about one by one."""
MAX_MODELS = 1000
"""Models of one server that are listed."""
_AT_ONCE = 4


@dataclass(frozen=True)
class Found:
    """A server with what it offers."""

    server: Server
    """With its dialect."""
    dialect: DialectName
    title: str
    models: list[ServerModel]


async def connect(server: Server, *, running: bool = False) -> Found:
    """Find out what the server is and what it offers; with `running`, also what is loaded. Raises `EngineError`."""
    connection = Connection(server)
    try:
        dialect = await probe.find(connection)
        models = await _described(dialect, (await dialect.models())[:MAX_MODELS])
        models = await dialect.running(models) if running else models
    finally:
        await connection.close()
    return Found(replace(server, dialect=dialect.name), dialect.name, dialect.title, models)


async def discover() -> list[Server]:
    """The servers that answer on this machine's usual ports and offer a model."""
    servers = [Server(f"http://localhost:{port}") for port in USUAL_PORTS]
    answers = await asyncio.gather(*(_offers(server) for server in servers))
    return [server for server, offers in zip(servers, answers, strict=True) if offers]


async def _offers(server: Server) -> bool:
    connection = Connection(server, Timeouts(connect=2.0, brief=3.0))
    try:
        return bool(await (await probe.find(connection)).models())
    except EngineError:
        return False
    finally:
        await connection.close()


async def _described(dialect: Dialect, models: list[ServerModel]) -> list[ServerModel]:
    """The models with what the server says about each, where its list does not say how long their window is."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def describe(model: ServerModel) -> ServerModel:
        try:
            async with limit:
                told = await dialect.describe(model.name)
        except ServerError:
            return model
        parameters, size = told.parameters or model.parameters, told.bytes or model.bytes
        return replace(told, parameters=parameters, bytes=size, quant=told.quant or model.quant)

    if all(model.context for model in models):
        return models
    return [*await asyncio.gather(*map(describe, models[:MAX_DESCRIBED])), *models[MAX_DESCRIBED:]]
