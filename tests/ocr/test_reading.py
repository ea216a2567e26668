"""Pages are read one by one: loops, cuts, blank and damaged pages are marked, and a kill loses one page at most."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from calling import caller
from pdfs import with_pictures
from PIL import Image, ImageDraw

from lechat_tui.cli import compose
from lechat_tui.documents.model import DocumentError
from lechat_tui.engine.base import Delta, Done, EngineError, Event, LocalModel, Request
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Receipt
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.ocr.journal import Journal, PageText, journal_of
from lechat_tui.talk.ocr.pictures import PagePicture
from lechat_tui.talk.ocr.preparing import ocr_model
from lechat_tui.talk.ocr.reading import Job, PageBegun, document, markdown, read_pages, wanted_pages
from lechat_tui.talk.ocr.recipes import GENERAL, RECIPES, recipe_of, sampling_of

CATS = "All cats are gray at night and they sleep for sixteen hours of every day"
LOOP: list[Event] = [Delta("I am a loop. ") for _ in range(100)]
CUT: list[Event] = [Delta("All cats are gray"), Done(Receipt("m", stop_reason="length"))]


class Pages:
    """A PDF whose pages have these texts; an empty one is blank, and None can't be rendered."""

    name, format = "cats.pdf", "pdf"

    def __init__(self, texts: Sequence[str | None]) -> None:
        self.pages = len(texts)
        self._texts = texts

    def page(self, number: int, max_pixels: int, *, embedded: bool) -> PagePicture:
        text = self._texts[number - 1]
        if text is None:
            raise DocumentError("cats.pdf is damaged")
        image = Image.new("RGB", (1200, 1600), "white")
        ImageDraw.Draw(image).text((100, 100), text, "black")
        return PagePicture(image, text)


def job_of(
    tmp_path: Path, pages: Sequence[str | None], engine: EchoEngine, *, model: str = "m", keep: bool = True
) -> Job:
    row = Model(model, model, ("vision",), Weights("m.gguf"))
    recipe, scan = recipe_of(row), Pages(pages)
    journal = journal_of(tmp_path / "ocr" if keep else None, "sha256 of the file", model)
    sampling = sampling_of(recipe, row, 16_384)
    spec = LocalModel(model, tmp_path / "m.gguf")
    return Job(scan, wanted_pages(scan, None), engine, spec, recipe, sampling, 10**6, journal)


def read(job: Job, *, stop_after: int = 1000) -> list[PageText]:
    """Read the pages, up to so many."""

    async def run() -> list[PageText]:
        found: list[PageText] = []
        async with aclosing(read_pages(job)) as steps:
            async for step in steps:
                if isinstance(step, PageText):
                    found.append(step)
                    if len(found) == stop_after:
                        break
        return found

    return asyncio.run(run())


def test_pages_are_read_and_marked_where_they_are_not_whole_or_look_invented(tmp_path: Path) -> None:
    invented = "Once upon a time there was a dragon that ate the king and all of his horses"
    halves = CATS[:50], CATS[30:]
    engine = EchoEngine(f"```markdown\n# {CATS}\n```", LOOP, LOOP, "", CUT, CUT, CUT, invented, CUT, *halves)
    job = job_of(tmp_path, [CATS, CATS, CATS, "", CATS, None, CATS], engine)
    first, looped, cut, blank, dragon, damaged, halved = read(job)
    assert (first.text, first.ended, first.kept, first.invented, first.marks) == (f"# {CATS}", "end", 1.0, 0.0, ())
    assert looped.ended == "loop" and looped.text == "I am a loop." and "repeat itself" in looped.marks[0]
    assert cut.ended == "length" and "cut off at the limit of tokens" in cut.marks[0]
    assert blank.ended == "blank" and not blank.text and not blank.marks
    assert dragon.invented and "looks invented" in dragon.marks[-1]
    assert (damaged.ended, damaged.marks) == ("failed", ("cats.pdf is damaged",))
    assert (halved.text, halved.ended, halved.pieces) == (CATS, "end", 2)
    text = markdown(job)
    assert f"[page 1]\n# {CATS}\n\n[page 2]\nI am a loop.\n\n> **Page 2:** the model began" in text
    assert [page.source for page in document(job).pages][3] == "empty"
    assert document(job).notes[0] == "blank and skipped: page 4"
    assert len(engine.requests) == 11


def test_a_model_gets_a_picture_of_its_size_and_the_question_that_it_was_trained_on(tmp_path: Path) -> None:
    sizes: list[tuple[int, int]] = []

    class Measuring(EchoEngine):
        def stream(self, request: Request):
            (picture,) = request.messages[-1].images
            sizes.append(Image.open(BytesIO(picture.path.read_bytes())).size)
            return super().stream(request)

    engine = Measuring(CATS, CATS)
    read(replace(job_of(tmp_path, [CATS], engine, keep=False), max_pixels=500_000))
    read(job_of(tmp_path, [CATS], engine, model="noctrex/LightOnOCR-2-1B-GGUF:Q8_0", keep=False))
    general, light = engine.requests
    assert [message.role for message in general.messages] == ["user"] and "Markdown" in general.messages[0].text
    assert [(message.role, message.text) for message in light.messages] == [("system", ""), ("user", "")]
    assert (general.sampling.temperature, light.sampling.temperature) == (0.0, 0.2)
    assert light.sampling.max_tokens == 4096
    assert sizes[0][0] * sizes[0][1] == pytest.approx(500_000, rel=0.01)


