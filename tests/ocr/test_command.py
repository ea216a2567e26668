"""`/ocr` reads a file and attaches its text; what was read until it was stopped is kept."""

from pathlib import Path

import pytest
from fakehost import FakeHost
from PIL import Image, ImageDraw

from lechat_tui.attachments.documents import used_pages
from lechat_tui.engine.base import EngineError
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models.available import Models
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TIFF with three pages, in a folder with a space."""
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    page = Image.new("RGB", (400, 500), "white")
    ImageDraw.Draw(page).text((50, 50), "All cats are gray at night", "black")
    file = tmp_path / "my scans" / "cats.tif"
    file.parent.mkdir()
    page.save(file, save_all=True, append_images=[page, page])
    return file


def host_with(store: Store, models: Models, *script: str | EngineError) -> FakeHost:
    engine = EchoEngine(*([each] if isinstance(each, EngineError) else each for each in script))
    return FakeHost(Conversation(store, engine, models, models.get("petit")))


async def test_the_pages_are_attached_and_a_run_that_was_stopped_resumes(
    scan: Path, store: Store, models: Models
) -> None:
    host = host_with(store, models, "one", EngineError("the engine ended"))
    assert await host.do(f"/ocr {scan}") == "oeil reads 3 pages of cats.tif"
    (task,) = host.tasks
    with pytest.raises(EngineError):
        [step async for step in task.steps()]
    await task.end()
    assert host.attachments[-1].name == "cats.md" and used_pages(host.attachments[-1]).text == "one"
    assert host.notes[-1] == "1 of 3 pages are read; the same /ocr resumes with the others"

    host = host_with(store, models, "two", "three")
    assert "1 of them were read before" in await host.do(f"/ocr {scan}")
    (task,) = host.tasks
    steps = [step async for step in task.steps()]
    assert steps[0] == ("reading page 2 (2 of 3)", 1 / 3) and len(steps) == 2
    out = scan.parent / "out.md"
    await task.end()
    assert used_pages(host.attachments[-1]).text == "[page 1]\none\n\n[page 2]\ntwo\n\n[page 3]\nthree"

    host = host_with(store, models, "again")
    await host.do(f'/ocr {scan}#3 "{out}"')
    (task,) = host.tasks
    assert len([step async for step in task.steps()]) == 1
    await task.end()
    assert out.read_text() == "[page 3]\nagain\n"
    assert not host.attachments and not list((scan.parents[1] / "home" / "cache" / "ocr").iterdir())


async def test_what_can_not_be_read_is_said(scan: Path, store: Store, models: Models) -> None:
    host = host_with(store, models)
    assert "needs the path" in await host.do("/ocr")
    for words, sentence in (
        (f"{scan}#9", "cats.tif has pages 1 to 3, and no page 9"),
        (f"{scan.parent}/none.pdf", "none.pdf can't be read"),
    ):
        with pytest.raises(Exception, match=sentence):
            await host.do(f"/ocr {words}")
    assert not host.tasks
