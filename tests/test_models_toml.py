"""The rows of the bundled catalog."""

import re
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from lechat_tui import paths
from lechat_tui.machine.footprint import CONTEXT_MULTIPLE, kv_bytes
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ROLES, Model, read
from lechat_tui.units import size_text

MODELS = read(paths.bundled("models.toml"))
REAL = [model for model in MODELS.values() if model.repo]
CLOSED = [model for model in MODELS.values() if model.status == "closed"]

KV_BYTES = {  # a token, at f16: layers x heads of keys and values x size of a head x 2 x 2 bytes, from the gpus
    "ministral-3-3b": 106_496,
    "ministral-3-8b": 139_264,
    "ministral-3-14b": 163_840,
    "mistral-small-3.2": 160 * 1024,
    "mistral-nemo": 160 * 1024,
    "mistral-7b": 128 * 1024,
    "mixtral-8x7b": 128 * 1024,
    "ministral-8b": 144 * 1024,
    "codestral-22b": 224 * 1024,
    "mistral-large-2": 352 * 1024,
    "devstral-2": 352 * 1024,
}

BITS = {  # of one weight, on average over a whole file
    "IQ2_XXS": 2.14,
    "Q2_K": 3.0,
    "Q3_K_M": 3.95,
    "IQ4_XS": 4.4,
    "Q4_K_S": 4.6,
    "Q4_K_M": 4.9,
    "UD-Q4_K_M": 4.9,
    "Q5_K_M": 5.7,
    "Q6_K": 6.6,
    "Q8_0": 8.5,
}


def every(models: list[Model]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", models, ids=[model.id for model in models])


def test_every_role_has_a_model_and_a_toy() -> None:
    for role in ROLES:
        assert [m for m in REAL if role in m.roles and m.status == "recommended"], role
        assert [m for m in MODELS.values() if role in m.roles and m.toy], role
    assert next(m for m in MODELS.values() if m.toy).id == "chaton"


def test_names_are_typeable_and_differ_by_more_than_case() -> None:
    assert len({id.lower() for id in MODELS}) == len(MODELS)
    assert len({model.name.lower() for model in MODELS.values()}) == len(MODELS)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", id) for id in MODELS)


def test_the_best_of_a_role_come_first() -> None:
    order = list(MODELS)
    for role in ROLES:
        ids = [m.id for m in REAL if role in m.roles]
        legacy = [order.index(id) for id in ids if MODELS[id].status == "legacy"]
        assert max(order.index(id) for id in ids if MODELS[id].status == "recommended") < min(legacy)
        assert MODELS[ids[0]].status == "recommended"
    assert all(order.index(toy.id) > order.index(real.id) for toy in MODELS.values() if toy.toy for real in REAL)


@every(list(MODELS.values()))
def test_the_values_of_a_row_are_consistent(model: Model) -> None:
    assert ("vision" in model.roles) <= (model.supports_images or model.status == "closed")
    assert bool(model.repo) == (not model.toy and model.status != "closed")
    assert bool(model.weights.files) == (model.status != "closed")
    assert bool(model.instead) == (model.status in ("legacy", "closed"))
    assert (model.status == "closed") == bool(model.unavailable)
    if model.instead:
        assert MODELS[model.instead].repo, "what it points at can be had"
        assert set(model.roles) & set(MODELS[model.instead].roles)
        assert MODELS[model.instead].status != "legacy"
    if model.thinking:
        assert all(mark in model.system for mark in model.thinking), "its system prompt asks for the thinking"


@every(REAL)
def test_every_file_name_is_one_of_a_repository(model: Model) -> None:
    for weights in filter(None, (model.weights, model.projector, *model.quants)):
        repo, revision = model.source(weights)
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) and ".." not in repo
        assert revision == "main" or re.fullmatch("[0-9a-f]{40}", revision)
        for file in weights.files:
            assert re.fullmatch(r"[\w./-]+\.gguf", file, re.ASCII)
            assert not PurePosixPath(file).is_absolute() and ".." not in PurePosixPath(file).parts
        for sha256 in filter(None, (weights.sha256, *weights.sha256s)):
            assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert not (weights.sha256 and len(weights.files) > 1), "a checksum is of one file"
        assert len(weights.sha256s) in (0, len(weights.files))
        assert not (weights.bytes and weights.about), "rounded only where the exact size is not known"


