"""Requests to the Hugging Face hub: metadata and bytes of files. The only module that imports `huggingface_hub`.

`HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE` and `HF_HUB_OFFLINE` have the meaning that `huggingface_hub` gives
them.
"""

import email.utils
import hashlib
import json
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lechat_tui import __version__, network
from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.download import Source
from lechat_tui.models.retry import DEFAULT_POLICY, STOPPED, Cancelled, RetryPolicy, TransientError, never, retry
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    import httpx2

_TIMEOUT_SECONDS = 10.0
"""A connection that sends nothing for this long is closed."""
_ADDRESSES = 2
"""A request may take this many times the contact limit, since a host name can have several addresses to try."""
_RETRYABLE = frozenset((408, 425, 429, 500, 502, 503, 504))
_EXPIRED = frozenset((400, 401, 403, 404, 410))
"""Statuses of a storage server for a signed address that has expired."""
_CLIENT_NAME = "lechat"
_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{40}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""
_MAX_RENEWALS = 3
"""New signed addresses to ask for while none of them works."""
_LOCK_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Known:
    """What is known of a file without asking; it stands in for headers that a mirror leaves out."""

    size: int = 0
    """Bytes; 0 if it is not known."""
    sha256: str = ""


NOTHING = Known()


@dataclass(frozen=True)
class Remote:
    """One file of a repository at one commit."""

    repo: str
    revision: str
    """The commit hash."""
    file: str
    """Path inside the repository; checked to stay inside it."""
    size: int
    """Bytes."""
    sha256: str = ""
    """Empty if the hub does not report it."""
    url: str = ""
    """Address of the bytes; may be signed and expire. Empty in a listing."""
    etag: str = ""
    """Name of the content and of its file in the hub's cache; for a large file, its SHA-256."""


def remote(
    repo: str,
    revision: str,
    file: str,
    *,
    known: Known = NOTHING,
    policy: RetryPolicy = DEFAULT_POLICY,
    cancelled: Callable[[], bool] = never,
    waiting: Callable[[str], None] = lambda message: None,
) -> Remote:
    """Metadata and address of one file, by one HEAD request. Raises `ModelError`."""
    ask, limit = partial(head, repo, revision, file, policy, known), _ADDRESSES * policy.contact
    return retry(ask, policy, cancelled=cancelled, waiting=waiting, limit=limit)


def locate(remote: Remote, *, policy: RetryPolicy = DEFAULT_POLICY) -> Remote:
    """The same file with its address. Raises `ModelError`."""
    ask = partial(head, remote.repo, remote.revision, remote.file, policy, Known(remote.size, remote.sha256))
    return retry(ask, policy, limit=_ADDRESSES * policy.contact)


def listing(repo: str, revision: str = "main", *, policy: RetryPolicy = DEFAULT_POLICY) -> tuple[Remote, ...]:
    """All GGUF files of a repository, with sizes and checksums. Raises `ModelError`."""
    return retry(lambda: _listed(repo, revision, policy), policy, limit=_ADDRESSES * policy.contact)


def read_range(remote: Remote, start: int, length: int, *, policy: RetryPolicy = DEFAULT_POLICY) -> bytes:
    """`length` bytes of a file from `start` on, fewer at its end. Raises `ModelError`."""
    end = min(start + length, remote.size)
    if start >= end:
        return b""
    source = _Source(remote if remote.url else locate(remote, policy=policy))
    return retry(lambda: _read(source, start, end), policy)


def head(repo: str, revision: str, file: str, policy: RetryPolicy = DEFAULT_POLICY, known: Known = NOTHING) -> Remote:
    """One HEAD request. Raises `ModelError`, and `TransientError` if a retry may succeed."""
    if not hub_cache.is_safe(file):
        raise ModelError(f"{file!r} is not a safe file name; do not trust {repo}")
    with _translated(repo, revision, file), _as_a_hub_answers(file):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(repo, file, revision=revision, endpoint=_endpoint())
        metadata = get_hf_file_metadata(
            url, timeout=policy.contact, library_name=_CLIENT_NAME, library_version=__version__
        )
        _origin(metadata.location)
    size = known.size if metadata.size is None else metadata.size
    if size < 0 or (metadata.size is None and not known.size):
        raise ModelError(f"{_endpoint()} does not report the size of {file} as a hub does; check HF_ENDPOINT")
    commit = metadata.commit_hash or (revision if _COMMIT.fullmatch(revision) else "")
    etag = metadata.etag or ""
    sha256 = etag if _SHA256.fullmatch(etag) else known.sha256
    cached = hub_cache.cached_file(repo, commit, file, sha256 or _content_name(repo, commit, file, size, etag))
    return Remote(repo, cached.commit, file, size, sha256, metadata.location, cached.etag)


