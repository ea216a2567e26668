"""Fetches what a model needs into the cache all programs of the hub share: several files, one download."""

import errno
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lechat_tui.models import hub, hub_cache, journal
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.models.download import Fetch, Progress, Report, Speed, State, unreported
from lechat_tui.models.hub import Remote
from lechat_tui.models.hub_cache import CachedFile
from lechat_tui.models.retry import DEFAULT_POLICY, RetryPolicy, never
from lechat_tui.units import size_text

_SPARE = 500_000_000
"""Bytes of the disk that stay free: a system with none works badly."""


@dataclass(frozen=True)
class _Wanted:
    """One file that the catalog names, and what it says of it."""

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
    """Download all files of a model, of one commit, and check them; the last report says "done".

    Goes on where an earlier download stopped, whatever ended it. Raises `ModelError`; `Cancelled` soon after
    `cancelled` says so. Whatever is raised, `KeyboardInterrupt` too: what came is kept.
    """
    if not all(wanted.repo for wanted in _wanted(model)) or not model.weights.file:
        raise ModelError(model.unavailable or f"{model.id} is not on the hub; nothing to pull")
    try:
        _Pull(model, report, cancelled, policy).run()
    except OSError as error:
        raise ModelError(_sentence(model, error)) from error


def kept(model: Model) -> int:
    """Bytes that an unfinished download of the model left on the disk, in files that are not whole."""
    return sum(
        written.total
        for wanted in _wanted(model)
        for _, card, written in hub_cache.unfinished(wanted.repo)
        if (card.file, card.asked) == (wanted.file, wanted.revision)
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
        """Bytes of the other files that are there."""
        self._size = 0
        """Bytes of the file that is on its way."""
        self._commits: dict[tuple[str, str], str] = {}
        """What each repository's revision was when it was first asked for: all files come from there."""
        self._speed = Speed()

    def run(self) -> None:
        self._tell(0, "starting")
        files = [(wanted, self._ask(wanted)) for wanted in _wanted(self._model)]
        self._total = sum(remote.size for _, remote in files)
        missing = self._total - sum(_done(remote) for _, remote in files)
        if missing:
            _check_room(self._model, missing)
        for wanted, remote in files:
            self._others = sum(_done(other) for _, other in files if other != remote)
            self._size = remote.size
            self._file(wanted, remote)
        self._others = 0
        self._tell(self._total, "done")

    def _ask(self, wanted: _Wanted) -> Remote:
        """What the hub has: at the commit an unfinished download began with, whatever a branch points at by now."""
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
                f"{wanted.file} on the hub is not the file of the catalog; nothing was fetched: a newer lechat may "
                "know it, or a row of your own in models.toml"
            )
        return remote

    def _remote(self, wanted: _Wanted, revision: str) -> Remote:
        return hub.remote(
            wanted.repo,
            revision,
            wanted.file,
            policy=self._policy,
            cancelled=self._cancelled,
            waiting=lambda note: self._tell(0, "waiting", note),
        )

    def _forget(self, wanted: _Wanted, remote: Remote) -> None:
        """Remove what there is of other contents of this file."""
        for file, card, _ in hub_cache.unfinished(wanted.repo):
            if card.file == wanted.file and card.etag != remote.etag:
                with hub.lock(_place(remote, card.etag).lock, cancelled=self._cancelled):
                    journal.remove(file)

    def _file(self, wanted: _Wanted, remote: Remote) -> None:
        spot = _place(remote)
        spot.prepare()
        with hub.lock(spot.lock, cancelled=self._cancelled, waiting=lambda: self._wait(remote)):
            if spot.holds(remote.size):
                journal.remove(spot.journal)
            else:
                self._fetch(wanted, remote, spot)
            spot.link()
            spot.remember(wanted.revision)

    def _wait(self, remote: Remote) -> None:
        self._tell(_done(remote), "waiting", f"another program is downloading {remote.file}; waiting for it")

    def _fetch(self, wanted: _Wanted, remote: Remote, spot: CachedFile) -> None:
        sum_, digest = _digest(wanted, remote)
        card = journal.Card(remote.repo, remote.file, wanted.revision, remote.revision, remote.etag, remote.size)
        partial = journal.Partial(spot.blob, card)
        try:
            Fetch(partial, hub.open_source(remote), self._policy, digest).run(self._tell, self._cancelled)
            if digest and digest.hexdigest() != sum_:
                partial.drop()
                raise ModelError(f"{remote.file} came damaged: its checksum is wrong; it was removed, pull again")
            partial.finish(spot.blob)
        finally:
            partial.close()

    def _tell(self, done: int, state: State, note: str = "") -> None:
        if state == "verifying":
            self._report(Progress(done, self._size, state=state, note=note))
            return
        done += self._others
        speed = self._speed.at(done) if state == "downloading" else 0.0
        left = (self._total - done) / speed if speed else None
        self._report(Progress(done, self._total, speed, left, state, note or self._note))


def _wanted(model: Model) -> Iterator[_Wanted]:
    """All files of a model. What the catalog says of them is binding only where it was seen published."""
    for weights in filter(None, (model.weights, model.projector)):
        sums = weights.sha256s or (weights.sha256,)
        alone = len(weights.files) == 1
        for number, file in enumerate(weights.files):
            yield _Wanted(
                weights.repo or model.repo,
                weights.revision if weights.repo else model.revision,
                file,
                weights.bytes if alone and model.verified else 0,
                sums[number] if number < len(sums) and model.verified else "",
            )
    for lora in model.adapters:
        if lora.repo:
            yield _Wanted(lora.repo, lora.revision, lora.file, lora.bytes, lora.sha256)


def _place(remote: Remote, etag: str = "") -> CachedFile:
    return hub_cache.checked(remote.repo, remote.revision, remote.file, etag or remote.etag)


def _done(remote: Remote) -> int:
    """Bytes of it that are on the disk."""
    spot = _place(remote)
    if spot.holds(remote.size):
        return remote.size
    known = journal.read(spot.journal)
    return known[1].total if known and known[0].size == remote.size else 0


def _begun(wanted: _Wanted) -> journal.Card | None:
    """What an unfinished download of this file, else of another one beside it, was part of."""
    cards = [card for _, card, _ in hub_cache.unfinished(wanted.repo) if card.asked == wanted.revision]
    return next((card for card in cards if card.file == wanted.file), cards[0] if cards else None)


def _check_room(model: Model, missing: int) -> None:
    folder, free = hub_cache.free()
    if missing + _SPARE > free:
        raise ModelError(
            f"there is too little room for {model.id}: {size_text(missing)} are to come, and {folder} has "
            f"{size_text(free)} free, of which {size_text(_SPARE)} should stay; make room for "
            f"{size_text(missing + _SPARE - free)}, or set HF_HOME to another disk"
        )


def _digest(wanted: _Wanted, remote: Remote) -> "tuple[str, hashlib._Hash | None]":
    """The checksum a file must have, and a hash object that makes it; a small file of git has git's."""
    if expected := remote.sha256 or wanted.sha256:
        return expected, hashlib.sha256()
    if re.fullmatch("[0-9a-f]{40}", remote.etag):
        return remote.etag, hashlib.sha1(b"blob %d\0" % remote.size, usedforsecurity=False)
    return "", None


def _sentence(model: Model, error: OSError) -> str:
    """What the disk refuses, for a person."""
    folder, free = hub_cache.free()
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"the disk of {folder} is full ({size_text(free)} free); what came is kept: make room, "
            f"then lechat pull {model.id} goes on"
        )
    return f"{model.id} could not be stored in {folder}: {error.strerror or error}"
