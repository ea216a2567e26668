"""Lists of GGUF files: quantizations, parts, and the projector that belongs to a model."""

import pytest

from lechat_tui.models.catalog import ModelError, Weights
from lechat_tui.models.listing import Listing, base, is_projector, listed, quant


def files(*names: str) -> Listing:
    """A list of files, each larger than the one before."""
    return listed(Weights(name, 1000 + number, f"{number:064x}") for number, name in enumerate(names))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("Ministral-3-8B-Instruct-2512-Q4_K_M.gguf", "Q4_K_M"),
        ("mistral.q8_0.gguf", "Q8_0"),
        ("UD-Q4_K_M/Mistral-Small-4-119B-2603-UD-Q4_K_M-00001-of-00003.gguf", "UD-Q4_K_M"),
        ("Model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Mixtral-8x7B-Instruct-v0.1.i1-IQ2_XXS.gguf", "IQ2_XXS"),
        ("m-IQ4_XS.gguf", "IQ4_XS"),
        ("m-fp16.gguf", "F16"),
        ("m-BF16-mmproj.gguf", "BF16"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("m-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("m-TQ1_0.gguf", "TQ1_0"),
        ("model.gguf", ""),
        ("Q4-model.gguf", ""),
    ],
)
def test_the_quantization_is_read_from_the_name(file: str, says: str) -> None:
    assert quant(file) == says


def test_quantizations_of_one_model_share_a_base_name() -> None:
    names = (
        "mistralai_Mistral-Nemo-2407-Q4_K_M.gguf",
        "Mistral-Nemo-2407.i1-IQ3_M.gguf",
        "a/mistral-nemo.2407.f16.gguf",
    )
    assert {base(name) for name in names} == {"mistralnemo2407"}
    assert base("Ministral-3-8B-Q4_K_M.gguf") != base("Ministral-3-14B-Q4_K_M.gguf")


def test_parts_of_a_split_file_are_one_file() -> None:
    found = files("Q4/m-Q4_K_M-00002-of-00002.gguf", "Q4/m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf")
    assert [(w.file, w.bytes, w.quant, w.sha256) for w in found.models] == [
        ("Q4/m-Q4_K_M-00001-of-00002.gguf", 2001, "Q4_K_M", "")
    ], "a part is missing of the other"
    assert found.models[0].sha256s == (f"{1:064x}", f"{0:064x}")
    assert found.named("Q4/m-Q4_K_M-00002-of-00002.gguf") == found.models[0]


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        ("Q3_K_M Q4_K_S Q4_K_M Q5_K_M", "", "Q4_K_M"),
        ("Q3_K_M Q4_K_S Q5_K_M", "", "Q4_K_S"),
        ("Q2_K Q3_K_M Q6_K", "", "Q3_K_M"),
        ("Q6_K Q8_0 F16", "", "Q6_K"),
        ("Q3_K_M Q4_K_M", "q3_k_m", "Q3_K_M"),
        ("Q4_0 Q4_K_S Q4_K_M Q5_K_M", "Q4", "Q4_K_M"),
        ("Q4_0 Q5_K_S Q5_K_M", "q5", "Q5_K_S"),
    ],
)
def test_a_quantization_is_chosen_by_name_or_default(offered: str, wanted: str, chosen: str) -> None:
    assert files(*(f"m-{name}.gguf" for name in offered.split())).quantized(wanted).quant == chosen


def test_an_unknown_quantization_or_file_is_answered_with_the_available_ones() -> None:
    with pytest.raises(ModelError, match="it has no quantization Q2_K, only Q4_K_M, Q8_0"):
        files("m-Q4_K_M.gguf", "m-Q8_0.gguf").quantized("Q2_K")
    with pytest.raises(ModelError, match="it has no GGUF model"):
        files("mmproj-F16.gguf").quantized("")
    with pytest.raises(ModelError, match=r"it has several models; choose a file: a-7b-Q4_0.gguf, b-7b-Q4_0.gguf"):
        files("a-7b-Q4_0.gguf", "b-7b-Q4_0.gguf").quantized("Q4_0")
    with pytest.raises(ModelError, match=r"there is no file x.gguf; available are m-Q4_K_M.gguf"):
        files("m-Q4_K_M.gguf").named("x.gguf")
    with pytest.raises(ModelError, match="is a projector, not a model"):
        files("m-Q4_K_M.gguf", "mmproj-F16.gguf").named("mmproj-F16.gguf")
    many = files(*(f"m{number}x-Q4_0.gguf" for number in range(40)))
    with pytest.raises(ModelError, match="and 28 more"):
        many.quantized("")


@pytest.mark.parametrize(
    ("names", "model", "projector"),
    [
        ("m-Q4_K_M.gguf mmproj-BF16.gguf mmproj-F16.gguf mmproj-F32.gguf", "m-Q4_K_M.gguf", "mmproj-F16.gguf"),
        ("m-Q4_K_M.gguf mmproj-F32.gguf mmproj-BF16.gguf", "m-Q4_K_M.gguf", "mmproj-BF16.gguf"),
        ("Mini-3-8B-Q4_K_M.gguf Mini-3-8B-BF16-mmproj.gguf", "Mini-3-8B-Q4_K_M.gguf", "Mini-3-8B-BF16-mmproj.gguf"),
        (
            "pixtral-12b-Q4_K_M.gguf mmproj-pixtral-12b-f16.gguf",
            "pixtral-12b-Q4_K_M.gguf",
            "mmproj-pixtral-12b-f16.gguf",
        ),
        ("org_m-24b-Q4_0.gguf mmproj-m-24b-f16.gguf", "org_m-24b-Q4_0.gguf", "mmproj-m-24b-f16.gguf"),
        ("m-8b-Q4_0.gguf mmproj-m-3b-F16.gguf", "m-8b-Q4_0.gguf", None),
        ("m-8b-Q4_0.gguf m-3b-Q4_0.gguf mmproj-m-3b-F16.gguf", "m-8b-Q4_0.gguf", None),
        ("m-8b-Q4_0.gguf m-3b-Q4_0.gguf mmproj-m-3b-F16.gguf", "m-3b-Q4_0.gguf", "mmproj-m-3b-F16.gguf"),
        ("one-Q4_0.gguf another-Q4_0.gguf mmproj-F16.gguf", "one-Q4_0.gguf", None),
        ("m-Q4_0.gguf mmproj-cat-F16.gguf mmproj-dog-F16.gguf", "m-Q4_0.gguf", None),
        ("m-Q4_0.gguf", "m-Q4_0.gguf", None),
    ],
)
def test_a_projector_is_paired_with_its_own_model_only(names: str, model: str, projector: str | None) -> None:
    found = files(*names.split())
    chosen = found.projector(found.named(model))
    assert (chosen.file if chosen else None) == projector


def test_a_projector_is_recognized_by_its_name() -> None:
    assert all(map(is_projector, ("mmproj-F16.gguf", "x-MMPROJ-f16.gguf", "model-mm-proj.gguf", "a/mmproj.gguf")))
    assert not any(map(is_projector, ("m-Q4_0.gguf", "mmproj/m-Q4_0.gguf")))


def test_other_quantizations_are_listed_smallest_first() -> None:
    found = files("m-Q8_0.gguf", "m-Q4_0.gguf", "m-Q2_K.gguf", "another-Q4_0.gguf")
    assert [w.quant for w in found.others(found.named("m-Q4_0.gguf"))] == ["Q8_0", "Q2_K"]
