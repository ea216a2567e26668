"""Talks with the Hugging Face hub: what a file is, and its bytes. The only room that knows the hub's client.

`HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE` and `HF_HUB_OFFLINE` mean what they mean elsewhere.
"""

import email.utils
import json
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lechat_tui import __version__, network
from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.download import Source
from lechat_tui.models.retry import DEFAULT_POLICY, Cancelled, RetryPolicy, TransientError, never, retry

if TYPE_CHECKING:
    import httpx2

_TIMEOUT = 10.0
"""Seconds without an answer or a byte after which a connection is given up."""
_TRIES = 2
"""How many times the policy for a first contact one question may take: a name can stand for several addresses."""
_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
_EXPIRED = frozenset((400, 401, 403, 404, 410))
"""What a storage server says to a signed address that is too old."""
_NAME = "lechat"
_HASH = re.compile("[0-9a-f]{64}")
_RENEWALS = 3
"""New addresses that are tried while none of them gives anything."""
_LOOK = 0.2
"""Seconds between two looks at a lock."""


@dataclass(frozen=True)
class Remote:
    """One file of a repository at one commit."""

    repo: str
    revision: str
    """The commit."""
    file: str
    """Path inside the repository; checked: it leads nowhere else."""
    size: int
    """Bytes."""
    sha256: str = ""
    """Empty where the hub does not say it."""
    url: str = ""
    """Where the bytes are now; may be signed and expire. Empty in a listing."""
    etag: str = ""
    """The name of the content, and of its file in the hub's cache: the SHA-256 of a large file."""


def remote(
    repo: str,
    revision: str,
    file: str,
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    cancelled: Callable[[], bool] = never,
    waiting: Callable[[str], None] = lambda sentence: None,
) -> Remote:
    """Ask the hub for one file: one HEAD request. Raises `ModelError`."""
    ask, limit = partial(head, repo, revision, file, policy), _TRIES * policy.contact
    return retry(ask, policy, cancelled=cancelled, waiting=waiting, limit=limit)


def locate(remote: Remote, *, policy: RetryPolicy = DEFAULT_POLICY) -> Remote:
    """The same file with an address for its bytes. Raises `ModelError`."""
    ask = partial(head, remote.repo, remote.revision, remote.file, policy)
    return retry(ask, policy, limit=_TRIES * policy.contact)


def listing(repo: str, revision: str = "main", *, policy: RetryPolicy = DEFAULT_POLICY) -> tuple[Remote, ...]:
    """All GGUF files of a repository, with sizes and checksums. Raises `ModelError`."""
    return retry(lambda: _listed(repo, revision, policy), policy, limit=_TRIES * policy.contact)


def read_range(remote: Remote, start: int, length: int, *, policy: RetryPolicy = DEFAULT_POLICY) -> bytes:
    """So many bytes of a file from `start` on; fewer where it ends before. Raises `ModelError`."""
    end = min(start + length, remote.size)
    if start >= end:
        return b""
    source = _Source(remote if remote.url else locate(remote, policy=policy))
    return retry(lambda: _read(source, start, end), policy)


def head(repo: str, revision: str, file: str, policy: RetryPolicy = DEFAULT_POLICY) -> Remote:
    """One HEAD request. Raises `ModelError`, or `TransientError` for what may pass."""
    if not hub_cache.is_safe(file):
        raise ModelError(f"{file!r} is not a name a file may have in the cache; do not trust {repo}")
    with _told(repo, revision, file):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(repo, file, revision=revision, endpoint=_endpoint())
        told = get_hf_file_metadata(url, timeout=policy.contact, library_name=_NAME, library_version=__version__)
    if told.size is None or told.size < 0:
        raise ModelError(f"{_endpoint()} does not say how large {file} is, as a hub does; check HF_ENDPOINT")
    spot = hub_cache.checked(repo, told.commit_hash or "", file, told.etag or "")
    sha256 = spot.etag if _HASH.fullmatch(spot.etag) else ""
    return Remote(repo, spot.commit, file, told.size, sha256, told.location, spot.etag)


