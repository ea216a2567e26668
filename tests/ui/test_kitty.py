"""Images that the terminal shows in cells."""

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random

import pytest
from graphics import Terminal, cells
from PIL import Image
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lechat_tui.attachments.images import Thumbnail
from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.kitty import DIACRITICS, MAX_CHUNK_BYTES, MAX_PLACEMENTS, PLACEHOLDER, Placements, Png, png
from lechat_tui.drawing.question import Question
from lechat_tui.drawing.rows import Look, plain
from lechat_tui.drawing.styles import ROLES
from lechat_tui.drawing.thumbnails import MAX_COLUMNS, MAX_ROWS, Request, Thumbnails, graphics, pixel_rows
from lechat_tui.message import Attachment, Message
from lechat_tui.plaintext import safe
from lechat_tui.settings.config import Settings
from lechat_tui.terminal import INTERMEDIARIES, shows_kitty_images

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]
EDGE = "▌ ", Style.null()


def dots(width: int, height: int) -> Thumbnail:
    """Noise, which PNG cannot compress."""
    return Thumbnail(width, height, Random(7).randbytes(width * height * 3), 12)


def small() -> Png:
    return png(dots(1, 1))


def ignore() -> None:
    pass


def test_an_image_is_sent_pixel_by_pixel_in_chunks_without_replies() -> None:
    terminal, seen = Terminal(), dots(200, 90)
    placement = Placements(terminal.write).add(png(seen), 20, 5, ignore)
    columns, rows, image = terminal.pictures[placement.number]
    assert (columns, rows, image.size) == (20, 5, (200, 90))
    assert image.tobytes() == seen.rgb


def test_every_cell_has_the_number_of_its_image_and_its_position() -> None:
    terminal = Terminal()
    placement = Placements(terminal.write).add(small(), MAX_COLUMNS, MAX_ROWS, ignore)
    rows = list(pixel_rows(placement, MAX_ROWS, MAX_COLUMNS + 4, EDGE, Style(bgcolor="#101010")))
    for number, row in enumerate(rows):
        shown = [(placement.number, number, column) for column in range(MAX_COLUMNS)]
        assert list(cells(row.runs)) == [None, None, *shown, None, None, None, None]
        assert cell_len(row.text) == MAX_COLUMNS + 6
        assert {str(style.bgcolor and style.bgcolor.name) for _, style in row.runs[1:]} == {"#101010"}
    assert placement.number in terminal.pictures


def test_a_row_is_cropped_between_cells() -> None:
    placement = Placements(Terminal().write).add(small(), 20, 1, ignore)
    strip = Strip([Segment(*placement.row(0))])
    assert strip.cell_length == 20
    assert list(cells(strip.crop(3, 9))) == [(placement.number, 0, column) for column in range(3, 9)]


def test_cells_of_an_image_are_not_copied() -> None:
    placement = Placements(Terminal().write).add(small(), 4, 1, ignore)
    [row] = pixel_rows(placement, 1, 8, EDGE, Style.null())
    assert row.text[row.skip :] == "" and row.joint == ""


def test_there_are_enough_diacritics_and_they_take_no_cell() -> None:
    assert len(DIACRITICS) >= max(MAX_COLUMNS, MAX_ROWS)
    assert cell_len(DIACRITICS) == 0


def test_the_oldest_image_makes_room_and_its_viewer_is_told() -> None:
    terminal = Terminal()
    gone: list[int] = []
    placements = Placements(terminal.write)
    added = [placements.add(small(), 1, 1, partial(gone.append, at)) for at in range(MAX_PLACEMENTS + 2)]
    assert gone == [0, 1]
    assert list(terminal.pictures) == [one.number for one in added[2:]]


def test_closing_deletes_every_image_and_sends_no_more() -> None:
    terminal = Terminal()
    placements = Placements(terminal.write)
    for _ in range(3):
        placements.add(small(), 1, 1, ignore)
    placements.close()
    placements.add(small(), 1, 1, ignore)
    placements.send_again()
    assert terminal.pictures == {} and terminal.sent == 3


def test_images_are_sent_again_under_the_same_numbers() -> None:
    terminal = Terminal()
    placements = Placements(terminal.write)
    numbers = [placements.add(small(), 1, 1, ignore).number for _ in range(3)]
    terminal.pictures.clear()
    placements.send_again()
    assert list(terminal.pictures) == numbers


def test_two_programs_in_one_terminal_use_different_numbers() -> None:
    first, second = (Placements(Terminal().write).add(small(), 1, 1, ignore).number for _ in range(2))
    assert abs(first - second) > MAX_PLACEMENTS
    assert min(first, second) >> 24


