"""Whatever the hub does wrong, the file is complete and verified, or there is an error and the download is kept."""

import random
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import close_session, scan_cache_dir, try_to_load_from_cache
from localhub import COMMIT, CONTENT, FILE, REPO

from lechat_tui.models import hub as client
from lechat_tui.models import hub_cache, journal
from lechat_tui.models.catalog import ModelError, Weights
from lechat_tui.models.download import DownloadProgress
from lechat_tui.models.pull import kept, pull
from lechat_tui.models.retry import DEFAULT_POLICY, Cancelled, RetryPolicy, retry

QUICK = RetryPolicy(contact=0.4, progress=0.8, pause=0.01, longest=0.05)
SEGMENTS = 6


class Watch:
    """What a download reported; cancels it once so many bytes are there."""

    def __init__(self, until: float = float("inf")) -> None:
        self.seen: list[DownloadProgress] = []
        self.until = until

    def __call__(self, progress: DownloadProgress) -> None:
        self.seen.append(progress)

    def enough(self) -> bool:
        return bool(self.seen) and self.seen[-1].done >= self.until

    @property
    def notes(self) -> set[str]:
        return {progress.note for progress in self.seen if progress.note}


def fetch(model, **more) -> Watch:
    watch = Watch()
    pull(model, watch, policy=QUICK, **more)
    return watch


def begin(model, hub, share: float = 0.4) -> int:
    """Leave a download unfinished; how many bytes of it are there."""
    hub.pace, watch = 5e6, Watch(share * len(CONTENT))
    with pytest.raises(Cancelled):
        pull(model, watch, watch.enough, policy=QUICK)
    hub.settle()
    hub.pace = 0.0
    ((_, _, written),) = hub_cache.unfinished(REPO)
    assert 0 < written.total < len(CONTENT)
    return written.total


def whole(cache, commit: str = COMMIT, content: bytes = CONTENT) -> bool:
    """Whether the file is where every program of the hub looks for it, and nothing is left beside it."""
    file = cache / "models--us--tiny" / "snapshots" / commit / FILE
    left = list(cache.rglob("*.lechat-*"))
    return file.is_symlink() and file.read_bytes() == content and not left


def test_a_file_is_downloaded_in_parallel_into_the_hub_cache(hub, cache, tiny):
    last = fetch(tiny).seen[-1]
    assert whole(cache) and len(hub.ranged) == 3 and hub.served == len(CONTENT)
    assert last == DownloadProgress(len(CONTENT), len(CONTENT), state="done")
    assert str(try_to_load_from_cache(REPO, FILE, cache_dir=cache, revision="main")).endswith(f"{COMMIT}/{FILE}")
    scan = scan_cache_dir(cache)
    assert not scan.warnings and not scan.incomplete_files and scan.size_on_disk == len(CONTENT)


def test_a_model_of_several_files_is_one_download(hub, cache, tiny):
    parts = {f"m-0000{part}-of-00003.gguf": CONTENT[: 100_000 * part] for part in (1, 2, 3)}
    hub.commits[COMMIT].update(parts)
    model = replace(tiny, weights=Weights("m-00001-of-00003.gguf", 600_000), projector=Weights(FILE))
    _, *seen = (progress for progress in fetch(model).seen if progress.state != "verifying")
    assert {progress.total for progress in seen} == {600_000 + len(CONTENT)}
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    for name, content in {**parts, FILE: CONTENT}.items():
        assert (cache / "models--us--tiny" / "snapshots" / COMMIT / name).read_bytes() == content


@pytest.mark.parametrize("seed", range(3))
def test_connections_lost_at_random_bytes_lose_nothing(hub, cache, tiny, seed):
    draw = random.Random(seed)
    hub.cut = lambda: draw.randrange(50_000, 1_000_000)
    fetch(tiny)
    assert whole(cache) and hub.served == len(CONTENT)


@pytest.mark.parametrize(
    "refusals",
    [
        [("HEAD", 429, {"Retry-After": "0"}), ("GET", 429, {"Retry-After": "0.4"}), ("GET", 429, {})],
        [("HEAD", 503, {}), ("HEAD", 500, {}), ("GET", 502, {}), ("GET", 504, {}), ("GET", 500, {})],
    ],
)
def test_a_busy_hub_is_retried(hub, cache, tiny, refusals):
    hub.refusals.extend(refusals)
    began = time.monotonic()
    fetch(tiny)
    assert whole(cache) and not hub.refusals
    assert time.monotonic() - began >= sum(float(headers.get("Retry-After", 0)) for _, _, headers in refusals)


