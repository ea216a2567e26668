"""The speed of a download relative to `hf_hub_download`, from the same local hub, in turns.

    python benchmarks/download.py [--size 512] [--pace 20] [--rounds 3]

The hub runs in a process of its own (tests/hub/localhub.py). lechat verifies the SHA-256 and flushes the file to disk
before it reports success; `hf_hub_download` (plain HTTP, since this hub has no Xet) does neither.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1")

COMMIT, REPO, FILE = "a" * 40, "us/tiny", "tiny.gguf"
HUB = Path(__file__).parent.parent / "tests" / "hub" / "localhub.py"


def ours(cache: Path, address: str) -> None:
    """Download it as `lechat pull` does."""
    from lechat_tui.models.catalog import Model, Weights
    from lechat_tui.models.pull import pull

    os.environ.update(HF_HUB_CACHE=str(cache), HF_ENDPOINT=address)
    pull(Model("tiny", "tiny", ("text",), Weights(FILE), repo=REPO, revision=COMMIT))


def theirs(cache: Path, address: str) -> None:
    """Download it as most programs do."""
    from huggingface_hub import hf_hub_download

    hf_hub_download(REPO, FILE, revision=COMMIT, cache_dir=cache, endpoint=address)


def seconds(fetch: Callable[[Path, str], None], address: str, folder: Path) -> float:
    """Seconds of one download into an empty cache."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        began = time.perf_counter()
        fetch(Path(cache), address)
        return time.perf_counter() - began


def compare(file: Path, folder: Path, pace: float, rounds: int) -> str:
    """One line of figures."""
    command = [sys.executable, str(HUB), str(file), "--pace", str(pace)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        pairs = [(seconds(ours, address, folder), seconds(theirs, address, folder)) for _ in range(rounds + 1)][1:]
        server.communicate("\n")
    mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(other / mine for mine, other in pairs)
    size = file.stat().st_size / 1e6
    limit = f"{pace / 1e6:.0f} MB/s per connection" if pace else "no limit"
    return f"{limit:<24} lechat {size / mine:7.0f} MB/s   hf_hub_download {size / other:7.0f} MB/s   {ratio:.2f} times"


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="size of the file in MB")
    parser.add_argument("--pace", type=float, default=20, help="limit of the slow hub, in MB/s per connection")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = Path(folder) / "content"
        with file.open("wb") as opened:
            for _ in range(options.size):
                opened.write(os.urandom(1_000_000))
        for pace in (0.0, options.pace * 1e6):
            print(compare(file, Path(folder), pace, options.rounds), flush=True)


if __name__ == "__main__":
    main()
