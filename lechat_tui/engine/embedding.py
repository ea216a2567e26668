"""Embeddings: texts to vectors, by a model in a child process of its own at low priority.

Does not import llama_cpp; `embedding_worker.py` is the other end of the pipes.
"""

import base64
import hashlib
import json
import select
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
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
    """Makes vectors, on any thread. Those of one `key` can be compared with each other, and with no others."""

    name: str

    @property
    def key(self) -> str:
        """Identifies the model. Raises `EngineError` when it is gone."""
        ...

    def embed(self, texts: Sequence[str], *, question: bool = False) -> list[Vector]:
        """The vectors of passages, or of questions. Raises `EngineError`."""
        ...


class LocalEmbedder:
    """A GGUF embedding model of this machine, in a child process that starts with the first text.

    The process ends by itself when it was not used for a while, and when this program ends.
    """

    def __init__(self, name: str, path: Path, *, threads: int | None = None, worker: Sequence[str] = WORKER) -> None:
        """`threads` is by default half of the cores: a chat may need the others."""
        self.name = name
        self._path = path
        self._threads = threads or max(1, hardware.read().cores // 2)
        self._worker = tuple(worker)
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = Lock()

    @property
    def key(self) -> str:
        """Identifies the file by its size and beginning, wherever it is. Raises `EngineError`."""
        try:
            with self._path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            return hashlib.sha256(b"%d %b" % (self._path.stat().st_size, head)).hexdigest()[:32]
        except OSError as error:
            raise EngineError(f"{self._path} can't be read: {error.strerror or error}") from error

    def embed(self, texts: Sequence[str], *, question: bool = False) -> list[Vector]:
        """The vectors of these texts, one after the other, so that a question waits for one passage at most."""
        return [self._one(text, question=question) for text in texts]

    def close(self) -> None:
        """End the process. A text that is being embedded fails."""
        process, self._process = self._process, None
        if process:
            _end(process)

    def _one(self, text: str, *, question: bool) -> Vector:
        with self._turn:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._start()
            vector = array("f")
            vector.frombytes(base64.b64decode(self._call(process, {"text": text, "question": question}, TEXT_SECONDS)))
            return vector

    def _start(self) -> "subprocess.Popen[bytes]":
        self.close()
        self._process = process = subprocess.Popen(
            self._worker,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # llama.cpp's log; what failed comes as a reply
            env=paths.environment(),
            start_new_session=True,  # the terminal's Ctrl+C is for the parent
        )
        self._call(process, {"path": str(self._path), "threads": self._threads}, START_SECONDS)
        return process

    def _call(self, process: "subprocess.Popen[bytes]", message: dict[str, object], seconds: float) -> str:
        """Send a message and return the vector of the reply. Raises `EngineError`; then the process has ended."""
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], seconds)[0]:
                raise TimeoutError
            reply = json.loads(process.stdout.readline())
            if "error" in reply:
                raise EngineError(str(reply["error"]))
            return str(reply["vector"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            self.close()
            raise EngineError(f"the embedding model {self.name} stopped; ask again to restart it") from error
        except BaseException:
            self.close()
            raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()
