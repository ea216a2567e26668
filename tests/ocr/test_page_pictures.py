"""Pages of a PDF are shown to a model that supports images: those without text, and one that was asked for alone."""

from io import BytesIO
from pathlib import Path

import pytest
from pdfs import pdf
from PIL import Image

from lechat_tui.attachments.reading import read
from lechat_tui.cli.inputs import Input
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models.available import Models
from lechat_tui.models.projectors import DEFAULT_PIXELS
from lechat_tui.store import Store
from lechat_tui.talk import page_pictures
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.page_pictures import needs_images, with_page_pictures

PAGES = ["All cats are gray.", "", " ", "They sleep.", ""]


def test_pages_without_text_and_a_page_that_was_asked_for_are_shown_to_a_model_that_supports_images(
    tmp_path: Path, store: Store, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cats.pdf"
    file.write_bytes(pdf(PAGES))
    conversation = Conversation(store, EchoEngine(), models, models.get("oeil"))
    whole, first, scanned = (conversation.keep_attachment(read(file, part)) for part in ("", "1", "2-3"))

    def shown(*attachments) -> list[str]:
        pictured = with_page_pictures(conversation, attachments, ocr="/ocr")
        return [*(each.name for each in pictured.attachments), *pictured.notes]

    assert shown(whole) == ["cats.pdf", "cats.pdf, page 2", "cats.pdf, page 5"]
    assert shown(first) == ["cats.pdf", "cats.pdf, page 1"]
    again = with_page_pictures(conversation, with_page_pictures(conversation, [first], ocr="").attachments, ocr="")
    assert len(again.attachments) == 2, "a question that is edited has its pictures already"
    picture = again.attachments[1]
    width, height = Image.open(BytesIO(picture.path.read_bytes())).size
    assert (width, height) == (picture.width, picture.height)
    assert width * height == pytest.approx(DEFAULT_PIXELS, rel=0.01)
    monkeypatch.setattr(page_pictures, "MAX_PICTURES", 1)
    assert shown(whole)[-1] == "pages 3, 5 of cats.pdf can't be shown as well; /ocr cats.pdf reads them all"
    assert [needs_images([each]) for each in (whole, first, scanned)] == [True, False, True]
    assert [Input("", "", (read(file, part),)).has_scans for part in ("", "1")] == [True, False]
    conversation.switch(models.get("petit"))
    sentence = "pages 2-3, 5 of cats.pdf have no text, and petit can't see pictures; /ocr cats.pdf reads scans"
    assert shown(whole) == ["cats.pdf", sentence] and shown(first) == ["cats.pdf"]
