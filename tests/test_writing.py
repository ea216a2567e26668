"""Atomic writes."""

from pathlib import Path

import pytest

from lechat_tui import writing


def test_text_is_utf_8_and_bytes_stay_as_they_are(tmp_path: Path) -> None:
    writing.write(tmp_path / "text", "né\r\n")
    writing.write(tmp_path / "bytes", b"\xff\0")
    assert (tmp_path / "text").read_bytes() == "né\r\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\xff\0"


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    writing.write(tmp_path / "secret", "x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_midway_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(RuntimeError), writing.replacing(file, sync=False) as out:
        out.write(b"half of the new")
        raise RuntimeError
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
