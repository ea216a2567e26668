"""What can answer here: by name, by role, and where its files lie."""

import hashlib
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights, chat_template, read
from lechat_tui.models.fit import Resources
from lechat_tui.models.locate import Files, known_sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, empty."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def model(id: str, *roles: str, folder: Path | None = None, **more: object) -> Model:
    """A model whose file is in `folder`, or missing."""
    file = (folder or Path("/nowhere")) / f"{id}.gguf"
    if folder:
        file.touch()
    row = Model(id, id.title(), roles or ("text",), Weights(str(file), 1_500_000_000))  # type: ignore[arg-type]
    return replace(row, **more)  # type: ignore[arg-type]


def models_of(*models: Model, **wanted: str) -> Models:
    return Models({m.id: m for m in models}, wanted)  # type: ignore[arg-type]


def downloaded(hub: Path, repo: str, file: str, revision: str = COMMIT) -> Path:
    path = hub / f"models--{repo.replace('/', '--')}" / "snapshots" / revision / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def gguf_file(path: Path, architecture: str, context: int = 0) -> Path:
    def string(text: str) -> bytes:
        return struct.pack("<Q", len(text)) + text.encode()

    keys = string("general.architecture") + struct.pack("<I", 8) + string(architecture)
    keys += string("general.name") + struct.pack("<I", 8) + string("My model")
    keys += string(f"{architecture}.context_length") + struct.pack("<II", 4, context)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 3) + keys)
    return path


def test_a_model_is_found_by_its_id() -> None:
    small = model("small")
    assert models_of(small).get("small") is small


@pytest.mark.parametrize("typed", ["mistral-smal", "MISTRAL-SMALL", "mistral_small", "small"])
def test_a_misspelled_name_is_answered_with_the_right_one(typed: str) -> None:
    with pytest.raises(ModelError, match=f"there is no model {typed}; did you mean mistral-small?"):
        models_of(model("mistral-small"), model("codestral")).get(typed)


@pytest.mark.parametrize("typed", ["", "zzz", "some one/zzz", "x" * 5000, "nul\0"])
def test_an_unknown_name_is_an_error(typed: str) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        models_of(model("mistral-small")).get(typed)


def test_a_file_on_the_disk_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = gguf_file(tmp_path / "mine.gguf", "llama", 4096)
    for typed in (str(file), "mine.gguf", "~/mine.gguf", f".{os.sep}mine.gguf"):
        found = models_of().get(typed)
        assert (found.id, found.name, found.roles, found.context) == ("mine", "My model", ("text", "code"), 4096)
        assert models_of().files(found) == Files(file)


@pytest.mark.parametrize(("trained", "used"), [(0, 8192), (131072, 8192), (2048, 2048)])
def test_a_file_gets_a_context_that_fits_any_machine(tmp_path: Path, trained: int, used: int) -> None:
    assert models_of().get(str(gguf_file(tmp_path / "mine.gguf", "llama", trained))).context == used


def test_a_projector_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mmproj.gguf is a projector, not a model"):
        models_of().get(str(gguf_file(tmp_path / "mmproj.gguf", "clip")))


def test_a_missing_repository_is_an_error_without_asking_the_hub() -> None:
    with pytest.raises(ModelError, match="someone/zzz is not on this machine; lechat pull someone/zzz downloads it"):
        models_of().get("someone/zzz")


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file ~nobody-of-this-name"):
        models_of().get("~nobody-of-this-name")
    with pytest.raises(ModelError, match=r"there is no file .*none.gguf"):
        models_of().get("none.gguf")
    with pytest.raises(ModelError, match=r"is a folder; give the path of a .gguf file in it"):
        models_of().get(str(tmp_path))


def test_a_download_is_found_in_the_hub_cache(hub: Path) -> None:
    row = model("small", repo="someone/small", revision=COMMIT, weights=Weights("Q4/small.gguf"))
    assert models_of().files(row) is None
    file = downloaded(hub, "someone/small", "Q4/small.gguf")
    assert models_of().files(row) == Files(file)


def test_a_vision_model_also_needs_its_projector(hub: Path) -> None:
    row = model(
        "vision", repo="someone/vision", revision=COMMIT, weights=Weights("m.gguf"), projector=Weights("mmproj.gguf")
    )
    weights = downloaded(hub, "someone/vision", "m.gguf")
    assert models_of(row).installed() == []
    projector = downloaded(hub, "someone/vision", "mmproj.gguf")
    assert models_of(row).installed() == [row]
    assert models_of(row).files(row) == Files(weights, projector)


def test_the_pinned_revision_is_preferred(hub: Path) -> None:
    row = model("small", repo="someone/small", revision="f" * 40, weights=Weights("small[1].gguf"))
    other = downloaded(hub, "someone/small", "small[1].gguf", "a" * 40)
    assert models_of().files(row) == Files(other)
    pinned = downloaded(hub, "someone/small", "small[1].gguf", "f" * 40)
    assert models_of().files(row) == Files(pinned)


def test_a_branch_is_the_commit_it_pointed_at(hub: Path) -> None:
    row = model("small", repo="someone/small", revision="main", weights=Weights("small.gguf"))
    downloaded(hub, "someone/small", "small.gguf", "a" * 40)
    newer = downloaded(hub, "someone/small", "small.gguf", "b" * 40)
    refs = hub / "models--someone--small" / "refs"
    refs.mkdir()
    (refs / "main").write_text("b" * 40)
    assert models_of().files(row) == Files(newer)


