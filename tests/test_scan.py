"""GGUF files of other programs on this machine: where they are searched and which models they become."""

import os
import struct
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disk import gguf, hub_file, ollama, put

from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.headers import Headers
from lechat_tui.models.locate import Files, known_sha256
from lechat_tui.models.scan import FOLDER, HUB, OLLAMA, OWN, ModelFolder, find_files, model_folders


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "lechat"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def models(*rows: Model, folders: tuple[str, ...] = ()) -> Models:
    return Models({row.id: row for row in rows}, folders=model_folders(folders))


def ids(models: Models) -> list[str]:
    return [model.id for model in models.installed()]


def row(id: str, weights: Weights, **more: object) -> Model:
    return Model(id, id.title(), ("text",), weights, repo="me/repo", revision="a" * 40, **more)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_folders_of_every_program_are_searched(home: Path, tmp_path: Path) -> None:
    put(tmp_path / "lechat/data/models/x/own-Q4_0.gguf", gguf(pad=1))
    hub_file(tmp_path / "hub", "bart/Some-GGUF", "sub/Some-Q5_K_M.gguf", gguf(pad=2))
    put(home / ".lmstudio/models/lms/Other-GGUF/Other-Q6_K.gguf", gguf(pad=3))
    put(home / ".cache/lm-studio/models/lms/Old-GGUF/Old-Q8_0.gguf", gguf(pad=4))
    put(home / ".cache/llama.cpp/ggml-org_Tiny-GGUF_tiny-Q4_0.gguf", gguf(pad=5))
    put(home / ".cache/llama.cpp/plain.gguf", gguf(pad=6))
    ollama(home / ".ollama/models", "llama3:8b", gguf(pad=7))
    ollama(home / ".ollama/models", "someone/else:latest", gguf(pad=8))
    put(home / ".local/share/nomic.ai/GPT4All/orca.Q4_0.gguf", gguf(pad=9))
    put(home / ".local/share/Jan/data/llamacpp/models/jan-model/model.gguf", gguf(pad=10))
    put(home / "mine/deep/er/my model.gguf", gguf(pad=11))
    assert sorted(ids(models(folders=("~/mine",)))) == [
        "bart/Some-GGUF:Q5_K_M",
        "ggml-org/Tiny-GGUF:Q4_0",
        "jan-model",
        "llama3:8b",
        "lms/Old-GGUF:Q8_0",
        "lms/Other-GGUF:Q6_K",
        "my-model",
        "orca.Q4_0",
        "own-Q4_0",
        "plain",
        "someone/else:latest",
    ]


def test_environment_variables_move_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CACHE", str(tmp_path / "llama"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    put(tmp_path / "llama/a.gguf", gguf(pad=1))
    ollama(tmp_path / "ollama", "b:1", gguf(pad=2))
    assert sorted(ids(models())) == ["a", "b:1"]


def test_a_found_model_can_be_named_and_stays_in_place(home: Path) -> None:
    file = put(home / ".lmstudio/models/lms/Some-GGUF/Some-Q4_K_M.gguf", gguf(name="Some model", context_length=2048))
    put(home / ".lmstudio/models/lms/Some-GGUF/Some-Q8_0.gguf", gguf(pad=1))
    here = models()
    for typed in ("lms/Some-GGUF:Q4_K_M", "lms/some-gguf:q4_k_m", "lms/Some-GGUF", "hf.co/lms/Some-GGUF:Q4"):
        model = here.get(typed)
        assert (model.id, model.name, model.context) == ("lms/Some-GGUF:Q4_K_M", "Some model", 2048)
        assert here.files(model) == Files(file)
    assert here.get("lms/Some-GGUF/Some-Q8_0.gguf").id == "lms/Some-GGUF:Q8_0"
    assert here.for_role("text").id == "lms/Some-GGUF:Q4_K_M"
    with pytest.raises(ModelError, match="lms/Some-GGUF:Q2_K is not on this machine; lechat pull lms/Some-GGUF:Q2_K"):
        here.get("lms/Some-GGUF:Q2_K")
    with pytest.raises(ModelError, match="did you mean other"):
        put(home / ".lmstudio/models/other.gguf")
        models().get("othr")


