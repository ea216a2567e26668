"""Which embedding model searches a library: the one that made its vectors."""

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


def chosen(models: Models, name: str = "") -> LocalEmbedder:
    """An embedding model of this machine; without a name, the one to use for new vectors. Raises `ModelError`."""
    model = models.embedder(name)
    files = models.files(model)
    if files is None:
        raise ModelError(model.missing)
    return LocalEmbedder(model.id, files.weights)
