"""A hub on localhost that can misbehave, for the tests and the benchmark of downloads.

python tests/hub/localhub.py FILE [--pace BYTES_PER_SECOND]     serves one file as us/tiny, prints its address
"""

import argparse
import gzip
import hashlib
import json
import random
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "a" * 40
REPO = "us/tiny"
FILE = "tiny.gguf"
CONTENT = random.Random(1).randbytes(6_000_000)
_BLOCK = 2**16


class Hub:
    """One repository. What it serves and how it misbehaves are attributes that can be changed at any time.

    `with Hub({"tiny.gguf": content}) as hub:` serves at `hub.address` until the block ends.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.commits = {COMMIT: files}
        self.branches = {"main": COMMIT}
        self.etags: dict[str, str] = {}
        """ETags other than the SHA-256, by file."""
        self.sizes: dict[str, int] = {}
        """Wrong sizes to report, by file."""
        self.refusals: deque[tuple[str, int, dict[str, str]]] = deque()
        """Method, status and headers of the next answers to that method."""
        self.cuts: deque[int] = deque()
        """The number of bytes after which the next responses are cut off."""
        self.cut: Callable[[], int | None] = lambda: None
        """The same for all bodies."""
        self.bodies: dict[str, bytes] = {}
        """What is sent for addresses that begin like this."""
        self.hidden: set[str] = set()
        """Headers that are left out."""
        self.compresses = False
        """Whether bodies are compressed, though nobody asked for it."""
        self.ranges = True
        self.uses = 0
        """How often a signed storage address may be used; 0 if the hub sends the bytes itself."""
        self.pace = 0.0
        """Bytes per second per connection; 0 is unlimited."""
        self.served = 0
        """Bytes of all bodies."""
        self.on_served: Callable[[int], None] = lambda served: None
        """Called with that number as bytes are sent."""
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        """The authorization each request came with."""
        self._signed: dict[str, int] = {}
        self._sums: dict[int, tuple[bytes, str]] = {}
        self._lock = threading.Condition()
        self._sending = 0
        self._server: _Server | None = None
        self._port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ranged(self) -> list[str]:
        """The requested ranges."""
        return [request.split()[-1] for request in self.requests if "bytes=" in request]

    def __enter__(self) -> "Hub":
        self.start()
        return self

    def __exit__(self, *what: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve, at the same address as before."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close every connection and accept no new one."""
        with self._lock:
            server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()
            server.break_off()

    def sha256(self, data: bytes) -> str:
        """The SHA-256 of a content, computed once."""
        if id(data) not in self._sums:
            self._sums[id(data)] = data, hashlib.sha256(data).hexdigest()
        return self._sums[id(data)][1]

    def sign(self, path: str) -> str:
        """An address of the storage, on another origin, that can be used a few times."""
        with self._lock:
            ticket = str(len(self._signed))
            self._signed[ticket] = self.uses
        return f"http://localhost:{self._port}/storage/{path}?ticket={ticket}"

    def spend(self, ticket: str) -> bool:
        with self._lock:
            self._signed[ticket] -= 1
            return self._signed[ticket] >= 0

    def settle(self) -> None:
        """Wait until no response is being sent."""
        with self._lock:
            assert self._lock.wait_for(lambda: not self._sending, timeout=20)

    @contextmanager
    def sending(self) -> Iterator[None]:
        with self._lock:
            self._sending += 1
        try:
            yield
        finally:
            with self._lock:
                self._sending -= 1
                self._lock.notify_all()

    def sent(self, count: int) -> None:
        with self._lock:
            self.served += count
            served = self.served
        self.on_served(served)

    def refusal(self, method: str) -> tuple[int, dict[str, str]] | None:
        with self._lock:
            if self.refusals and self.refusals[0][0] == method:
                return self.refusals.popleft()[1:]
            return None

    def next_cut(self) -> int | None:
        with self._lock:
            return self.cuts.popleft() if self.cuts else self.cut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub: Hub, port: int) -> None:
        self.hub = hub
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, address = self.server.hub, urlsplit(self.path)
        hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        hub.tokens.append(self.headers.get("Authorization"))
        if refusal := hub.refusal(self.command):
            self._reply(refusal[0], refusal[1])
        elif body := next((body for start, body in hub.bodies.items() if address.path.startswith(start)), None):
            self._reply(200, {"Content-Type": "application/json"}, body)
        elif address.path.startswith(f"/api/models/{REPO}"):
            self._list(address.path)
        elif found := re.fullmatch(rf"/{REPO}/resolve/([^/]+)/(.+)", address.path):
            self._resolve(hub.branches.get(found[1], found[1]), found[2])
        elif found := re.fullmatch(r"/storage/([^/]+)/(.+)", address.path):
            if hub.spend(parse_qs(address.query)["ticket"][0]):
                self._send(hub.commits[found[1]][found[2]], {"ETag": '"of the storage"'})
            else:
                self._reply(403, {})
        else:
            self._reply(404, {"X-Error-Code": "RepoNotFound"})

    def _list(self, path: str) -> None:
        hub = self.server.hub
        commit = hub.branches.get(path.rsplit("/", 1)[-1], COMMIT)
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "lfs": {"size": len(data), "sha256": hub.sha256(data), "pointerSize": 1},
            }
            for name, data in hub.commits[commit].items()
        ]
        body = json.dumps({"id": REPO, "sha": commit, "siblings": siblings}).encode()
        self._reply(200, {"Content-Type": "application/json"}, body)

    def _resolve(self, commit: str, file: str) -> None:
        hub = self.server.hub
        if file not in hub.commits.get(commit, {}):
            self._reply(404, {"X-Error-Code": "EntryNotFound" if commit in hub.commits else "RevisionNotFound"})
            return
        data = hub.commits[commit][file]
        etag, size = hub.etags.get(file) or hub.sha256(data), hub.sizes.get(file, len(data))
        linked = {
            "X-Repo-Commit": commit,
            "ETag": f'"{etag}"',
            "X-Linked-ETag": f'"{etag}"',
            "X-Linked-Size": str(size),
        }
        if hub.uses:
            self._reply(302, {**linked, "Location": hub.sign(f"{commit}/{file}")})
        else:
            self._send(data, linked)

    def _send(self, data: bytes, headers: dict[str, str]) -> None:
        if self.server.hub.compresses and self.command == "GET":
            self._reply(200, {**headers, "Content-Encoding": "gzip"}, gzip.compress(data, 1))
            return
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not span or not self.server.hub.ranges:
            self._reply(200, headers, data)
            return
        start, end = int(span[1]), min(int(span[2] or len(data)), len(data) - 1)
        if start > end:
            self._reply(416, {**headers, "Content-Range": f"bytes */{len(data)}"})
            return
        ranged = {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"}
        self._reply(206, ranged, memoryview(data)[start : end + 1])

    def _reply(self, status: int, headers: dict[str, str], body: "bytes | memoryview" = b"") -> None:
        self.send_response(status)
        hidden = self.server.hub.hidden
        length = {} if self.command == "HEAD" and "Content-Length" in hidden else {"Content-Length": str(len(body))}
        for name, value in {**headers, **length}.items():
            if name not in hidden or name == "Content-Length":
                self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            with self.server.hub.sending():
                self._body(memoryview(body), self.server.hub.next_cut() if status in (200, 206) else None)

    def _body(self, view: memoryview, cut: int | None) -> None:
        hub = self.server.hub
        for start in range(0, len(view), _BLOCK):
            block = view[start : min(start + _BLOCK, len(view) if cut is None else cut)]
            self.wfile.write(block)
            hub.sent(len(block))
            if len(block) < min(_BLOCK, len(view) - start):
                self.close_connection = True
                return
            if hub.pace:
                time.sleep(len(block) / hub.pace)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def main() -> None:
    """Serve one file until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--pace", type=float, default=0.0)
    options = parser.parse_args()
    with Hub({"tiny.gguf": options.file.read_bytes()}) as hub:
        hub.pace = options.pace
        print(hub.address, flush=True)
        input()


if __name__ == "__main__":
    with suppress(EOFError, KeyboardInterrupt):
        main()
