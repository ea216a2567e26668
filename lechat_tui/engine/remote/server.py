"""The address and the API key of a server. Reads keys; never keeps or prints them."""

import base64
import os
import re
from urllib.parse import urlsplit, urlunsplit

from lechat_tui import paths
from lechat_tui.engine.base import EngineError, Server

MAX_KEY_BYTES = 4096
_KEY = re.compile(r"[\x21-\x7e]+")
_KNOWN_ENDS = ("/chat/completions", "/v1", "/api")
"""Ends of addresses as people copy them; the dialect adds its own path."""


def key_of(server: Server) -> str:
    """The API key; empty for a server that needs none. Raises `EngineError` if it can't be read."""
    if server.key_env:
        key = os.environ.get(server.key_env, "").strip()
        if not key:
            raise EngineError(f"set {server.key_env} to the API key of {server.label}")
        return _checked(key, server.key_env)
    if server.key_file:
        file = paths.expanded(server.key_file)
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_KEY_BYTES)
        except OSError as error:
            raise EngineError(f"the key file {file} can't be read: {error.strerror or error}") from error
        return _checked(content.decode("utf-8", "replace").strip(), str(file))
    return ""


def bearer(key: str) -> str:
    """The header that authorizes a request with an API key (RFC 6750)."""
    return f"Bearer {key}"


def bearer_or_basic(key: str) -> str:
    """The same for a server that also knows users: `USER:PASSWORD` is sent as such (RFC 7617)."""
    return f"Basic {base64.b64encode(key.encode()).decode()}" if ":" in key else bearer(key)


def key_problem(server: Server) -> str:
    """Why the server refuses, as the rest of a sentence."""
    if server.key_env or server.key_file:
        return f"rejects the API key in {server.key_env or server.key_file}"
    return f"requires an API key; lechat connect {server.url} --key-env VARIABLE names the variable with it"


def base_url(text: str) -> str:
    """The address of a server as typed, without the path of the API, a key or a query. Raises `EngineError`."""
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise EngineError(f"{text} is not the address of a server: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"{text} is not the address of a server; write it like http://localhost:8080")
    if parts.username or parts.password:
        raise EngineError("leave the password out of the address; pass the API key with --key-env or --key-file")
    path = parts.path.rstrip("/")
    for end in _KNOWN_ENDS:
        path = path.removesuffix(end)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, path, "", ""))


def _checked(key: str, where: str) -> str:
    if not _KEY.fullmatch(key):
        raise EngineError(f"{where} does not contain an API key: one word of printable ASCII")
    return key
