"""`lechat ls`, `show`, `rm` and `import`, run in this process."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from disk import gguf, hub_file, ollama, put

from lechat_tui.cli import weights
from lechat_tui.models import imported
from lechat_tui.models.catalog import ModelError, read


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "lechat"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def settings(tmp_path: Path, text: str) -> None:
    put(tmp_path / "lechat/config/config.toml", text.encode())


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    weights.list_json()
    return {row["id"]: row for row in json.loads(capsys.readouterr().out)}


def installed(capsys: pytest.CaptureFixture[str]) -> set[str]:
    return {id for id, row in listed(capsys).items() if row["installed"] and not id.startswith("chaton")}


def remove(name: str, *, agreed: bool = True, foreign: bool = False) -> None:
    weights.remove(name, agreed=agreed, foreign=foreign)


def test_the_list_starts_with_installed_models_and_their_places(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home / ".lmstudio/models/lms/Some-GGUF/Some-Q4_K_M.gguf", gguf(pad=1_500_000))
    weights.list_table(everything=False)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["name", "for", "quantization", "size", "fits", "where"]
    some = next(line for line in lines if "lms/Some-GGUF:Q4_K_M" in line)
    assert some.startswith("*") and "1.5 MB" in some and some.endswith("LM Studio")
    assert "ministral-3-8b" in out and "not downloaded" in out and "codestral-mamba" not in out
    assert "more with lechat ls --all" in err
    assert all(line.startswith("*") for line in lines[1 : lines.index(some) + 1])
    weights.list_table(everything=True)
    assert "not published; use" in capsys.readouterr().out


def test_names_in_files_cannot_write_to_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / ".lmstudio/models"
    put(folder / "evil\x1b[2J.gguf", gguf(name="bad\x1b]0;title\x07\nname", context_length=2048))
    weights.list_table(everything=True)
    weights.show("evil-2J", as_json=False)
    with pytest.raises(ModelError, match="belongs to LM Studio"):
        remove("evil-2J")
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "\x07" not in out + err


def test_show_prints_what_is_known_about_a_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(
        home / "m-Q4_0.gguf",
        gguf(name="Mine", template=True, block_count=2, embedding_length=64, context_length=4096),
    )
    weights.show(str(file), as_json=False)
    shown = capsys.readouterr().out
    for words in (
        "name            Mine",
        "Q4_0",
        str(file),
        "layers 2",
        "trained context 4096",
        "in the file",
        "temperature",
    ):
        assert words in shown
    weights.show("mistral-ocr", as_json=False)
    assert "the weights of mistral-ocr are not published; use " in capsys.readouterr().out
    weights.show("codestral-22b", as_json=False)
    shown = capsys.readouterr().out
    assert "needed" in shown and "MNPL" in shown, "a license that asks for consent"


def test_removing_a_file_of_the_hub_cache_removes_its_blob_and_partial_download(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = gguf(pad=50_000)
    link = hub_file(tmp_path / "hub", "me/M-GGUF", "m-Q4_0.gguf", content)
    repo = tmp_path / "hub/models--me--M-GGUF"
    put(repo / "refs/main", b"a" * 40)
    put(link.resolve().with_name(f"{link.resolve().name}.lechat-part"), b"partial")
    assert installed(capsys) == {"me/M-GGUF:Q4_0"}
    remove("me/M-GGUF:Q4_0")
    assert "me/M-GGUF:Q4_0 was removed, which freed 50." in capsys.readouterr().err
    assert not repo.exists() and (tmp_path / "hub").exists()
    assert installed(capsys) == set()


def test_a_blob_that_another_snapshot_uses_is_kept(tmp_path: Path) -> None:
    content = gguf(pad=1)
    old = hub_file(tmp_path / "hub", "me/M-GGUF", "m-Q4_0.gguf", content, "a" * 40)
    new = hub_file(tmp_path / "hub", "me/M-GGUF", "again-Q8_0.gguf", content, "b" * 40)
    remove("me/M-GGUF:Q4_0")
    assert not old.exists() and new.exists() and new.read_bytes() == content


def test_a_projector_that_another_model_uses_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for quant in ("Q4_0", "Q8_0"):
        hub_file(tmp_path / "hub", "me/M-GGUF", f"m-{quant}.gguf", gguf(name=quant))
    projector = hub_file(tmp_path / "hub", "me/M-GGUF", "mmproj-F16.gguf", gguf("clip"))
    remove("me/M-GGUF:Q4_0")
    assert projector.exists() and "another model uses it" in capsys.readouterr().err
    remove("me/M-GGUF:Q8_0")
    assert not projector.is_symlink()


def test_files_of_another_program_are_removed_only_with_foreign(home: Path) -> None:
    file = put(home / ".lmstudio/models/lms/Some-GGUF/Some-Q4_K_M.gguf")
    with pytest.raises(ModelError, match=r"belongs to LM Studio.* --foreign deletes it"):
        remove("lms/Some-GGUF:Q4_K_M")
    assert file.exists()
    remove("lms/Some-GGUF:Q4_K_M", foreign=True)
    assert not file.exists() and (home / ".lmstudio/models").exists()


def test_ollamas_files_are_not_removed(home: Path) -> None:
    blob = ollama(home / ".ollama/models", "llama3:8b", gguf())
    with pytest.raises(ModelError, match="ollama rm llama3:8b removes it"):
        remove("llama3:8b", foreign=True)
    assert blob.exists()


def test_nothing_is_removed_without_confirmation(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path, 'folders = ["~/mine"]')
    file = put(home / "mine/m.gguf")
    with pytest.raises(ModelError, match="use lechat rm m --yes, because there is no terminal"):
        remove("m", agreed=False)
    for answer, stays in (("\n", True), ("no\n", True), ("", True), ("yes\n", False)):
        terminal = io.StringIO(answer)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
        if stays:
            with pytest.raises(ModelError, match="nothing was removed"):
                remove("m", agreed=False)
        else:
            remove("m", agreed=False)
        assert file.exists() == stays


def test_what_cannot_be_removed_is_an_error(home: Path) -> None:
    with pytest.raises(ModelError, match="chaton is part of lechat"):
        remove("chaton")
    with pytest.raises(ModelError, match="ministral-3-8b has no files on this machine"):
        remove("ministral-3-8b")
    file = put(home / "somewhere.gguf")
    with pytest.raises(ModelError, match="nothing was removed"):
        remove(str(file))
    assert file.exists()


def test_a_file_is_imported_in_place(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(home / "mine/my \u202emodel é-Q4_0.gguf", gguf(name='A "quoted"\nname\x7f', context_length=4096))
    weights.bring(file, copy=False, name="mine")
    assert "mine is ready; lechat -m mine starts a chat with it" in capsys.readouterr().err
    row = listed(capsys)["mine"]
    assert (row["installed"], row["path"], row["name"]) == (True, str(file), 'A "quoted"\nname\x7f')
    assert read(imported.registry())["mine"].trained == 4096
    weights.bring(file, copy=False, name="mine")
    file.rename(file.with_suffix(".away"))
    weights.list_table(everything=False)
    assert "missing: " in capsys.readouterr().out
    file.with_suffix(".away").rename(file)
    remove("mine")
    assert file.exists() and "mine" not in listed(capsys)
    with pytest.raises(ModelError, match="there is no model mine"):
        remove("mine")


def test_an_imported_copy_is_deleted_with_its_row(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [put(home / f"usb/m-Q4_0-0000{n}-of-00002.gguf", gguf(pad=n)) for n in (1, 2)]
    projector = put(home / "usb/mmproj-F16.gguf", gguf("clip"))
    weights.bring(parts[0], copy=True, name="stick")
    for path in (*parts, projector):
        path.unlink()
    row: dict[str, Any] = listed(capsys)["stick"]
    folder = tmp_path / "lechat/data/models"
    assert row["installed"] and row["path"] == str(folder / "stick" / parts[0].name) and "vision" in row["roles"]
    assert sorted(path.name for path in (folder / "stick").iterdir()) == [parts[0].name, parts[1].name, projector.name]
    assert installed(capsys) == {"stick"}
    remove("stick")
    assert list(folder.iterdir()) == [] and installed(capsys) == set()


def test_importing_a_folder_skips_what_cannot_chat(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("a", gguf(pad=1)), ("deep/b", gguf(pad=2)), ("drawing", gguf("clip")), ("junk", b"junk")):
        put(home / f"mine/{name}.gguf", content)
    weights.bring(home / "mine", copy=False, name="")
    err = capsys.readouterr().err
    assert "skipped: drawing.gguf is a projector" in err and "skipped: junk.gguf is not a GGUF file" in err
    assert installed(capsys) == {"a", "b"}
    weights.bring(put(home / "two words.gguf"), copy=False, name="")
    assert "lechat -m two-words starts a chat with it" in capsys.readouterr().err
    with pytest.raises(ModelError, match=r"--name is for a single file, but .* has 4"):
        weights.bring(home / "mine", copy=False, name="x")


def test_what_cannot_be_imported_is_an_error(home: Path, tmp_path: Path) -> None:
    file = put(home / "m.gguf")
    with pytest.raises(ModelError, match="there is already a model chaton; use --name"):
        weights.bring(file, copy=False, name="chaton")
    for id in ("a b", "../x", "me/repo", "-x", "x:y", "m.gguf", "~"):
        with pytest.raises(ModelError):
            weights.bring(file, copy=False, name=id)
    with pytest.raises(ModelError, match="there is no file"):
        weights.bring(home / "none.gguf", copy=False, name="")
    (home / "empty").mkdir()
    with pytest.raises(ModelError, match=r"there is no \.gguf file in"):
        weights.bring(home / "empty", copy=False, name="")
    with pytest.raises(ModelError, match="is a text-to-text model"):
        weights.bring(put(home / "e.gguf", gguf("t5")), copy=False, name="")
    raw = Path(os.fsdecode(os.fsencode(home) + b"/\xff.gguf"))
    put(raw)
    with pytest.raises(ModelError, match="not valid UTF-8"):
        weights.bring(raw, copy=False, name="raw")
    assert not imported.registry().exists() or read(imported.registry()) == {}


def test_a_copy_needs_disk_space(home: Path) -> None:
    file = put(home / "m.gguf", gguf())
    with file.open("r+b") as opened:
        opened.truncate(2**43)  # a hole that takes no room
    with pytest.raises(ModelError, match=r"m needs 8796.1 GB, but the disk of .* has .* GB free; without --copy"):
        weights.bring(file, copy=True, name="")
    assert not imported.folder().exists()


OLD_REGISTRY = """\
# Models that lechat import has registered; lechat rm takes them out again.