def test_a_hub_that_vanishes_and_returns_is_retried(hub, cache, tiny):
    def blink(served: int) -> None:
        if served > len(CONTENT) / 3:
            hub.on_served = lambda served: None
            threading.Thread(target=lambda: (hub.stop(), hub.start())).start()

    hub.on_served, hub.pace = blink, 20e6
    fetch(tiny)
    assert whole(cache)


def test_retries_of_an_absent_hub_end_and_the_download_is_kept(hub, cache, tiny):
    hub.pace = 10e6
    hub.on_served = lambda served: served > len(CONTENT) / 3 and threading.Thread(target=hub.stop).start()
    watch = Watch()
    with pytest.raises(ModelError, match="try again"):
        pull(tiny, watch, policy=QUICK)
    assert any(p.state == "waiting" and "retrying" in p.note for p in watch.seen)
    hub.settle()
    there = kept(tiny)
    assert there > len(CONTENT) / 4
    hub.on_served, hub.pace, before = lambda served: None, 0.0, hub.served
    hub.start()
    fetch(tiny)
    assert whole(cache) and hub.served - before == len(CONTENT) - there


@pytest.mark.parametrize("cuts", [[], [2_500_000, 4_500_000]])
def test_a_server_without_ranges_sends_the_whole_file(hub, cache, tiny, cuts):
    hub.ranges, hub.cuts = False, type(hub.cuts)(cuts)
    fetch(tiny)
    assert whole(cache) and hub.served == len(CONTENT) + sum(cuts)


def test_a_server_may_stop_supporting_ranges_midway(hub, cache, tiny):
    begin(tiny, hub)
    hub.ranges = False
    fetch(tiny)
    assert whole(cache)


