"""The files that are offered after an `@`."""

from pathlib import Path

import pytest

from lechat_tui.attachments.folders import files_below, matching


def lay(folder: Path, *names: str, content: bytes = b"text") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_text_and_images_are_found_nearest_first(tmp_path: Path) -> None:
    lay(tmp_path, "src/deep/a.py", "src/b.py", "z.md", "LICENSE", "photo.JPG")
    assert files_below(tmp_path) == ["LICENSE", "photo.JPG", "z.md", "src/b.py", "src/deep/a.py"]


def test_hidden_and_binary_files_are_left_out(tmp_path: Path) -> None:
    lay(tmp_path, ".env", ".git/config", "model.gguf", "a.txt", "b\x1b[2J.txt", 'c"d.txt')
    lay(tmp_path, "program", content=b"\x7fELF\0\0")
    assert files_below(tmp_path) == ["a.txt"]


def test_ignored_files_are_left_out_and_the_inner_gitignore_wins(tmp_path: Path) -> None:
    lay(tmp_path, "a.txt", "a.log", "build/x.txt", "src/keep.log", "src/other.log", "src/private/y.txt")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.log\nprivate\n")
    assert files_below(tmp_path) == ["a.txt", "src/keep.log"]
    assert files_below(tmp_path / "src") == ["keep.log"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    lay(tmp_path, "a/b.txt")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    assert files_below(tmp_path) == ["a/b.txt"]


def test_the_search_stops_at_its_limits(tmp_path: Path) -> None:
    lay(tmp_path, *(f"{n:02}.txt" for n in range(30)), "deep/x.txt")
    assert len(files_below(tmp_path, max_entries=12)) == 12
    assert files_below(tmp_path, max_seconds=-1) == []


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_below(tmp_path / "gone") == []
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert files_below(Path()) == []


def test_unreadable_rules_are_skipped(tmp_path: Path) -> None:
    lay(tmp_path, "a.txt", "b/c.txt")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").mkdir()
    (tmp_path / "b" / ".gitignore").write_bytes(b"\xff\0[!\n[]\n")
    assert files_below(tmp_path) == ["a.txt", "b/c.txt"]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("read", "README.md"),
        ("chat", "ui/chat.py"),
        ("ui/ch", "ui/chat.py"),
        ("./ui/chatlist", "ui/chatlist.py"),
        ("chpy", "ui/chat.py"),
        ("TESTS", "tests/test_chat.py"),
    ],
)
def test_the_best_match_comes_first(typed: str, first: str) -> None:
    files = ["README.md", "docs/read/more.md", "ui/chat.py", "ui/chatlist.py", "tests/test_chat.py"]
    assert matching(files, typed, 9)[0] == first
    assert matching(files, "", 2) == files[:2]
    assert matching(files, "nothing like it", 9) == []
