"""`/ocr` on the screen: the progress is shown, Esc stops it and attaches what was read, quitting keeps it."""

import asyncio
from pathlib import Path

from PIL import Image, ImageDraw
from seeing import MakeApp, hides, send, shows, until

from lechat_tui.engine.echo import EchoEngine


async def test_a_scan_is_read_until_it_is_stopped_and_the_rest_after_the_program_was_left(
    make_app: MakeApp, tmp_path: Path
) -> None:
    page = Image.new("RGB", (400, 500), "white")
    ImageDraw.Draw(page).text((50, 50), "All cats are gray at night", "black")
    page.save(tmp_path / "cats.tif", save_all=True, append_images=[page, page])
    line = f"/ocr {tmp_path / 'cats.tif'}"
    engine = EchoEngine("one", [asyncio.Event()], "an answer")
    app = make_app(engine)
    async with app.run_test(size=(120, 30)) as pilot:
        await send(pilot, line)
        await shows(pilot, "oeil reads 3 pages of cats.tif", "reading page 2 (2 of 3, about", "Esc stops")
        await until(pilot, lambda: len(engine.requests) == 2)
        await pilot.press("escape")
        await shows(pilot, "1 of 3 pages are read; the same /ocr resumes", "cats.md · whole document")
        await hides(pilot, "reading page 2")
        await send(pilot, "what is it about?")
        await shows(pilot, "an answer")
    app = make_app("two", [asyncio.Event()])
    async with app.run_test(size=(120, 30)) as pilot:
        await send(pilot, line)
        await shows(pilot, "1 of them were read before", "reading page 3 (3 of 3")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    app = make_app("three")
    async with app.run_test(size=(120, 30)) as pilot:
        await send(pilot, line)
        await shows(pilot, "the text of cats.tif is attached to the next question", "cats.md · whole document, 3 pages")