["mine:Q4_0"]
name = "Mine \\"quoted\\" \\t é 日本"
roles = ["text", "vision"]
weights = { file = "/my models/m-00001-of-00002.gguf", bytes = 12, quant = "Q4_0", sha256s = ["ab", "cd"] }
projector = { file = "/my models/mmproj.gguf", bytes = 5 }
trained = 131072
parameters = 7.2
shape = { layers = 32, kv_heads = 8, head_size = 128, embedding = 4096, vocabulary = 32768, heads = 0 }
temperature = 0.7
licence = "Apache-2.0"
adapters = [{ file = "/l.gguf", scale = 0.8, repo = "", revision = "main", bytes = 0, sha256 = "" }]

["plain"]
name = "plain"
roles = ["text"]
weights = { file = "/p.gguf", bytes = 1 }
"""
"""As version 0.1.0 wrote it."""


def test_a_registry_of_version_0_1_0_keeps_its_models_when_one_is_added(home: Path) -> None:
    put(imported.registry(), OLD_REGISTRY.encode())
    before = read(imported.registry())
    weights.bring(put(home / "new.gguf"), copy=False, name="new")
    after = read(imported.registry())
    assert {id: after[id] for id in before} == before and set(after) == {*before, "new"}
    old = after["mine:Q4_0"]
    assert (old.license, old.weights.files[1]) == ("Apache-2.0", "/my models/m-00002-of-00002.gguf")
    assert old.adapters[0].scale == 0.8 and old.shape and old.shape.vocabulary == 32768


def test_a_damaged_registry_is_an_error(home: Path, tmp_path: Path) -> None:
    put(imported.registry(), b"[broken")
    with pytest.raises(ModelError, match=r"imported.toml"):
        weights.list_table(everything=False)
