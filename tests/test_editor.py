"""The user's own editor."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from lechat_tui.ui.chat import editor as editor_module
from lechat_tui.ui.chat.editor import EditorError


async def run(*command: str) -> int:
    return await (await asyncio.create_subprocess_exec(*command)).wait()


def edited(text: str) -> str:
    return asyncio.run(editor_module.edited(text, run))


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that is the editor; it notes which file it was given."""
    script = tmp_path / "my editor.py"
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}'")
    return script


HEAD = "import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\n"


def test_the_editor_gets_the_text_and_returns_the_changed_text(editor: Path) -> None:
    editor.write_text(HEAD + "file.write_text(file.read_text('utf-8').upper() + '\\nété\\n', 'utf-8')")
    assert edited("ask\nthis") == "ASK\nTHIS\nété"


def test_only_the_user_can_read_the_file_and_it_is_deleted_afterwards(editor: Path, tmp_path: Path) -> None:
    editor.write_text(HEAD + f"open(r'{tmp_path}/seen', 'w').write(f'{{file.stat().st_mode}} {{file}}')")
    assert edited("secret") == "secret"
    mode, _, file = (tmp_path / "seen").read_text().partition(" ")
    assert stat.S_IMODE(int(mode)) == 0o600
    assert not Path(file).parent.exists()


@pytest.mark.parametrize(
    ("does", "left"),
    [
        ("sys.exit(3)", "kept"),
        ("file.write_text('saved'); sys.exit(3)", "saved"),
        ("file.write_text(''); sys.exit(3)", "kept"),
        ("file.unlink(); sys.exit(3)", "kept"),
    ],
)
def test_an_editor_that_fails_is_reported_and_loses_nothing(editor: Path, does: str, left: str) -> None:
    editor.write_text(HEAD + does)
    with pytest.raises(EditorError, match="exit code 3") as raised:
        edited("kept")
    assert raised.value.text == left


@pytest.mark.parametrize("named", ["/no/such/editor -w", "vi 'unclosed"])
def test_an_editor_that_cannot_be_started_is_reported(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", named)
    with pytest.raises(EditorError, match="set EDITOR to another editor") as raised:
        edited("kept")
    assert raised.value.text == "kept"
