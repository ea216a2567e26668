"""Rebound keys, the help that names them, and the log."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakehost import FakeHost, host_of

from lechat_tui import paths
from lechat_tui.commands import foreign
from lechat_tui.commands.base import COMMANDS
from lechat_tui.commands.key_names import canonical, shown
from lechat_tui.commands.program import GROUPS, OTHER, manual
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store
from lechat_tui.ui.keys import Keymap


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FakeHost]:
    models = Models({"petit": Model("petit", "Petit", ("text",), Weights(str(tmp_path / "m.gguf")))})
    with Store(None) as store:
        yield host_of(store, models)


def test_the_documentation_has_every_command_and_every_key() -> None:
    text = (Path(__file__).parent.parent / "docs" / "keys-and-commands.md").read_text("utf-8")
    commands = {name for one in COMMANDS.values() for name in (one.name, *one.aliases)} | set(foreign.TABLE)
    keys = {shown([key]) for bound in Keymap({}).bindings for key in bound.keys}
    missing = {name for name in commands if not re.search(rf"`{re.escape(name)}[ `\[]", text)}
    assert not missing | {key for key in keys if not re.search(rf"(?<![\w+]){re.escape(key)}(?![\w+])", text)}


@pytest.mark.parametrize(
    ("written", "key", "name"),
    [
        ("Ctrl-X", "ctrl+x", "Ctrl+X"),
        ("C-x", "ctrl+x", "Ctrl+X"),
        ("^x", "ctrl+x", "Ctrl+X"),
        ("Shift+Alt+PgUp", "alt+shift+pageup", "Alt+Shift+PgUp"),
        ("ESC", "escape", "Esc"),
        ("F12", "f12", "F12"),
        ("-", "-", "-"),
    ],
)
def test_a_key_is_recognized_however_it_is_written(written: str, key: str, name: str) -> None:
    assert canonical(written) == key and shown([key]) == name


async def test_a_key_is_rebound_and_reset(host: FakeHost) -> None:
    assert await host.do("/keys stop Ctrl-X") == "stop is Ctrl+X from now on"
    assert host.keys == {"stop": "ctrl+x"}
    await host.do("/keys new f2, alt+n")
    assert host.keys == {"stop": "ctrl+x", "new": "f2,alt+n"}
    table = await host.do("/keys")
    assert "Ctrl+X" in table and "F2, Alt+N" in table and "New chat (yours)" in table
    assert await host.do("/keys stop") == "stop is Ctrl+X; /keys stop KEY changes it, /keys stop reset resets it"
    assert await host.do("/keys stop reset") == "stop is Esc again" and host.keys == {"new": "f2,alt+n"}
    await host.do("/keys reset")
    assert host.keys == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/keys nosuch ctrl+x", "there is no binding nosuch; /keys lists their names"),
        ("/keys stop ctrl+i", "terminals send ctrl+i for Tab; choose another key, as in /keys stop ctrl+x"),
        ("/keys stop a", "a can't be bound; choose f1 to f24 or a key with ctrl or alt"),
        ("/keys stop shift+a", "shift+a can't be bound"),
        ("/keys stop hyper+x", "hyper+x can't be bound"),
        ("/keys stop ctrl+", "can't be bound"),
        ("/keys stop \x1b[A", "can't be bound"),
        ("/keys stop ctrl+n", "Ctrl+N is already bound to new; rebind that first with /keys new KEY"),
    ],
)
async def test_a_key_that_would_not_work_is_refused_with_a_suggestion(host: FakeHost, line: str, words: str) -> None:
    assert words in await host.do(line)
    assert host.errors and host.keys == {}


async def test_help_has_every_command_once_with_its_current_key(host: FakeHost) -> None:
    host.bind({"new": "f2"})
    text = manual(COMMANDS.values(), host.bindings())
    for command in COMMANDS.values():
        assert text.split("\nNetwork\n")[0].count(f"\n  {command.name} ") == 1
    assert "this one stays in the history (F2)" in text and "Esc " in text
    assert all(f"{title}\n" in text for title in GROUPS.values())
    assert f"\n{OTHER}\n" not in text, "every command belongs to a group"
    assert (await host.do("/help new")).endswith("(also /clear) (F2)")


async def test_the_end_of_the_engines_log_is_shown(host: FakeHost, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path))
    assert "has logged nothing yet" in await host.do("/log")
    paths.logs().mkdir(parents=True)
    lines = [f"line {n} \x1b[31m" for n in range(9000)]
    (paths.logs() / "engine.log").write_bytes("\n".join(lines).encode() + b"\n\xff\n")
    lines = (await host.do("/log")).splitlines()
    assert lines[-2] == "\ufffd" and lines[-3].startswith("line 8999") and len(lines) < 60
    assert lines[-1].endswith("engine.log")


async def test_thinking_is_shown_or_folded(host: FakeHost) -> None:
    assert "shown" in await host.do("/think") and host.thinking
    assert "folded" in await host.do("/think off") and not host.thinking
    assert "/think off folds it" in await host.do("/think maybe")
