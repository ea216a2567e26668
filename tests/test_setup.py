"""Setup: a model with the settings, adapters and system prompt that apply to it."""

from dataclasses import replace

import pytest

from lechat_tui.engine.base import LocalModel, TuningOptions
from lechat_tui.message import Sampling
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Lora, Model, ModelError, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.talk import phrases
from lechat_tui.talk.setup import Setup

MODEL = Model("m", "M", ("text",), Weights("/nowhere/m.gguf"), temperature=0.4, top_p=0.9, context=4096, threads=2)


def test_settings_override_the_model_and_the_model_overrides_the_defaults():
    assert Setup(MODEL).sampling() == Sampling(0.4, top_p=0.9)
    assert Setup(MODEL, Settings(temperature=0.0, seed=7)).sampling() == Sampling(0.0, top_p=0.9, seed=7)
    stopping = replace(MODEL, stop=("END",))
    assert Setup(stopping).sampling().stop == ("END",)
    assert Setup(stopping, Settings(stop=("x",))).sampling().stop == ("x",)
    assert Setup(MODEL).tuning() == TuningOptions(threads=2)
    tuned = Settings(threads=3, gpu_layers=0, kv_type="q8_0", mmap=False, speculate=False)
    assert Setup(MODEL, tuned).tuning() == TuningOptions(0, 3, kv_type="q8_0", mmap=False, speculate=False)


def test_the_window_to_ask_for_is_the_users_or_the_models():
    assert Setup(MODEL).window == 4096 and Setup(MODEL, Settings(context=1000)).window == 1000


def test_a_model_that_must_not_think_is_not_asked_to():
    model = replace(MODEL, thinking=("<think>", "</think>"), system="Think first.")
    assert Setup(model, own_system="Be brief.").system == "Be brief.\n\nThink first."
    quiet = Setup(model, Settings(think="off"), "Be brief.")
    assert (quiet.system, quiet.sampling().think) == ("Be brief.", "off")
    assert replace(quiet, own_system="").system == ""


def test_another_model_in_the_same_setup_is_a_new_value():
    setup = Setup(MODEL, Settings(temperature=0.7), "be kind")
    other = replace(setup, model=replace(MODEL, id="n", system="think"))
    assert (other.title, other.system, other.sampling().temperature) == ("n", "be kind", 0.7)
    assert (setup.title, setup.model) == ("m", MODEL)


def test_the_title_names_the_adapters_with_their_scale():
    adapted = replace(MODEL, adapters=(Lora("/a/pirate.gguf", 0.5), Lora("/a/poet.gguf")))
    assert Setup(adapted).title == "m + pirate:0.5 + poet"
    assert Setup(adapted, Settings(lora=())).title == "m"


def test_a_model_that_is_not_downloaded_has_no_spec():
    with pytest.raises(ModelError):
        Setup(MODEL).spec(Models({"m": MODEL}))


@pytest.mark.parametrize(
    ("server", "elsewhere"), [("", ""), ("http://localhost:8080", ""), ("https://gpu.example.org", "gpu.example.org")]
)
def test_it_says_whether_the_chat_leaves_this_machine(server, elsewhere):
    setup = Setup(replace(MODEL, server=server, model="m"))
    assert setup.elsewhere == elsewhere
    sentence = f"this chat is sent to {elsewhere}" if elsewhere else "everything stays on this machine"
    assert phrases.promise(setup.elsewhere) == sentence


def test_the_spec_says_whether_the_window_may_be_shortened(tmp_path):
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    model = replace(MODEL, weights=Weights(str(weights)))
    models = Models({"m": model})
    spec = Setup(model).spec(models)
    assert isinstance(spec, LocalModel)
    assert (spec.name, spec.path, spec.file, spec.context, spec.adapt) == ("m", weights, "m.gguf", 4096, True)
    spec = Setup(model, Settings(context=1000)).spec(models)
    assert isinstance(spec, LocalModel)
    assert (spec.context, spec.adapt) == (1000, False), "the user's own window is not shortened"