def test_expired_signed_addresses_are_renewed(hub, cache, tiny, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    draw = random.Random(1)
    hub.uses, hub.cut = 2, lambda: draw.randrange(250_000, 1_500_000)
    fetch(tiny)
    asked = dict(zip(hub.requests, hub.tokens, strict=True))
    assert whole(cache) and sum(request.startswith("HEAD") for request in hub.requests) > 2
    assert {token for request, token in asked.items() if "/storage/" in request} == {None}
    assert {token for request, token in asked.items() if "/resolve/" in request} == {"Bearer hf_secret"}


def test_a_storage_that_refuses_every_address_is_given_up(hub, tiny):
    hub.uses = 1
    hub.spend = lambda ticket: False
    with pytest.raises(ModelError, match=r"refused tiny\.gguf \(status 403\)"):
        fetch(tiny)


@pytest.mark.parametrize("flip", [0, 3_000_000, len(CONTENT) - 1])
def test_a_flipped_byte_is_found_and_the_file_is_deleted(hub, cache, tiny, flip):
    damaged = bytearray(CONTENT)
    damaged[flip] ^= 1
    hub.etags[FILE] = hub.sha256(CONTENT)
    hub.commits[COMMIT][FILE] = bytes(damaged)
    with pytest.raises(ModelError, match=r"tiny\.gguf has a wrong checksum and was deleted; .* without HF_ENDPOINT"):
        fetch(tiny)
    assert not list(cache.rglob("*.lechat-*")) and not list(cache.rglob("snapshots/*/*"))
    hub.commits[COMMIT][FILE] = CONTENT
    fetch(tiny)
    assert whole(cache)


def test_a_small_file_is_checked_by_its_git_checksum(hub, cache, tiny):
    hub.etags[FILE] = "0" * 40
    with pytest.raises(ModelError, match="has a wrong checksum"):
        fetch(replace(tiny, weights=Weights(FILE)))


@pytest.mark.parametrize("reported", [len(CONTENT) - 1000, len(CONTENT) + 1000])
def test_a_wrong_size_from_the_hub_is_an_error(hub, tiny, reported):
    hub.sizes[FILE] = reported
    with pytest.raises(ModelError, match="on the hub differs from the catalog"):
        fetch(tiny)
    with pytest.raises(ModelError, match=f"reports two sizes for tiny.gguf, {reported} and {len(CONTENT)} bytes"):
        fetch(replace(tiny, weights=Weights(FILE)))


def test_a_resumed_download_requests_only_the_missing_bytes(hub, cache, tiny):
    there = begin(tiny, hub)
    before = hub.served
    assert fetch(tiny).seen[1].done >= there and whole(cache)
    assert hub.served - before == len(CONTENT) - there


def test_a_download_stays_with_its_commit_when_the_branch_moves(hub, cache, tiny):
    there = begin(tiny, hub)
    hub.commits["b" * 40] = {FILE: CONTENT[::-1]}
    hub.branches["main"], before = "b" * 40, hub.served
    fetch(tiny)
    assert whole(cache) and hub.served - before == len(CONTENT) - there


def test_a_vanished_commit_starts_over_with_a_note(hub, cache, tiny):
    begin(tiny, hub)
    hub.commits = {"b" * 40: {FILE: CONTENT[::-1]}}
    hub.branches["main"] = "b" * 40
    watch = fetch(replace(tiny, weights=Weights(FILE)))
    assert whole(cache, "b" * 40, CONTENT[::-1])
    assert "tiny.gguf has changed on the hub; starting over" in watch.notes


def test_a_too_small_disk_is_an_error_before_the_download(hub, tiny):
    hub.sizes[FILE] = 10**15
    with pytest.raises(
        ModelError, match=r"1000000\.0 GB to download and .* free in .*; delete .* of files, or set HF_HOME"
    ):
        fetch(replace(tiny, weights=Weights(FILE)))
    assert hub.served == 0


def test_a_file_that_another_process_downloads_is_waited_for(hub, cache, tiny):
    there, watch = begin(tiny, hub), Watch()
    assert kept(tiny) == there
    cached = hub_cache.CachedFile(REPO, COMMIT, FILE, hub.sha256(CONTENT))
    waits = threading.Event()
    thread = threading.Thread(
        target=lambda: pull(tiny, lambda p: [watch(p), waits.set() if "another" in p.note else None][0])
    )
    with client.lock(cached.lock):
        thread.start()
        assert waits.wait(10) and watch.seen[-1].done == there
    thread.join()
    assert whole(cache) and watch.seen[-1].state == "done" and kept(tiny) == 0


def test_a_file_that_another_process_finished_is_used(hub, cache, tiny):
    cached = hub_cache.CachedFile(REPO, COMMIT, FILE, hub.sha256(CONTENT))
    waits = threading.Event()
    thread = threading.Thread(target=lambda: pull(tiny, lambda p: waits.set() if "another" in p.note else None))
    cached.prepare()
    begin(tiny, hub)
    before = hub.served
    with client.lock(cached.lock):
        thread.start()
        assert waits.wait(10)
        cached.blob.write_bytes(CONTENT)
    thread.join()
    assert whole(cache) and hub.served == before


def test_cancelling_does_not_wait_for_a_hub_that_sends_nothing(hub, tiny):
    stop, resume = threading.Event(), threading.Event()
    hub.on_served = lambda served: (stop.set(), resume.wait(60))
    with pytest.raises(Cancelled, match="it can be resumed"):
        pull(tiny, cancelled=stop.is_set)
    assert not resume.is_set()
    resume.set()


def test_an_unreachable_hub_is_an_error_after_few_seconds(cache, tiny, monkeypatch):
    assert DEFAULT_POLICY.contact <= 5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (9, silent.getsockname()[1]):
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
            with pytest.raises(ModelError, match="the hub cannot be reached; check the network, then try again"):
                pull(tiny, policy=QUICK)


def test_offline_sends_no_request(hub, tiny, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for ask in (lambda: pull(tiny), lambda: client.listing(REPO), lambda: client.remote(REPO, "main", FILE)):
        with pytest.raises(ModelError, match="needs the network, and lechat is offline"):
            ask()
    assert hub.requests == []


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (
            403,
            {"X-Error-Code": "GatedRepo"},
            "requires accepting its license on huggingface.co; do that, set HF_TOKEN",
        ),
        (401, {"X-Error-Code": "GatedRepo"}, "requires accepting its license"),
        (401, {"X-Error-Code": "RepoNotFound"}, "the hub has no repository us/tiny; check the name, or set HF_TOKEN"),
        (403, {}, r"\(status 403\); accept the model's license on huggingface.co and set HF_TOKEN"),
        (404, {"X-Error-Code": "EntryNotFound"}, "the hub has no tiny.gguf in us/tiny at main"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "the hub has no tiny.gguf in us/tiny at main"),
        (429, {"Retry-After": "600"}, r"the hub is busy \(status 429\); try again in 10 min"),
        (418, {}, r"refused tiny.gguf of us/tiny \(status 418\)"),
    ],
)
def test_refusals_have_clear_messages(hub, tiny, status, headers, words):
    hub.refusals.append(("HEAD", status, headers))
    with pytest.raises(ModelError, match=words):
        fetch(tiny)


