"""Consent to a license: asked once, kept, and asked again when what was kept cannot be understood."""

from dataclasses import replace
from pathlib import Path

import pytest

from lechat_tui import paths
from lechat_tui.models import consent
from lechat_tui.models.catalog import Model, ModelError, Weights

MODEL = Model("m", "M", ("text",), Weights("m.gguf"), license="MNPL-0.1", license_url="https://a/b", consent=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path))
    return tmp_path


def test_consent_is_kept_for_the_license_and_for_no_other() -> None:
    assert not consent.given(MODEL)
    consent.give(MODEL)
    consent.give(replace(MODEL, id="other", license="MRL-0.1"))
    assert consent.given(MODEL)
    assert consent.given(replace(MODEL, id="same license"))
    assert consent.given(replace(MODEL, license="MRL-0.1"))
    assert not consent.given(replace(MODEL, license_url="https://a/another-text"))
    assert [file.name for file in paths.data().iterdir()] == ["consent.json"]


def test_a_model_whose_license_asks_for_nothing_needs_none() -> None:
    assert consent.given(replace(MODEL, consent=False))


def test_licenses_nobody_named_are_each_models_own() -> None:
    unnamed = replace(MODEL, license="", license_url="")
    consent.give(unnamed)
    assert consent.given(unnamed)
    assert not consent.given(replace(unnamed, id="other"))


@pytest.mark.parametrize("kept", [b"", b"[", b"\xff\xfe", b'{"MNPL-0.1 https://a/b": true}', b"[[1]]", b"[" * 99_999])
def test_what_cannot_be_understood_is_no_consent_and_is_mended(kept: bytes) -> None:
    paths.data().mkdir(parents=True)
    (paths.data() / "consent.json").write_bytes(kept)
    assert not consent.given(MODEL)
    consent.give(MODEL)
    assert consent.given(MODEL)


def test_consent_that_cannot_be_kept_is_said(home: Path) -> None:
    (home / "data").write_text("a file where a folder should be")
    assert not consent.given(MODEL)
    with pytest.raises(ModelError, match=r"MNPL-0\.1 was accepted cannot be kept"):
        consent.give(MODEL)
