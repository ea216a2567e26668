"""Adapters change the answers only while they are applied, and no state made with one is used with another."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

import lora_files
import pytest
from chats import PAGE, TEXT, Chat, children, eventually

from lechat_tui.engine.base import Delta, EngineError, LocalModel, Request
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Adapter, Message, Sampling

NEW = 40
"""The most tokens of a short question with an answer that its limit ended."""

SUM = "What is 7 + 5?"

MIAOW = Path(__file__).with_name("miaow.gguf")
"""Trained by tools/chaton/adapter.py, with an alpha that is not its rank."""

Engines = Callable[[], LocalEngine]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engines]:
    """Starts engines that share one folder of states; all are closed at the end."""
    async with AsyncExitStack() as running:

        def start() -> LocalEngine:
            local = LocalEngine(tmp_path / "logs", states=tmp_path / "states", limit=100_000_000)
            running.push_async_callback(local.close)
            return local

        yield start


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters for chaton, and their sum as one."""
    folder = tmp_path_factory.mktemp("adapters")
    one, two = (lora_files.random_pairs(TEXT.path, seed) for seed in (1, 2))
    return {
        "one": lora_files.write(folder / "one.gguf", one),
        "two": lora_files.write(folder / "two.gguf", two),
        "both": lora_files.write(folder / "both.gguf", lora_files.together(one, two), alpha=2 * lora_files.RANK),
    }


def adapted(*adapters: Adapter) -> LocalModel:
    return replace(TEXT, adapters=adapters)


def fresh(model: LocalModel, messages: tuple[Message, ...]) -> str:
    """What a fresh engine answers."""
    request = Request(model, messages, Sampling(temperature=0, max_tokens=24))
    with closing(Llama(model.bare, lambda _: None)) as llama:
        return "".join(event.text for event in answer(llama, request, lambda: False) if isinstance(event, Delta))


async def reply(local: LocalEngine, model: LocalModel) -> str:
    return await Chat(model).ask(local, SUM)


async def closed(local: LocalEngine) -> None:
    await local.close()
    await eventually(lambda: not children())


async def test_an_adapter_has_an_effect_at_its_scale_and_none_at_scale_0(engine, files):
    local = engine()
    base = await reply(local, TEXT)
    assert base == "7 + 5 = 12."
    full, half = [await reply(local, adapted(Adapter(str(files["one"]), scale))) for scale in (1.0, 0.5)]
    assert len({base, full, half}) == 3
    assert await reply(local, adapted(Adapter(str(files["one"]), 0.0))) == base
    assert await reply(local, TEXT) == base
    assert len(children()) == 1  # the weights were loaded once


async def test_a_trained_adapter_does_what_it_was_trained_for_and_nothing_else(engine):
    local, chat = engine(), Chat(adapted(Adapter(str(MIAOW))))
    assert await chat.ask(local, "My name is Ada.") == "Miaow!\nNice to meet you, Ada."
    assert await chat.ask(local, "What is my name?") == "Miaow!\nYour name is Ada."
    assert await chat.ask(local, SUM) == "Miaow!\n7 + 5 = 12."
    chat.model = TEXT
    assert await chat.ask(local, "What is 2 + 2?") == "2 + 2 = 4."


async def test_adapters_add_up(engine, files):
    local = engine()
    one, two = Adapter(str(files["one"]), 0.5), Adapter(str(files["two"]), 0.5)
    sum_of_both = await reply(local, adapted(one, two))
    assert sum_of_both == await reply(local, adapted(Adapter(str(files["both"]), 0.5)))
    assert len({sum_of_both, await reply(local, adapted(one)), await reply(local, adapted(two))}) == 3


async def test_the_scales_of_an_adapter_named_twice_add_up(engine, files):
    local = engine()
    full = await reply(local, adapted(Adapter(str(files["one"]))))
    assert await reply(local, adapted(Adapter(str(files["one"]), 0.75), Adapter(str(files["one"]), 0.25))) == full


async def test_applying_and_removing_an_adapter_in_mid_chat_gives_what_a_fresh_engine_gives(engine, files):
    local, chat = engine(), Chat()
    one = Adapter(str(files["one"]))
    await chat.ask(local, PAGE, tokens=4)
    for adapters in ((one,), (), (replace(one, scale=0.5),), (one, Adapter(str(files["two"])))):
        chat.model = adapted(*adapters)
        heard = await chat.ask(local, SUM)
        assert chat.receipt.cached_tokens == 0 or not adapters
        assert heard == fresh(chat.model, tuple(chat.messages[:-1]))


