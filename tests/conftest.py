"""Isolates the tests from the real home folder, and makes the many starts of the program fast."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store

MEMORY_DISK = Path("/dev/shm")
"""A file system in memory, where Linux has one: the history is synchronized with the disk thousands of times."""


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary folders into memory, if there is plenty."""
    if MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > 4_000_000_000:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite in a process for each core, up to four; what the command line names runs in this one."""
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS or config.option.usepdb
    if chosen or hasattr(config, "workerinput") or not config.pluginmanager.hasplugin("xdist"):
        return
    if config.option.numprocesses is None:
        config.option.numprocesses, config.option.maxprocesses, config.option.dist = "logical", 4, "worksteal"


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