def test_a_file_of_the_catalog_counts_as_installed_anywhere(home: Path, tmp_path: Path) -> None:
    content = gguf(pad=50)
    known = row("known", Weights("Known-Q4_0.gguf", len(content)))
    assert ids(models(known)) == []
    file = put(home / ".lmstudio/models/any/where/Known-Q4_0.gguf", content)
    assert ids(models(known)) == ["known"]
    assert models(known).files(known) == Files(file)
    put(file, content + b"more")
    assert ids(models(known)) == ["any/where:Q4_0"], "of another size it is another file"


def test_a_file_of_the_catalog_is_recognized_by_its_checksum(home: Path, tmp_path: Path) -> None:
    blob = ollama(home / ".ollama/models", "x:1", gguf(pad=60))
    known = row("known", Weights("Known-Q4_0.gguf", 99, blob.name.removeprefix("sha256-")))
    assert ids(models(known)) == ["known"]
    assert models(known).files(known) == Files(blob)
    assert known_sha256(known.weights, blob) == blob.name.removeprefix("sha256-")


def test_another_quantization_of_a_catalog_model_is_recognized(tmp_path: Path) -> None:
    content = gguf(pad=70)
    link = hub_file(tmp_path / "hub", "me/repo", "Known-Q8_0.gguf", content)
    other = Weights("Known-Q8_0.gguf", len(content), quant="Q8_0")
    known = row("known", Weights("Known-Q4_0.gguf", 99, quant="Q4_0"), quants=(other,))
    assert ids(models(known)) == ["known:Q8_0"]
    assert models(known).files(models(known).get("known:q8_0")) == Files(link)
    assert models(known).get("me/repo:Q8_0").id == "known:Q8_0"
    assert models(known).get("me/repo").id == "known"
    assert models(known).get("me/repo/Known-Q8_0.gguf").id == "known:Q8_0"


def test_a_relative_of_a_catalog_model_gets_its_settings(home: Path) -> None:
    put(home / ".lmstudio/models/lms/Known-7B-Instruct-GGUF/Known-7B-Instruct-Q6_K.gguf", gguf(pad=1))
    known = row("known", Weights("me_Known-7B-Instruct-Q4_0.gguf", 99), temperature=0.15, template="v7", context=16384)
    model = models(known).for_role("text")
    assert (model.id, model.temperature, model.template) == ("lms/Known-7B-Instruct-GGUF:Q6_K", 0.15, "v7")


def test_a_projector_is_paired_with_its_own_model(home: Path) -> None:
    folder = home / ".lmstudio/models/lms/See-GGUF"
    weights = put(folder / "See-8B-Q4_K_M.gguf", gguf(block_count=2, embedding_length=64))
    put(folder / "mmproj-BF16.gguf", gguf("clip", vision__projection_dim=64, clip__vision__projection_dim=64))
    projector = put(folder / "mmproj-F16.gguf", gguf("clip", clip__vision__projection_dim=64, pad=1))
    here = models()
    assert here.files(here.for_role("vision")) == Files(weights, projector)
    put(projector, gguf("clip", clip__vision__projection_dim=128, pad=2))
    with pytest.raises(ModelError, match="no vision model is on this machine"):
        models().for_role("vision")
    assert ids(models()) == ["lms/See-GGUF:Q4_K_M"], "a projector is no model"


def test_ollamas_projector_is_paired_with_its_model(home: Path) -> None:
    blob = ollama(home / ".ollama/models", "see:1", gguf(pad=1), gguf("clip", pad=2))
    here = models()
    files = here.files(here.get("see:1"))
    assert files and files.weights == blob and files.projector and files.projector.parent == blob.parent


