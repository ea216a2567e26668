"""Finds out what kind of server answers at an address."""

from lechat_tui.engine.base import DialectName
from lechat_tui.engine.remote.connection import Connection
from lechat_tui.engine.remote.dialect import Dialect
from lechat_tui.engine.remote.errors import ServerError
from lechat_tui.engine.remote.llama_server import LlamaServer
from lechat_tui.engine.remote.lm_studio import LMStudio
from lechat_tui.engine.remote.mistral import Mistral
from lechat_tui.engine.remote.ollama import Ollama
from lechat_tui.engine.remote.pieces import JSON, tables, text
from lechat_tui.engine.remote.vllm import VLLM, SGLang

DIALECTS: dict[DialectName, type[Dialect]] = {
    dialect.name: dialect for dialect in (LlamaServer, Ollama, LMStudio, VLLM, SGLang, Mistral, Dialect)
}
"""By the name that a catalog entry may give."""

SECONDS = 5.0
"""For each question of the probe."""

_OWNERS: dict[str, type[Dialect]] = {"vllm": VLLM, "sglang": SGLang, "llamacpp": LlamaServer}
"""By `owned_by` in the list of models."""
_MISTRAL_HOST = "mistral.ai"


async def find(connection: Connection) -> Dialect:
    """The dialect of a server: the one that its entry names, or the one it turns out to speak. Raises `ServerError`.

    A server that answers to none of the questions with what they are about counts as OpenAI-compatible.
    """
    server = connection.server
    if server.dialect:
        return DIALECTS[server.dialect](connection)
    if server.host == _MISTRAL_HOST or server.host.endswith(f".{_MISTRAL_HOST}"):
        return Mistral(connection)
    if "default_generation_settings" in await _asked(connection, "/props"):
        return LlamaServer(connection)
    if text((version := await _asked(connection, "/api/version")).get("version")) and len(version) == 1:
        return Ollama(connection)
    if isinstance((await _asked(connection, "/api/v1/models")).get("models"), list):
        return LMStudio(connection)
    owners = {text(row.get("owned_by")) for row in tables((await _asked(connection, "/v1/models")).get("data"))}
    return next((kind for owner, kind in _OWNERS.items() if owner in owners), Dialect)(connection)


async def _asked(connection: Connection, path: str) -> JSON:
    """The answer at a path; empty if there is none. Raises `ServerError` for a server that is not there or loading."""
    try:
        return await connection.get(path, seconds=SECONDS)
    except ServerError as error:
        if error.temporary and error.status in (0, 503):
            raise
        return {}