@pytest.mark.parametrize("file", ["../x.gguf", "/x.gguf", "a/../../x.gguf", "a\\x.gguf", "a//x.gguf", "x\n.gguf", "."])
def test_no_file_name_leads_out_of_the_cache(hub, tiny, file):
    with pytest.raises(ModelError, match="is not a safe file name"):
        fetch(replace(tiny, weights=Weights(file)))
    assert hub.requests == []


@pytest.mark.parametrize("etag", ["../../evil", "..", "/etc/evil", "", "a/b"])
def test_no_etag_leads_out_of_the_cache(hub, cache, tiny, etag):
    hub.etags[FILE] = etag or " "
    fetch(replace(tiny, weights=Weights(FILE)))
    (blob,) = (cache / "models--us--tiny/blobs").iterdir()
    assert blob.name.startswith("mirror-") and blob.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ["65a1b2c3-5b8d80", "W/abc", "5f3:a", "d41d8cd98f00b204e9800998ecf8427e-7"])
def test_a_mirror_with_etags_of_its_own_is_verified_by_the_catalog(hub, cache, tiny, etag):
    hub.etags[FILE] = etag
    fetch(tiny)
    (blob,) = (cache / "models--us--tiny/blobs").iterdir()
    assert blob.name == hub.sha256(CONTENT), "other programs of the hub find it under its checksum"
    hub.commits[COMMIT][FILE] = b"x" * len(CONTENT)
    blob.unlink()
    with pytest.raises(ModelError, match="has a wrong checksum"):
        fetch(tiny)


def test_a_mirror_whose_etags_change_does_not_start_a_download_over(hub, cache, tiny):
    hub.etags[FILE] = "node-1"
    there = begin(tiny, hub)
    hub.etags[FILE] = "node-2"
    before = hub.served
    fetch(tiny)
    assert hub.served - before <= len(CONTENT) - there + 2**20 and whole(cache)


@pytest.mark.parametrize(
    "hidden",
    [
        {"ETag", "X-Linked-ETag"},
        {"X-Linked-Size", "Content-Length"},
        {"X-Repo-Commit"},
        {"ETag", "X-Linked-ETag", "X-Linked-Size", "Content-Length", "X-Repo-Commit"},
    ],
    ids=len,
)
def test_the_catalog_stands_in_for_missing_headers(hub, cache, tiny, hidden):
    hub.hidden = hidden
    fetch(replace(tiny, revision=COMMIT))
    assert whole(cache)


def test_a_partial_response_without_a_range_is_not_trusted(hub, cache, tiny):
    hub.hidden = {"Content-Range"}
    fetch(tiny)
    assert whole(cache)


def test_a_body_that_is_compressed_unasked_is_unpacked(hub, cache, tiny):
    hub.compresses = True
    fetch(tiny)
    assert whole(cache)
    (listed,) = client.listing(REPO)
    assert client.read_range(listed, 1000, 500) == CONTENT[1000:1500]


@pytest.mark.parametrize("token", ["hf_ab cd", "hf_ab\ncd ef", "hf_äöü", "hf_\udcff", '"hf_quoted"', "hf_\x07"])
def test_an_odd_token_is_one_sentence_that_does_not_contain_it(hub, tiny, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ModelError, match="characters that no token has") as raised:
        fetch(tiny)
    assert "hf_" not in str(raised.value) and raised.value.__cause__ is None
    assert hub.requests == []


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe" * 500_000, b"[" * 100_000, b'{"id": 5, "sha": 5, "siblings": 7}', b"[]", b"null", b"{}" * 9],
    ids=len,
)
def test_a_list_that_no_hub_would_send_is_a_short_sentence(hub, body):
    hub.bodies[f"/api/models/{REPO}"] = body
    with pytest.raises(ModelError, match="check HF_ENDPOINT") as raised:
        client.listing(REPO)
    assert len(str(raised.value)) < 200