def _content_name(repo: str, commit: str, file: str, size: int, etag: str) -> str:
    """A name for a content without a checksum: a small file's ETag is git's checksum, a mirror's may be anything."""
    if hub_cache.is_etag(etag):
        return etag
    described = json.dumps([repo, commit, file, size, etag])
    return f"mirror-{hashlib.sha256(described.encode()).hexdigest()[:32]}"


def _listed(repo: str, revision: str, policy: RetryPolicy) -> tuple[Remote, ...]:
    with _translated(repo, revision, ""), _as_a_hub_answers(repo):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=_endpoint(), library_name=_CLIENT_NAME, library_version=__version__)
        info = api.model_info(repo, revision=revision, files_metadata=True, timeout=policy.contact)
        return tuple(
            Remote(
                repo,
                str(info.sha or revision),
                entry.rfilename,
                int(entry.size),
                str(entry.lfs.sha256 or "") if entry.lfs else "",
            )
            for entry in info.siblings or ()
            if entry.rfilename.endswith(".gguf") and entry.size is not None and hub_cache.is_safe(entry.rfilename)
        )


@contextmanager
def _as_a_hub_answers(what: str) -> Iterator[None]:
    """Turn what the client raises for an answer that no hub would give into `ModelError`."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{_endpoint()} does not answer for {what} as a hub does; check HF_ENDPOINT") from error


def _read(source: "_Source", start: int, end: int) -> bytes:
    kept = bytearray()
    with source.open(start, end) as response:
        skip = start - response.start
        for chunk in response:
            kept += chunk[skip:]
            skip = max(0, skip - len(chunk))
            if len(kept) >= end - start:
                return bytes(kept[: end - start])
    raise TransientError("the hub closed the connection")


class _Response:
    """The body of a response."""

    def __init__(self, response: "httpx2.Response", start: int, ranged: bool) -> None:
        self._response = response
        self.start = start
        self.ranged = ranged

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_bytes() if _is_encoded(self._response) else self._response.iter_raw()

    def abort(self) -> None:
        """Shut the socket down; closing it would not wake the thread that reads from it."""
        stream = self._response.extensions.get("network_stream")
        connection = stream.get_extra_info("socket") if stream else None
        with suppress(OSError):
            if connection:
                connection.shutdown(socket.SHUT_RDWR)


class _Source:
    """The bytes of a file from wherever the hub stores them. Thread-safe."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._lock = threading.Lock()
        self._refused = 0
        self._ranges = True
        """False after the server answered a request for a range with something unusable."""

    @contextmanager
    def open(self, start: int, end: int) -> Iterator[_Response]:
        """The bytes from `start` to before `end`. Raises `TransientError` or `ModelError`."""
        remote = self._remote
        with _translated(remote.repo, remote.revision, remote.file):
            from huggingface_hub import get_session

            headers = {**_headers(remote), "Accept-Encoding": "identity"}
            if self._ranges:
                headers["Range"] = f"bytes={start}-{end - 1}"
            with get_session().stream("GET", remote.url, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
                if response.status_code >= 400:
                    self._renew(remote, response.status_code)
                    raise _refusal(remote.file, response.status_code, response.headers.get("Retry-After"))
                self._refused = 0
                if response.status_code != 200 and not _is_range(response, start):
                    self._ranges = False
                    raise TransientError("the hub sent different bytes than requested")
                yield _checked(response, remote, start)

    def _renew(self, used: Remote, status: int) -> None:
        """If the used address may have expired, get a new one and raise `TransientError`, which causes a retry."""
        if status not in _EXPIRED or _origin(used.url) == _origin(_endpoint()):
            return
        with self._lock:
            if self._remote.url != used.url:
                raise TransientError("the address of the file has expired")
            if self._refused >= _MAX_RENEWALS:
                return
            self._refused += 1
            fresh = head(used.repo, used.revision, used.file, known=Known(used.size, used.sha256))
            if (fresh.etag, fresh.size) != (used.etag, used.size):
                raise ModelError(f"{used.file} has changed on the hub; start the download again")
            self._remote = fresh
        raise TransientError("the address of the file has expired")


def _checked(response: "httpx2.Response", remote: Remote, start: int) -> _Response:
    """The body of a response that answers the request. Raises `ModelError` if it is of another file."""
    if response.status_code == 200:
        return _Response(response, 0, ranged=False)
    range_ = _content_range(response)
    if range_ and range_[3] not in ("*", str(remote.size)):
        raise ModelError(
            f"the hub reports two sizes for {remote.file}, {remote.size} and {range_[3]} bytes; try again later"
        )
    return _Response(response, start, ranged=True)


def _is_range(response: "httpx2.Response", start: int) -> bool:
    """Whether the body is the file from `start` on; a compressed one would be a range of other bytes."""
    range_ = _content_range(response)
    matches = range_ is not None and int(range_[1]) == start
    return response.status_code == 206 and matches and not _is_encoded(response)


def _content_range(response: "httpx2.Response") -> re.Match[str] | None:
    return re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())


