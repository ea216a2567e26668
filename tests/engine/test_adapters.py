"""Adapters on the command line, in the settings and in the catalog, and what is rejected before loading."""

from dataclasses import replace
from pathlib import Path

import lora_files
import pytest
from chats import TEXT

from lechat_tui import paths
from lechat_tui.cli import compose
from lechat_tui.commands import answers, receipts, settings
from lechat_tui.engine.base import Delta
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Adapter, Message, Receipt
from lechat_tui.models import adapters, catalog
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Lora, ModelError
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation

PAIRS = lora_files.random_pairs(TEXT.path)


@pytest.fixture
def pirate(tmp_path: Path) -> Path:
    return lora_files.write(tmp_path / "pirate.gguf", PAIRS)


@pytest.fixture
def models(tmp_path: Path, pirate: Path) -> Models:
    """chaton, and chaton with an adapter of its own."""
    rows = tmp_path / "models.toml"
    rows.write_text(
        f"""
        [chaton-pirate]
        roles = ["text"]
        weights = {{ file = "chaton-q8_0.gguf" }}
        adapters = [{{ file = "{pirate}", scale = 0.8 }}]

        [chaton-hub]
        roles = ["text"]
        weights = {{ file = "chaton-q8_0.gguf" }}
        adapters = [{{ file = "pirate.gguf", repo = "someone/adapters", revision = "c0ffee" }}]
        """
    )
    return Models(catalog.read(paths.bundled("models.toml"), rows))


