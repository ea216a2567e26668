"""A server for tests that plays recorded answers in the dialect of any server, with faults."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

Reply = bytes | Callable[["Call"], Any] | dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Raw:
    """A response as it goes over the wire, in chunks, with a pause between them."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()
    pause: float = 0.0
    times: int = 1
    """How often the chunks are sent."""
    cut: bool = False
    """Close the connection in the middle: the body is announced as longer than it is."""


@dataclass
class Replay:
    """Answers by path; a list is played one by one, its last item again and again."""

    routes: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closed its connection before the end of a response."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while call := await _call(reader):
                self.calls.append(call)
                await self._answer(call, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()

    async def _answer(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = self.routes.get(call.path, Raw(404, chunks=(b'{"error": {"message": "no such path"}}',)))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if callable(reply):
            reply = reply(call)
        if isinstance(reply, dict):
            reply = Raw(chunks=(json.dumps(reply).encode(),))
        names = {name.lower() for name, _ in reply.headers}
        kind = "application/json" if "content-type" not in names else ""
        head = [f"HTTP/1.1 {reply.status} x", *(f"{name}: {value}" for name, value in reply.headers)]
        head += [f"Content-Type: {kind}"] if kind else []
        head += ["Transfer-Encoding: chunked", "", ""]
        writer.write("\r\n".join(head).encode())
        gone = asyncio.create_task(reader.read(1))
        for chunk in chain.from_iterable(repeat(reply.chunks, reply.times)):
            if reply.pause:
                await asyncio.wait({gone}, timeout=reply.pause)
            if gone.done():
                self.closed.set()
                raise ConnectionError
            if chunk:
                writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                await writer.drain()
        gone.cancel()
        await asyncio.wait({gone})
        if reply.cut:
            writer.write(b"ff\r\n")
            await writer.drain()
            raise ConnectionError
        writer.write(b"0\r\n\r\n")
        await writer.drain()


CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""Signed by itself."""


@asynccontextmanager
async def replaying(routes: dict[str, Any], *, tls: bool = False) -> AsyncIterator[Replay]:
    """A replay server on a free port."""
    replay = Replay(routes)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    if context:
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(replay.handle, "127.0.0.1", 0, ssl=context)
    replay.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield replay
    finally:
        server.close()


def sse(*events: Any, done: bool = True) -> bytes:
    """Server-sent events of these objects."""
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


def lines(*events: Any) -> bytes:
    """One line of JSON for each object."""
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def stream(content: bytes, *, kind: str = "text/event-stream", **more: Any) -> Raw:
    """A stream that arrives in one piece."""
    return Raw(headers=(("Content-Type", kind),), chunks=(content,), **more)


def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    """An event of chat completions."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


async def _call(reader: asyncio.StreamReader) -> Call | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rest if row)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method, path, headers, json.loads(content) if content else {})