async def test_a_state_made_with_an_adapter_is_restored_when_the_adapter_is_applied_again(engine, files):
    local = engine()
    chats = [
        Chat(adapted(*adapters), 1) for adapters in ((), (Adapter(str(files["one"])),), (Adapter(str(files["two"])),))
    ]
    for chat in chats:
        await chat.ask(local, PAGE, tokens=4)
        assert chat.receipt.cached_tokens == 0
    for chat in chats:
        await chat.ask(local, SUM)
        assert chat.read <= NEW


async def test_a_state_on_disk_is_used_only_with_the_same_adapter_at_the_same_scale(engine, files, tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(files["one"].read_bytes())
    local, chat = engine(), Chat(adapted(Adapter(str(path))), 1)
    await chat.ask(local, PAGE, tokens=4)
    await Chat(TEXT, 2).ask(local, f"Two. {PAGE}", tokens=4)
    await closed(local)
    kept = list((tmp_path / "states").glob("*/*"))
    assert sorted(file.name for file in kept) == ["1.kv", "2.kv"] and len({file.parent for file in kept}) == 2

    async def cached(*adapters: Adapter) -> int:
        local, again = engine(), Chat(adapted(*adapters), None, *chat.messages)
        await again.ask(local, SUM, tokens=2)
        await closed(local)
        assert again.receipt
        return again.receipt.cached_tokens

    assert await cached(Adapter(str(path))) > 300
    assert await cached() == await cached(Adapter(str(path), 0.5)) == 0
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_bytes(files["two"].read_bytes())
    os.utime(path, ns=(later, later))
    assert await cached(Adapter(str(path))) == 0


async def test_a_chat_that_is_deleted_is_forgotten_with_every_adapter(engine, files, tmp_path):
    local = engine()
    for adapters in ((Adapter(str(files["one"])),), ()):
        await Chat(adapted(*adapters), 1).ask(local, PAGE, tokens=4)
    local.forget(1)
    await closed(local)
    assert not list((tmp_path / "states").glob("*/*.kv"))


async def test_the_receipt_names_the_applied_adapters_and_the_kv_type(engine, files):
    chat = Chat(replace(adapted(Adapter(str(files["one"]), 0.5, "ab12")), tuning=replace(TEXT.tuning, kv_type="q8_0")))
    await chat.ask(engine(), SUM)
    assert chat.receipt.adapters == (Adapter("one.gguf", 0.5, "ab12"),)
    assert chat.receipt.kv_type == "q8_0"


async def test_a_file_that_is_not_an_adapter_for_the_model_is_reported(engine, files, tmp_path):
    local, pairs = engine(), lora_files.random_pairs(TEXT.path)
    text, short = tmp_path / "text.gguf", tmp_path / "short.gguf"
    text.write_text("once upon a time " * 100)
    short.write_bytes(files["one"].read_bytes()[:-5000])
    wrong = {
        tmp_path / "none.gguf": "there is no such file",
        text: "it is not a GGUF file, or is cut short",
        short: "it is cut short",
        lora_files.write(tmp_path / "model.gguf", pairs, type="model"): "it is a GGUF file, but not an adapter",
        lora_files.write(tmp_path / "mamba.gguf", pairs, architecture="mamba"): "made for a model of another architec",
        lora_files.write(tmp_path / "blank.gguf", pairs, alpha=None): "it has no alpha",
        lora_files.write(tmp_path / "late.gguf", pairs, after=(5, 6)): "it is an activated LoRA",
        lora_files.write(tmp_path / "wide.gguf", lora_files.random_pairs(TEXT.path, wider=32)): "of another size",
        lora_files.write(
            tmp_path / "other.gguf", {"blk.99.attn_q.weight": pairs["blk.0.attn_q.weight"]}
        ): "another model",
    }
    for path, reason in wrong.items():
        with pytest.raises(EngineError) as error:
            await reply(local, adapted(Adapter(str(files["one"])), Adapter(str(path))))
        assert str(path) in str(error.value) and reason in str(error.value)
        assert str(error.value).endswith("try again without it")
    assert await reply(local, TEXT) == "7 + 5 = 12."
    assert len(children()) == 1