def test_a_format_that_only_ollama_reads_is_rejected_before_loading(home: Path) -> None:
    ollama(home / ".ollama/models", "mistral-small3.2:24b", gguf("mistral3", vision__block_count=24))
    content = gguf("mistral3", mistral3__vision__block_count=24)
    blob = ollama(home / ".ollama/models", "inside:1", content)
    assert "inside:1" not in ids(models())
    with pytest.raises(ModelError, match="inside:1 contains its projector, a format that only Ollama reads"):
        models().get("inside:1")
    with pytest.raises(ModelError, match="only Ollama reads"):
        models().get(str(blob))


def test_models_that_cannot_chat_are_not_listed(home: Path) -> None:
    folder = home / ".lmstudio/models"
    put(folder / "embed.gguf", gguf("bert"))
    put(folder / "cut.gguf", gguf()[:20])
    put(folder / "empty.gguf", b"")
    put(folder / "text.gguf", b"hello")
    os.mkfifo(folder / "pipe.gguf")
    (folder / "gone.gguf").symlink_to(folder / "nothing")
    (folder / "folder.gguf").mkdir()
    assert ids(models()) == []
    assert [model.id for model in models().embedders()] == ["embed"]
    for name, problem in (("empty", "is empty"), ("text", "is not a GGUF file")):
        with pytest.raises(ModelError, match=problem):
            models().get(name)


def test_a_file_that_arrives_later_is_found(home: Path) -> None:
    here = models()
    assert ids(here) == []
    put(home / ".lmstudio/models/me/New-GGUF/new.gguf")
    assert here.get("me/New-GGUF/new.gguf").id == "me/New-GGUF/new.gguf"
    put(home / ".lmstudio/models/newer.gguf", gguf(pad=1))
    assert set(ids(here)) == {"me/New-GGUF/new.gguf", "newer"}


def test_circular_links_end(home: Path) -> None:
    folder = home / ".lmstudio/models/a/b"
    put(folder / "m.gguf")
    (folder / "up").symlink_to(home / ".lmstudio/models")
    (folder / "self").symlink_to(folder)
    assert len(find_files([ModelFolder(FOLDER, home / ".lmstudio/models")])) == 1


def test_a_file_in_two_folders_is_one_model(home: Path, tmp_path: Path) -> None:
    link = hub_file(tmp_path / "hub", "me/M-GGUF", "m-Q4_0.gguf", gguf())
    (home / "mine").mkdir()
    (home / "mine" / "again.gguf").symlink_to(link)
    copy = put(home / ".lmstudio/models/me/M-GGUF/m-Q4_0.gguf", gguf())
    assert copy.exists()
    assert ids(models(folders=(str(home / "mine"),))) == ["me/M-GGUF:Q4_0"]


def test_ids_are_unique_stable_and_typeable(home: Path) -> None:
    for folder, pad in (("a", 1), ("b", 2), ("c", 3)):
        put(home / f"mine/{folder}/same.gguf", gguf(pad=pad))
    put(home / "mine/-rf \x1b[31m\u202e.gguf", gguf(pad=4))
    put(home / "mine/chaton.gguf", gguf(pad=5))
    taken = Model("chaton", "c", ("text",), Weights("chaton-q8_0.gguf"), toy=True)
    found = ids(models(taken, folders=(str(home / "mine"),)))
    assert found == ids(models(taken, folders=(str(home / "mine"),)))
    assert sorted(found) == ["b-same", "c-same", "chaton", "mine-chaton", "rf-31m", "same"]


def test_a_split_model_is_listed_once_and_only_if_complete(home: Path) -> None:
    first = put(home / "mine/m-Q4_0-00001-of-00002.gguf", gguf(pad=1))
    assert ids(models(folders=(str(home / "mine"),))) == []
    with pytest.raises(ModelError, match=r"is split and m-Q4_0-00002-of-00002.gguf is missing"):
        models().get(str(first))
    put(home / "mine/m-Q4_0-00002-of-00002.gguf", gguf("", split__no=1, split__count=2))
    here = models(folders=(str(home / "mine"),))
    assert ids(here) == ["m-Q4_0"]
    assert here.files(here.get("m-Q4_0")) == Files(first)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"layers": 5}', b'{"layers": [{}]}', b"[" * 10_000, b"\xff"])
