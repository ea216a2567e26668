"""Which embedding model searches a library: the one that made its vectors."""

from functools import cache
from pathlib import Path

from lechat_tui.engine.base import EngineError
from lechat_tui.engine.embedding import LocalEmbedder
from lechat_tui.library.store import Library
from lechat_tui.library.vectors import embedders_of
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ModelError


def of_library(library: Library, models: Models) -> LocalEmbedder | None:
    """The model that made the vectors of a library; None if it has none, or if that model is not on this machine.

    Raises `LibraryError`.
    """
    for key, name in embedders_of(library):
        try:
            embedder = chosen(models, name)
            if embedder.key == key:
                return embedder
        except (ModelError, EngineError):
            continue  # it was removed, or is another file by now
    return None


def for_library(library: Library, models: Models) -> LocalEmbedder | None:
    """The model that makes the vectors of a library: that of the earlier ones, else the one to use for new ones.

    None if there is no embedding model on this machine. Raises `LibraryError`.
    """
    if embedders_of(library):
        return of_library(library, models)
    try:
        return chosen(models)
    except ModelError:
        return None


def chosen(models: Models, name: str = "") -> LocalEmbedder:
    """An embedding model of this machine; without a name, the one to use for new vectors. Raises `ModelError`."""
    model = models.embedder(name)
    files = models.files(model)
    if files is None:
        raise ModelError(model.missing)
    return _kept(model.id, files.weights)


@cache
def _kept(name: str, path: Path) -> LocalEmbedder:
    """The process of a model runs on for the next question."""
    return LocalEmbedder(name, path)
