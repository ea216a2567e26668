"""Embeddings: texts to vectors, by a model in a child process of its own at low priority.

Does not import llama_cpp; `embedding_worker.py` is the other end of the pipes.
"""

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lechat_tui import paths
from lechat_tui.engine.base import EngineError
from lechat_tui.machine import hardware
from lechat_tui.values import dataclass

START_SECONDS = 120.0
"""How long a model may take to load."""

TEXT_SECONDS = 120.0
"""How long one text may take, on a busy machine."""

HEAD_BYTES = 1_000_000
"""Read to tell one model file from another."""

WORKER = (sys.executable, "-m", "lechat_tui.engine.embedding_worker")

Vector = Sequence[float]
"""The numbers of an embedding, scaled to the length 1."""


@dataclass(frozen=True)
class Prefixes:
    """What a model was trained to see before a question and before a passage."""

    question: str = ""
    passage: str = ""


_PREFIXES: tuple[tuple[str, Prefixes], ...] = (
    ("e5-mistral", Prefixes("Instruct: Given a question, retrieve passages that answer it\nQuery: ")),
    ("e5-large-instruct", Prefixes("Instruct: Given a question, retrieve passages that answer it\nQuery: ")),
    ("e5-", Prefixes("query: ", "passage: ")),
    ("nomic-embed", Prefixes("search_query: ", "search_document: ")),
    ("embeddinggemma", Prefixes("task: search result | query: ", "title: none | text: ")),
    ("qwen3-embedding", Prefixes("Instruct: Given a question, retrieve passages that answer it\nQuery: ")),
    ("mxbai-embed", Prefixes("Represent this sentence for searching relevant passages: ")),
    ("arctic-embed", Prefixes("query: ")),
)
"""By a part of the model's name, in lower case with hyphens; from the model cards. Others need none."""


def prefixes(name: str) -> Prefixes:
    """The prefixes of the model with this name."""
    plain = name.lower().replace(" ", "-").replace("_", "-")
    return next((found for part, found in _PREFIXES if part in plain), Prefixes())


class Embedder(Protocol):
    """Makes vectors. Those of one `key` can be compared with each other, and with no others."""

    name: str

    @property
    def key(self) -> str:
        """Identifies the model. Raises `EngineError` when it is gone."""
        ...

    async def embed(self, texts: Sequence[str], *, question: bool = False) -> list[Vector]:
        """The vectors of passages, or of questions. Raises `EngineError`."""
        ...

    async def close(self) -> None:
        """End the process."""
        ...


class LocalEmbedder:
    """A GGUF embedding model of this machine, in a child process that starts with the first text."""

    def __init__(self, name: str, path: Path, *, threads: int | None = None, worker: Sequence[str] = WORKER) -> None:
        """`threads` is by default half of the cores: a chat may need the others."""
        self.name = name
        self._path = path
        self._threads = threads or max(1, hardware.read().cores // 2)
        self._worker = tuple(worker)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def key(self) -> str:
        """Identifies the file by its size and beginning, wherever it is. Raises `EngineError`."""
        try:
            with self._path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            return hashlib.sha256(b"%d %b" % (self._path.stat().st_size, head)).hexdigest()[:32]
        except OSError as error:
            raise EngineError(f"{self._path} can't be read: {error.strerror or error}") from error

    async def embed(self, texts: Sequence[str], *, question: bool = False) -> list[Vector]:
        """The vectors of these texts, one after the other, so that a question waits for one passage at most."""
        return [await self._one(text, question=question) for text in texts]

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _one(self, text: str, *, question: bool) -> Vector:
        async with self._turn:
            if self._process is None:
                await self._start()
            vector = array("f")
            reply = await self._call({"text": text, "question": question}, TEXT_SECONDS)
            vector.frombytes(base64.b64decode(reply["vector"]))
            return vector

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._worker,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # llama.cpp's log; what failed comes as a reply
            env=paths.environment(),
            start_new_session=True,  # the terminal's Ctrl+C is for the parent
            limit=1 << 20,
        )
        await self._call({"path": str(self._path), "threads": self._threads}, START_SECONDS)

    async def _call(self, message: dict[str, object], seconds: float) -> dict[str, str]:
        """Send a message and return the reply. Raises `EngineError`; then the process has ended."""
        process = self._process
        assert process and process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            async with asyncio.timeout(seconds):
                await process.stdin.drain()
                line = await process.stdout.readline()
            reply = json.loads(line)
            if "error" not in reply:
                return dict(reply)
            raise EngineError(str(reply["error"]))
        except (OSError, ValueError, TimeoutError) as error:
            raise EngineError(f"the embedding model {self.name} stopped; ask again to restart it") from error
        finally:
            if sys.exception():
                await self._kill(process)

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        """End a process that failed or whose reply nobody waits for."""
        self._process = None
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())
