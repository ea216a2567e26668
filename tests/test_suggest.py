"""What is suggested for a name that is unknown, and for a model that this machine can't run."""

import pytest

from lechat_tui import paths
from lechat_tui.machine.hardware import Gpu
from lechat_tui.models import suggest
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ModelError, read
from lechat_tui.models.fit import Resources

CATALOG = read(paths.bundled("models.toml"))
LAPTOP = Resources(ram=25 * 10**9)
GAMER = Resources((Gpu("NVIDIA GeForce RTX 4090", "NVIDIA", 24 * 2**30),), ram=64 * 10**9)
SMALL = Resources(ram=8 * 10**9)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mistral", "ministral-3-8b"),
        ("mistral:7b", "ministral-3-8b"),
        ("Mistral:latest", "ministral-3-8b"),
        ("ministral", "ministral-3-8b"),
        ("ministral:3b", "ministral-3-3b"),
        ("small", "mistral-small-3.2"),
        ("mistral-small", "mistral-small-3.2"),
        ("mistral-smal", "mistral-small-3.2"),
        ("large", "ministral-3-8b"),
        ("pixtral", "ministral-3-14b"),
        ("codestral", "devstral-small-2"),
        ("coder", "ministral-3-8b"),
        ("llava", "ministral-3-3b"),
        ("llama3", ""),
        ("", ""),
        ("::", ""),
    ],
)
def test_a_name_leads_to_what_is_current_and_fits(typed: str, meant: str) -> None:
    assert suggest.similar(typed, CATALOG, [], LAPTOP) == meant


def test_a_larger_machine_gets_a_larger_model() -> None:
    assert suggest.similar("mistral", CATALOG, [], GAMER) == "mistral-small-3.2:Q5_K_M"
    assert suggest.similar("mistral", CATALOG, [], SMALL) == "ministral-3-8b:IQ4_XS"


def test_a_model_on_this_machine_is_suggested_first() -> None:
    local = ["SmolLM2-135M-Instruct.Q4_1"]
    assert suggest.similar("smollm2", CATALOG, local, LAPTOP) == local[0]


def test_an_unknown_family_leads_to_the_best_model_for_this_machine() -> None:
    with pytest.raises(
        ModelError, match=r"there is no model llama3; try ministral-3-8b, the best model for this machine, or USER/REPO"
    ):
        Models(CATALOG, machine=lambda: LAPTOP).get("llama3")


@pytest.mark.parametrize(
    ("id", "instead"),
    [
        ("mistral-large-2", "ministral-3-8b"),
        ("mistral-small-4", "ministral-3-8b"),  # its shape is not known, but its size says enough
        ("mixtral-8x7b", "mistral-small-3.2"),
        ("mistral-small-3.2:Q8_0", "mistral-small-3.2"),
    ],
)
def test_instead_of_a_model_that_is_too_large_one_that_fits_is_offered(id: str, instead: str) -> None:
    models = Models(CATALOG, machine=lambda: LAPTOP)
    misfit = models.misfit(models.get(id))
    assert misfit and misfit.instead and misfit.instead.id == instead
    assert misfit.need > misfit.budget
    assert models.misfit(misfit.instead) is None


@pytest.mark.parametrize("id", ["ministral-3-8b", "mistral-small-3.2", "mistral-7b", "chaton"])
def test_a_model_that_fits_is_no_misfit(id: str) -> None:
    assert suggest.misfit(CATALOG[id], CATALOG, LAPTOP) is None


def test_nothing_is_refused_on_a_machine_of_unknown_memory() -> None:
    assert suggest.misfit(CATALOG["mistral-large-2"], CATALOG, Resources()) is None
    assert Models(CATALOG).misfit(CATALOG["mistral-large-2"]) is None


def test_a_quantization_is_separated_by_a_colon_or_an_at_sign() -> None:
    models = Models(CATALOG)
    assert models.get("ministral-3-8b@q8_0") == models.get("ministral-3-8b:Q8_0")