class Host:
    """A host that records what it shows."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation, self.models = conversation, conversation.models
        self.notes: list[str] = []
        self.switched: list[str] = []
        self.again = 0

    def say(self, text: str, *, error: bool = False) -> None:
        self.notes.append(text)

    def switch(self, model, role) -> None:
        self.switched.append(self.conversation.setup.title)

    def regenerate(self, again=None) -> None:
        self.again += 1

    async def set(self, words: str) -> str:
        await settings.set(self, words)  # type: ignore[arg-type]
        return self.notes[-1]


def chat(models: Models, name: str = "chaton", **chosen) -> Conversation:
    return Conversation(Store(None), EchoEngine(Delta("Miaow")), models, models.get(name), settings=Settings(**chosen))


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("a.gguf", Lora("/here/a.gguf", 1.0)),
        ("a.gguf:0.8", Lora("/here/a.gguf", 0.8)),
        ("/b/a.gguf:-1", Lora("/b/a.gguf", -1.0)),
        ("a:b.gguf", Lora("/here/a:b.gguf", 1.0)),
        ("../a b.gguf:2", Lora("/here/../a b.gguf", 2.0)),
    ],
)
def test_an_adapter_is_given_as_a_path_and_a_scale(text, lora):
    assert adapters.read(text, Path("/here")) == lora
    assert adapters.read(adapters.written(lora), Path("/there")) == lora


@pytest.mark.parametrize("scale", ["nan", "inf", "-inf"])
def test_a_scale_that_is_not_a_number_is_rejected(scale):
    with pytest.raises(ModelError, match="the scale must be a number"):
        adapters.read(f"a.gguf:{scale}", Path())


def test_a_catalog_row_applies_its_own_adapters_unless_the_user_overrides_them(models, pirate):
    row = chat(models, "chaton-pirate")
    (adapter,) = row.spec().adapters
    assert (adapter.path, adapter.scale, len(adapter.sha256)) == (pirate, 0.8, 64)
    assert row.setup.title == "chaton-pirate + pirate:0.8"
    assert chat(models, "chaton-pirate", lora=()).spec().adapters == ()
    assert [a.scale for a in chat(models, "chaton-pirate", lora=(f"{pirate}:2",)).spec().adapters] == [2.0]
    assert chat(models).spec().adapters == () and chat(models).setup.title == "chaton"


def test_an_adapter_from_the_hub_is_in_the_hub_cache(models, pirate, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match=r"pirate\.gguf is not downloaded; lechat pull chaton-hub downloads it"):
        chat(models, "chaton-hub").spec()
    row = models.get("chaton-hub")
    (adapter,) = [part for part in adapters.parts(row) if not models.files(part)]
    assert (adapter.repo, adapter.revision, adapter.weights.file) == ("someone/adapters", "c0ffee", "pirate.gguf")
    there = tmp_path / "hub" / "models--someone--adapters" / "snapshots" / "c0ffee" / "pirate.gguf"
    there.parent.mkdir(parents=True)
    there.symlink_to(pirate)
    assert chat(models, "chaton-hub").spec().adapters[0].path == there


def test_an_unknown_key_of_an_adapter_is_an_error_in_the_row(tmp_path):
    rows = tmp_path / "models.toml"
    rows.write_text('[m]\nroles = ["text"]\nweights = { file = "/m.gguf" }\nadapters = [{ file = "/a", scal = 1 }]')
    with pytest.raises(ModelError, match=r"adapters\[0\].scal; did you mean scale"):
        catalog.read(rows)


def test_a_file_that_is_not_an_adapter_for_the_model_is_rejected_before_loading(models, tmp_path):
    text = tmp_path / "text.gguf"
    text.write_text("once upon a time")
    wrong = {
        tmp_path / "none.gguf": "none.gguf does not exist; check its path, or try again without it",
        text: "text.gguf is not a GGUF file",
        TEXT.path: "chaton-q8_0.gguf is not a LoRA adapter",
        lora_files.write(tmp_path / "mamba.gguf", PAIRS, architecture="mamba"): "is for mamba, but chaton is llama",
        lora_files.write(tmp_path / "blank.gguf", PAIRS, alpha=None): "blank.gguf has no adapter.lora.alpha",
    }
    for path, sentence in wrong.items():
        with pytest.raises(ModelError) as error:
            chat(models, lora=(str(path),)).spec()
        assert sentence in str(error.value)


async def test_set_lora_applies_and_removes_adapters(models, pirate):
    host = Host(chat(models))
    assert (await host.set("lora")).startswith("lora is off; /set lora PATH[:SCALE] ... applies adapters")
    assert (await host.set(f"lora {pirate}:0.5 '{pirate}'")).startswith(f"lora is {pirate}:0.5 {pirate}:1 until you")
    assert host.switched == ["chaton + pirate:0.5 + pirate"]
    assert [adapter.scale for adapter in host.conversation.spec().adapters] == [0.5, 1.0]
    listed = await host.set("")
    assert any(line.split()[:2] == ["lora", f"{pirate}:0.5"] for line in listed.splitlines())
    before = host.conversation.settings
    with pytest.raises(ModelError, match="does not exist"):
        await host.set("lora /nowhere.gguf")
    assert host.conversation.settings == before
    assert (await host.set("lora off")).startswith("lora is off") and not host.conversation.spec().adapters


async def test_set_lora_default_restores_the_adapters_of_the_row(models):
    host = Host(chat(models, "chaton-pirate", lora=()))
    await host.set("lora default")
    assert host.switched == ["chaton-pirate + pirate:0.8"]


def test_adapter_paths_are_relative_to_the_settings_file_or_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    paths.config().mkdir(parents=True)
    (paths.config() / "config.toml").write_text('lora = ["a.gguf:0.5"]')
    assert compose.settings().lora == (f"{paths.config()}/a.gguf:0.5",)
    assert compose.settings(compose.given(lora=["b.gguf"])).lora == (f"{tmp_path}/b.gguf:1",)


async def test_an_answer_is_reproduced_only_with_its_own_adapters(models, pirate):
    host = Host(chat(models, lora=(str(pirate),)))
    conversation = host.conversation
    made = Receipt("chaton", adapters=conversation.spec().applied)
    conversation.messages = [Message("user", "hello"), Message("assistant", "Miaow", receipt=made)]
    await answers.regen(host, "same")  # type: ignore[arg-type]
    assert host.again == 1
    await host.set("lora off")
    await answers.regen(host, "same")  # type: ignore[arg-type]
    assert host.again == 1
    assert host.notes[-1].startswith("that answer was made with pirate.gguf, scale 1; ")


def test_a_receipt_names_the_adapters_and_the_kv_type():
    made = Receipt("m", context=512, adapters=(Adapter("a.gguf", 0.5, "ab12"), Adapter("b.gguf")), kv_type="q8_0")
    rows = list(receipts.table(made))
    assert ("adapter", "a.gguf, scale 0.5, sha256 ab12") in rows and ("adapter", "b.gguf, scale 1") in rows
    assert ("context", "512 tokens, KV cache q8_0") in rows


def test_specs_that_differ_only_in_adapters_are_one_loaded_model(pirate):
    adapted = replace(TEXT, adapters=(Adapter(str(pirate)),))
    assert adapted != TEXT and adapted.bare == TEXT.bare == TEXT
