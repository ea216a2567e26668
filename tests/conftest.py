"""Isolates the tests from the real home folder, and makes the many starts of the program fast."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store


@pytest.fixture(scope="session", autouse=True)
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home folder, for this process and for those it starts."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in ("XDG_CACHE_HOME", "LLAMA_CACHE", "OLLAMA_MODELS"):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(scope="session", autouse=True)
def shared_bytecode() -> Iterator[None]:
    """Child processes write bytecode files, which makes the hundreds of later starts faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def rare_garbage_collection() -> Iterator[None]:
    """Collect garbage rarely: with some hundred screens in memory it took a quarter of the time."""
    kept = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    yield
    gc.set_threshold(*kept)
    gc.unfreeze()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A history in a temporary folder."""
    with Store(tmp_path / "data") as store:
        yield store


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """A text, a code and a vision model on this machine, one that can be downloaded, and one that can't."""
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    file = Weights(str(weights))
    rows = (
        Model("petit", "Petit", ("text",), file, temperature=0.4, context=800),
        Model("codeur", "Codeur", ("code",), file, system="write code"),
        Model("oeil", "Oeil", ("vision",), file, projector=file),
        Model("loin", "Loin", ("text",), Weights("loin.gguf", 5_000_000_000), repo="who/loin"),
        Model("secret", "Secret", ("text",), status="closed", instead="loin"),
    )
    return Models({model.id: model for model in rows})
