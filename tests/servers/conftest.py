"""Servers for tests: one that plays recordings, and a real llama-server with the toy model."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

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


@pytest.fixture(scope="session")
def llama_server() -> Iterator[LlamaServer]:
    folder = paths.bundled("chaton")
    files = [str(folder / name) for name in ("chaton-q8_0.gguf", "chaton-mmproj-q8_0.gguf")]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *files],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            url = next(line.split()[1] for line in process.stdout if line.startswith("at "))
            _wait(url)
            yield LlamaServer(url)
        finally:
            process.kill()


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{url}/health") as response:
                if json.load(response)["status"] == "ok":
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)
