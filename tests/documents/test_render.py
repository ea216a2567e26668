"""A page of a PDF becomes a picture, with its text and the pictures in it."""

from io import BytesIO
from pathlib import Path

import pytest
from pdfs import pdf, with_pictures
from PIL import Image

from lechat_tui.documents.model import DocumentError
from lechat_tui.documents.render import MAX_SIDE_PIXELS, page_sizes, render, rendered


def test_a_page_is_rendered_with_its_text_and_its_pictures(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf(["Cats are gray.", ""]))
    page = rendered(file, "a.pdf", 1, dpi=72)
    assert (page.width, page.height, page.text) == (595, 842, "Cats are gray.")
    assert Image.open(BytesIO(page.png)).size == (595, 842)
    assert [round(height, 1) for _, height in page_sizes(file, "a.pdf")] == [11.7, 11.7]
    file.write_bytes(with_pictures())
    (picture,) = rendered(file, "a.pdf", 1, dpi=72, embedded=True).embedded
    image = Image.open(BytesIO(picture.png))
    assert image.size == (60, 60) and image.getpixel((30, 30)) == (0, 255, 0)
    assert 0.1 < picture.top < 0.2 and 0.1 < picture.left < 0.2


def test_a_huge_page_is_rendered_within_bounds_and_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(with_pictures(width=14_400, height=7_200))
    assert Image.open(BytesIO(render(file, 1))).size == (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS // 2)
    for content, sentence in ((pdf(["a"]), "a.pdf has no page 2"), (b"%PDF-1.7\n" + bytes(4000), "is damaged")):
        file.write_bytes(content)
        with pytest.raises(DocumentError, match=sentence):
            render(file, 2)
