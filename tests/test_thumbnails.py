"""Images as thumbnails."""

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
def test_the_rows_of_a_thumbnail_follow_from_the_size_of_its_image(
    size: tuple[int, int], width: int, expected: tuple[int, int]
) -> None:
    assert thumbnail_cells(picture(*size), width) == expected
    assert expected[0] <= MAX_COLUMNS and expected[1] <= MAX_ROWS


def test_two_pixels_are_one_cell_and_are_not_copied(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 3), "red")
    image.putpixel((0, 1), (0, 0, 255))
    image.save(tmp_path / "x.png")
    decoded = thumbnail(tmp_path / "x.png", 3, 4)
    first, second = pixel_rows(decoded, 2, 6, ("| ", Style.null()), Style(bgcolor="#101010"))
    assert [(text, str(style)) for text, style in first.runs] == [
        ("| ", "none"),
        ("▀", "#ff0000 on #0000ff"),
        ("▀▀", "#ff0000 on #ff0000"),
        ("   ", "on #101010"),
    ]
    assert [str(style) for _, style in second.runs][1] == "#ff0000 on #101010"
    assert first.text[first.skip :] == second.text[second.skip :] == ""


def test_an_image_that_is_not_decoded_yet_has_as_many_blank_rows() -> None:
    rows = list(pixel_rows(None, 3, 6, ("| ", Style.null()), Style.null()))
    assert [plain(row.runs) for row in rows] == ["|       "] * 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_image_of_any_color_mode_has_colors(mode: str, tmp_path: Path) -> None:
    Image.new("L", (600, 400), 255).convert(mode).save(tmp_path / "x.png")
    decoded = thumbnail(tmp_path / "x.png", 30, 20)
    assert (decoded.width, decoded.height, len(decoded.rgb)) == (30, 20, 1800)


def test_a_thumbnail_is_upright_and_on_white_as_for_the_model(tmp_path: Path) -> None:
    turned = Image.new("RGB", (40, 20), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert thumbnail(tmp_path / "turned.jpg", 40, 40).height == 40
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert thumbnail(tmp_path / "clear.png", 2, 2).pixel(1, 1) == (255, 255, 255)


def test_a_damaged_image_has_no_pixels(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    Image.new("RGB", (200, 150), "red").save(file)
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(AttachmentError, match="damaged"):
        thumbnail(file, 20, 20)
    assert decode(Request(picture(200, 150, file), 20, 10)).width == 0
    assert decode(Request(picture(200, 150, tmp_path / "gone"), 20, 10)).width == 0


class Viewer:
    """A viewer that counts how often it was notified."""

    changes = 0

    def changed(self) -> None:
        self.changes += 1


def test_the_newest_request_is_decoded_first_and_its_viewers_are_notified() -> None:
    loads: list[None] = []
    thumbnails = Thumbnails(lambda: loads.append(None))
    first, second = picture(10, 10, Path("a")), picture(10, 10, Path("b"))
    one, other = Viewer(), Viewer()
    assert thumbnails.get(first, 10, 5, one) is thumbnails.get(second, 10, 5, one) is None
    assert thumbnails.get(second, 10, 5, other) is None
    request = thumbnails.next
    assert request and request.image == second and len(loads) == 3
    decoded = Thumbnail(0, 0, b"", 0)
    assert thumbnails.keep(request, decoded) == [one, other]
    assert (one.changes, other.changes) == (1, 1)
    assert thumbnails.get(second, 10, 5, one) is decoded
    assert thumbnails.next and thumbnails.next.image == first


def test_requests_that_scrolled_out_of_view_are_dropped_until_they_are_repeated() -> None:
    thumbnails = Thumbnails(lambda: None)
    items = [Viewer() for _ in range(MAX_WAITING + 2)]
    for number, item in enumerate(items):
        thumbnails.get(picture(10, 10, Path(f"{number}")), 10, 5, item)
    assert [item.changes for item in items] == [1, 1] + [0] * MAX_WAITING
    thumbnail, decoded = Thumbnail(0, 0, b"", 0), 0
    while request := thumbnails.next:
        thumbnails.keep(request, thumbnail)
        decoded += 1
    assert decoded == MAX_WAITING