def test_an_interrupted_download_is_not_installed(hub: Path) -> None:
    row = model("small", repo="someone/small", revision=COMMIT, weights=Weights("small.gguf"))
    file = downloaded(hub, "someone/small", "small.gguf")
    file.unlink()
    file.symlink_to(hub / "blobs" / "missing")
    assert models_of().files(row) is None


def test_a_role_uses_the_first_installed_model_and_a_toy_last(tmp_path: Path) -> None:
    toy = model("toy", "text", "code", folder=tmp_path, toy=True)
    absent, first = model("absent", "text"), model("first", "text", folder=tmp_path)
    second = model("second", "text", folder=tmp_path)
    here = models_of(toy, absent, first, second)
    assert here.installed() == [toy, first, second]
    assert here.for_role("text") is first
    assert here.for_role("code") is toy
    with pytest.raises(ModelError, match="no vision model is on this machine; lechat ls"):
        here.for_role("vision")


def test_the_users_choice_comes_first_installed_or_not(tmp_path: Path) -> None:
    wanted, first = model("wanted", "code"), model("first", "text", folder=tmp_path)
    assert models_of(first, wanted, text="wanted").for_role("text") is wanted
    assert models_of(first, wanted, text="").for_role("text") is first
    with pytest.raises(ModelError, match=r"text = 'wantd' in config.toml: .* did you mean wanted?"):
        models_of(first, wanted, text="wantd").for_role("text")


def test_without_an_installed_model_the_best_that_fits_is_recommended() -> None:
    shape = ModelShape(layers=32, kv_heads=8, head_size=128, embedding=4096, vocabulary=32768)
    small, large = (
        model(id, repo="me/x", weights=Weights(f"{id}.gguf", size, quant="Q4_K_M"), shape=shape, trained=32768)
        for id, size in (("small", 4 * 10**9), ("large", 40 * 10**9))
    )
    here = Models({"large": large, "small": small}, machine=lambda: Resources(ram=16 * 2**30))
    with pytest.raises(ModelError, match=r"no text model is on .*; lechat pull small downloads .* \(4.0 GB\)"):
        here.for_role("text")
    with pytest.raises(ModelError, match="no vision model is on this machine, and none in the catalog fits"):
        here.for_role("vision")


def test_the_first_installed_model_that_fits_is_chosen(tmp_path: Path) -> None:
    shape = ModelShape(layers=32, kv_heads=8, head_size=128, embedding=4096, vocabulary=32768)
    large, small = (
        model(id, folder=tmp_path, weights=Weights(str(tmp_path / f"{id}.gguf"), size), shape=shape, trained=32768)
        for id, size in (("large", 10**15), ("small", 10**14))
    )
    rows = {"large": large, "small": small}
    assert Models(rows, machine=lambda: Resources(ram=2**55)).for_role("text") is large
    assert Models(rows, machine=lambda: Resources(ram=2**47)).for_role("text") is small
    assert Models(rows, machine=lambda: Resources(ram=2**30)).for_role("text") is small, "the smallest where none fits"
    assert Models(rows).for_role("text") is large


def test_a_model_is_listed_under_its_first_role() -> None:
    assert model("small", "code", "text").role == "code"


def test_a_missing_model_says_how_to_download_it() -> None:
    row = model("small", repo="someone/small")
    assert row.missing == "small is not downloaded; lechat pull small downloads it (1.5 GB)"
    assert replace(row, weights=Weights("x.gguf")).missing.endswith("downloads it")
    assert model("mine").missing == "/nowhere/mine.gguf is not on this machine"


def test_every_template_of_the_catalog_exists() -> None:
    models = read(paths.bundled("models.toml")).values()
    templates = [chat_template(row) for row in models if row.template]
    assert templates
    assert all(template and "{" in template for template in templates)


def test_a_template_is_optional_and_an_unknown_one_is_an_error() -> None:
    assert chat_template(model("small")) is None
    with pytest.raises(ModelError, match="small: there is no template nonsense; available are"):
        chat_template(model("small", template="nonsense"))


def test_the_checksum_of_weights_is_known_without_reading_them(hub: Path, tmp_path: Path) -> None:
    blob = hub / "models--me--small" / "blobs" / ("ab" * 32)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    linked = hub / "models--me--small" / "snapshots" / COMMIT / "s.gguf"
    linked.parent.mkdir(parents=True)
    linked.symlink_to(blob)
    row = model("small", weights=Weights("s.gguf", 7, "cd" * 32), repo="me/small")
    assert known_sha256(row.weights, linked) == "ab" * 32, "the name of the blob"
    copied = tmp_path / "s.gguf"
    with copied.open("wb") as sparse:
        sparse.truncate(2**30)
    known = replace(row, weights=Weights("s.gguf", 2**30, "cd" * 32))
    assert known_sha256(known.weights, copied) == "cd" * 32, "the catalog's, of a file of that size"
    assert known_sha256(row.weights, copied) == "", "a file of another size is another file"
    for content in (b"weights", b"other weights"):
        small = tmp_path / f"{content.decode()}.gguf"
        small.write_bytes(content)
        assert known_sha256(row.weights, small) == hashlib.sha256(content).hexdigest(), "a small file is read"
