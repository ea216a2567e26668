"""Describes a model in a repository on the hub that the catalog does not list, before anything large is downloaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from lechat_tui.models import derive, gguf, hub
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.gguf import Header
from lechat_tui.models.listing import Listing, listed
from lechat_tui.models.local_files import projector_fits
from lechat_tui.models.names import Hub
from lechat_tui.models.resolve import NotHere

ChooseQuantization = Callable[[Model], Model]
"""Returns the model in its best quantization; raises `ModelError` if it cannot decide."""


def find(name: str, models: Models) -> Model:
    """The model of this name; a repository that is neither in the catalog nor here is looked up on the hub.

    Raises `ModelError`.
    """
    try:
        return models.get(name)
    except NotHere as missing:
        return model(missing.repository, models.catalog, models.best_quantization)


def model(wanted: Hub, catalog: Mapping[str, Model], choose: ChooseQuantization | None = None) -> Model:
    """List the repository's files and read the header of the wanted one by ranges.

    `choose` picks the quantization if none was named. Raises `ModelError` for a file that is missing or cannot chat.
    """
    remotes = hub.listing(wanted.repo, wanted.revision)
    if not remotes:
        raise ModelError(f"{wanted.repo} has no GGUF file; look for a repository whose name ends in GGUF")
    files = listed(Weights(remote.file, remote.size, remote.sha256) for remote in remotes)
    try:
        weights = files.named(wanted.file) if wanted.file else files.quantized(wanted.quant)
    except ModelError as error:
        raise ModelError(f"{wanted.repo}: {error}") from error
    read = _Headers(wanted.repo, remotes)
    row = _row(wanted, weights, files, read, catalog)
    if wanted.file or wanted.quant or choose is None:
        return row
    try:
        fitting = choose(replace(row, id=wanted.repo)).weights  # an id with a quantization would mean that one
    except ModelError:  # unknown shape: keep the default quantization
        return row
    return row if fitting == weights else _row(wanted, fitting, files, read, catalog)


def _row(wanted: Hub, weights: Weights, files: Listing, read: "_Headers", catalog: Mapping[str, Model]) -> Model:
    header = read(weights.file)
    if header.problem:
        raise ModelError(f"{weights.file} of {wanted.repo} {header.problem}; nothing was downloaded")
    projector = files.projector(weights)
    if projector and not projector_fits(read(projector.file).projection, header):
        projector = None
    alike = [w for w in files.models if w.quant == weights.quant]
    name = weights.quant if weights.quant and len(alike) == 1 else ""
    return derive.model(
        str(replace(wanted, quant=name, file="" if name else weights.file)),
        weights,
        header,
        catalog,
        projector=projector,
        quants=files.others(weights),
        repo=wanted.repo,
        revision=read.commit,
        parts=sum(read(file).parameters for file in weights.files[1:]),
    )


class _Headers:
    """Reads the headers of a repository's files, each once."""

    def __init__(self, repo: str, remotes: Sequence[hub.Remote]) -> None:
        self._repo = repo
        self.commit = remotes[0].revision
        self._read: dict[str, Header] = {}

    def __call__(self, file: str) -> Header:
        if file not in self._read:
            remote = hub.remote(self._repo, self.commit, file)
            self._read[file] = gguf.header(file, remote.size, partial(hub.read_range, remote))
        return self._read[file]
