"""Images in the transcript."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from graphics import Terminal, cells
from PIL import Image
from seeing import MakeApp, hides, rests, screen_text, shows, transcript, until
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Paste
from textual.pilot import Pilot

from lechat_tui.drawing.kitty import PLACEHOLDER
from lechat_tui.drawing.question import Question
from lechat_tui.engine.base import Delta, Done
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message, Receipt
from lechat_tui.store import Store
from lechat_tui.terminal import INTERMEDIARIES
from lechat_tui.ui.app import LeChat


@pytest.fixture(autouse=True)
def colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with all colors, whatever runs the tests."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in INTERMEDIARIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal that gets what is written between the frames."""
    found = Terminal()
    monkeypatch.setattr(HeadlessDriver, "write", lambda _, data: "\x1b_G" in data and found.write(data))
    return found


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """An image so small that no pixel is changed."""
    image = Image.new("RGB", (30, 16), "#0055a4")
    image.paste("#ffffff", (10, 0, 20, 16))
    image.paste("#ef4135", (20, 0, 30, 16))
    image.save(tmp_path / "flag.png")
    return tmp_path / "flag.png"


def seeing(flag: Path) -> EchoEngine:
    """An engine that describes the image, which took 266 tokens."""
    cost = {hashlib.sha256(flag.read_bytes()).hexdigest(): 266}
    return EchoEngine([Delta("Three stripes."), Done(Receipt("oeil", prompt_tokens=280, picture_tokens=cost))])


def size_of(file: Path) -> int:
    """Bytes."""
    return file.stat().st_size


async def ask(pilot: Pilot[None], flag: Path) -> None:
    """Attach the image to a question, and send both."""
    pilot.app.screen.query_one("Prompt").post_message(Paste(str(flag)))
    await shows(pilot, "flag.png 30x16")
    await pilot.press(*"what is it", "enter")
    await shows(pilot, "Three stripes.")
    await rests(pilot)


def test_a_picture_in_a_chat(make_app: MakeApp, flag: Path, snap_compare: Any) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await ask(pilot, flag)
        await shows(pilot, "▀▀▀", "266 tokens")

    assert snap_compare(make_app(seeing(flag), model="oeil"), terminal_size=(80, 24), run_before=run)


async def test_an_image_is_shown_above_its_name_its_size_and_its_tokens(make_app: MakeApp, flag: Path) -> None:
    app, size = make_app(seeing(flag), model="oeil"), size_of(flag)
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, flag)
        await shows(pilot, f"▌ ▦ flag.png 30x16 · {size} bytes · 266 tokens")
        assert screen_text(app).count("▌ " + "▀" * 30 + "\n") == 8


async def test_without_colors_only_the_name_of_an_image_is_shown(
    make_app: MakeApp, flag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(seeing(flag), model="oeil")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, flag)
        await shows(pilot, "266 tokens")
        assert "▀" not in screen_text(app)


def kept(store: Store, pictures: Sequence[Path]) -> int:
    """A chat with questions about these images."""
    messages = []
    for path in pictures:
        picture = store.keep_attachment(path.read_bytes(), path.name, "image", 30, 16)
        messages += [Message("user", f"what is {path.stem}", attachments=(picture,)), Message("assistant", "a flag")]
    chat = store.new_chat("flags")
    parent = 0
    for message in messages:
        parent = store.add(chat.id, message, parent).id
    return chat.id


async def test_only_the_name_of_a_damaged_image_is_shown(make_app: MakeApp, store: Store, flag: Path) -> None:
    chat = kept(store, [flag])
    picture = store.messages(chat)[0].attachments[0]
    picture.path.write_bytes(b"\x89PNG\r\n\x1a\n no more")
    async with make_app(chat=chat).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "▦ flag.png 30x16", "a flag")
        await rests(pilot)
        await hides(pilot, "▀")


async def test_only_images_in_view_are_decoded_and_the_others_have_their_rows(
    make_app: MakeApp, store: Store, flag: Path
) -> None:
    for number in range(100):
        image = Image.open(flag)
        image.putpixel((0, 0), (number, 0, 0))
        image.save(flag.with_name(f"flag{number:02}.png"))
    chat = kept(store, sorted(flag.parent.glob("flag??.png")))
    app = make_app(chat=chat)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "flag99.png", "▀▀▀")
        await rests(pilot)
        shown = transcript(app)
        rendered = [item for item in shown.viewport.items if isinstance(item, Question) and item.rendered]
        assert len(rendered) < 8
        before = shown.virtual_size.height
        shown.scroll_to(y=0, animate=False)
        await until(pilot, lambda: "flag00.png" in screen_text(app) and "▀▀▀" in screen_text(app))
        assert shown.virtual_size.height == before


def drawn_cells(app: LeChat) -> list[tuple[int, int, int]]:
    """The cells of images on the screen, row by row."""
    return [cell for strip in app.screen._compositor.render_strips() for cell in cells(strip) if cell]


async def test_a_terminal_with_graphics_shows_the_image_itself_until_the_end(
    make_app: MakeApp, flag: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-ghostty")
    app = make_app(seeing(flag), model="oeil")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot, flag)
        await shows(pilot, PLACEHOLDER, "266 tokens")
        [(number, (columns, rows, image))] = terminal.pictures.items()
        assert (columns, rows) == (30, 8)
        assert image.tobytes() == Image.open(flag).tobytes()
        assert drawn_cells(app) == [(number, row, column) for row in range(8) for column in range(30)]
        assert "▀" not in screen_text(app)

        await pilot.resize_terminal(60, 20)
        app.theme = "mistral-light"
        await pilot.pause()
        assert set(terminal.pictures) == {cell[0] for cell in drawn_cells(app)} == {number}

        terminal.pictures.clear()  # as another program in the terminal may do
        app.app_resume_signal.publish(app)
        await until(pilot, lambda: number in terminal.pictures)

        app.screen.text_select_all()
        copied = app.screen.get_selected_text()
        assert copied and "what is it" in copied and PLACEHOLDER not in copied
        app.exit()
        assert terminal.pictures == {}


async def test_nothing_is_sent_to_a_terminal_without_known_graphics(
    make_app: MakeApp, store: Store, flag: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")  # of an unknown version
    app = make_app(chat=kept(store, [flag]))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "flag.png 30x16", "▀▀▀")
        assert PLACEHOLDER not in screen_text(app)
        app.app_resume_signal.publish(app)
        await rests(pilot)
    assert terminal.sent == 0
