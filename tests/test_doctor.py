"""`lechat doctor` and `/doctor`."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from calling import Lechat, Run, caller

from lechat_tui.commands import base


@pytest.fixture
def doctor(tmp_path, monkeypatch, capfd) -> Lechat:
    return partial(caller(tmp_path, monkeypatch, capfd), "doctor")


@pytest.fixture
def home(doctor, tmp_path) -> Path:
    return tmp_path / "home"


def findings(run: Run) -> dict[str, dict[str, Any]]:
    report = json.loads(run.stdout)
    assert report["ok"] is (run.returncode == 0)
    return {finding["topic"]: finding for finding in report["findings"]}


def test_a_working_installation_passes_all_checks(doctor, home):
    run = doctor()
    assert run.returncode == 0 and run.stderr == ""
    *lines, last = run.stdout.splitlines()
    assert last == "all checks passed" and all(line.startswith("ok ") for line in lines)
    assert "7 + 5 = 12." in run.stdout and "A red circle." in run.stdout
    assert not home.joinpath("data").exists()


def test_scripts_get_the_same_as_json(doctor, home):
    found = findings(doctor("--json"))
    assert all(finding["ok"] for finding in found.values())
    assert {"engine", "machine", "device", "threads", "kv_type", "sum", "image"} <= set(found)
    assert found["chats"]["text"] == "none yet"


def test_settings_of_the_user_are_marked_as_such(doctor, home):
    home.joinpath("config").mkdir(parents=True)
    home.joinpath("config/config.toml").write_text('threads = 1\nkv_type = "q8_0"\nmmap = false\n')
    found = findings(doctor("--json"))
    assert found["threads"]["text"] == "1: set by you or the catalog"
    assert found["kv_type"]["text"] == "q8_0: set by you or the catalog"
    assert found["flash_attention"]["text"].startswith("on: ")
    assert found["mmap"]["text"] == "false: set by you or the catalog"


def test_each_failed_check_is_named_and_the_others_still_run(doctor, home):
    home.joinpath("config").mkdir(parents=True)
    home.joinpath("config/config.toml").write_text("kv_type = 3\n")
    home.joinpath("data").mkdir()
    home.joinpath("data/history.db").mkdir()
    home.joinpath("cache").write_text("a file in the way")
    run = doctor("--json")
    found = findings(run)
    assert run.returncode == 1
    wrong = {topic for topic, finding in found.items() if not finding["ok"]}
    assert wrong == {"settings", "chats", "logs"}
    assert "kv_type" in found["settings"]["text"]
    assert found["sum"]["ok"]


def test_an_engine_that_does_not_start_is_one_sentence(doctor, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    run = doctor("--json", LLAMA_CPP_LIB_PATH=str(broken))
    found = findings(run)
    assert run.returncode == 1
    assert "does not start" in found["engine"]["text"] and not found["sum"]["ok"] and not found["image"]["ok"]


class Notes:
    """A host that only keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, bool]] = []

    def say(self, text: str, *, error: bool = False) -> None:
        self.notes.append((text, error))


async def test_the_slash_command_prints_the_same(home):
    from lechat_tui.commands import program  # noqa: F401  enters the command into the table

    host = Notes()
    await base.run(host, "/doctor")  # type: ignore[arg-type]
    (_, first), (text, error) = host.notes
    assert (first, error) == (False, False)
    assert "7 + 5 = 12." in text and text.endswith("all checks passed")


def test_settings_that_name_what_is_not_there_fail(doctor, home):
    home.joinpath("config").mkdir(parents=True)
    home.joinpath("config/config.toml").write_text(
        'text = "nope"\ntheme = "nothing"\nlora = ["$HOME/no.gguf"]\nfolders = ["/nowhere/at/all"]\n'
    )
    found = findings(doctor("--json"))
    assert found["text"]["text"].startswith("text in config.toml is nope: there is no model nope")
    assert "no.gguf in config.toml does not exist" in found["lora"]["text"] and "$HOME" not in found["lora"]["text"]
    assert found["theme"]["text"].startswith("there is no theme nothing")
    assert not any(found[topic]["ok"] for topic in ("text", "lora", "theme", "folders"))
