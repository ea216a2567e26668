"""`@path` in what was written."""

from pathlib import Path

import pytest

from lechat_tui.attachments import AttachmentError
from lechat_tui.message import Picture
from lechat_tui.ui.mentions import Asked, asked
from lechat_tui.ui.pastes import Pastes, Written


def keep(path: Path) -> Picture:
    return Picture("0" * 64, path.name, path, 1, 1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "two words.txt").write_text("two")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def test_texts_stand_before_the_question_and_pictures_beside_it(here: Path) -> None:
    found = asked(Written('is @b.png like @a.txt, or "@x" like @"two words.txt"?', Pastes()), keep)
    assert found.pictures == (keep(Path("b.png")),)
    assert found.text.endswith('is b.png like a.txt, or "@x" like two words.txt?')
    assert found.text.index("one") < found.text.index("two") < found.text.index("is b.png")


def test_what_is_no_file_stays_as_it_was_written(here: Path) -> None:
    assert asked(Written("anna@a.txt and @nobody", Pastes()), keep) == Asked("anna@a.txt and @nobody", ())


def test_nothing_is_opened_because_a_folded_paste_names_it(here: Path) -> None:
    pastes = Pastes()
    label = pastes.fold("read @a.txt", "")
    assert asked(Written(f"look: {label}", pastes), keep) == Asked("look: read @a.txt", ())


def test_a_file_that_cannot_be_read_is_said(here: Path) -> None:
    (here / "c.txt").write_bytes(b"\x00\xff\x00")
    with pytest.raises(AttachmentError):
        asked(Written("@c.txt", Pastes()), keep)
