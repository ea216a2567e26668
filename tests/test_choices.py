"""What was chosen in the program holds the next time too, and files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from lechat_tui import writing
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import ConfigError, Settings


@pytest.fixture
def choices(tmp_path: Path) -> Choices:
    return Choices(tmp_path / "config.toml", tmp_path / "data" / "choices.json")


def test_a_choice_is_saved_and_config_toml_is_not_written(choices: Choices, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('seed = 7  # mine\ntheme = "mistral-light"\n')
    choices.keep("theme", "terminal16")
    choices.keep("keys", {"stop": "ctrl+x"})
    again = Choices(tmp_path / "config.toml", tmp_path / "data" / "choices.json").settings()
    assert again == Settings(seed=7, theme="terminal16", keys={"stop": "ctrl+x"})
    assert (tmp_path / "config.toml").read_text() == 'seed = 7  # mine\ntheme = "mistral-light"\n'


def test_a_later_change_of_config_toml_wins(choices: Choices, tmp_path: Path) -> None:
    choices.keep("theme", "terminal16")
    (tmp_path / "config.toml").write_text('theme = "mistral-light"')
    assert choices.settings().theme == "mistral-light"


def test_a_choice_can_be_removed(choices: Choices) -> None:
    choices.keep("theme", "terminal16")
    choices.keep("theme", None)
    assert choices.settings() == Settings()


@pytest.mark.parametrize(
    "kept",
    [b"", b"[]", b"{", b"\xff\xfe", b'{"theme": 3}', b'{"nosuch": {"value": 1, "instead_of": 2}}',
     b'{"theme": {"value": ["x"], "instead_of": "mistral-dark"}}', b"[" * 100_000],
)  # fmt: skip
def test_unreadable_choices_are_ignored(choices: Choices, tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "choices.json").write_bytes(kept)
    assert choices.settings() == Settings()
    choices.keep("theme", "terminal16")
    assert choices.settings().theme == "terminal16"


def test_a_choice_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(ConfigError, match=r"lasts only until you quit; .*choices.json can't be written: "):
        Choices(tmp_path / "config.toml", tmp_path / "data" / "choices.json").keep("theme", "x")


def test_a_file_is_replaced_with_its_mode_and_through_its_link(tmp_path: Path) -> None:
    script, link = tmp_path / "script", tmp_path / "link"
    script.write_text("old")
    script.chmod(0o751)
    link.symlink_to(script)
    writing.write(link, b"new")
    assert (script.read_text(), script.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o751, True)
    assert sorted(tmp_path.iterdir()) == [link, script]


def test_what_is_no_file_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "none/file", "x" * 300):
        with pytest.raises(OSError):
            writing.write(tmp_path / name, b"text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
