"""The whole program on real models: what chaton and random weights do not show."""

import json
import random
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path

import pytest
from calling import Lechat, caller
from PIL import Image
from walking import Walk

from lechat_tui.engine.base import Delta, Done, LocalModel, Request, TuningOptions
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.titles import can_name, name_chat

STEPS = 12

TOLERANCE = 3.0
"""Of a logit. Activations are quantized too, so other batches alone change one by up to 1.5; a missing cell by 5."""

GEMMA = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""For the base model, whose file has no template."""

TEMPLATES = {"smollm2": None, "gemma3": GEMMA}

ADAPTER = Path(__file__).parent.parent / "engine" / "miaow.gguf"
"""For a model of another size."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TEMPLATES)
def test_an_answer_equals_that_of_a_fresh_engine_whatever_came_before(name, real_file, tmp_path):
    spec = LocalModel(name, real_file(name), template=TEMPLATES[name], context=2048, tuning=TuningOptions(threads=1))
    fresh = Llama(spec, lambda _: None)

    def start() -> Llama:
        return Llama(spec, lambda _: None, tmp_path / "states", 1_000_000_000)

    with closing(fresh), closing(Walk(random.Random(1), start, fresh, TOLERANCE)) as walk:
        for _ in range(STEPS):
            walk.step()


@pytest.fixture
def lechat(tmp_path, monkeypatch, capsys) -> Lechat:
    return caller(tmp_path, monkeypatch, capsys)


def answered(run) -> dict:
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_chat_in_the_shell_is_resumed_where_it_was(lechat, real_file):
    how = ("--threads", "1", "--temperature", "0", "--max-tokens", "16", "--output", "json")
    last = answered(lechat("-m", str(real_file("smollm2")), *how, "Who are you?"))
    for question in ("What can you do?", "Where are you?", "Why?"):
        resumed = answered(lechat("-c", *how, question))
        assert resumed["text"] and resumed["model"] == last["model"]
        assert resumed["stats"]["cached_tokens"] >= last["stats"]["prompt_tokens"] + 4
        assert resumed["stats"]["prompt_tokens"] - resumed["stats"]["cached_tokens"] < 24
        last = resumed


def test_a_text_longer_than_the_window_is_read_in_parts(lechat, real_file):
    notes = "".join(f"On day {day} the weather in the harbor was fine.\n" for day in range(60))
    words = ("-m", str(real_file("smollm2")), "--ctx-size", "512", "--threads", "1", "--max-tokens", "16")
    refused = lechat(*words, "How was the weather?", stdin=notes)
    assert refused.returncode == 3 and "--overflow" in refused.stderr
    mapped = lechat(*words, "--overflow", "map", "How was the weather?", stdin=notes)
    assert mapped.returncode == 0 and mapped.stdout.strip(), mapped.stderr


