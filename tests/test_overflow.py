"""`--overflow`, on an engine that counts words."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lechat_tui.attachments.files import File
from lechat_tui.cli.inputs import Input, NoPrompt
from lechat_tui.cli.overflow import fitting
from lechat_tui.engine.base import ContextOverflow, EngineError
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.overflow import CUTS

LINES = "\n".join(f"line {n} of the text" for n in range(400))
ROOM = 300
"""Words that a prompt may take."""

GAP = re.compile(r"\n?\[… ([\d,]+) characters left out …\]\n?")


@pytest.fixture
def talk(tmp_path: Path):
    weights = tmp_path / "m.gguf"
    weights.write_bytes(b"GGUF")
    model = Model("m", "M", ("text",), Weights(str(weights)))
    with Store(None) as store:

        def make(*script: str) -> Conversation:
            return Conversation(store, EchoEngine(*script), Models({"m": model}), model, settings=Settings(context=400))

        yield make


async def fitted(conversation: Conversation, material: str, instruction: str, overflow) -> tuple[str, list[str]]:
    hints: list[str] = []
    asked = await fitting(conversation, Input(material, instruction, ()), (), overflow, hints.append)
    assert not asked.attachments
    return asked.text, hints


@pytest.mark.parametrize("overflow", ["refuse", "head", "map"])
async def test_a_file_that_fits_stays_an_attachment(talk, overflow):
    conversation = talk()
    file = conversation.keep_attachment(File("notes.txt", b"a text", "text"))
    asked = await fitting(conversation, Input("", "sum it up", ()), (file,), overflow, print)
    assert (asked.text, asked.attachments) == ("sum it up", (file,))


async def test_a_file_that_is_cut_goes_into_the_question(talk):
    conversation = talk()
    file = conversation.keep_attachment(File("notes.txt", LINES.encode(), "text"))
    asked = await fitting(conversation, Input("", "sum it up", ()), (file,), "head", lambda _: None)
    assert not asked.attachments and asked.text.startswith(LINES[:20]) and asked.text.endswith("sum it up")


@pytest.mark.parametrize("overflow", ["refuse", "head", "tail", "middle", "map"])
async def test_a_text_that_fits_is_not_changed(talk, overflow):
    assert await fitted(talk(), "a text", "sum it up", overflow) == ("a text\n\nsum it up", [])


async def test_refuse_counts_no_tokens(talk):
    assert (await fitted(talk(), LINES, "why?", "refuse"))[0] == f"{LINES}\n\nwhy?"


@pytest.mark.parametrize(
    ("overflow", "first", "last"), [("head", True, False), ("tail", False, True), ("middle", True, True)]
)
async def test_a_cut_keeps_the_right_ends_and_whole_lines_and_says_how_much_was_dropped(talk, overflow, first, last):
    question, hints = await fitted(talk(), LINES, "what is it about?", overflow)
    text, _, instruction = question.rpartition("\n\n")
    assert instruction == "what is it about?"
    assert text.startswith("line 0 of the text\n") == first and text.endswith("line 399 of the text") == last
    kept = GAP.sub("\n", text).strip().splitlines()
    assert set(filter(None, kept)) <= set(LINES.splitlines()), "every line is whole"
    assert ROOM * 0.9 < len(question.split()) <= ROOM
    gone = int(GAP.search(text)[1].replace(",", ""))
    assert len(hints) == 1 and f"{gone:,} of {len(LINES):,} characters ({gone / len(LINES):.0%})" in hints[0]
    assert len(GAP.sub("", text)) + gone == pytest.approx(len(LINES), abs=2)


async def test_a_single_long_line_is_cut_inside(talk):
    question, _ = await fitted(talk(), "word " * 5000, "count", "tail")
    assert question.endswith("word word \n\ncount") and ROOM * 0.9 < len(question.split()) <= ROOM


@pytest.mark.parametrize("overflow", ["head", "tail", "middle", "map"])
async def test_words_on_the_command_line_that_leave_no_room_are_reported_and_not_cut(talk, overflow):
    with pytest.raises(ContextOverflow, match="shorten the question"):
        await fitted(talk(), LINES, "please " * 300, overflow)


async def test_a_text_without_an_instruction_is_cut_but_not_mapped(talk):
    assert len((await fitted(talk(), LINES, "", "head"))[0].split()) <= ROOM
    with pytest.raises(NoPrompt, match="needs a prompt that says what to do with each part"):
        await fitted(talk(), LINES, "", "map")


async def test_each_piece_is_asked_about_and_then_the_answers(talk):
    conversation = talk(*(f"answer {n}" for n in range(1, 9)))
    question, hints = await fitted(conversation, LINES, "which lines?", "map")
    asked = [request.messages for request in conversation.engine.requests]
    assert 7 <= len(asked) <= 8 and f"in {len(asked)} parts" in hints[0]
    assert all(len(messages) == 1 and messages[0].text.endswith("which lines?") for messages in asked)
    pieces = [messages[0].text.removesuffix("which lines?").strip("\n") for messages in asked]
    assert "\n".join(pieces) == LINES, "nothing is lost between the pieces"
    parts = "\n\n".join(f"Part {n} of {len(asked)}: answer {n}" for n in range(1, len(asked) + 1))
    assert question == f"{parts}\n\nwhich lines?"


async def test_the_pieces_stay_in_the_history_beside_the_branch_that_is_shown(talk):
    conversation = talk("a", *("piece",) * 8, "all")
    await exhaust(conversation.ask("before"))
    question, _ = await fitted(conversation, LINES, "which lines?", "map")
    assert [m.text for m in conversation.messages] == ["before", "a"]
    await exhaust(conversation.ask(question))
    last = conversation.messages[2]
    assert len(conversation.store.siblings(last.id)) >= 8 and len(conversation.store.search("piece")) >= 7
    assert [m.text for m in conversation.store.path(1)][:2] == ["before", "a"]


async def exhaust(events):
    async for _ in events:
        pass


async def test_answers_that_are_too_long_are_mapped_again_and_refused_when_that_does_not_help(talk):
    conversation = talk(*("word " * 60,) * 8, *("short",) * 3)
    question, hints = await fitted(conversation, LINES, "which?", "map")
    assert len(hints) == 2 and question.count("short") == 2
    with pytest.raises(ContextOverflow, match="do not fit into the context window either"):
        await fitted(talk(), LINES, "which?", "map")  # an answer that says the whole piece again


async def test_an_engine_that_fails_to_plan_is_one_sentence(talk):
    class Broken(EchoEngine):
        async def plan(self, request):
            raise EngineError("it broke")

    conversation = talk()
    conversation.engine = Broken()
    with pytest.raises(EngineError, match="it broke"):
        await fitted(conversation, LINES, "which?", "head")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(some.text(alphabet="ab \n…", min_size=1, max_size=3000), some.sampled_from(["head", "tail", "middle"]))
def test_no_text_is_cut_wrongly(text, overflow):
    for size in (1, len(text) // 3, len(text) - 1):
        if not 0 < size < len(text):
            continue
        stays = CUTS[overflow](text, size)
        assert sum(len(text[part]) for part in stays) <= size
        assert all(0 <= part.start <= part.stop <= len(text) for part in stays)
        assert all(before.stop <= after.start for before, after in pairwise(stays))


async def test_earlier_messages_are_left_out_before_the_text_is(talk):
    conversation = talk()
    await exhaust(conversation.ask("word " * 250))
    question, _ = await fitted(conversation, LINES, "which?", "head")
    _, plan = await conversation.plan(Message("user", question))
    assert plan.fits and plan.left_out == (0, 1)