def test_an_invalid_manifest_is_skipped(home: Path, content: bytes) -> None:
    put(home / ".ollama/models/manifests/registry.ollama.ai/library/x/1", content)
    assert ids(models()) == []


def test_a_manifest_can_only_name_blobs(home: Path) -> None:
    put(home / "secret.gguf")
    layer = '{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../secret.gguf"}'
    put(home / ".ollama/models/manifests/registry.ollama.ai/library/x/1", f'{{"layers": [{layer}]}}'.encode())
    assert ids(models()) == []


def test_headers_are_read_once(home: Path, tmp_path: Path) -> None:
    file = put(home / "m.gguf", gguf(name="Before", context_length=2048))
    cache = tmp_path / "headers.json"
    headers = Headers(cache)
    assert headers.of(file).name == "Before"
    headers.save()
    status = file.stat()
    file.write_bytes(gguf(name="After!", context_length=2048))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Headers(cache).of(file).name == "Before", "same size, same time: not opened"
    os.utime(file, ns=(0, 0))
    assert Headers(cache).of(file).name == "After!"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"version": 1}', b'{"version": 1, "files": 5}', b"\xff", b"{" * 9999]
)
def test_a_damaged_header_cache_is_ignored(home: Path, tmp_path: Path, content: bytes) -> None:
    file = put(home / "m.gguf", gguf(name="Mine"))
    cache = put(tmp_path / "headers.json", content)
    headers = Headers(cache)
    assert headers.of(file).name == "Mine"
    headers.save()
    assert Headers(cache).of(file).name == "Mine"
    unwritable = Headers(file / "headers.json")
    assert unwritable.of(file).name == "Mine"
    unwritable.save()


def test_unusual_numbers_and_names_do_not_harm_the_header_cache(home: Path, tmp_path: Path) -> None:
    largest = b"split.no" + struct.pack("<IQ", 10, 2**64 - 1)
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 8) + largest
    files = [
        put(home / "huge.gguf", head),
        put(Path(os.fsdecode(os.fsencode(home) + b"/\xff.gguf"))),
        put(home / "m.gguf"),
    ]
    headers = Headers(tmp_path / "headers.json")
    assert [headers.of(file).part for file in files] == [2**64, 1, 1]
    headers.save()
    assert b"m.gguf" in (tmp_path / "headers.json").read_bytes()
    assert [Headers(tmp_path / "headers.json").of(file).part for file in files] == [2**64, 1, 1]


def counted(name: str, function: Callable[..., Any], calls: Counter[str]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        calls[name] += 1
        return function(*args, **options)

    return call


def test_a_thousand_files_are_listed_and_none_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for repo in range(20):
        for number in range(50):
            put(home / f"mine/r{repo}/m{number}.gguf", b"")
            put(home / f"mine/r{repo}/other{number}.bin", b"")
    here = ModelFolder(FOLDER, home / "mine")
    calls: Counter[str] = Counter()
    for function in ("stat", "scandir", "open"):
        real = getattr(os, function)
        monkeypatch.setattr(os, function, counted(function, real, calls))
    monkeypatch.setattr("builtins.open", None)
    assert len(find_files([here])) == 1000
    assert calls == {"scandir": 21, "stat": 1021}, "each file and each folder once"


def test_a_folder_knows_its_owner() -> None:
    assert [ModelFolder(owner, Path()).foreign for owner in (HUB, OWN, FOLDER, OLLAMA, "LM Studio")] == [0, 0, 0, 1, 1]
    assert find_files([ModelFolder(OLLAMA, Path("/nonexistent")), ModelFolder(HUB, Path("/nonexistent"))]) == ()