def test_what_a_model_cannot_do_is_refused_in_a_sentence(lechat, real_file, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    model, base = str(real_file("smollm2")), str(real_file("gemma3"))
    refused = lechat("-m", model, "--lora", str(ADAPTER), "hi")
    assert refused.returncode == 1 and "made for a model of another size" in refused.stderr
    blind = lechat("-m", model, "-a", str(tmp_path / "red.png"), "What is this?")
    assert blind.returncode == 1 and "images" in blind.stderr
    untaught = lechat("-m", base, "hi")
    assert untaught.returncode == 1 and "no chat template" in untaught.stderr


async def test_a_conversation_is_continued_compacted_and_named(real_file, tmp_path):
    file = real_file("smollm2")
    row = Model("smollm2", "SmolLM2", ("text",), Weights(str(file)), temperature=0.0)
    settings = replace(Settings(), threads=1, max_tokens=24)
    with Store(tmp_path / "data") as store:
        engine = LocalEngine(states=tmp_path / "states", limit=1_000_000_000)
        chat = Conversation(store, engine, Models({row.id: row}), row, settings=settings)
        try:
            await exhausted(chat.ask("Write a long story about a cat named Luna."))
            cut = chat.messages[-1]
            await exhausted(chat.continue_answer())
            assert chat.messages[-1].id == cut.id and len(chat.messages[-1].text) > len(cut.text)
            assert chat.messages[-1].text.startswith(cut.text)
            assert chat.messages[-1].receipt.cached_tokens >= cut.receipt.prompt_tokens
            chat.change_settings(replace(settings, max_tokens=None))
            await exhausted(chat.ask("What is the name of the cat? Answer in one sentence."))
            assert "Luna" in chat.messages[-1].text and chat.messages[-1].state == "complete"
            assert can_name(chat)
            assert await name_chat(chat)
            await exhausted(chat.compact())
            assert chat.messages[-1].role == "summary" and "Luna" in chat.messages[-1].text
        finally:
            await engine.close()


async def exhausted(events) -> None:
    async with aclosing(events) as every:
        async for _ in every:
            pass


TURNS = 30
EDITED, RESTARTED = 12, 20
"""The turns before which an earlier question is edited, and before which the program is started again."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TEMPLATES)
async def test_thirty_turns_with_an_edit_branches_and_a_restart_evaluate_only_what_is_new(name, real_file, tmp_path):
    row = Model(
        name,
        name,
        ("text",),
        Weights(str(real_file(name))),
        template="" if name == "smollm2" else "v3",  # of the catalog; a base model takes any
        context=512,
        temperature=0.0,
    )
    settings = replace(Settings(), threads=1, max_tokens=8)
    asked = 0
    new: list[int] = []
    """Tokens that each turn evaluated."""
    left_out = 0

    async def ask(chat: Conversation, instead: int = 0) -> Receipt:
        nonlocal asked
        asked += 1
        await exhausted(chat.ask(f"Tell me one thing about the number {asked}.", instead=instead))
        receipt = chat.messages[-1].receipt
        new.append(receipt.prompt_tokens - receipt.cached_tokens)
        return receipt

    def start(store: Store, engine: LocalEngine) -> Conversation:
        return Conversation(store, engine, Models({name: row}), row, settings=settings, chat=store.latest())

    with Store(tmp_path / "data") as store:
        engine = LocalEngine(states=tmp_path / "states", limit=1_000_000_000)
        chat = start(store, engine)
        try:
            for turn in range(1, TURNS + 1):
                if turn == EDITED:
                    before, fourth = list(chat.messages), chat.messages[6]
                    edited = await ask(chat, instead=fourth.id)
                    assert len(chat.messages) == 8 and edited.cached_tokens > before[5].receipt.prompt_tokens
                    chat.show_branch(before[-1].id)
                    assert [message.id for message in chat.messages] == [message.id for message in before]
                if turn == RESTARTED:
                    await engine.close()
                    engine = LocalEngine(states=tmp_path / "states", limit=1_000_000_000)
                    chat = start(store, engine)
                    assert len(chat.messages) == 2 * (turn - 1)
                receipt = await ask(chat)
                left_out = max(left_out, receipt.left_out)
        finally:
            await engine.close()
        assert len(chat.messages) == 2 * TURNS and all(message.text for message in chat.messages)
    assert left_out, "the window was too small for all of it"
    assert sorted(new)[len(new) * 2 // 3] < 40, new


def test_draft_tokens_do_not_change_the_answer(real_file):
    spec = LocalModel("smollm2", real_file("smollm2"), context=512, tuning=TuningOptions(threads=1))
    question = Message("user", "Repeat this: one two three four five six seven eight nine ten one two three four five.")
    with closing(Llama(spec, lambda _: None)) as llama:
        receipts, texts = [], []
        for drafts in ((), (3, 3, 9, 3, 15, 1)):
            llama.cache.clear()
            request = Request(spec, (question,), Sampling(0.0, max_tokens=32), drafts=drafts)
            *events, done = answer(llama, request, lambda: False)
            assert isinstance(done, Done)
            texts.append("".join(event.text for event in events if isinstance(event, Delta)))
            receipts.append(done.receipt)
    assert texts[0] == texts[1] and texts[0].strip()
    assert receipts[0].drafted == 0 and receipts[1].drafted > 0
    assert receipts[1].drafts[0] == 3, "where the receipt of an earlier answer had them"
