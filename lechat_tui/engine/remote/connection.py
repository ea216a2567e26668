"""HTTP to one server. The only module of the engine that imports an HTTP client.

Nothing leaves the server's own origin: redirects are not followed, so a key never reaches another host. Everything that
is read is bounded, and every failure becomes a `ServerError`.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from lechat_tui import __version__, network
from lechat_tui.engine.base import EngineError, Server
from lechat_tui.engine.remote.errors import ServerError, retry_after
from lechat_tui.engine.remote.pieces import JSON, error_text
from lechat_tui.engine.remote.server import bearer, key_of, key_problem
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    import httpx2

MAX_EVENT_BYTES = 4_000_000
"""Of one event in a stream; a larger one ends the answer."""
MAX_BODY_BYTES = 8_000_000
"""Of a response that is not a stream."""
MAX_ERROR_BYTES = 64_000

_TEMPORARY = frozenset((408, 425, 429, 500, 502, 503, 504))

DONE: JSON = {}
"""Yielded by `Connection.stream` for `[DONE]`, which some servers leave out; compare by identity."""

Framing = Literal["sse", "lines"]
"""Server-sent events, or one line of JSON for each event."""


@dataclass(frozen=True)
class Timeouts:
    """In seconds."""

    connect: float = 10.0
    first: float = 900.0
    """From the request to the first byte: a server may have to load the model first."""
    silence: float = 180.0
    """Between two pieces of a stream."""
    brief: float = 10.0
    """For a request that should be answered at once, such as the list of models."""


class Connection:
    """An HTTP client for one server. Use it within one event loop, and close it there."""

    def __init__(
        self, server: Server, timeouts: Timeouts | None = None, authorization: Callable[[str], str] = bearer
    ) -> None:
        """`authorization` makes the header of that name out of the key of the server."""
        self.server = server
        self._authorization = authorization
        self._timeouts = timeouts or Timeouts()
        self._client: httpx2.AsyncClient | None = None

    async def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def get(self, path: str, *, seconds: float | None = None) -> JSON:
        """The JSON object at a path. Raises `ServerError`."""
        return await self._fetch("GET", path, None, seconds or self._timeouts.brief)

    async def post(self, path: str, body: JSON, *, seconds: float | None = None) -> JSON:
        """The JSON object with which the server answers this one. Raises `ServerError`."""
        return await self._fetch("POST", path, body, seconds or self._timeouts.brief)

    async def stream(self, path: str, body: JSON, framing: Framing = "sse") -> AsyncGenerator[JSON, None]:
        """The objects of a stream, and `DONE` where it says so. Closing the generator closes the connection.

        Raises `ServerError`.
        """
        import httpx2

        from lechat_tui.engine.remote.pacing import Paced

        with self._translated():
            async with self._response("POST", path, body, self._timeouts.first) as response:
                assert isinstance(response.stream, httpx2.AsyncByteStream)
                response.stream = Paced(response.stream, self._timeouts.first, self._timeouts.silence)
                events = self._server_sent(response) if framing == "sse" else _lines(response)
                async with aclosing(events):
                    async for event in events:
                        if event.strip() == "[DONE]":
                            yield DONE
                            return
                        value = self._object(event)
                        if value.get("error") or value.get("object") == "error":
                            raise ServerError(self._reason(value) or "the server reported an error without a reason")
                        yield value

    async def _server_sent(self, response: "httpx2.Response") -> AsyncGenerator[str, None]:
        """The data of each server-sent event."""
        import httpx2

        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            payload = self._object(await _read(response, MAX_ERROR_BYTES))
            raise ServerError(self._reason(payload) or f"{self.server.label} does not stream its answers")
        try:
            async for event in httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES):
                if event.data:
                    yield event.data
        except httpx2.SSEError as error:
            raise _TooLarge from error

    async def _fetch(self, method: str, path: str, body: JSON | None, seconds: float) -> JSON:
        with self._translated():
            async with asyncio.timeout(seconds), self._response(method, path, body, seconds) as response:
                return self._object(await _read(response, MAX_BODY_BYTES))

    @asynccontextmanager
    async def _response(
        self, method: str, path: str, body: JSON | None, seconds: float
    ) -> "AsyncIterator[httpx2.Response]":
        try:
            network.check_host(self.server.host)
        except network.OfflineError as error:
            raise ServerError(str(error)) from error
        client = await self._opened()
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if key := key_of(self.server):
            headers["Authorization"] = self._authorization(key)
        async with client.stream(
            method, f"{self.server.url}{path}", content=content, headers=headers, timeout=self._limits(seconds)
        ) as response:
            if response.status_code != 200:
                raise await self._rejected(response)
            if (
                response.headers.get("content-encoding", "identity") != "identity"
            ):  # a few bytes may unpack to gigabytes
                raise ServerError(f"{self.server.label} sent compressed data, which lechat does not accept")
            response.encoding = "utf-8"
            yield response

    async def _opened(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._client is None:
            verify = await asyncio.to_thread(self._verification)
            self._client = self._client or httpx2.AsyncClient(
                headers={"User-Agent": f"lechat/{__version__}", "Accept-Encoding": "identity"},
                verify=verify,
                follow_redirects=False,
                trust_env=not network.is_this_machine(self.server.host),  # a proxy must not see what stays here
                default_encoding="utf-8",
            )
        return self._client

    def _verification(self) -> ssl.SSLContext | bool:
        """How certificates are verified. Reading the system's authorities takes a while, and only TLS needs them."""
        if not self.server.url.startswith("https:"):
            return False
        import httpx2

        if not self.server.cacert:
            return httpx2.create_ssl_context()
        try:
            return ssl.create_default_context(cafile=self.server.cacert)
        except (OSError, ssl.SSLError) as error:
            raise ServerError(f"the certificate file {self.server.cacert} can't be read: {error}") from error

    def _limits(self, seconds: float) -> "httpx2.Timeout":
        import httpx2

        return httpx2.Timeout(seconds, connect=min(seconds, self._timeouts.connect))

    async def _rejected(self, response: "httpx2.Response") -> ServerError:
        """The error for a response without success."""
        status, where = response.status_code, self.server.label
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("location", ""))
            other = f"{target.scheme}://{target.netloc}" if target.netloc else target.path
            return ServerError(f"{where} redirects to {other[:200]}; connect to that address instead", status=status)
        try:
            payload = self._object(await _read(response, MAX_ERROR_BYTES))
        except EngineError:
            payload = {}
        reason = self._reason(payload)
        detail = f": {reason}" if reason else ""
        if status in (401, 403):
            return ServerError(f"{where} {key_problem(self.server)}{detail}", status=status)
        wait = retry_after(response.headers.get("retry-after", ""))
        if status == 429:
            return ServerError(f"{where} has reached its rate limit{detail}", temporary=True, wait=wait, status=status)
        text = f"{where} answers with HTTP status {status}{detail}"
        return ServerError(text, temporary=status in _TEMPORARY, wait=wait, status=status)

    def _reason(self, payload: JSON) -> str:
        """The message of an error, without the API key: some servers repeat it."""
        reason, key = error_text(payload), key_of(self.server)
        return reason.replace(key, "[API key]") if key else reason

    def _object(self, content: str) -> JSON:
        try:
            value = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            value = self._lenient(content)
        if not isinstance(value, dict):
            raise ServerError(f"{self.server.label} sent JSON that is not an object")
        return value

    def _lenient(self, content: str) -> object:
        """The same where the JSON is not strict, as with half of a surrogate pair or NaN."""
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ServerError(f"{self.server.label} sent something that is not JSON") from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what the HTTP client raises as a `ServerError`."""
        import httpx2

        where = self.server.label
        try:
            yield
        except TimeoutError as error:
            raise ServerError(f"{where} did not answer in time; try again, or choose another model") from error
        except _TooLarge as error:
            raise ServerError(f"{where} sent more than lechat accepts at once") from error
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise ServerError(
                f"{self.server.url} is not the address of a server; it must begin with http:// or https://"
            ) from error
        except httpx2.ConnectError as error:
            raise self._unreachable(error) from error
        except (httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise ServerError(f"{where} can't be reached; check the address and the network", temporary=True) from error
        except httpx2.TimeoutException as error:
            raise ServerError(f"{where} did not answer in time; try again, or choose another model") from error
        except httpx2.ProxyError as error:
            raise ServerError(f"the proxy refused the connection to {where}: {error}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise ServerError(f"the connection to {where} broke off", temporary=True) from error

    def _unreachable(self, error: Exception) -> ServerError:
        where, cause = self.server.label, error.__cause__ or error.__context__
        while cause and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerError(
                f"the TLS certificate of {where} is not trusted ({cause.verify_message}); --cacert FILE "
                "names the CA that signed it"
            )
        if isinstance(cause, ssl.SSLError):
            return ServerError(f"{where} does not speak TLS; if it is plain HTTP, begin the address with http://")
        return ServerError(f"{where} does not answer; start the server, or choose another model", temporary=True)


class _TooLarge(Exception):
    """The server sent more than the limit."""


async def _read(response: "httpx2.Response", limit: int) -> str:
    """The body of a response as text."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > limit:
            raise _TooLarge
    return content.decode("utf-8", "replace")


async def _lines(response: "httpx2.Response") -> AsyncGenerator[str, None]:
    """Each line that is not empty."""
    rest = bytearray()
    async for chunk in response.aiter_bytes():
        *lines, last = chunk.split(b"\n")
        for line in lines:
            whole = (bytes(rest) + line).strip()
            rest.clear()
            if whole:
                yield whole.decode("utf-8", "replace")
        rest += last
        if len(rest) > MAX_EVENT_BYTES:
            raise _TooLarge
    if rest.strip():
        yield rest.decode("utf-8", "replace")
