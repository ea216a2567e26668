"""The model manager, downloads beside the talk, and the first models, against a hub on this machine."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from seeing import MakeApp, chat, hides, prompt, rests, screen_text, send, shows, until
from served import COMMIT, CONTENT, SHA256, Hub, serving
from textual.pilot import Pilot

from lechat_tui import paths
from lechat_tui.engine.base import Server
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.engine.remote import discovery
from lechat_tui.engine.remote.pieces import ServerModel
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.models import servers
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole, Status, Weights
from lechat_tui.models.fit import Resources
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.dialogs.manager import Manager
from lechat_tui.ui.widgets.downloads import Downloads

SHAPE = ModelShape(layers=32, kv_heads=8, head_size=128, embedding=4096, vocabulary=32768, heads=32, feed_forward=14336)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def far(id: str, *roles: ModelRole, **more: object) -> Model:
    """A model the hub has."""
    weights = Weights(f"{id}.gguf", len(CONTENT), SHA256, quant="Q4_K_M")
    row = {"weights": weights, "repo": f"who/{id}", "revision": COMMIT, "shape": SHAPE, "trained": 32768, **more}
    return Model(id, id.title(), roles or ("text",), **row)  # type: ignore[arg-type]


@pytest.fixture
def models(models: Models) -> Models:
    """Those of the machine, and some that are elsewhere."""
    closed: Status = "closed"
    rows = (
        far("loin", "text", license="Apache-2.0", parameters=7.2, status="recommended"),
        far("cher", "code", license="MNPL-0.1", license_url="https://example.org/mnpl", consent=True),
        far("vaste", "text", weights=Weights("vaste.gguf", 70_000_000_000, quant="Q4_K_M"), status="large"),
        Model("secret", "Secret", ("text",), status=closed, instead="loin"),
        Model("chaton", "chaton", ("text",), models.get("petit").weights, toy=True),
    )
    return Models(models.catalog | {model.id: model for model in rows})


def manager(pilot: Pilot[None]) -> Manager:
    screen = pilot.app.screen
    assert isinstance(screen, Manager)
    return screen


async def manage(pilot: Pilot[None], find: str = "") -> None:
    """Open the manager, at the model that is found by this."""
    await send(pilot, "/models")
    await shows(pilot, "On this machine", "Esc back")
    await rests_but_command(pilot)
    if find:
        await pilot.press("slash", *find, "enter")
        await shows(pilot, f"▌ {find}")


async def rests_but_command(pilot: Pilot[None]) -> None:
    """Let the manager read what it reads; the command that opened it waits for its end."""
    await until(pilot, lambda: all(w.is_finished for w in pilot.app.workers if w.group in ("read", "work")))


async def test_the_manager_lists_installed_models_first_and_shows_what_fits(make_app: MakeApp, hub: Hub) -> None:
    async with make_app().run_test(size=(120, 60)) as pilot:
        await manage(pilot)
        rows = [line.split() for line in screen_text(pilot.app).splitlines()]
        names = [word for row in rows for word in row if word in ("petit", "codeur", "loin", "cher", "vaste", "secret")]
        assert names[:6] == ["petit", "codeur", "loin", "cher", "vaste", "secret"]
        text = screen_text(pilot.app)
        assert "in use" in text and "non-commercial" in text and "too big" in text and "use loin" in text


async def test_a_slash_filters_the_models_and_a_number_selects_a_role(make_app: MakeApp, hub: Hub) -> None:
    async with make_app().run_test(size=(60, 20)) as pilot:
        await manage(pilot)
        await pilot.press("slash", *"mnpl")
        await hides(pilot, "codeur")
        assert "cher" in screen_text(pilot.app)
        await pilot.press("escape", "3")
        await hides(pilot, "cher")
        assert "oeil" in screen_text(pilot.app) and "[vision]" in screen_text(pilot.app)
        await pilot.press("tab")
        await shows(pilot, "[all]", "codeur")
        await pilot.press("q")
        await shows(pilot, "everything stays on this machine")


async def test_enter_switches_to_an_installed_model_and_leads_from_an_unpublished_one_to_its_replacement(
    make_app: MakeApp, hub: Hub
) -> None:
    async with make_app().run_test(size=(60, 20)) as pilot:
        await manage(pilot, "secret")
        await pilot.press("enter")
        await shows(pilot, "▌ loin")
        await pilot.press("home", "down", "enter")
        await shows(pilot, "now using codeur")


async def test_a_server_that_runs_here_is_offered_and_connected(
    make_app: MakeApp, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add(server: Server) -> tuple[str, list[Model], list[ServerModel]]:
        found = [ServerModel("gemma", context=4096, images=True)]
        return "LM Studio", servers.rows("lm-studio", server, "here", found), found

    monkeypatch.setattr(discovery, "discover", none_but(Server("http://localhost:1234")))
    monkeypatch.setattr(servers, "add", add)
    async with make_app().run_test(size=(110, 30)) as pilot:
        await manage(pilot, "http://localhost")
        await shows(pilot, "not connected", "Enter connect")
        await pilot.press("enter")
        await shows(pilot, "LM Studio at localhost:1234", "4,096 tokens, images")
        await pilot.press("enter")
        await shows(pilot, "now using lm-studio/gemma", "lm-studio/gemma on localhost:1234")
        await manage(pilot, "lm-studio/gemma")
        await shows(pilot, "in use")


def none_but(*found: Server) -> Callable[[], Awaitable[list[Server]]]:
    async def discover() -> list[Server]:
        return list(found)

    return discover


async def test_a_download_is_shown_below_the_chat_and_its_end_is_reported(make_app: MakeApp, hub: Hub) -> None:
    hub.gate.clear()
    async with make_app("Bonjour").run_test(size=(110, 30)) as pilot:
        await manage(pilot, "loin")
        await pilot.press("d")
        await shows(pilot, "in the background", "c cancel", "50%")
        await pilot.press("escape", "escape")
        await shows(pilot, "↓ loin  50%", "of 1.0 MB")
        await send(pilot, "hello")
        await shows(pilot, "Bonjour")
        hub.gate.set()
        await shows(pilot, "loin is downloaded; /model loin switches to it")
        await hides(pilot, "↓ loin")
        assert chat(pilot.app).host.conversation.model.id == "petit"
        assert not pilot.app.screen.query_one(Downloads).running


@pytest.mark.parametrize("key", ["d", "enter"])
async def test_the_manager_downloads_nothing_in_offline_mode(
    make_app: MakeApp, hub: Hub, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    async with make_app().run_test(size=(110, 30)) as pilot:
        await manage(pilot, "loin")
        await pilot.press(key)
        await shows(pilot, "downloading loin needs the network, and lechat is offline")
        assert not pilot.app.screen_stack[0].query_one(Downloads).running


async def test_a_downloaded_model_is_switched_to_unless_another_was_chosen(make_app: MakeApp, hub: Hub) -> None:
    async with make_app().run_test(size=(110, 30)) as pilot:
        await manage(pilot, "loin")
        await pilot.press("enter")
        await shows(pilot, "loin is downloaded and in use now")
        hub.gate.clear()
        await send(pilot, "/pull cher")
        await shows(pilot, "MNPL-0.1", "https://example.org/mnpl")
        await pilot.press("y")
        await shows(pilot, "↓ cher")
        await send(pilot, "/model cher")
        await shows(pilot, "Download it")
        await pilot.press("y")
        await send(pilot, "/code")
        await shows(pilot, "now using codeur")
        hub.gate.set()
        await shows(pilot, "cher is downloaded; /model cher switches to it")
        assert chat(pilot.app).host.conversation.model.id == "codeur"


async def test_a_cancelled_download_is_resumed(make_app: MakeApp, hub: Hub) -> None:
    hub.gate.clear()
    async with make_app().run_test(size=(110, 30)) as pilot:
        await manage(pilot, "loin")
        await pilot.press("d")
        await shows(pilot, "50%")
        await pilot.press("c")
        await shows(pilot, "download of loin canceled; d resumes it", "d download")
        hub.gate.set()
        await pilot.press("d")
        await shows(pilot, "on this machine", "ready")
        assert hub.asked == [0, len(CONTENT) // 2], "the second transfer began where the first stopped"


async def test_a_failed_download_reports_the_reason(make_app: MakeApp, hub: Hub) -> None:
    hub.refuse = 403
    async with make_app().run_test(size=(110, 30)) as pilot:
        await send(pilot, "/pull loin")
        await shows(pilot, "loin could not be downloaded: the hub")
        assert not chat(pilot.app).query_one(Downloads).running
        await manage(pilot, "loin")
        await shows(pilot, "failed", "d download")


async def test_a_model_is_deleted_after_a_confirmation_unless_another_program_owns_it(
    make_app: MakeApp, hub: Hub, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    theirs = tmp_path / ".lmstudio" / "models" / "theirs.gguf"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"weights")
    models.catalog["theirs"] = Model("theirs", "Theirs", ("text",), Weights(str(theirs)))
    async with make_app().run_test(size=(110, 30)) as pilot:
        await send(pilot, "/pull loin")
        await shows(pilot, "loin is downloaded")
        await manage(pilot, "loin")
        await pilot.press("x")
        await shows(pilot, "Delete loin? This frees 1.0 MB.")
        await pilot.press("enter")
        await hides(pilot, "Delete loin?")
        assert models.files(models.get("loin")), "Enter alone is a no"
        await pilot.press("x")
        await shows(pilot, "Delete loin?")
        await pilot.press("y")
        await shows(pilot, "deleted loin, freed 1.0 MB", "d download")
        assert not models.files(models.get("loin"))
        await pilot.press("escape", "slash", *"theirs", "enter", "x")
        await shows(pilot, "theirs belongs to LM Studio; delete it there")
        assert theirs.exists()


async def leave(pilot: Pilot[None], *keys: str) -> None:
    """Ask to leave while something is downloaded, and answer."""
    await send(pilot, "/exit")
    await shows(pilot, "is still downloading", "Quit when it is done", "Stay")
    await pilot.press(*keys, "enter")


async def test_quitting_during_a_download_asks_and_the_next_start_offers_to_resume(
    make_app: MakeApp, hub: Hub, jobs: Jobs
) -> None:
    hub.gate.clear()
    async with make_app().run_test(size=(110, 30)) as pilot:
        await send(pilot, "/pull loin")
        await shows(pilot, "↓ loin  50%")
        await leave(pilot, "down", "down")
        await hides(pilot, "Quit when it is done")
        await leave(pilot, "down")
        await until(pilot, lambda: not pilot.app.is_running)
    await asyncio.to_thread(jobs.close)
    hub.gate.set()
    for journal in paths.hub_cache().rglob("*.lechat-journal*"):
        os.utime(journal, (0, 0))
    async with make_app().run_test(size=(110, 30)) as pilot:
        await shows(pilot, "loin is partially downloaded")
        await pilot.press("f2")
        await shows(pilot, "loin is downloaded; /model loin switches to it")
    assert hub.asked == [0, len(CONTENT) // 2]


async def test_quitting_can_wait_for_a_download(make_app: MakeApp, hub: Hub, models: Models) -> None:
    hub.gate.clear()
    async with make_app("Bonjour").run_test(size=(110, 30)) as pilot:
        await send(pilot, "/pull loin")
        await shows(pilot, "↓ loin  50%")
        await leave(pilot)
        await shows(pilot, "lechat quits when loin is downloaded")
        await send(pilot, "hello")
        await shows(pilot, "Bonjour")
        hub.gate.set()
        await until(pilot, lambda: not pilot.app.is_running)
    assert models.files(models.get("loin"))


@pytest.fixture
def bare(models: Models) -> Models:
    """A machine with the toy alone."""
    for id in ("petit", "codeur", "oeil"):
        del models.catalog[id]
    return models


async def test_the_first_models_are_offered_until_one_is_installed(make_app: MakeApp, hub: Hub, bare: Models) -> None:
    async with make_app(model="chaton").run_test(size=(110, 40)) as pilot:
        await shows(pilot, "This machine can run", "loin", "text", "F2 downloads it")
        await pilot.press("f2")
        await shows(pilot, "▌ loin", "Enter downloads")
        await pilot.press("enter")
        await shows(pilot, "Download loin")
        await pilot.press("enter")  # by mistake: the answer is no
        await hides(pilot, "Download loin")
        assert "downloading" not in screen_text(pilot.app)
        await pilot.press("f2", "enter")
        await shows(pilot, "Download loin")
        await pilot.press("y")
        await shows(pilot, "loin is downloaded and in use now")
        await send(pilot, "/new")
        await shows(pilot, "everything stays on this machine")
        assert "This machine can run" not in screen_text(pilot.app)


async def test_declining_the_first_models_is_remembered(make_app: MakeApp, hub: Hub, bare: Models) -> None:
    async with make_app(model="chaton").run_test(size=(110, 40)) as pilot:
        await shows(pilot, "F2 downloads it")
        await pilot.press("f2", "escape")
        await hides(pilot, "This machine can run")
        assert pilot.app.focused is prompt(pilot)
    async with make_app(model="chaton").run_test(size=(110, 40)) as pilot:
        await rests(pilot)
        assert "This machine can run" not in screen_text(pilot.app)


async def test_words_typed_beside_the_prompt_go_into_it_and_enter_sends_them(
    make_app: MakeApp, hub: Hub, bare: Models
) -> None:
    async with make_app("Bonjour", model="chaton").run_test(size=(110, 40)) as pilot:
        await shows(pilot, "F2 downloads it")
        await pilot.press("tab", *"hello", "tab", *"world")
        assert prompt(pilot).text == "helloworld"
        await pilot.press("enter")
        await shows(pilot, "Bonjour")
        assert "loin" not in screen_text(pilot.app)


@pytest.fixture
def laptop(models: Models) -> Models:
    """A machine that has too little memory for `vaste`."""
    return Models(models.catalog, machine=lambda: Resources(ram=25 * 10**9))


@pytest.mark.parametrize("command", ["/pull vaste", "/model vaste"])
async def test_instead_of_a_model_that_is_too_large_one_that_fits_is_offered(
    store: Store, laptop: Models, jobs: Jobs, hub: Hub, command: str
) -> None:
    conversation = Conversation(store, EchoEngine(), laptop, laptop.get("petit"), settings=Settings(titles=False))
    app = LeChat(conversation, jobs=jobs, machine=lambda: Resources(ram=25 * 10**9))
    async with app.run_test(size=(110, 30)) as pilot:
        await send(pilot, command)
        await shows(pilot, "vaste does not fit into this machine's memory", "download loin instead", "anyway")
        await pilot.press("enter")
        await hides(pilot, "vaste does not fit")
        assert not pilot.app.screen_stack[0].query_one(Downloads).running, "a stray Enter downloads nothing"
        await send(pilot, command)
        await shows(pilot, "download loin instead")
        await pilot.press("up", "enter")
        await shows(pilot, "loin is downloaded")