def _is_encoded(response: "httpx2.Response") -> bool:
    """Whether the body is compressed, which no request of ours asks for."""
    return str(response.headers.get("Content-Encoding", "identity")).strip().lower() not in ("", "identity")


@contextmanager
def _translated(repo: str, revision: str, file: str) -> Iterator[None]:
    """Turn the client's exceptions into `TransientError`, if a retry may succeed, or `ModelError`."""
    what = f"{file} of {repo}" if file else repo
    if network.is_forbidden():
        raise ModelError(network.refusal(what))
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when huggingface_hub is imported
    os.environ["HF_XET_TELEMETRY_ENABLED"] = "0"
    import httpx2
    from huggingface_hub import errors, get_session

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it logs messages from servers to stderr
    try:
        get_session()
    except (ImportError, ValueError) as error:
        raise ModelError(f"the configured proxy cannot be used: {error}; check HTTPS_PROXY and ALL_PROXY") from error
    _check_token()
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise ModelError(network.refusal(what)) from error
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{repo} requires accepting its license on huggingface.co; do that, set HF_TOKEN, then try again"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"the hub has no repository {repo}; check the name, or set HF_TOKEN if it is private"
        ) from error
    except (errors.EntryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(f"the hub has no {file or 'commit'} in {repo} at {revision[:12]}") from error
    except errors.HfHubHTTPError as error:
        after = error.response.headers.get("Retry-After")
        raise _refusal(what, error.response.status_code, after) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{repo} is not a repository name such as mistralai/Mistral-7B-v0.3") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise ModelError(f"{_endpoint()} is not the URL of a hub; check HF_ENDPOINT") from error
    except httpx2.ConnectError as error:
        if "CERTIFICATE" in str(error):
            raise ModelError(
                "the hub's certificate is not valid; check the clock, the proxy and SSL_CERT_FILE"
            ) from error
        raise TransientError("the hub cannot be reached", unreachable=True) from error
    except (httpx2.TimeoutException, httpx2.ProxyError) as error:
        raise TransientError("the hub cannot be reached", unreachable=True) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise TransientError("the connection was lost") from error


def _check_token() -> None:
    """Raise `ModelError` for a token that no request can carry. Neither the message nor its cause contains it."""
    from huggingface_hub import get_token

    try:
        token = get_token()
    except (OSError, ValueError):
        token = "unreadable token"
    if token and not _TOKEN.fullmatch(token):
        raise ModelError(
            "the Hugging Face token contains characters that no token has, such as a space or a line break; set "
            "HF_TOKEN again"
        )


def _refusal(what: str, status: int, after: str | None) -> ModelError | TransientError:
    if status in _RETRYABLE:
        return TransientError(f"the hub is busy (status {status})", after=_seconds(after))
    if status in (401, 403):
        return ModelError(
            f"the hub refused {what} (status {status}); accept the model's license on huggingface.co and set "
            "HF_TOKEN to a token with access"
        )
    return ModelError(f"the hub refused {what} (status {status}); try again later")


def _seconds(after: str | None) -> float:
    """Seconds to wait by a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
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


def mirror_hint() -> str:
    """What else to try where a mirror was asked: its ETags may look like SHA-256 and be something else."""
    mirror = os.environ.get("HF_ENDPOINT")
    return f", or without HF_ENDPOINT, since {_endpoint()} may report checksums of another kind" if mirror else ""


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _headers(remote: Remote) -> dict[str, str]:
    """The client's headers; the token is sent to the hub only, never to the storage servers."""
    from huggingface_hub.utils import build_hf_headers

    trusted = _origin(remote.url) in (_origin(_endpoint()), _origin("https://huggingface.co"))
    return build_hf_headers(token=None if trusted else False, library_name=_CLIENT_NAME, library_version=__version__)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def open_source(remote: Remote) -> Source:
    """The bytes of a file with an address."""
    return _Source(remote)


@contextmanager
def lock(
    file: Path, *, cancelled: Callable[[], bool] = never, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock that all hub clients use for a file; `waiting` is called while another process holds it."""
    from huggingface_hub.utils import WeakFileLock

    with ExitStack() as held:
        while True:
            try:
                held.enter_context(WeakFileLock(file, timeout=_LOCK_POLL_SECONDS))
                break
            except TimeoutError:
                waiting()
                if cancelled():
                    raise Cancelled(STOPPED) from None
        yield
