"""The slash commands, on a host that records what it was asked to do."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from fakehost import FakeHost, host_of
from PIL import Image

from lechat_tui.commands.base import COMMANDS, completions, is_command, may_be_saved, nearest, run
from lechat_tui.commands.context import ledger
from lechat_tui.engine.base import Delta, Done
from lechat_tui.engine.echo import EchoEngine, Step
from lechat_tui.errors import LechatError
from lechat_tui.message import Message, Receipt, Sampling
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ModelError
from lechat_tui.settings.config import ConfigError
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Replay, replay_of


@pytest.fixture
def host(store: Store, models: Models) -> FakeHost:
    return host_of(store, models)


async def ask(host: FakeHost, *questions: str) -> None:
    """Ask these questions and wait for the answers."""
    for question in questions:
        async with aclosing(host.conversation.ask(question)) as events:
            async for _ in events:
                pass


async def summed_up(host: FakeHost) -> None:
    async with aclosing(host.conversation.compact()) as events:
        async for _ in events:
            pass


# What a command is


def test_a_line_is_a_command_unless_it_is_a_path(tmp_path: Path) -> None:
    assert is_command("/new") and is_command("/nosuch") and is_command(":q")
    assert is_command("/" + "x" * 5_000) and is_command("/a\0b")
    assert not is_command(str(tmp_path)) and not is_command("new")
    assert not is_command("/usr/lib/nosuch.so: cannot open shared object file")


def test_the_first_word_decides_whether_several_lines_are_a_command(tmp_path: Path) -> None:
    assert is_command("/new\nline") and is_command("/code explain:\n\ndef f(): ...") and is_command("/nosuch\nline")
    assert not is_command("/* a comment */\nint main(void);") and not is_command("// a comment\nint main(void);")
    assert not is_command(f"{tmp_path}\nline") and not is_command("/usr/lib/nosuch.so: error\nline")


@pytest.mark.parametrize("line", ["/copy \u00b2", "/copy " + "9" * 5_000, "/copy \u0664", "/keys stop ,"])
async def test_a_number_or_a_key_that_is_none_is_a_sentence(host: FakeHost, line: str) -> None:
    await ask(host, "hello")
    await run(host, line)
    assert len(host.errors) == 1 and "\n" not in host.errors[0] and not host.keys


@pytest.mark.parametrize("line", ["/export {}", "/save answer {}", "/save answer {}/a/b", "/attach {}", "{}"])
async def test_a_name_that_is_too_long_is_a_sentence(host: FakeHost, tmp_path: Path, line: str) -> None:
    await ask(host, "hello")
    host.answers = ["yes", "yes"]
    try:
        await run(host, line.format(tmp_path / ("x" * 300)))
    except LechatError as error:
        host.say(str(error), error=True)
    assert len(host.errors) == 1 and len(host.errors[0]) < 600


PRIVATE_LINES = (
    "/private explain this:\nsecret",
    "/private\nsecret",
    "  /private\tsecret",
    "/Private secret",
    "/PRIVATE\nsecret",
    "/privte secret",
    "/prvate\nsecret",
    "/privat: secret",
    "/private, secret",
    "/ private secret",
    "\\private secret",
    "\uff0fprivate secret",
)


@pytest.mark.parametrize("line", PRIVATE_LINES)
async def test_what_begins_like_private_is_never_asked_in_the_ordinary_chat(host: FakeHost, line: str) -> None:
    assert is_command(line) and not may_be_saved(line)
    await run(host, line.strip())
    assert host.conversation.private if host.asked else "did you mean /private?" in host.errors[0]


async def test_a_question_of_several_lines_follows_the_commands_that_take_one(host: FakeHost) -> None:
    code = "explain:\n\n    x = 1\n    y = 2"
    for line in (f"/private {code}", f"/new {code}", f"/code\n{code}"):
        await run(host, line)
        assert host.asked.pop() == code
    await run(host, f"/compare oeil\n{code}")
    assert host.compared == [("oeil", code)]
    await run(host, "/system be kind\nand short")
    assert host.conversation.setup.system == "be kind\nand short"


@pytest.mark.parametrize("line", ["/exit\nthe program", "/set temperature\n1", "/delete\n\nthis", "/nosuch\nline"])
async def test_other_commands_refuse_several_lines(host: FakeHost, line: str) -> None:
    await run(host, line)
    assert len(host.errors) == 1 and not host.asked and not host.left and "\n" not in host.errors[0]


def test_completions_are_by_name_then_by_alias_and_then_by_what_is_inside_a_name() -> None:
    assert [c.name for c in completions("/re")] == ["/redo", "/regen", "/resume", "/rename", "/compare"]
    assert [c.name for c in completions("/cl")] == ["/new"], "by its alias /clear"
    assert not list(completions("/new x")) and nearest("/thme") == "/theme"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/modle", "/model"),
        ("/atach", "/attach"),
        ("/hepl", "/help"),
        ("/exprot", "/export"),
        ("/dowlnoad", "/download"),
    ],
)
def test_a_misspelling_is_understood(typed: str, meant: str) -> None:
    assert nearest(typed) == meant


@pytest.mark.parametrize("typed", ["/fim", "/encrypt", "/cat", "/jump", "/wizard", "/abcdef"])
def test_a_distant_name_is_not_guessed(typed: str) -> None:
    assert nearest(typed) is None


async def test_an_unknown_command_suggests_a_similar_one(host: FakeHost) -> None:
    assert await host.do("/renme x") == "there is no command /renme; did you mean /rename?"
    assert await host.do("/zzzzzz") == "there is no command /zzzzzz; /help lists them"
    assert host.errors


@pytest.mark.parametrize("name", list(COMMANDS))
async def test_every_command_works_in_an_empty_chat(name: str, store: Store, models: Models) -> None:
    host = host_of(store, models, None)
    await run(host, name)
    assert store.chats() == []
    assert all(not note.endswith(".") for note in host.notes)


# Chats


async def test_a_new_chat_is_opened_and_asked(host: FakeHost) -> None:
    await ask(host, "hello")
    await host.do("/new what now?")
    assert host.opened == [None] and host.asked == ["what now?"] and host.conversation.chat is None


async def test_an_earlier_chat_is_found_by_its_words_or_picked(store: Store, models: Models) -> None:
    bread, boats = store.new_chat("Bread recipes"), store.new_chat("Boats")
    host = host_of(store, models, str(boats.id), None)
    assert await host.do("/resume bread") == "" and host.opened == [bread]
    await host.do("/chats")
    assert host.opened[-1] == boats and [row.label for row in host.offered] == ["Boats", "Bread recipes"]
    await host.do("/resume")
    assert len(host.opened) == 2, "leaving the picker opens nothing"
    assert await host.do("/resume cakes") == "no chat title contains cakes"


async def test_a_chat_is_renamed(host: FakeHost, store: Store) -> None:
    assert await host.do("/rename x") == "there is nothing to rename yet; ask something first"
    await ask(host, "hello")
    assert await host.do("/rename") == "" and host.filled == ["/rename hello"]
    assert await host.do("/rename Bread") == "this chat is now called Bread"
    assert store.chats()[0].title == "Bread"


async def test_a_chat_is_deleted_only_after_a_yes(store: Store, models: Models) -> None:
    host = host_of(store, models, "no", "yes")
    await ask(host, "hello")
    await host.do("/delete")
    assert len(store.chats()) == 1
    assert await host.do("/delete") == "“hello” is deleted; until you quit, /undelete brings it back"
    assert store.chats() == [] and host.opened == [None]
    assert await host.do("/undelete") == "“hello” is back"
    assert [m.text for m in store.path(store.chats()[0].id)] == ["hello", "hello"]
    assert await host.do("/undelete") == "no chat has been deleted since lechat started"


async def test_a_file_is_attached_by_its_path(host: FakeHost, tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "a b.png")
    await host.do(f"/attach {tmp_path / 'a b.png'}")
    assert [(p.name, p.width, p.height) for p in host.attachments] == [("a b.png", 3, 2)]
    assert "needs the path" in await host.do("/attach")


# Answers


async def test_the_last_answer_is_regenerated(host: FakeHost) -> None:
    assert await host.do("/regen") == "there is no question to answer again yet"
    await ask(host, "hello")
    await host.do("/regen")
    await host.do("/regen seed 42")
    assert host.replays == [None, Replay(replace(host.conversation.setup.sampling(), seed=42))]
    assert "/regen seed 42" in await host.do("/regen seed 4294967295")
    assert "/regen seed 42" in await host.do("/regen seed " + "9" * 5000)
    assert "there is no message 42" in await host.do("/regen 42")
    with pytest.raises(ModelError, match="no model often"):
        await host.do("/regen often")


async def test_the_same_answer_is_reproduced_from_its_receipt(store: Store, models: Models) -> None:
    receipt = Receipt("petit", sampling=Sampling(0.9, top_p=0.5, seed=7, max_tokens=11), cached_tokens=3)
    host = host_of(store, models, engine=EchoEngine([Delta("one"), Done(receipt)]))
    await ask(host, "pick")
    await host.do("/regen same")
    assert host.replays == [replay_of(receipt)]
    assert host.replays[0] and (host.replays[0].sampling.seed, host.replays[0].reuse) == (7, 3)
    host.conversation.switch(models.get("codeur"))
    assert await host.do("/regen same") == "that answer is from petit; switch to it first with /model petit"


async def test_an_answer_is_regenerated_by_its_number_and_with_another_model(host: FakeHost) -> None:
    await ask(host, "one", "two")
    first, second = host.conversation.messages[1].id, host.conversation.messages[2].id
    await host.do("/regen 2")
    await host.do("/regen 3 codeur")
    await host.do("/regen codeur")
    assert host.by == [(first, None), (second, "codeur"), (0, "codeur")]
    with pytest.raises(ModelError, match="loin is not downloaded; lechat pull loin downloads it"):
        await host.do("/regen loin")
    assert host.by[3:] == []


# Branches


async def test_a_question_is_edited_by_its_number_or_that_of_its_answer(host: FakeHost) -> None:
    assert await host.do("/edit") == "there is no question yet"
    await ask(host, "one", "two")
    for line in ("/edit", "/edit 1", "/edit 2"):
        await host.do(line)
    assert host.edited == [2, 0, 0]
    assert await host.do("/edit 9") == "there is no message 9; /context numbers them from 1 to 4"


async def test_branches_are_shown_one_after_the_other_or_by_number(host: FakeHost) -> None:
    await ask(host, "one")
    assert "no branches yet" in await host.do("/branch")
    async with aclosing(host.conversation.regenerate()) as events:
        async for _ in events:
            pass
    newer = host.conversation.messages[1].id
    await host.do("/branch")
    older = host.conversation.messages[1].id
    await host.do("/branch")
    assert host.conversation.messages[1].id == newer != older and host.shown == [1, 1]
    await host.do("/branch 1")
    assert host.conversation.messages[1].id == older
    assert await host.do("/branch 3") == "message 2 has branches 1 to 2"
    assert await host.do("/branch " + "9" * 5000) == "message 2 has branches 1 to 2"


async def test_a_chat_is_forked_at_a_message_with_a_title(host: FakeHost, store: Store) -> None:
    assert "nothing to fork yet" in await host.do("/fork")
    await ask(host, "one", "two")
    note = await host.do("/fork 2 a way of its own")
    assert note == "this is now “a way of its own”; “one” is unchanged"
    assert [m.text for m in host.conversation.messages] == ["one", "one"]
    await host.do("/fork")
    assert [chat.title for chat in store.chats()] == ["a way of its own, forked", "a way of its own", "one"]


async def test_only_an_answer_that_was_cut_short_is_continued(store: Store, models: Models) -> None:
    cut: list[Step] = [Delta("so"), Done(Receipt("petit", stop_reason="length"))]
    host = host_of(store, models, engine=EchoEngine("whole", cut))
    assert "no answer to continue" in await host.do("/continue")
    await ask(host, "one")
    assert "is complete" in await host.do("/continue") and not host.continued
    await ask(host, "two")
    assert await host.do("/continue") == "" and host.continued == 1
    last = host.conversation.messages[-1]
    store.reopen(last.id)
    host.conversation.reload()
    assert "a moment ago" in await host.do("/continue") and host.continued == 1


async def test_models_are_compared_on_a_question_or_the_last_one(store: Store, models: Models) -> None:
    host = host_of(store, models, "oeil")
    assert "no question to compare" in await host.do("/compare codeur")
    await host.do("/compare codeur which one?")
    await ask(host, "one")
    await host.do("/compare")
    assert host.compared == [("codeur", "which one?"), ("oeil", "")]
    assert [choice.value for choice in host.offered] == ["codeur", "oeil"]


async def test_a_private_chat_can_be_left_or_saved_but_not_forked_or_deleted(store: Store, models: Models) -> None:
    host = host_of(store, models, "no", "yes")
    assert await host.do("/private off") == "this chat is not private"
    assert "never written to disk" in await host.do("/private")
    await ask(host, "psst")
    assert "already private" in await host.do("/private")
    assert "can't be forked" in await host.do("/fork")
    assert "a private chat is not saved" in await host.do("/delete")
    assert await host.do("/private off") == "the private chat is gone" and store.chats() == []
    await host.do("/private")
    await ask(host, "keep me")
    assert "saved in the history" in await host.do("/private off")
    assert [chat.title for chat in store.chats()] == ["keep me"] and not host.conversation.private
    with Store(None) as memory:
        assert "--no-save" in await host_of(memory, models).do("/private off")


# Models


async def test_a_model_is_chosen_by_name_or_picked(store: Store, models: Models) -> None:
    host = host_of(store, models, "codeur", "oeil")
    assert await host.do("/model oeil") == "now using oeil"
    await host.do("/model")
    assert [row.value for row in host.offered] == ["petit", "codeur", "oeil"], "only what is on this machine"
    assert host.switched == [("oeil", "vision"), ("codeur", "code")]
    with pytest.raises(ModelError, match="did you mean codeur"):
        await host.do("/model codeurr")


async def test_a_missing_model_is_downloaded_after_a_yes_and_then_used(store: Store, models: Models) -> None:
    host = host_of(store, models, "no", "yes", "loin", "oeil")
    await host.do("/model loin")
    assert not host.downloads, "the answer was no"
    await host.do("/model loin")
    await host.do("/models")
    await host.do("/pull")
    await host.do("/pull loin")
    assert not host.forced
    await host.do("/pull --force loin")
    assert host.forced and host.downloads.pop() == ("loin", False)
    assert host.downloads == [("loin", True), ("loin", True), ("loin", False)]
    assert host.switched == [("oeil", "vision")], "/pull without a name opens the manager"
    assert "already on this machine" in await host.do("/pull oeil")
    for line in ("/model secret", "/pull secret"):
        with pytest.raises(ModelError, match="use loin instead"):
            await host.do(line)


@pytest.mark.parametrize("line", ["/model loin", "/pull loin", "/model who/what"])
async def test_offline_mode_rejects_downloads_with_one_sentence(
    store: Store, models: Models, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    host = host_of(store, models)
    with pytest.raises(LechatError, match="needs the network, and lechat is offline"):
        await host.do(line)
    assert not host.downloads


async def test_a_task_chooses_the_model_and_can_come_with_a_question(host: FakeHost) -> None:
    for line in ("/code write quicksort", "/vision", "/text hello"):
        await host.do(line)
    assert host.switched == [("codeur", "code"), ("oeil", "vision"), ("petit", "text")]
    assert host.asked == ["write quicksort", "hello"]


async def test_switching_to_a_model_without_images_says_what_it_gets(host: FakeHost, store: Store) -> None:
    picture = store.keep_attachment(b"x", "a.png", "image", 1, 1)
    async with aclosing(host.conversation.ask("see?", [picture])) as events:
        async for _ in events:
            pass
    assert "it does not support images" in await host.do("/code")


# The display and the program


async def test_the_last_answer_or_all_of_it_is_copied(host: FakeHost) -> None:
    assert await host.do("/copy") == "there is nothing to copy yet; ask something first"
    await ask(host, "one", "two")
    assert await host.do("/copy") == "copied" and host.clipboard == "two"
    await host.do("/copy question")
    assert host.clipboard == "two"
    await host.do("/copy all")
    assert host.clipboard == "> one\n\none\n\n> two\n\ntwo"


async def test_the_code_of_an_answer_is_copied_by_its_number(store: Store, models: Models) -> None:
    host = host_of(store, models, engine=EchoEngine("```sh\nls\n```\nthen\n```sh\npwd\n```", "no code"))
    await ask(host, "how?")
    await host.do("/copy 2")
    assert host.clipboard.strip() == "pwd"
    await host.do("/copy code 1")
    assert host.clipboard.strip() == "ls"
    await host.do("/copy code")
    assert host.clipboard.strip() == "pwd"
    assert await host.do("/copy 3") == "the last answer has code blocks 1 to 2"
    await ask(host, "and?")
    assert await host.do("/copy 1") == "the last answer has no code block; /copy copies all of it"


async def test_a_theme_is_set_by_name_or_picked(store: Store, models: Models) -> None:
    host = host_of(store, models, "light")
    await host.do("/theme dark")
    assert host.theme == "dark"
    await host.do("/theme")
    assert host.theme == "light" and host.remembered == {"theme": "light"}
    assert await host.do("/theme pink") == "there is no theme pink; the themes are dark, light"


@pytest.mark.parametrize("line", ["/new and a question", "/resume first", "/undelete", "/exit"])
async def test_a_private_chat_that_would_be_lost_is_left_only_with_a_yes(
    store: Store, models: Models, line: str
) -> None:
    store.new_chat("first")
    host = host_of(store, models, "no", "yes")
    host.conversation.open(None, private=True)
    host.conversation.messages = [Message("user", "a word")]
    await host.do(line)
    assert not (host.opened or host.asked or host.left or host.notes)
    await host.do(line)
    assert host.opened or host.asked or host.left or host.notes


@pytest.mark.parametrize("line", ["/new", "/exit"])
async def test_a_chat_that_is_saved_is_left_without_a_question(store: Store, models: Models, line: str) -> None:
    host = host_of(store, models)
    host.conversation.messages = [Message("user", "a word")]
    await host.do(line)
    host.conversation.open(None, private=True)
    await host.do(line)


async def test_line_numbers_are_switched(host: FakeHost) -> None:
    assert [await host.do("/lines"), await host.do("/lines")] == ["numbers: True", "numbers: False"]


async def test_help_lists_every_command_and_explains_one(host: FakeHost) -> None:
    listed = await host.do("/help")
    assert all(name in listed for name in COMMANDS) and "Esc" in listed
    assert (await host.do("/help retry")).startswith(
        "/regen [N] [MODEL|same|seed SEED]: answer the last question again"
    )
    assert await host.do("/help renme") == "there is no command renme; did you mean /rename?"


async def test_every_way_to_quit_works(store: Store, models: Models) -> None:
    for word in ("/exit", "/quit", "/bye", ":q"):
        host = host_of(store, models)
        await host.do(word)
        assert host.left


# The context window


async def test_the_ledger_counts_every_message_and_the_sum(host: FakeHost) -> None:
    assert "window is empty" in await host.do("/context")
    await host.do("/system be very brief")
    await ask(host, "one two three four")
    lines = (await host.do("/context")).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["system", "be", "very", "brief", "3"],
        ["1", "you", "one", "two", "three", "four", "4"],
        ["2", "answer", "one", "two", "three", "four", "4"],
        ["template", "added", "to", "the", "messages", "0"],
    ]
    assert lines[4] == "11 of 600 tokens " + "▱" * 20 + " 2%" and "the window has 800 tokens, 200" in lines[5]


async def test_the_ledger_shows_the_note_about_memory(host: FakeHost) -> None:
    await ask(host, "hello")
    given, fitted = await host.conversation.plan()
    note = "the context window has 8,192 tokens: 16,384 would not fit into the memory"
    assert note in ledger(host.conversation, given, replace(fitted, note=note)).splitlines()


async def test_the_ledger_marks_what_is_pinned_left_out_and_summed_up(host: FakeHost) -> None:
    long = "word " * 200
    await ask(host, "first", long, long, "last")
    await host.do("/pin 1")
    marks = [line.split()[-1] for line in (await host.do("/context")).splitlines()[:8]]
    assert marks[:4] == ["pinned", "pinned", "out", "out"] and marks[-1] == "1"
    await summed_up(host)
    lines = (await host.do("/context")).splitlines()
    assert [line.split()[0] for line in lines[:9]] == [str(n) for n in range(1, 10)]
    assert lines[3].endswith("-  summarized") and lines[0].endswith("pinned") and lines[8].split()[1] == "summary"


async def test_pinning_a_question_pins_its_answer(host: FakeHost, store: Store) -> None:
    assert await host.do("/pin") == "there is nothing to pin yet"
    await ask(host, "my name is Anna", "and now?")
    assert await host.do("/pin 2") == "“my name is Anna” and its answer stay in the context"
    assert [m.pinned for m in store.path(1)] == [True, False, False, False]
    assert [m.pinned for m in host.conversation.prompt()] == [
        True,
        True,
        False,
        False,
    ]
    assert "there is no message 9" in await host.do("/pin 9")
    assert "there is no message 0" in await host.do("/pin 0")
    assert "there is no message 99" in await host.do("/pin " + "9" * 5000)
    assert "can be left out when the context is full" in await host.do("/unpin")
    assert not any(m.pinned for m in host.conversation.prompt())
    await host.do("/pin")
    assert [m.pinned for m in store.path(1)] == [False, False, True, False], "without a number, the last question"


async def test_a_chat_is_summed_up_only_when_there_is_something_new(host: FakeHost) -> None:
    assert await host.do("/compact") == "there is nothing new to summarize"
    await ask(host, "hello")
    await host.do("/compact the names")
    assert host.hints == ["the names"]
    await summed_up(host)
    assert await host.do("/compact") == "there is nothing new to summarize"


async def test_undo_removes_the_summary_and_then_the_questions_but_deletes_nothing(
    host: FakeHost, store: Store
) -> None:
    assert await host.do("/undo") == "there is nothing to undo"
    await ask(host, "one", "two")
    await summed_up(host)
    assert await host.do("/undo") == "the summary is removed; the model gets the messages again; /redo brings it back"
    assert [m.text for m in store.path(1)] == ["one", "one", "two", "two"]
    assert await host.do("/undo") == "removed: “two”; /redo brings it back"
    assert [m.text for m in host.conversation.messages] == ["one", "one"]
    await host.do("/undo")
    assert host.conversation.messages == [] and len(store.search("two")) == 2
    await host.do("/redo")
    assert [m.role for m in store.path(1)] == ["user", "assistant"] * 2 + ["summary"]
    assert await host.do("/undo 2") == "the last 2 questions and summaries are removed; /redo brings them back"
    assert [m.text for m in store.path(1)] == ["one", "one"]
    assert "/undo 3 removes the last three" in await host.do("/undo zero")
    await host.do("/undo 99")
    await ask(host, "three")
    assert [m.text for m in store.path(1)] == ["three", "three"]


# Receipts and settings


async def test_why_shows_how_an_answer_was_made(store: Store, models: Models) -> None:
    receipt = Receipt(
        "petit", file="petit.gguf", sha256="ab" * 32, quant="Q8_0", template="0123456789ab", context=4096,
        sampling=Sampling(0.3, top_p=0.9, seed=77, max_tokens=34),

        prompt_tokens=1200, cached_tokens=1000, completion_tokens=34, ttft_ms=120,
        tokens_per_s=41.4, stop_reason="length", left_out=2, pictures=1, engine="llama-cpp-python 9",
    )  # fmt: skip
    host = host_of(store, models, engine=EchoEngine([Delta("one"), Done(receipt)], "two"))
    assert await host.do("/why") == "there is no answer yet"
    await ask(host, "first", "second")
    note = await host.do("/why 2")
    assert note == await host.do("/why 1"), "the question stands for its answer"
    rows = {line.split()[0]: line for line in note.splitlines()[1:]}
    assert note.startswith("how message 2 was made\n")
    assert rows["file"].endswith("petit.gguf, Q8_0") and rows["sha256"].endswith("ab" * 32)
    assert rows["sampling"].endswith("temperature 0.3, top-p 0.9") and "77" in rows["seed"]
    assert (
        "1,200 tokens, 1,000 of them" in rows["prompt"] and "the 2 oldest messages that are not pinned" in rows["left"]
    )
    assert rows["ended"].endswith("at the token limit") and rows["engine"].endswith("llama-cpp-python 9")
    assert rows["template"].endswith("0123456789ab") and rows["max"].endswith("34 tokens")
    assert (await host.do("/why")).startswith("how message 4 was made")
    assert "there is no message 5" in await host.do("/why 5")


async def test_stats_are_the_figures_of_the_last_answer(host: FakeHost) -> None:
    assert await host.do("/stats") == "there is no answer yet"
    await ask(host, "one two")
    assert (await host.do("/stats")).startswith("petit: 2 prompt tokens (0 cached), 2 generated")
    await host.do("/stats on")
    assert host.figures and host.remembered == {"stats": True}
    await host.do("/stats off")
    assert not host.figures and host.remembered == {"stats": False}
    assert "/stats on shows" in await host.do("/stats all")


async def test_stats_of_a_growing_answer_are_live(store: Store, models: Models) -> None:
    host = host_of(store, models, engine=EchoEngine([Delta("one "), Delta("two ")]))
    async with aclosing(host.conversation.ask("count")) as events:
        async for event in events:
            if event == Delta("two "):
                shown = await host.do("/stats")
                assert "2 generated" in shown and shown.endswith("so far")


async def test_the_prompt_is_shown_as_the_model_gets_it(host: FakeHost) -> None:
    assert "/prompt QUESTION" in await host.do("/prompt")
    await ask(host, "one [user] two")
    about, prompt = (await host.do("/prompt")).split("\n\n")
    assert prompt == "[user]one [user] two"
    assert about.splitlines()[1:] == [
        "control tokens: [user]",
        "“[user]” also occurs in text from you, a file or the model; there it is ordinary text",
    ]
    assert (await host.do("/prompt and then?")).endswith("[user]one [user] two[assistant]one [user] two[user]and then?")


async def test_a_setting_is_changed_listed_and_reset(host: FakeHost) -> None:
    listed = await host.do("/set")
    words = listed.split()
    assert words[words.index("temperature") + 1] == "0.4" and words[words.index("context") + 1] == "800"
    assert words[words.index("seed") + 1] == "random"
    assert (await host.do("/set temperature 1.5")).startswith("temperature is 1.5 until you quit")
    assert host.conversation.setup.sampling().temperature == 1.5
    await host.do("/set parameter num_predict 9")
    await host.do("/set temp 0.5")
    assert host.conversation.setup.sampling().temperature == 0.5
    await host.do("/set max-tokens 12")
    assert host.conversation.setup.sampling().max_tokens == 12 and not host.switched
    await host.do("/set temperature default")
    assert host.conversation.setup.sampling().temperature == 0.4
    assert (await host.do("/set seed")).startswith("seed is random for each answer; /set seed VALUE changes it")
    assert await host.do("/set colour red") == (
        "there is no setting colour; the settings are temperature, top_p, top_k, min_p, repeat_penalty, seed, "
        "max_tokens, stop, think, context, gpu_layers, threads, lora, keep, system"
    )


async def test_stop_strings_are_set_and_shown(host: FakeHost) -> None:
    assert (await host.do("/set stop")).startswith("stop is none; /set stop VALUE changes it")
    assert (await host.do(r'/set stop END "\n # "')).startswith(r'stop is "END" "\n # " until you quit')
    assert host.conversation.setup.sampling().stop == ("END", "\n # ")
    await host.do("/set stop default")
    assert host.conversation.setup.sampling().stop == ()


async def test_a_setting_for_loading_reloads_the_model(host: FakeHost) -> None:
    await host.do("/set parameter num_ctx 1000")
    await host.do("/set threads 2")
    assert host.switched == [("petit", "text")] * 2
    assert (host.conversation.spec().context, host.conversation.setup.tuning().threads) == (1000, 2)


@pytest.mark.parametrize("line", ["/set temperature hot", "/set temperature -1", "/set context 0", "/set seed 1.5"])
async def test_an_invalid_value_is_refused_with_the_name_of_its_setting(host: FakeHost, line: str) -> None:
    before = host.conversation.settings
    with pytest.raises(ConfigError, match=line.split()[1]):
        await host.do(line)
    assert host.conversation.settings == before


async def test_the_system_prompt_is_shown_set_and_stored(host: FakeHost, store: Store) -> None:
    assert (await host.do("/system")).startswith("there is no system prompt\n")
    await host.do("/system be brief")
    await ask(host, "hello")
    assert store.chats()[0].system == "be brief"
    assert (await host.do("/set system be kind")).startswith("the system prompt of this chat:\nbe kind")
    assert store.chats()[0].system == "be kind" and host.conversation.prompt()[0] == Message("system", "be kind")
    assert (await host.do("/system default")).startswith("there is no system prompt")
    assert store.chats()[0].system == ""
