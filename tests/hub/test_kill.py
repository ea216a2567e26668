"""A download that is killed at any moment is resumed and downloads almost nothing twice.

`LECHAT_KILLS=50` kills that many; without it there are three.
"""

import multiprocessing
import os
import random
import re
import signal
import threading

import pytest
from killed import download_onto_a_full_disk, fetch
from localhub import COMMIT, FILE, REPO

from lechat_tui.models import hub_cache, journal
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.download import CONNECTIONS
from lechat_tui.models.pull import pull

KILLS = int(os.environ.get("LECHAT_KILLS", "3"))
CONTENT = random.Random(2).randbytes(16_000_000)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["huggingface_hub", "httpx2", "lechat_tui.models.pull"])


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_download_loses_at_most_a_megabyte_per_segment(hub, cache, seed, tmp_path):
    draw = random.Random(seed)
    hub.commits[COMMIT][FILE] = CONTENT
    hub.pace, last = draw.choice([0.0, 4e6, 20e6]), draw.randrange(1, len(CONTENT) + 1)
    model = Model("tiny", "Tiny", ("text",), Weights(FILE, len(CONTENT), hub.sha256(CONTENT)), repo=REPO)
    child = PROCESSES.Process(target=fetch, args=(model, hub.address, str(tmp_path / "hf")))
    child.start()
    once = threading.Lock()
    hub.on_served = lambda served: (
        served >= last and once.acquire(blocking=False) and os.kill(child.pid, signal.SIGKILL)
    )
    child.join()
    hub.settle()
    hub.on_served, hub.pace, before = lambda served: None, 0.0, hub.served
    noted, unnoted = received(hub_cache.CachedFile(REPO, COMMIT, FILE, hub.sha256(CONTENT)))
    assert unnoted <= CONNECTIONS * 2**20
    pull(model)
    assert (cache / "models--us--tiny" / "snapshots" / COMMIT / FILE).read_bytes() == CONTENT
    assert hub.served - before == len(CONTENT) - noted
    assert not list(cache.rglob("*.lechat-*"))


def test_a_waiting_process_takes_over_when_the_other_dies(hub, tiny, tmp_path):
    comes, waits, hub.pace = threading.Event(), threading.Event(), 1e6
    hub.on_served = lambda served: served > 1_000_000 and comes.set()
    child = PROCESSES.Process(target=fetch, args=(tiny, hub.address, str(tmp_path / "hf")))
    child.start()
    assert comes.wait(20)
    second = threading.Thread(target=pull, args=(tiny, lambda p: waits.set() if "another program" in p.note else None))
    second.start()
    assert waits.wait(20)
    hub.pace = 0.0
    child.kill()
    second.join(20)
    assert hub_cache.CachedFile(REPO, COMMIT, FILE, tiny.weights.sha256).holds(tiny.bytes)


def test_a_disk_that_fills_up_midway_is_an_error_and_the_download_is_kept(hub, tiny, tmp_path):
    ours, theirs = PROCESSES.Pipe()
    child = PROCESSES.Process(target=download_onto_a_full_disk, args=(tiny, hub.address, str(tmp_path / "hf"), theirs))
    child.start()
    assert re.search(r"is full \(.* free\); free some space, then lechat pull tiny resumes the download", ours.recv())
    child.join()
    hub.settle()
    ((_, _, kept),) = hub_cache.unfinished(REPO)
    before = hub.served
    assert 0 < kept.total <= 2_000_000
    pull(tiny)
    assert hub.served - before == tiny.bytes - kept.total


def received(cached: hub_cache.CachedFile) -> tuple[int, int]:
    """Bytes that the journal knows, and bytes that are in the file all the same, in whole kilobytes."""
    if cached.blob.exists():
        return len(CONTENT), 0
    known = journal.read(cached.blob.with_name(cached.etag + journal.JOURNAL))
    if known is None:
        return 0, 0
    content = cached.blob.with_name(cached.etag + journal.PART).read_bytes()
    blocks = (range(start, end, 1024) for start, end in known[1].gaps(len(CONTENT)))
    unnoted = sum(content[at : at + 1024] == CONTENT[at : at + 1024] for block in blocks for at in block)
    return known[1].total, unnoted * 1024
