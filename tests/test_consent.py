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


def test_consent_is_stored_for_one_license_only() -> None:
    assert not consent.given(MODEL)
    consent.give(MODEL)
    consent.give(replace(MODEL, id="other", license="MRL-0.1"))
    assert consent.given(MODEL)
    assert consent.given(replace(MODEL, id="same license"))
    assert consent.given(replace(MODEL, license="MRL-0.1"))
    assert not consent.given(replace(MODEL, license_url="https://a/another-text"))
    assert [file.name for file in paths.data().iterdir()] == ["consent.json"]


def test_a_free_license_needs_no_consent() -> None:
    assert consent.given(replace(MODEL, consent=False))


def test_unnamed_licenses_belong_to_one_model_each() -> None:
    unnamed = replace(MODEL, license="", license_url="")
    consent.give(unnamed)
    assert consent.given(unnamed)
    assert not consent.given(replace(unnamed, id="other"))


@pytest.mark.parametrize("kept", [b"", b"[", b"\xff\xfe", b'{"MNPL-0.1 https://a/b": true}', b"[[1]]", b"[" * 99_999])
def test_a_damaged_file_means_no_consent_and_is_replaced(kept: bytes) -> None:
    paths.data().mkdir(parents=True)
    (paths.data() / "consent.json").write_bytes(kept)
    assert not consent.given(MODEL)
    consent.give(MODEL)
    assert consent.given(MODEL)


def test_consent_that_cannot_be_saved_is_an_error(home: Path) -> None:
    (home / "data").write_text("a file where a folder should be")
    assert not consent.given(MODEL)
    with pytest.raises(ModelError, match=r"the consent to MNPL-0\.1 could not be saved"):
        consent.give(MODEL)