def test_every_command_is_wrapped_for_tmux() -> None:
    terminal = Terminal()
    written: list[str] = []
    placements = Placements(written.append, tmux=True)
    placement = placements.add(png(dots(200, 90)), 20, 5, ignore)
    start, end = "\x1bPtmux;", "\x1b\\"
    text = "".join(written)
    assert text.startswith(start) and text.endswith(end)
    wrapped = text.removeprefix(start).removesuffix(end).split(end + start)
    assert len(wrapped) == -(-len(b64encode(png(dots(200, 90)).content)) // MAX_CHUNK_BYTES)
    for one in wrapped:
        terminal.write(one.replace("\x1b\x1b", "\x1b"))
    assert placement.number in terminal.pictures


def question(file: Path, thumbnails: Thumbnails) -> Question:
    """A question with an image, as in the transcript."""
    Image.new("RGB", (30, 16), "red").save(file)
    thumbnails.allow(colors=True)
    image = Attachment("f00", "x.png", "image", file, 0, 30, 16)
    return Question(Message("user", "what", attachments=(image,)), thumbnails=thumbnails)


def decode_all(thumbnails: Thumbnails) -> None:
    """Decode everything that is requested, as the transcript does."""
    while request := thumbnails.next:
        thumbnails.keep(request, thumbnails.decode(request))


def test_an_image_that_made_room_is_sent_again_when_it_is_back_in_view(tmp_path: Path) -> None:
    terminal = Terminal()
    placements = Placements(terminal.write)
    thumbnails = Thumbnails(ignore, placements)
    asked = question(tmp_path / "x.png", thumbnails)
    high = len(asked.rows(80, LOOK))
    decode_all(thumbnails)
    [first] = {cell[0] for row in asked.rows(80, LOOK) for cell in cells(row.runs) if cell}
    for _ in range(MAX_PLACEMENTS):
        placements.add(small(), 1, 1, ignore)
    assert first not in terminal.pictures
    assert not any(PLACEHOLDER in row.text for row in asked.rows(80, LOOK))
    decode_all(thumbnails)
    rows = asked.rows(80, LOOK)
    [second] = {cell[0] for row in rows for cell in cells(row.runs) if cell}
    assert second != first and second in terminal.pictures
    assert len(rows) == high


def test_a_damaged_image_is_not_sent(tmp_path: Path) -> None:
    terminal = Terminal()
    thumbnails = Thumbnails(ignore, Placements(terminal.write))
    asked = question(tmp_path / "x.png", thumbnails)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    asked.rows(80, LOOK)
    decode_all(thumbnails)
    assert "x.png 30x16" in plain([run for row in asked.rows(80, LOOK) for run in row.runs])
    assert len(asked.rows(80, LOOK)) == 3 and terminal.sent == 0


def test_a_large_image_is_sent_in_the_size_of_its_cells(tmp_path: Path) -> None:
    terminal = Terminal()
    thumbnails = Thumbnails(ignore, Placements(terminal.write))
    Image.effect_noise((3000, 2000), 90).convert("RGB").save(tmp_path / "x.jpg")
    request = Request(Attachment("f00", "x.jpg", "image", tmp_path / "x.jpg", 0, 3000, 2000), 30, 10)
    thumbnails.keep(request, thumbnails.decode(request))
    [(columns, rows, image)] = terminal.pictures.values()
    assert (columns, rows, image.size) == (30, 10, (480, 320))


FORGED = f"{PLACEHOLDER}{DIACRITICS[0]}{DIACRITICS[0]}{DIACRITICS[5]}"


def test_text_cannot_forge_an_image() -> None:
    assert safe(f"a {FORGED} b") == f"a �{DIACRITICS[0]}{DIACRITICS[0]}{DIACRITICS[5]} b"
    text = f"{FORGED} &#x10EEEE; `{FORGED}`\n\n```\n{FORGED}\n```\n\n| {FORGED} |\n|--|\n\n[{FORGED}](https://a.org/{FORGED})"
    items = (
        Answer(Message("assistant", text, thinking=text)),
        Question(Message("user", text, attachments=(Attachment("f00", f"{FORGED}.png", "image", Path("x"), 0, 1, 1),))),
    )
    for item in items:
        item.unfolded = True
        assert not [row.text for row in item.rows(80, LOOK) if PLACEHOLDER in row.text]


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"TERM": "xterm-ghostty"}, True),
        ({"TERM": "xterm-kitty", "KITTY_INSTALLATION_DIR": "new"}, True),
        ({"TERM": "xterm-kitty", "KITTY_INSTALLATION_DIR": "without a version"}, True),
        ({"TERM": "xterm-kitty", "KITTY_INSTALLATION_DIR": "old"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({"TERM": "xterm", "KITTY_INSTALLATION_DIR": "new", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, False),
        ({}, False),
        *[({"TERM": "xterm-ghostty", name: "1"}, False) for name in INTERMEDIARIES],
    ],
)
def test_images_are_sent_only_to_a_terminal_that_is_known_to_show_them(
    environment: Mapping[str, str], shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, version in (("old", "0, 26, 5"), ("new", "0, 28, 0")):
        (tmp_path / folder / "kitty").mkdir(parents=True)
        source = f"appname: str = 'kitty'\nversion: Version = Version({version})\n"
        (tmp_path / folder / "kitty" / "constants.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    assert shows_kitty_images(environment) == shown


@pytest.mark.parametrize(
    ("settings", "color_system", "terminal", "expected"),
    [
        (Settings(), "truecolor", "xterm-ghostty", "terminal"),
        (Settings(), "truecolor", "xterm-256color", "blocks"),
        (Settings(pictures="kitty"), "truecolor", "xterm-256color", "terminal"),
        (Settings(pictures="kitty"), "256", "xterm-256color", "blocks"),
        (Settings(pictures="kitty"), None, "xterm-ghostty", "blocks"),
        (Settings(pictures="blocks"), "truecolor", "xterm-ghostty", "blocks"),
        (Settings(pictures="none"), "truecolor", "xterm-ghostty", "none"),
        (Settings(reduced=True), "truecolor", "xterm-ghostty", "none"),
        (Settings(pictures="kitty", reduced=True), "truecolor", "xterm-ghostty", "none"),
    ],
)
def test_the_setting_overrides_what_is_known_about_the_terminal(
    settings: Settings, color_system: str | None, terminal: str, expected: str
) -> None:
    chosen = graphics(settings, color_system, Terminal().write, {"TERM": terminal})
    assert ("terminal" if isinstance(chosen, Placements) else chosen) == expected