def _listed(repo: str, revision: str, policy: RetryPolicy) -> tuple[Remote, ...]:
    with _told(repo, revision, ""):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=_endpoint(), library_name=_NAME, library_version=__version__)
        try:
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=policy.contact)
        except (json.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
            raise ModelError(f"{_endpoint()} does not list {repo} as a hub does; check HF_ENDPOINT") from error
    commit = info.sha or revision
    return tuple(
        Remote(repo, commit, entry.rfilename, entry.size, entry.lfs.sha256 if entry.lfs else "")
        for entry in info.siblings or ()
        if entry.rfilename.endswith(".gguf") and entry.size is not None and hub_cache.is_safe(entry.rfilename)
    )


def _read(source: "_Source", start: int, end: int) -> bytes:
    kept = bytearray()
    with source.open(start, end) as answer:
        skip = start - answer.start
        for chunk in answer:
            kept += chunk[skip:]
            skip = max(0, skip - len(chunk))
            if len(kept) >= end - start:
                return bytes(kept[: end - start])
    raise TransientError("the hub broke off")


class _Answer:
    """The body of a response."""

    def __init__(self, response: "httpx2.Response", start: int, ranged: bool) -> None:
        self._response = response
        self.start = start
        self.ranged = ranged

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_raw()

    def abort(self) -> None:
        """Shut the socket down: closing it would not wake up the thread that waits for it."""
        stream = self._response.extensions.get("network_stream")
        connection = stream.get_extra_info("socket") if stream else None
        with suppress(OSError):
            if connection:
                connection.shutdown(socket.SHUT_RDWR)


class _Source:
    """The bytes of a file, from wherever the hub says they are; used by several threads."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._lock = threading.Lock()
        self._refused = 0

    @contextmanager
    def open(self, start: int, end: int) -> Iterator[_Answer]:
        """The bytes from `start` to before `end`. Raises `TransientError` or `ModelError`."""
        remote = self._remote
        with _told(remote.repo, remote.revision, remote.file):
            from huggingface_hub import get_session

            headers = {**_headers(remote), "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            with get_session().stream("GET", remote.url, headers=headers, timeout=_TIMEOUT) as response:
                if response.status_code >= 400:
                    self._renew(remote, response.status_code)
                    raise _refusal(remote.file, response.status_code, response.headers.get("Retry-After"))
                self._refused = 0
                yield _answer(response, remote, start)

    def _renew(self, used: Remote, status: int) -> None:
        """Ask for a new address when the one that was used may have expired: raises `TransientError` then."""
        if status not in _EXPIRED or _origin(used.url) == _origin(_endpoint()):
            return
        with self._lock:
            if self._remote.url != used.url:
                raise TransientError("the address of the file had expired")
            if self._refused >= _RENEWALS:
                return
            self._refused += 1
            fresh = head(used.repo, used.revision, used.file)
            if (fresh.etag, fresh.size) != (used.etag, used.size):
                raise ModelError(f"{used.file} has changed on the hub; pull again")
            self._remote = fresh
        raise TransientError("the address of the file had expired")


def _answer(response: "httpx2.Response", remote: Remote, start: int) -> _Answer:
    """Where a body begins. Raises `TransientError` when it is not the one that was asked for."""
    if response.status_code == 200:
        return _Answer(response, 0, ranged=False)
    told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if response.status_code != 206 or not told or int(told[1]) != start:
        raise TransientError("the hub answered with other bytes than were asked for")
    if told[3] not in ("*", str(remote.size)):
        raise ModelError(
            f"the hub says that {remote.file} has {remote.size} bytes, and that it has {told[3]}; pull again later"
        )
    return _Answer(response, start, ranged=True)


@contextmanager
def _told(repo: str, revision: str, file: str) -> Iterator[None]:
    """Make sentences of what the client raises. `TransientError` for what may pass, `ModelError` for the rest."""
    what = f"{file} of {repo}" if file else repo
    if network.is_forbidden():
        raise ModelError(network.refusal(what))
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when huggingface_hub is imported
    os.environ["HF_XET_TELEMETRY_ENABLED"] = "0"
    import httpx2
    from huggingface_hub import errors, get_session

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it logs to stderr what servers tell it
    try:
        get_session()
    except (ImportError, ValueError) as error:
        raise ModelError(f"the proxy that is set cannot be used: {error}; check HTTPS_PROXY and ALL_PROXY") from error
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise ModelError(network.refusal(what)) from error
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{repo} asks for consent: accept its license on huggingface.co, then set HF_TOKEN and pull again"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"the hub shows no repository {repo}; check the name, or set HF_TOKEN to one that may see it"
        ) from error
    except (errors.EntryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(f"the hub has no {file or 'commit'} in {repo} at {revision[:12]}") from error
    except errors.HfHubHTTPError as error:
        after = error.response.headers.get("Retry-After")
        raise _refusal(what, error.response.status_code, after) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{repo} is not the name of a repository, as in mistralai/Mistral-7B-v0.3") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise ModelError(f"{_endpoint()} is no address of a hub; check HF_ENDPOINT") from error
    except httpx2.ConnectError as error:
        if "CERTIFICATE" in str(error):
            raise ModelError(
                "the hub's certificate does not hold; check the clock, the proxy, SSL_CERT_FILE"
            ) from error
        raise TransientError("the hub cannot be reached", unreachable=True) from error
    except (httpx2.TimeoutException, httpx2.ProxyError) as error:
        raise TransientError("the hub cannot be reached", unreachable=True) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise TransientError("the connection broke off") from error


def _refusal(what: str, status: int, after: str | None) -> ModelError | TransientError:
    if status in _BUSY:
        return TransientError(f"the hub is busy (status {status})", after=_seconds(after))
    if status in (401, 403):
        return ModelError(
            f"the hub refused {what} with status {status}; accept the model's license on huggingface.co and set "
            "HF_TOKEN to a token that may read it"
        )
    return ModelError(f"the hub refused {what} with status {status}; try again later")


def _seconds(after: str | None) -> float:
    """What a Retry-After header asks for: seconds, or a date (RFC 9110, 10.2.3)."""
    if not after:
        return 0.0
    try:
        return max(0.0, float(after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _headers(remote: Remote) -> dict[str, str]:
    """Those of the client; the token goes to the hub only, never to the storage it points to."""
    from huggingface_hub.utils import build_hf_headers

    trusted = _origin(remote.url) in (_origin(_endpoint()), _origin("https://huggingface.co"))
    return build_hf_headers(token=None if trusted else False, library_name=_NAME, library_version=__version__)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def open_source(remote: Remote) -> Source:
    """The bytes of a file that `remote` gave."""
    return _Source(remote)


@contextmanager
def lock(
    file: Path, *, cancelled: Callable[[], bool] = never, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock that every program of the hub takes for a file; `waiting` is called while another one has it."""
    from huggingface_hub.utils import WeakFileLock

    with ExitStack() as held:
        while True:
            try:
                held.enter_context(WeakFileLock(file, timeout=_LOOK))
                break
            except TimeoutError:
                waiting()
                if cancelled():
                    raise Cancelled("the download was stopped; what came is kept") from None
        yield
