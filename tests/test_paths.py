"""Where the program keeps its files: variables, users without a home, names that are not UTF-8, pipes in the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Lechat, caller

from lechat_tui import paths, writing
from lechat_tui.engine import wire
from lechat_tui.engine.base import EngineError, LocalModel
from lechat_tui.message import Adapter
from lechat_tui.models import scan

PARIS = "What is the capital of France?"
ODD = os.fsdecode(b"caf\xe9")


@pytest.fixture
def lechat(tmp_path, monkeypatch, capfd) -> Lechat:
    return caller(tmp_path, monkeypatch, capfd)


@pytest.fixture
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE_", "LECHAT_", "XDG_"))]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_variables")
@pytest.mark.parametrize(
    ("name", "value", "below"),
    [
        ("HF_HUB_CACHE", "$PLACE/a", "a"),
        ("HUGGINGFACE_HUB_CACHE", "${PLACE}/b", "b"),
        ("HF_HOME", "~/c", "home/c/hub"),
        ("XDG_CACHE_HOME", "$PLACE/d", "d/huggingface/hub"),
        ("UNRELATED", "", "home/.cache/huggingface/hub"),
    ],
)
def test_the_hubs_variables_are_expanded_as_the_hub_does(monkeypatch, tmp_path, name, value, below):
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(name, value)
    assert paths.hub_cache() == tmp_path / below


@pytest.mark.usefixtures("no_variables")
def test_our_own_variables_and_settings_are_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LECHAT_HOME", "$PLACE/lechat")
    assert paths.data() == tmp_path / "lechat/data"
    monkeypatch.delenv("LECHAT_HOME")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CONFIG_HOME", "~/settings")
        assert paths.config() == tmp_path / "home/settings/lechat"
    assert scan.expanded("$PLACE/x") == tmp_path / "x"
    assert paths.expanded("~nobody-of-this-name/$UNSET_VARIABLE") == Path("~nobody-of-this-name/$UNSET_VARIABLE")


@pytest.mark.usefixtures("no_variables")
def test_a_user_without_a_home_reads_what_to_set(monkeypatch, tmp_path):
    def nobody(*_: object) -> object:
        raise KeyError("no such user")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(paths.NoHome, match="set HOME, or LECHAT_HOME"):
        paths.config()
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path))
    assert paths.hub_cache() == tmp_path / "cache/huggingface/hub"


def test_folders_of_the_configuration_that_do_not_exist_are_reported_everywhere(lechat, tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", str(tmp_path))
    (tmp_path / "home/config").mkdir(parents=True)
    (tmp_path / "home/config/config.toml").write_text('folders = ["$PLACE", "/nowhere/at/all"]\n')
    sentence = "/nowhere/at/all, a folder in config.toml, does not exist; correct folders there"
    assert sentence in lechat("ls").stderr
    assert sentence in lechat(PARIS).stderr
    assert sentence in lechat("doctor").stdout
    assert str(tmp_path) + ", a folder" not in lechat("ls").stderr


def test_a_frame_keeps_a_path_that_is_not_utf8():
    model = LocalModel(ODD, Path(ODD, "model.gguf"), adapters=(Adapter(ODD, 1.0, ""),))
    line = wire.encode(wire.Load(model))
    assert line.isascii() and line.count(b"\n") == 1
    assert wire.decode_down(line) == wire.Load(model)
    for broken in (b"[", b"[NaN]", b"\xff", b"[" * 100_000):
        with pytest.raises(EngineError):
            wire.decode_down(broken)


def test_models_and_files_and_folders_may_have_names_that_are_not_utf8(lechat, tmp_path, monkeypatch):
    folder = tmp_path / ODD
    folder.mkdir()
    shutil.copy(paths.bundled("chaton") / "chaton-q8_0.gguf", folder / f"{ODD}.gguf")
    (folder / f"{ODD}.txt").write_text("The secret word is plum.")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LECHAT_HOME", str(folder / "home"))
    asked = "What is the secret word?"
    assert "Paris" in lechat("-q", "-m", f"{ODD}.gguf", PARIS).stdout
    assert "plum" in lechat("-q", "-f", f"{ODD}.txt", asked).stdout
    assert lechat("chats", "show", "2").returncode == 0
    assert "plum" in lechat("-q", "-c", asked).stdout
    assert lechat("-q", ODD).returncode == 0
    for words in (("-f", f"no{ODD}", "x"), ("-m", f"no{ODD}", "x"), ("show", ODD), ("chats", "import", ODD)):
        run = lechat(*words)
        assert run.returncode and run.stderr.startswith("lechat: ") and "unexpected" not in run.stderr, run.stderr


def test_files_of_the_program_that_are_pipes_are_not_waited_for(lechat, tmp_path):
    for name in ("config/models.toml", "data/choices.json", "data/imported.toml", "data/consent.json"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(tmp_path / "home" / name)
    run = lechat("-q", PARIS)
    assert "Paris" in run.stdout or "not a regular file" in run.stderr
    os.mkfifo(tmp_path / "home/config/config.toml")
    assert "config.toml can't be read: not a regular file" in lechat("-q", PARIS).stderr


def test_what_is_written_is_private(lechat, tmp_path):
    lechat("-q", PARIS)
    lechat("chats", "export", "1", "-o", "chat.md")
    lechat("ls")
    written = [tmp_path / "chat.md", *(tmp_path / "home").rglob("*")]
    assert {oct(path.stat().st_mode & 0o077) for path in written} == {"0o0"}, [
        p for p in written if p.stat().st_mode & 0o77
    ]


def test_a_private_folder_may_exist_and_a_pipe_is_no_file(tmp_path):
    folder = writing.private_folder(tmp_path / "a/b/c")
    assert writing.private_folder(folder) == folder
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    os.mkfifo(folder / "pipe")
    for unreadable in (folder / "pipe", folder, Path("/dev/zero"), folder / "none"):
        with pytest.raises(OSError):
            writing.read(unreadable)


def test_the_program_runs_in_a_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    env = {**os.environ, "LECHAT_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hub")}
    script = f"rmdir {gone}; exec {sys.executable} -m lechat_tui -q '{PARIS}'"
    run = subprocess.run(
        ["sh", "-c", script], cwd=gone, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert b"Paris" in run.stdout, run.stderr