def test_the_models_made_for_ocr_are_known_by_their_names() -> None:
    names = ("ggml-org/LightOnOCR-1B-1025-GGUF", "DeepSeek_OCR", "glm-ocr", "PaddleOCR-VL-1.5", "HunyuanOCR", "pixtral")
    found = [recipe_of(Model(name, name, ("vision",))) for name in names]
    assert found == [*(recipe for _, recipe in RECIPES), GENERAL]


def test_a_model_made_for_ocr_is_preferred(tmp_path: Path, store: Store, models: Models) -> None:
    conversation = Conversation(store, EchoEngine(), models, models.get("petit"))
    assert ocr_model(conversation).id == "oeil"
    weights = Weights(str(tmp_path / "m.gguf"))
    models.add([Model("lighton-ocr", "LightOnOCR", ("vision",), weights, projector=weights)])
    assert ocr_model(conversation).id == "lighton-ocr"


def test_a_run_that_was_killed_continues_behind_its_last_page(tmp_path: Path) -> None:
    pages = [CATS, CATS, CATS]
    assert len(read(job_of(tmp_path, pages, EchoEngine(CATS)), stop_after=1)) == 1
    (journal,) = (tmp_path / "ocr").iterdir()
    with journal.open("ab") as file:
        file.write(b'{"number":2,"text":"cut off by a ki')
    with pytest.raises(EngineError, match="out of memory"):
        read(job_of(tmp_path, pages, EchoEngine("two", [EngineError("out of memory")])))
    engine = EchoEngine("three")
    job = job_of(tmp_path, pages, engine)
    assert [page.number for page in read(job)] == [3] and len(engine.requests) == 1
    assert [page.text for page in job.pages] == [CATS, "two", "three"]
    other = job_of(tmp_path, pages, EchoEngine(), model="another")
    assert other.left == (1, 2, 3), "another model reads the pages again"
    job.journal.remove([1, 2])
    assert journal.exists(), "page 3 of the longer run is still needed"
    job.journal.remove(job.numbers)
    assert not journal.exists()
    assert Journal(journal).pages == {}


def test_what_is_read_is_told_with_the_time_that_is_left(tmp_path: Path) -> None:
    async def run() -> list[PageBegun]:
        async with aclosing(read_pages(job_of(tmp_path, [CATS] * 3, EchoEngine(CATS, CATS, CATS)))) as steps:
            return [step async for step in steps if isinstance(step, PageBegun)]

    first, second, _ = asyncio.run(run())
    assert str(first) == "page 1 (1 of 3)"
    assert str(second).startswith("page 2 (2 of 3, about ") and str(second).endswith(" s left)")


def test_the_command_resumes_after_a_failure_and_writes_markdown_with_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lechat = caller(tmp_path, monkeypatch, capsys)
    page = Pages([CATS]).page(1, 0, embedded=False).image
    page.save(tmp_path / "cats.tif", save_all=True, append_images=[page, page])
    command = ("ocr", "cats.tif", "-o", "out.md", "--pages", "2-3", "-m", "chaton-vision")
    monkeypatch.setattr(compose, "engine", lambda *given: EchoEngine(CATS, [EngineError("the engine ended")]))
    failed = lechat(*command)
    assert failed.returncode == 1 and not (tmp_path / "out.md").exists()
    assert "1 of 2 pages are read and kept; the same command resumes" in failed.stderr
    assert failed.stderr.endswith("lechat: the engine ended\n")
    monkeypatch.setattr(compose, "engine", lambda *given: EchoEngine(CUT, CUT, ""))
    resumed = lechat(*command, "--json")
    assert resumed.returncode == 1, "a page was cut off"
    found = json.loads(resumed.stdout)
    assert [(page["page"], page["ended"]) for page in found["pages"]] == [(2, "end"), (3, "length")]
    assert (
        (tmp_path / "out.md").read_text().startswith(f"[page 2]\n{CATS}\n\n[page 3]\nAll cats are gray\n\n> **Page 3:")
    )
    assert not list((tmp_path / "home" / "cache" / "ocr").iterdir())
    (tmp_path / "cats.pdf").write_bytes(with_pictures())
    monkeypatch.setattr(compose, "engine", lambda *given: EchoEngine("A green square:\n\n[picture]"))
    assert lechat("ocr", "cats.pdf", "-o", "my out.md", "-m", "chaton-vision").returncode == 0
    assert (tmp_path / "my out.md").read_text() == "A green square:\n\n![picture](my%20out-pictures/page-1-1.png)\n"
    with Image.open(tmp_path / "my out-pictures" / "page-1-1.png") as picture:
        assert picture.size == (60, 60)
    for words, sentence in (
        (("-o", "none/x.md"), "none/x.md can't be written: its folder does not exist"),
        (("-o", "cats.pdf"), "cats.pdf is the file to read; name another one"),
        (("--pages", "9"), "cats.pdf has pages 1 to 1, and no page 9"),
        (("--pages", "x"), "--pages x is not a range of pages"),
        (("-m", "chaton"), "chaton does not support images"),
    ):
        refused = lechat("ocr", "cats.pdf", *words)
        assert refused.returncode and sentence in refused.stderr
