"""From a model to its files on this machine, wherever a download or another program put them."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lechat_tui import paths
from lechat_tui.engine.base import Unverified
from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.local_files import LocalFiles
from lechat_tui.values import dataclass

_MAX_HASHED_BYTES = 16 * 2**20
"""Files up to this size are hashed when their checksum is asked for; it takes no noticeable time."""

_BLOB = re.compile("(?:sha256-)?([0-9a-f]{64})")
"""The name of a large file in the hub's cache or in Ollama's folder."""


@dataclass(frozen=True)
class Files:
    """Paths of a model's files; of a split file, its first part."""

    weights: Path
    projector: Path | None = None


def files(model: Model, local: LocalFiles) -> Files | None:
    """The model's files; None unless all of them are on this machine."""
    weights = path(model, model.weights, local) if model.weights.file else None
    if weights is None or not model.projector:
        return Files(weights) if weights else None
    projector = path(model, model.projector, local)
    return Files(weights, projector) if projector else None


def path(model: Model, weights: Weights, local: LocalFiles) -> Path | None:
    """One of the model's files if all its parts are here: where a download puts it, else any identical file."""
    repo, revision = model.source(weights)
    if repo:
        return hub_cache.find(repo, revision, weights.files) or local.match(weights, repo)
    bundled = paths.bundled("chaton")
    with suppress(OSError, RuntimeError):  # a path that is too long, or `~name` of an unknown user
        parts = [bundled / paths.expanded(file) for file in weights.files]
        if all(part.is_file() for part in parts):
            return parts[0]
    return None


def installed(catalog: Mapping[str, Model], local: LocalFiles) -> Iterator[Model]:
    """The models whose files are here: those of the catalog in its order, then other files that can chat.

    Lazy, because the header of each file that is not in the catalog has to be read.
    """
    listed: list[tuple[Weights, Path]] = []
    for model in catalog.values():
        for one in (model, *_other_quantizations(model, local)):
            if there := files(one, local):
                listed.append((one.weights, there.weights))
                yield one
    yield from local.unlisted(listed)


def known_sha256(weights: Weights, path: Path) -> str:
    """The checksum of the weights at this path, without reading a large file; empty if it is not known.

    The hub's cache and Ollama name large files by their SHA-256. Of other files the catalog knows it if the size is the
    same. A small file is read.
    """
    if blob := _BLOB.fullmatch(path.resolve().name):
        return blob[1]
    status = path.stat()
    if status.st_size <= _MAX_HASHED_BYTES:
        return _hashed(path, status.st_mtime_ns)
    return weights.sha256 if status.st_size == weights.bytes else ""


def expected(model: Model, files: Files) -> Iterator[Unverified]:
    """The model's files on this machine with the checksums they must have: the catalog's, or those in their names."""
    for weights, first in ((model.weights, files.weights), (model.projector, files.projector)):
        if weights is None or first is None:
            continue
        sums = (weights.sha256s or (weights.sha256,)) if model.verified else ()
        for number, part in enumerate(Weights(str(first)).files):
            blob = _BLOB.fullmatch(Path(part).resolve().name)
            yield Unverified(Path(part), blob[1] if blob else sums[number] if number < len(sums) else "")


def _other_quantizations(model: Model, local: LocalFiles) -> Iterator[Model]:
    return (model.quantized(weights.quant) for weights in model.quants if path(model, weights, local))


@lru_cache
def _hashed(file: Path, changed: int) -> str:
    """The SHA-256 of a file; `changed` is its modification time, part of the cache key."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
