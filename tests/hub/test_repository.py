"""Repositories that no row of the catalog names, asked on a hub on this machine."""

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.cli import weights
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models import repository
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, Weights
from lechat_tui.models.fit import Resources

sys.path.insert(0, str(Path(__file__).parent.parent))

from disk import gguf
from localhub import COMMIT, REPO, Hub

CHATON = (paths.bundled("chaton") / "chaton-q8_0.gguf").read_bytes()
EYES = (paths.bundled("chaton") / "chaton-mmproj-q8_0.gguf").read_bytes()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub({"tiny-Q8_0.gguf": CHATON}) as hub:
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "lechat"))
        yield hub


def serve(hub: Hub, **files: bytes) -> None:
    hub.commits[COMMIT] = {f"{name.replace('__', '/')}.gguf": content for name, content in files.items()}


def found(name: str, *rows: Model, machine: Resources | None = None) -> Model:
    models = Models({row.id: row for row in rows}, machine=(lambda: machine) if machine else None)
    return repository.find(name, models)


@pytest.mark.parametrize("typed", [REPO, f"{REPO}:Q8_0", f"hf.co/{REPO}:q8", f"{REPO}/tiny-Q8_0.gguf"])
def test_a_repository_becomes_a_model_before_the_download(hub: Hub, typed: str) -> None:
    model = found(typed)
    assert (model.id, model.name, model.repo, model.revision) == (f"{REPO}:Q8_0", "chaton", REPO, COMMIT)
    assert model.weights == Weights("tiny-Q8_0.gguf", len(CHATON), hub.sha256(CHATON), "Q8_0")
    assert (model.context, model.trained, model.parameters) == (4096, 4096, 0.003)
    assert model.shape and (model.shape.layers, model.shape.vocabulary) == (4, 1024)
    assert hub.served < len(CHATON) / 2, "only the header was read"


def test_addresses_on_a_mirror_are_understood(hub: Hub) -> None:
    for verb in ("resolve", "blob"):
        assert found(f"{hub.address}/{REPO}/{verb}/main/tiny-Q8_0.gguf").id == f"{REPO}:Q8_0"


def test_a_fitting_projector_is_included(hub: Hub) -> None:
    serve(hub, **{"m-Q8_0": CHATON, "mmproj-BF16": EYES + b" ", "mmproj-F16": EYES})
    model = found(REPO)
    assert model.projector and model.projector.file == "mmproj-F16.gguf"
    assert model.roles == ("text", "code", "vision")
    serve(hub, **{"m-Q8_0": CHATON, "mmproj-F16": gguf("clip", clip__vision__projection_dim=64)})
    assert found(REPO).projector is None, "made for a model of another width"


def test_the_default_quantization_is_the_best_that_fits(hub: Hub) -> None:
    big = gguf(
        block_count=32,
        embedding_length=4096,
        context_length=131072,
        llama__attention__head_count=32,
        llama__attention__head_count_kv=8,
        vocab_size=32768,
    )
    serve(hub, **{f"m-{quant}": big for quant in ("Q3_K_M", "Q4_K_M", "Q6_K")})
    assert found(REPO).weights.quant == "Q4_K_M", "the default if the machine is not known"
    assert [w.quant for w in found(REPO).quants] == ["Q3_K_M", "Q6_K"]
    machine = Resources((Gpu("RTX", "NVIDIA", 24 * 2**30, 23 * 2**30),), ram=64 * 2**30)
    assert found(REPO, machine=machine).id == f"{REPO}:Q6_K", "a GPU with enough memory"
    assert found(f"{REPO}:Q3_K_M", machine=machine).weights.quant == "Q3_K_M", "a named quantization is kept"


def test_a_split_file_is_one_model(hub: Hub) -> None:
    part = gguf("", split__no=1, split__count=2)
    serve(hub, **{"Q4_0__m-Q4_0-00001-of-00002": CHATON, "Q4_0__m-Q4_0-00002-of-00002": part})
    model = found(f"{REPO}:Q4_0")
    assert model.weights.files == ("Q4_0/m-Q4_0-00001-of-00002.gguf", "Q4_0/m-Q4_0-00002-of-00002.gguf")
    assert model.weights.bytes == len(CHATON) + len(part) and len(model.weights.sha256s) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (EYES, "is a projector, not a model"),
        (gguf("t5"), "is a text-to-text model"),
        (gguf("whisper"), "with which llama.cpp cannot chat"),
        (gguf("mistral3", mistral3__vision__block_count=24), "only Ollama reads"),
        (b"<html>", "is not a GGUF file"),
        (CHATON[:9000], "is incomplete"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63), "has a damaged header"),
    ],
    ids=range(7),
)
def test_a_file_that_cannot_chat_is_rejected_before_the_download(hub: Hub, content: bytes, problem: str) -> None:
    serve(hub, **{"m-Q4_0": content})
    with pytest.raises(ModelError, match=problem):
        found(REPO)


def test_an_embedding_model_is_found_for_libraries(hub: Hub) -> None:
    serve(hub, **{"m-Q8_0": gguf("bert")})
    assert found(REPO).roles == ("embed",)


def test_a_missing_file_or_quantization_is_answered_with_the_available_ones(hub: Hub) -> None:
    with pytest.raises(ModelError, match="us/tiny: it has no quantization Q2_K, only Q8_0"):
        found(f"{REPO}:Q2_K")
    with pytest.raises(ModelError, match=r"us/tiny: there is no file x.gguf; available are tiny-Q8_0.gguf"):
        found(f"{REPO}/x.gguf")
    serve(hub)
    with pytest.raises(ModelError, match="us/tiny has no GGUF file"):
        found(REPO)


def test_a_repository_of_the_catalog_is_not_looked_up(hub: Hub) -> None:
    row = Model("known", "Known", ("text",), Weights("tiny-Q8_0.gguf", quant="Q8_0"), repo=REPO)
    assert found(f"{REPO}:Q8_0", row) == row
    assert found(f"{REPO}/tiny-Q8_0.gguf", row) == row
    assert hub.requests == []


def test_offline_sends_no_request(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="offline"):
        found(REPO)
    assert hub.requests == []


def test_show_describes_a_model_on_the_hub(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    weights.show(f"{REPO}:Q8_0", as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["installed"], shown["repo"]) == (f"{REPO}:Q8_0", False, REPO)
    assert shown["shape"]["layers"] == 4 and shown["files"][0]["sha256"] == hub.sha256(CHATON)
    weights.show(f"{REPO}:Q8_0", as_json=False)
    assert "layers 4" in capsys.readouterr().out
    assert not Path(os.environ["HF_HUB_CACHE"]).exists(), "nothing was downloaded"
