"""A chat keeps its model, also one that was given by the path of its file. chaton's file answers under other names."""

import json
import shutil
from pathlib import Path

import pytest
from calling import Lechat, caller

from lechat_tui import paths
from lechat_tui.cli import compose
from lechat_tui.engine.echo import EchoEngine


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lechat:
    return caller(tmp_path, monkeypatch, capfd)


@pytest.fixture
def lechat(real: Lechat, monkeypatch: pytest.MonkeyPatch) -> Lechat:
    """The same without a child process: the answers do not matter, their receipts do."""
    monkeypatch.setattr(compose, "engine", lambda *given: EchoEngine())
    return real


def model_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.bundled("chaton") / "chaton-q8_0.gguf", path)
    return path


def answered_by(lechat: Lechat, *words: str) -> str:
    run = lechat(*words, "--json", "hello")
    assert run.returncode == 0, run.stderr
    return str(json.loads(run.stdout)["receipt"]["file"])


def test_a_chat_keeps_a_model_that_was_given_by_path(real: Lechat, tmp_path: Path) -> None:
    file = model_file(tmp_path / "mine.gguf")
    assert answered_by(real, "-m", str(file)) == "mine.gguf"
    assert answered_by(real, "-c") == "mine.gguf"
    assert answered_by(real, "-m", "mine") == "mine.gguf", "its short name is known afterwards"
    rows = {row["id"]: row for row in json.loads(real("ls", "--json").stdout)}
    assert rows["mine"]["path"] == str(file) and rows["mine"]["installed"]


def test_a_missing_model_is_named_with_the_one_that_answers_instead(lechat: Lechat, tmp_path: Path) -> None:
    file = model_file(tmp_path / "mine.gguf")
    lechat("-m", str(file), "hello")
    away = file.rename(tmp_path / "away")
    run = lechat("-c", "hello")
    assert run.returncode == 0
    assert (
        f"mine, the model of this chat, is not on this machine ({file} is missing); using chaton instead" in run.stderr
    )
    away.rename(file)
    assert answered_by(lechat, "-c") == "mine.gguf", "the chat is still its own"


def test_the_model_of_the_last_answer_becomes_the_one_of_the_chat(lechat: Lechat, tmp_path: Path) -> None:
    file = model_file(tmp_path / "mine.gguf")
    lechat("hello")
    lechat("-c", "-m", str(file), "hello")
    assert answered_by(lechat, "-c") == "mine.gguf"


def test_two_files_of_one_name_have_two_names(lechat: Lechat, tmp_path: Path) -> None:
    one, other = model_file(tmp_path / "one/mine.gguf"), model_file(tmp_path / "other/mine.gguf")
    lechat("-m", str(one), "hello")
    lechat("-m", str(other), "hello")
    found = {row["id"]: row["path"] for row in json.loads(lechat("ls", "--json").stdout)}
    assert found["mine"] == str(one) and found["other-mine"] == str(other)
    lechat("-c", "hello")
    moved = other.rename(one.parent / "moved.gguf")
    assert answered_by(lechat, "-m", str(moved)) == "moved.gguf"


def test_nothing_is_remembered_of_a_chat_that_is_not_saved(lechat: Lechat, tmp_path: Path) -> None:
    file = model_file(tmp_path / "mine.gguf")
    lechat("-n", "-m", str(file), "hello")
    assert "mine" not in lechat("ls", "--json").stdout
    assert not list((tmp_path / "home").rglob("imported.toml"))


def test_removing_a_model_given_by_path_leaves_its_file(lechat: Lechat, tmp_path: Path) -> None:
    file = model_file(tmp_path / "mine.gguf")
    lechat("-m", str(file), "hello")
    run = lechat("rm", "-y", "mine")
    assert run.returncode == 0 and file.exists()
    assert "mine is no longer listed; no file was deleted" in run.stderr
