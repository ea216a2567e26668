"""Downloads all files of a model into the cache that all hub clients share."""

import errno
import hashlib
import re
from collections.abc import Callable, Iterator

from lechat_tui import paths
from lechat_tui.engine import checksums
from lechat_tui.engine.base import Unverified
from lechat_tui.models import hub, hub_cache, journal
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import DownloadProgress, DownloadState, FileDownload, Report, SpeedMeter, unreported
from lechat_tui.models.hub import Remote
from lechat_tui.models.hub_cache import CachedFile
from lechat_tui.models.retry import DEFAULT_POLICY, RetryPolicy, never
from lechat_tui.units import size_text
from lechat_tui.values import dataclass

_MAX_GIT_BYTES = 11_000_000
"""The hub keeps larger files outside git; a mirror's ETag for them says nothing about the content."""
_SPARE_BYTES = 500_000_000
"""Disk space that stays free, because a system with a full disk works badly."""


@dataclass(frozen=True)
class _File:
    """One file to download, and what the catalog says about it."""

    repo: str
    revision: str
    file: str
    size: int = 0
    sha256: str = ""


def pull(
    model: Model,
    report: Report = unreported,
    cancelled: Callable[[], bool] = never,
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> None:
    """Download all files of a model, from one commit, and verify them; the last report has the state "done".

    An interrupted download is resumed. Raises `ModelError`, and `Cancelled` soon after `cancelled` returns true.
    Whatever is raised, `KeyboardInterrupt` included, the downloaded part is kept.
    """
    if not all(wanted.repo for wanted in _wanted(model)) or not model.weights.file:
        raise ModelError(model.unavailable or f"{model.id} is not on the hub; there is nothing to download")
    try:
        _Pull(model, report, cancelled, policy).run()
    except OSError as error:
        raise ModelError(_disk_message(model, error)) from error


def kept(model: Model) -> int:
    """Bytes on the disk in incomplete files of the model."""
    return sum(
        written.total
        for wanted in _wanted(model)
        for _, info, written in hub_cache.unfinished(wanted.repo)
        if (info.file, info.asked) == (wanted.file, wanted.revision)
    )


class _Pull:
    """One download of a model."""

    def __init__(self, model: Model, report: Report, cancelled: Callable[[], bool], policy: RetryPolicy) -> None:
        self._model = model
        self._report = report
        self._cancelled = cancelled
        self._policy = policy
        self._note = ""
        self._total = model.bytes
        self._others = 0
        """Bytes of the other files that are on the disk."""
        self._size = 0
        """Bytes of the current file."""
        self._commits: dict[tuple[str, str], str] = {}
        """The commit of each repository and revision when it was first requested: all files come from it."""
        self._speed = SpeedMeter()

    def run(self) -> None:
        self._send(0, "starting")
        files = [(wanted, self._ask(wanted)) for wanted in _wanted(self._model)]
        self._total = sum(remote.size for _, remote in files)
        missing = self._total - sum(_done(remote) for _, remote in files)
        if missing:
            _check_disk_space(self._model, missing)
        for wanted, remote in files:
            self._others = sum(_done(other) for _, other in files if other != remote)
            self._size = remote.size
            self._file(wanted, remote)
        self._others = 0
        self._send(self._total, "done")

    def _ask(self, wanted: _File) -> Remote:
        """What the hub has, at the commit that an interrupted download began with even if the branch has moved on."""
        begun = _begun(wanted)
        asked = wanted.repo, wanted.revision
        commit = self._commits.get(asked) or (begun.commit if begun else wanted.revision)
        try:
            remote = self._remote(wanted, commit)
        except ModelError:
            if commit == wanted.revision or asked in self._commits:
                raise
            remote = self._remote(wanted, wanted.revision)
        self._commits[asked] = remote.revision
        if begun and begun.file == wanted.file and begun.etag != remote.etag:
            self._note = f"{wanted.file} has changed on the hub; starting over"
            self._forget(wanted, remote)
        if remote.size != (wanted.size or remote.size) or remote.sha256 != (wanted.sha256 or remote.sha256):
            raise ModelError(
                f"{wanted.file} on the hub differs from the catalog, so nothing was downloaded; update lechat, or "
                "describe the new file in a models.toml of your own"
            )
        return remote

    def _remote(self, wanted: _File, revision: str) -> Remote:
        return hub.remote(
            wanted.repo,
            revision,
            wanted.file,
            known=hub.Known(wanted.size, wanted.sha256),
            policy=self._policy,
            cancelled=self._cancelled,
            waiting=lambda note: self._send(0, "waiting", note),
        )

    def _forget(self, wanted: _File, remote: Remote) -> None:
        """Delete partial downloads of other contents of this file."""
        for file, info, _ in hub_cache.unfinished(wanted.repo):
            if info.file == wanted.file and info.etag != remote.etag:
                with hub.lock(_cached(remote, info.etag).lock, cancelled=self._cancelled):
                    journal.remove(file)

    def _file(self, wanted: _File, remote: Remote) -> None:
        cached = _cached(remote)
        cached.prepare()
        with hub.lock(cached.lock, cancelled=self._cancelled, waiting=lambda: self._wait(remote)):
            if cached.holds(remote.size):
                journal.remove(cached.journal)
            else:
                self._fetch(wanted, remote, cached)
            cached.link()
            cached.remember(wanted.revision)

    def _wait(self, remote: Remote) -> None:
        self._send(_done(remote), "waiting", f"another program is downloading {remote.file}; waiting for it")

    def _fetch(self, wanted: _File, remote: Remote, cached: CachedFile) -> None:
        sha256, digest = _digest(wanted, remote)
        info = journal.PartialInfo(remote.repo, remote.file, wanted.revision, remote.revision, remote.etag, remote.size)
        partial = journal.Partial(cached.blob, info)
        try:
            FileDownload(partial, hub.open_source(remote), self._policy, digest).run(self._send, self._cancelled)
            if digest and digest.hexdigest() != sha256:
                partial.drop()
                raise ModelError(
                    f"{remote.file} has a wrong checksum and was deleted; start the download again{hub.mirror_hint()}"
                )
            partial.finish(cached.blob)
            if digest and digest.name == "sha256":
                checksums.remember([Unverified(cached.blob, sha256)], paths.verified())
        finally:
            partial.close()

    def _send(self, done: int, state: DownloadState, note: str = "") -> None:
        if state == "verifying":
            self._report(DownloadProgress(done, self._size, state=state, note=note))
            return
        done += self._others
        speed = self._speed.at(done) if state == "downloading" else 0.0
        left = (self._total - done) / speed if speed else None
        self._report(DownloadProgress(done, self._total, speed, left, state, note or self._note))


def _wanted(model: Model) -> Iterator[_File]:
    """All files of a model; sizes and checksums only where the catalog has verified ones."""
    for weights in filter(None, (model.weights, model.projector)):
        sums = weights.sha256s or (weights.sha256,)
        alone = len(weights.files) == 1
        for number, file in enumerate(weights.files):
            yield _File(
                weights.repo or model.repo,
                weights.revision if weights.repo else model.revision,
                file,
                weights.bytes if alone and model.verified else 0,
                sums[number] if number < len(sums) and model.verified else "",
            )
    for lora in model.adapters:
        if lora.repo:
            yield _File(lora.repo, lora.revision, lora.file, lora.bytes, lora.sha256)


def _cached(remote: Remote, etag: str = "") -> CachedFile:
    return hub_cache.cached_file(remote.repo, remote.revision, remote.file, etag or remote.etag)


def _done(remote: Remote) -> int:
    """Bytes of the file that are on the disk."""
    cached = _cached(remote)
    if cached.holds(remote.size):
        return remote.size
    known = journal.read(cached.journal)
    return known[1].total if known and known[0].size == remote.size else 0


def _begun(wanted: _File) -> journal.PartialInfo | None:
    """The interrupted download of this file, else of another file of that revision."""
    infos = [info for _, info, _ in hub_cache.unfinished(wanted.repo) if info.asked == wanted.revision]
    return next((info for info in infos if info.file == wanted.file), infos[0] if infos else None)


def _check_disk_space(model: Model, missing: int) -> None:
    folder, free = hub_cache.free_space()
    if missing + _SPARE_BYTES > free:
        raise ModelError(
            f"{model.id} does not fit on the disk: {size_text(missing)} to download and {size_text(free)} free in "
            f"{folder}, of which {size_text(_SPARE_BYTES)} must stay free; delete "
            f"{size_text(missing + _SPARE_BYTES - free)} of files, or set HF_HOME to another disk"
        )


def _digest(wanted: _File, remote: Remote) -> "tuple[str, hashlib._Hash | None]":
    """The checksum a file must have and a hash object for it; small files have git's checksum."""
    if expected := remote.sha256 or wanted.sha256:
        return expected, hashlib.sha256()
    if re.fullmatch("[0-9a-f]{40}", remote.etag) and remote.size <= _MAX_GIT_BYTES:
        return remote.etag, hashlib.sha1(b"blob %d\0" % remote.size, usedforsecurity=False)
    return "", None


def _disk_message(model: Model, error: OSError) -> str:
    """The message for a write that the disk refused."""
    folder, free = hub_cache.free_space()
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"the disk of {folder} is full ({size_text(free)} free); free some space, then lechat pull {model.id} "
            "resumes the download"
        )
    return f"{model.id} could not be saved in {folder}: {error.strerror or error}"
