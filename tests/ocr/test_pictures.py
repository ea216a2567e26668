"""The pictures that a model gets to read: pages of a file, in its size, and halves of dense ones."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.talk.ocr.pictures import halves, is_blank, line_pitch, open_scan, pieces


def page(pitch: int, columns: int = 1, *, width: int = 800, height: int = 1000) -> Image.Image:
    """A page of gray with a row of words every `pitch` pixels."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    column = (width - 100) // columns
    for left in range(50, width - 50, column):
        for row, top in enumerate(range(60, height - 60, pitch)):
            for word in range(left + row % 4 * 9, left + column - 60, 40):
                draw.rectangle((word, top, word + 30, top + pitch // 2), "black")
    return image


def test_a_dense_page_is_read_in_two_halves_that_fit_the_model() -> None:
    assert line_pitch(page(20)) == 20
    roomy, dense = pieces(page(30), 400_000), pieces(page(14), 400_000)
    assert (len(roomy), len(dense)) == (1, 2)
    for png in (*roomy, *dense):
        width, height = Image.open(BytesIO(png)).size
        assert 0.9 * 400_000 < width * height < 1.02 * 400_000 or width * height < 800 * 560


def test_halves_overlap_and_are_cut_between_lines_and_columns_are_kept_whole() -> None:
    upper, lower = halves(page(20))
    assert upper.width == lower.width == 800
    assert 1040 < upper.height + lower.height < 1120
    for half, row in ((upper, -1), (lower, 0)):
        edge = half.crop((0, row % half.height, 800, row % half.height + 1))
        assert edge.getextrema() == ((255, 255),) * 3
    left, right = halves(page(20, columns=2))
    assert (left.height, right.height) == (1000, 1000) and left.width + right.width == 800
    assert all(half.height < 1000 for half in halves(page(20, columns=4)))


def test_a_blank_page_is_known_and_every_page_of_a_tiff_is_read(tmp_path: Path) -> None:
    file = tmp_path / "scan.tiff"
    blank = Image.new("1", (300, 400), 1)
    blank.save(file, save_all=True, append_images=[page(20).convert("1")])
    scan = open_scan(file)
    assert (scan.pages, scan.format) == (2, "image")
    first, second = (scan.page(number, 10**6, embedded=False).image for number in (1, 2))
    assert is_blank(first) and not is_blank(second) and second.size == (800, 1000)
    yellow = Image.new("RGB", (800, 1000), "white")
    yellow.paste("yellow", (300, 300, 310, 310))
    assert not is_blank(yellow) and is_blank(Image.new("RGB", (800, 1000), "black"))
    file.write_text("cats")
    with pytest.raises(AttachmentError, match="neither a PDF nor an image"):
        open_scan(file)
    with pytest.raises(AttachmentError, match=r"none\.png can't be read: No such file"):
        open_scan(tmp_path / "none.png")
