"""A repository on the hub that no row of the catalog names, made into a model before anything large is fetched."""

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

Choose = Callable[[Model], Model]
"""Chooses among a model's quantizations; raises `ModelError` when it cannot tell."""


def find(name: str, models: Models) -> Model:
    """The model of this name; a repository that is neither in the catalog nor here is looked up on the hub.

    Raises `ModelError`.
    """
    try:
        return models.get(name)
    except NotHere as missing:
        return model(missing.repository, models.catalog, models.best_quantization)


def model(wanted: Hub, catalog: Mapping[str, Model], choose: Choose | None = None) -> Model:
    """Ask the hub what is in the repository, and read the header of the file that is meant, by ranges.

    `choose` says which quantization fits the machine, where none was named. Raises `ModelError` for what is not there
    and for what cannot chat.
    """
    remotes = hub.listing(wanted.repo, wanted.revision)
    if not remotes:
        raise ModelError(f"{wanted.repo} holds no GGUF file; look for a repository whose name ends in GGUF")
    found = listed(Weights(remote.file, remote.size, remote.sha256) for remote in remotes)
    try:
        weights = found.named(wanted.file) if wanted.file else found.quantized(wanted.quant)
    except ModelError as error:
        raise ModelError(f"{wanted.repo}: {error}") from error
    read = _Headers(wanted.repo, remotes)
    row = _row(wanted, weights, found, read, catalog)
    if wanted.file or wanted.quant or choose is None:
        return row
    try:
        fitting = choose(replace(row, id=wanted.repo)).weights  # an id with a quantization would be one that was named
    except ModelError:  # a shape that is not known: the usual quantization, then
        return row
    return row if fitting == weights else _row(wanted, fitting, found, read, catalog)


def _row(wanted: Hub, weights: Weights, found: Listing, read: "_Headers", catalog: Mapping[str, Model]) -> Model:
    header = read(weights.file)
    if header.problem:
        raise ModelError(f"{weights.file} of {wanted.repo} {header.problem}; nothing was fetched")
    projector = found.projector(weights)
    if projector and not projector_fits(read(projector.file).projection, header):
        projector = None
    alike = [w for w in found.models if w.quant == weights.quant]
    name = weights.quant if weights.quant and len(alike) == 1 else ""
    return derive.model(
        str(replace(wanted, quant=name, file="" if name else weights.file)),
        weights,
        header,
        catalog,
        projector=projector,
        quants=found.others(weights),
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
