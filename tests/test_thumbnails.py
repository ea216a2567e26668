"""Pictures drawn small."""

from pathlib import Path

import pytest
from PIL import Image
from rich.style import Style

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.attachments.images import Thumbnail, thumbnail
from lechat_tui.drawing.rows import plain
from lechat_tui.drawing.thumbnails import (
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_WAITING,
    Request,
    Thumbnails,
    decode,
    pixel_rows,
    thumbnail_cells,
)
from lechat_tui.message import Attachment


def picture(width: int, height: int, path: Path = Path("x")) -> Attachment:
    return Attachment("f00", "x.png", "image", path, 0, width, height)


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [
        ((640, 480), 80, (27, 10)),
        ((640, 480), 12, (12, 5)),
        ((4000, 100), 80, (36, 1)),
        ((100, 4000), 80, (1, 10)),
        ((8, 8), 80, (8, 4)),
        ((1, 1), 80, (1, 1)),
        ((0, 0), 0, (1, 1)),
        ((10**9, 1), 1, (1, 1)),
    ],
)
def test_the_rows_of_a_picture_are_known_from_its_size(
    size: tuple[int, int], width: int, expected: tuple[int, int]
) -> None:
    assert thumbnail_cells(picture(*size), width) == expected
    assert expected[0] <= MAX_COLUMNS and expected[1] <= MAX_ROWS


def test_two_pixels_are_one_cell_and_none_of_it_is_copied(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 3), "red")
    image.putpixel((0, 1), (0, 0, 255))
    image.save(tmp_path / "x.png")
    seen = thumbnail(tmp_path / "x.png", 3, 4)
    first, second = pixel_rows(seen, 2, 6, ("| ", Style.null()), Style(bgcolor="#101010"))
    assert [(text, str(style)) for text, style in first.runs] == [
        ("| ", "none"),
        ("▀", "#ff0000 on #0000ff"),
        ("▀▀", "#ff0000 on #ff0000"),
        ("   ", "on #101010"),
    ]
    assert [str(style) for _, style in second.runs][1] == "#ff0000 on #101010"
    assert first.text[first.skip :] == second.text[second.skip :] == ""


def test_a_picture_that_is_not_there_yet_has_blank_rows_of_the_same_size() -> None:
    rows = list(pixel_rows(None, 3, 6, ("| ", Style.null()), Style.null()))
    assert [plain(row.runs) for row in rows] == ["|       "] * 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_picture_has_colours(mode: str, tmp_path: Path) -> None:
    Image.new("L", (600, 400), 255).convert(mode).save(tmp_path / "x.png")
    seen = thumbnail(tmp_path / "x.png", 30, 20)
    assert (seen.width, seen.height, len(seen.rgb)) == (30, 20, 1800)


def test_a_picture_is_upright_and_on_white_as_the_model_sees_it(tmp_path: Path) -> None:
    turned = Image.new("RGB", (40, 20), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert thumbnail(tmp_path / "turned.jpg", 40, 40).height == 40
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert thumbnail(tmp_path / "clear.png", 2, 2).pixel(1, 1) == (255, 255, 255)


def test_a_damaged_picture_has_no_pixels(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    Image.new("RGB", (200, 150), "red").save(file)
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(AttachmentError, match="damaged"):
        thumbnail(file, 20, 20)
    assert decode(Request(picture(200, 150, file), 20, 10)).width == 0
    assert decode(Request(picture(200, 150, tmp_path / "gone"), 20, 10)).width == 0


class Item:
    """Something with a picture."""

    told = 0

    def changed(self) -> None:
        self.told += 1


def test_what_is_wanted_is_told_once_it_is_known_and_the_last_comes_first() -> None:
    loads: list[None] = []
    thumbnails = Thumbnails(lambda: loads.append(None))
    first, second = picture(10, 10, Path("a")), picture(10, 10, Path("b"))
    one, other = Item(), Item()
    assert thumbnails.get(first, 10, 5, one) is thumbnails.get(second, 10, 5, one) is None
    assert thumbnails.get(second, 10, 5, other) is None
    wanted = thumbnails.next
    assert wanted and wanted.image == second and len(loads) == 3
    seen = Thumbnail(0, 0, b"", 0)
    assert thumbnails.keep(wanted, seen) == [one, other]
    assert (one.told, other.told) == (1, 1)
    assert thumbnails.get(second, 10, 5, one) is seen
    assert thumbnails.next and thumbnails.next.image == first


def test_of_what_was_passed_long_ago_nothing_is_decoded_until_it_is_drawn_again() -> None:
    thumbnails = Thumbnails(lambda: None)
    items = [Item() for _ in range(MAX_WAITING + 2)]
    for number, item in enumerate(items):
        thumbnails.get(picture(10, 10, Path(f"{number}")), 10, 5, item)
    assert [item.told for item in items] == [1, 1] + [0] * MAX_WAITING
    seen = Thumbnail(0, 0, b"", 0)
    decoded = 0
    while wanted := thumbnails.next:
        thumbnails.keep(wanted, seen)
        decoded += 1
    assert decoded == MAX_WAITING
