"""The time to the first token of `lechat QUESTION`, compared with a program that only calls llama-cpp-python.

    python benchmarks/oneshot.py MODEL.gguf [--rounds 5] [--threads 1]

Both start a new process for each question, take turns, and use the same number of threads. The first round, after which
the file is in the disk cache, does not count.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
QUESTION = "hi"
PEER = """
import sys
from llama_cpp import Llama
threads = int(sys.argv[2])
llama = Llama(sys.argv[1], n_ctx=8192, n_threads=threads, n_threads_batch=threads, verbose=False)
for piece in llama.create_chat_completion([{"role": "user", "content": sys.argv[3]}], stream=True, max_tokens=2):
    print(piece["choices"][0]["delta"].get("content", ""), end="", flush=True)
"""


def seconds(words: Sequence[str], home: Path) -> float:
    """Seconds from the start of a process until the first byte of its answer."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    more = {"LECHAT_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(home / "compiled")}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**kept, **more},
    ) as process:
        assert process.stdout
        process.stdout.read(1)
        taken = time.perf_counter() - began
        process.stdout.read()
    return taken


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    model, threads = str(options.model.resolve()), str(options.threads)
    ways = {
        "llama-cpp-python": ("-c", PEER, model, threads, QUESTION),
        "lechat": ("-m", "lechat_tui", "-qn", "-m", model, "--threads", threads, "--max-tokens", "2", QUESTION),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for _ in range(options.rounds + 1):
            for name, words in ways.items():
                times[name].append(seconds(words, Path(home)))
    peer = times["llama-cpp-python"][1:]
    for name, taken in times.items():
        median, least = statistics.median(taken[1:]), min(taken[1:])
        ratios = f"{median / statistics.median(peer):.2f} ({least / min(peer):.2f})"
        print(f"{name:<18} median {median:.3f} s, minimum {least:.3f} s, relative {ratios}")


if __name__ == "__main__":
    main()