@every([model for model in REAL if model.verified])
def test_verified_files_are_pinned_and_complete(model: Model) -> None:
    assert re.fullmatch("[0-9a-f]{40}", model.revision)
    assert model.weights.bytes and model.weights.sha256
    assert model.projector is None or model.projector.bytes


@every(REAL)
def test_file_sizes_match_parameters_and_bits_per_weight(model: Model) -> None:
    for weights in (model.weights, *model.quants):
        bits = weights.size * 8 / (model.parameters * 1e9)
        assert bits == pytest.approx(BITS[weights.quant], rel=0.06), weights.quant
        assert weights.quant in weights.file
    assert len({weights.quant.lower() for weights in (model.weights, *model.quants)}) == 1 + len(model.quants)
    assert [w.size for w in model.quants] == sorted(w.size for w in model.quants)


@every([model for model in REAL if model.shape])
def test_the_memory_per_token_follows_from_the_shape(model: Model) -> None:
    assert model.shape
    known = {**KV_BYTES, **{f"{id}-reasoning": size for id, size in KV_BYTES.items()}, "pixtral-12b": 160 * 1024}
    token_bytes = kv_bytes(model.shape, CONTEXT_MULTIPLE) // CONTEXT_MULTIPLE
    assert token_bytes == known.get(model.id, 160 * 1024 if model.parameters == 23.57 else None)
    assert model.shape.vocabulary in (32_000, 32_768, 131_072)
    assert bool(model.active) == bool(model.shape.experts)


@every(REAL)
def test_a_row_says_how_to_prompt_the_model(model: Model) -> None:
    assert (paths.bundled("templates") / f"{model.template}.jinja").is_file() or model.id == "mistral-small-4"
    assert 0 < model.context <= model.trained
    assert 0 <= model.temperature <= 1
    assert model.parameters > 0


@every(REAL)
def test_a_non_commercial_license_needs_consent(model: Model) -> None:
    assert model.license_url.startswith("https://")
    assert model.consent == (model.license in ("MNPL-0.1", "MRL-0.1"))
    assert model.consent or model.license in ("Apache-2.0", "Modified MIT")


@every(CLOSED)
def test_an_unpublished_model_names_a_published_one(model: Model) -> None:
    assert f"use {model.instead} instead" in model.unavailable
    assert not model.supports_images and not model.bytes


def test_no_two_files_share_a_checksum() -> None:
    every = [w for m in REAL for w in (m.weights, *m.quants, m.projector) if w]
    hashes = [sha256 for w in every for sha256 in (w.sha256, *w.sha256s) if sha256]
    assert len(set(hashes)) == len(hashes)


def test_no_row_repeats_a_default() -> None:
    for id, row in tomllib.loads(paths.bundled("models.toml").read_text("utf-8")).items():
        assert "id" not in row
        assert row.get("revision") != "main", id


@every(REAL)
def test_the_models_page_lists_the_model_as_the_catalog_does(model: Model) -> None:
    page = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if line.startswith(f"| `{model.id}` |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1].removesuffix(", reasons") == model.name
    assert cells[1].endswith(", reasons") == bool(model.thinking)
    assert cells[2:4] == [", ".join(model.roles), size_text(model.bytes)]
    assert cells[4] == model.license + (" (asks first)" if model.consent else "")
    assert cells[5] == model.status


@every(CLOSED)
def test_an_unpublished_model_is_never_chosen(model: Model) -> None:
    models = Models(MODELS)
    assert models.files(model) is None and model not in models.installed()
    assert model.missing == model.unavailable
