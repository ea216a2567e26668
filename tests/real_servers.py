"""Real servers for tests, with the toy model: llama-server, and the one of llama-cpp-python."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lechat_tui import paths
from lechat_tui.engine.base import Server

_PROGRAM = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.mmproj.path = sys.argv[1:]
params.n_ctx, params.n_parallel, params.port = 2048, 1, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.endpoint_metrics = True
server = xllamacpp.Server(params)
print("at", server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class LlamaServer:
    """A running llama-server."""

    url: str

    @property
    def server(self) -> Server:
        return Server(self.url, dialect="llama-server")

    def metric(self, name: str) -> float:
        """One of the figures at `/metrics`."""
        with urllib.request.urlopen(f"{self.url}/metrics") as response:
            rows = response.read().decode().splitlines()
        return float(next(row.split()[1] for row in rows if row.split()[0] == f"llamacpp:{name}"))

    def busy(self) -> bool:
        """Whether it is working on an answer."""
        return self.metric("requests_processing") > 0


@contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """llama-server with the toy model and its projector."""
    with running(["-c", _PROGRAM, *toy()]) as process:
        assert process.stdout
        url = next(line.split()[1] for line in process.stdout if line.startswith("at "))
        _wait(url, "/health")
        yield LlamaServer(url)


@contextmanager
def python_server() -> Iterator[Server]:
    """The server of llama-cpp-python, which is one of those that only have OpenAI's chat completions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    one = ["--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1"]
    with running(["-m", "llama_cpp.server", "--model", toy()[0], "--port", str(port), *one]):
        _wait(f"http://127.0.0.1:{port}", "/v1/models")
        yield Server(f"http://127.0.0.1:{port}")


def toy() -> list[str]:
    """The files of the toy model."""
    return [str(paths.bundled("chaton") / name) for name in ("chaton-q8_0.gguf", "chaton-mmproj-q8_0.gguf")]


@contextmanager
def running(arguments: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """A Python program in a child process, which is killed at the end."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _wait(url: str, path: str) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"{url}{path}") as response:
                json.load(response)
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)
