"""What lechat is compared with: llama-cpp-python's chat, and llama.cpp's programs if they are on the PATH."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp.llama_chat_format import MTMDChatHandler

PATIENCE = 120.0
"""Seconds a server may take to load its model."""


def silence_llama() -> None:
    """Drop what llama.cpp logs to stderr, which is a lot. What Python prints there is still shown."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@dataclass(frozen=True)
class Asked:
    """The measurements of one answer of a peer."""

    text: str
    evaluated: int
    """Positions that were evaluated before the first token."""
    encoded: int
    """Images that were encoded."""
    first: float
    """Seconds to the first piece of text."""
    speed: float
    """Tokens per second after the first."""


class Peer(llama_cpp.Llama):
    """`llama_cpp.Llama` with defaults except for the threads; counts what it evaluates."""

    def __init__(self, model: Path, *, context: int, threads: int, projector: Path | None = None) -> None:
        self.evaluated = 0
        self._counted = _Counted(self) if projector else None
        handler: Any = MTMDChatHandler(str(projector), verbose=False) if projector else None
        if handler:
            handler._mtmd_cpp = self._counted
        super().__init__(
            str(model),
            n_ctx=context,
            n_threads=threads,
            n_threads_batch=threads,
            chat_handler=handler,
            verbose=False,
        )

    def eval(self, tokens: Sequence[int]) -> None:
        """Evaluate and count."""
        self.evaluated += len(tokens)
        super().eval(tokens)

    def pieces(self, chat: list[dict[str, Any]], **options: Any) -> Iterator[str]:
        """The text of an answer by `create_chat_completion`, in pieces."""
        chunks: Iterator[Any] = self.create_chat_completion(chat, stream=True, **options)  # type: ignore[arg-type, assignment]
        for chunk in chunks:
            text: str = chunk["choices"][0]["delta"].get("content", "")
            if text:
                yield text

    def ask(self, chat: list[dict[str, Any]], **options: Any) -> Asked:
        """One answer, measured."""
        pictures = self._counted.encoded if self._counted else 0
        began, text, count, evaluated = time.perf_counter(), "", 0, 0
        first = last = began
        self.evaluated = 0
        for piece in self.pieces(chat, **options):
            last = time.perf_counter()
            if not count:
                first, evaluated = last, self.evaluated
            text += piece
            count += 1
        encoded = self._counted.encoded - pictures if self._counted else 0
        speed = (count - 1) / (last - first) if count > 1 else 0.0
        return Asked(text, evaluated, encoded, first - began, speed)


class _Counted:
    """The bindings of mtmd; counts the images that are encoded and the positions they take."""

    def __init__(self, peer: Peer) -> None:
        from llama_cpp import mtmd_cpp

        self._bindings = mtmd_cpp
        self._peer = peer
        self.encoded = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bindings, name)

    def mtmd_helper_eval_chunk_single(self, context: Any, llama: Any, chunk: Any, *more: Any) -> int:
        self.encoded += 1
        self._peer.evaluated += self._bindings.mtmd_input_chunk_get_n_pos(chunk)
        return int(self._bindings.mtmd_helper_eval_chunk_single(context, llama, chunk, *more))


def llama_bench(model: Path, *, tokens: int, threads: int) -> float | None:
    """Microseconds per token in llama-bench; None if it is not on the PATH."""
    program = shutil.which("llama-bench")
    if not program:
        return None
    words = [program, "-m", str(model), "-p", "0", "-n", str(tokens), "-t", str(threads), "-r", "1", "-o", "json"]
    rows = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return 1e6 / float(rows[0]["avg_ts"])


def llama_server(model: Path, *, tokens: int, threads: int) -> float | None:
    """Microseconds per token of llama-server over HTTP; None if it is not on the PATH."""
    program = shutil.which("llama-server")
    if not program:
        return None
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [program, "-m", str(model), "-c", "4096", "-t", str(threads), "--port", str(port), "--no-webui"]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/health")
        question = {"prompt": "Hello", "n_predict": tokens, "ignore_eos": True}
        question |= {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0, "seed": 1}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/completion", json.dumps(question).encode())
        with urllib.request.urlopen(request) as answer:
            return 1e6 / float(json.load(answer)["timings"]["predicted_per_second"])
    finally:
        server.terminate()
        server.wait()


def _await(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
