"""The app on a scripted engine, with a history in a temporary folder."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from seeing import MACHINE, NOON, MakeApp
from textual import _wait

from lechat_tui.engine.echo import EchoEngine
from lechat_tui.engine.remote import discovery
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in a temporary folder, no desktop with a clipboard, and no servers."""
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "TMUX", "STY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(discovery, "USUAL_PORTS", {})
    return tmp_path / "home"


@pytest.fixture(scope="session", autouse=True)
def short_naps() -> Iterator[None]:
    """Let Textual's pilot check every 4 ms whether the app is idle, not every 20 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wait, "SLEEP_GRANULARITY", 1 / 250)
        patch.setattr(_wait, "SLEEP_IDLE", 1 / 250 / 20)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A history in a temporary folder, whose clock starts at noon, as that of the app stands still then."""
    began = time.monotonic()
    with Store(tmp_path / "data", clock=lambda: NOON.timestamp() + time.monotonic() - began) as store:
        yield store


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """A text model and a code model, and one that supports images."""

    def weights(name: str) -> Weights:
        file = tmp_path / name
        file.write_bytes(b"weights")
        return Weights(str(file))

    models = (
        Model("petit", "Petit", ("text",), weights("petit.gguf")),
        Model("codeur", "Codeur", ("code",), weights("codeur.gguf")),
        Model("oeil", "Œil", ("vision",), weights("oeil.gguf"), projector=weights("oeil-mmproj.gguf")),
    )
    return Models({model.id: model for model in models})


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def make_app(store: Store, models: Models, jobs: Jobs) -> MakeApp:
    """Makes the app: `make_app(*script)` as for `EchoEngine`, or `make_app(engine)`."""

    def make(
        *script: Any,
        settings: Settings | None = None,
        chat: int = 0,
        model: str = "petit",
        choices: Choices | None = None,
        report: Callable[[Exception], str] = repr,
    ) -> LeChat:
        engine = script[0] if script and isinstance(script[0], EchoEngine) else EchoEngine(*script)
        found = store.chat(chat) if chat else None
        conversation = Conversation(
            store, engine, models, models.get(model), settings=settings or Settings(titles=False), chat=found
        )
        return LeChat(
            conversation, jobs=jobs, machine=lambda: MACHINE, choices=choices, report=report, clock=lambda: NOON
        )

    return make