def test_an_address_that_is_none_is_a_sentence(hub, tiny):
    hub.refusals.append(("HEAD", 302, {"Location": "http://[::1", "X-Linked-Size": "5", "ETag": "x"}))
    with pytest.raises(ModelError, match="check HF_ENDPOINT"):
        fetch(tiny)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe" + b"x" * 100_000,
        b"[" * 200_000,
        b"[]",
        b"null",
        b'{"sha": "a", "id": "us/tiny", "siblings": [{"rfilename": 7, "size": 1}]}',
        b'{"sha": "a", "id": "us/tiny", "siblings": {"rfilename": "a.gguf"}}',
    ],
)
def test_a_list_that_is_none_is_a_sentence(monkeypatch, body):
    class Liar(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *what):
            pass

    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(ModelError, match=r"does not answer for .* as a hub does; check HF_ENDPOINT") as raised:
                client.listing(REPO, policy=QUICK)
        finally:
            server.shutdown()
            thread.join()
    assert len(str(raised.value)) < 200


def test_no_commit_leads_out_of_the_cache(hub, cache, tiny):
    hub.commits["../../evil"] = hub.commits[COMMIT]
    hub.branches["main"] = "../../evil"
    with pytest.raises(ModelError, match="check HF_ENDPOINT"):
        fetch(tiny)


@pytest.mark.parametrize("link", ["models--us--tiny", "models--us--tiny/blobs", f"models--us--tiny/snapshots/{COMMIT}"])
def test_no_link_in_the_cache_leads_out_of_it(hub, cache, tiny, tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (cache / link).parent.mkdir(parents=True)
    (cache / link).symlink_to(outside)
    with pytest.raises(ModelError, match="leads out of the cache; remove that link"):
        fetch(tiny)
    assert not [path for path in outside.rglob("*") if path.is_file()]


def test_a_link_in_place_of_the_partial_file_is_not_followed(hub, cache, tiny, tmp_path):
    cached = hub_cache.CachedFile(REPO, COMMIT, FILE, hub.sha256(CONTENT))
    cached.prepare()
    cached.blob.with_name(cached.etag + journal.PART).symlink_to(tmp_path / "target")
    with pytest.raises(ModelError, match="could not be saved"):
        fetch(tiny)
    assert not (tmp_path / "target").exists()


def test_the_files_of_a_repository_are_listed_and_read_by_ranges(hub, tiny):
    hub.commits[COMMIT]["README.md"] = b"hello"
    (there,) = client.listing(REPO)
    assert there == client.Remote(REPO, COMMIT, FILE, len(CONTENT), hub.sha256(CONTENT))
    asked = client.remote(REPO, "main", FILE)
    assert (asked.revision, asked.size, asked.sha256) == (COMMIT, len(CONTENT), there.sha256)
    for ranges in (True, False):
        hub.ranges = ranges
        assert client.read_range(asked, 1000, 50) == client.read_range(there, 1000, 50) == CONTENT[1000:1050]
    assert client.read_range(asked, len(CONTENT) - 5, 50) == CONTENT[-5:]
    assert client.read_range(asked, len(CONTENT), 50) == b""


def test_an_address_that_expires_between_two_reads_is_renewed(hub):
    hub.uses = 1
    asked = client.remote(REPO, "main", FILE)
    assert client.read_range(asked, 0, 9) + client.read_range(asked, 9, 9, policy=QUICK) == CONTENT[:18]


def test_warnings_from_a_server_do_not_reach_the_terminal(hub, tiny, capfd):
    hub.refusals.append(("HEAD", 503, {"X-HF-Warning": "all; \x1b[31mlook here"}))
    fetch(tiny)
    assert capfd.readouterr() == ("", "")


def test_an_unusable_proxy_is_an_error(hub, tiny, monkeypatch):
    close_session()
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"the configured proxy cannot be used: .*; check HTTPS_PROXY and ALL_PROXY"):
        fetch(tiny)


def test_a_server_that_is_not_a_hub_is_an_error(hub):
    hub.refusals.append(("GET", 200, {}))
    with pytest.raises(ModelError, match=r"does not answer for us/tiny as a hub does; check HF_ENDPOINT"):
        client.listing(REPO)
    hub.refusals.append(("HEAD", 200, {}))
    with pytest.raises(ModelError, match=r"is not a hub: it reports no checksum and no commit; check HF_ENDPOINT"):
        client.remote(REPO, "main", FILE)


def test_a_request_that_takes_too_long_counts_as_unanswered():
    with pytest.raises(ModelError, match="the hub cannot be reached; check the network"):
        retry(threading.Event().wait, QUICK, limit=0.1)
