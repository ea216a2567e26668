"""The past on the screen: edited questions, branches, answers that go on, two answers side by side, drafts, privacy."""

import asyncio
from pathlib import Path

from seeing import MACHINE, NOON, MakeApp, chat, hides, prompt, rests, screen_text, send, shows, transcript, until

from lechat_tui.engine.base import Delta, Done, EngineError
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Receipt
from lechat_tui.models.available import Models
from lechat_tui.models.jobs import Jobs
from lechat_tui.store import Draft, Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.dialogs.compare import Compare
from lechat_tui.ui.widgets.sidebar import Sidebar


def holds(folder: Path, words: str) -> list[str]:
    """The files below a folder that have these words."""
    return [f.name for f in folder.rglob("*") if f.is_file() and words.encode() in f.read_bytes().lower()]


async def test_an_edited_question_becomes_a_branch(make_app: MakeApp, store: Store) -> None:
    app = make_app("1a", "2a", "1b")
    async with app.run_test(size=(90, 30)) as pilot:
        for question in ("one", "two"):
            await send(pilot, question)
            await rests(pilot)
        await pilot.press("ctrl+e")
        await shows(pilot, "editing question 3 · Enter sends it · Esc cancels")
        await pilot.press("ctrl+e")
        await shows(pilot, "editing question 1 ")
        assert prompt(pilot).text == "one"
        await pilot.press(*"!", "enter")
        await shows(pilot, "▌ one!", "1b", "‹ 2/2 ›")
        await rests(pilot)
        assert "▌ two" not in screen_text(app) and "editing" not in screen_text(app)
        await pilot.press("alt+left")
        await shows(pilot, "▌ one\n", "‹ 1/2 ›", "▌ two", "2a")
    assert [m.text for m in store.path(1)] == ["one", "1a", "two", "2a"]
    assert [m.text for m in store.messages(1)] == ["one", "1a", "two", "2a", "one!", "1b"]


async def test_cancelling_an_edit_restores_the_prompt(make_app: MakeApp) -> None:
    app = make_app("answer")
    async with app.run_test(size=(90, 30)) as pilot:
        await send(pilot, "one")
        await rests(pilot)
        prompt(pilot).set_text("half a thought")
        chat(app).host.edit(0)
        await shows(pilot, "editing question 1")
        await pilot.press("escape")
        await hides(pilot, "editing question")
        assert prompt(pilot).text == "half a thought"


async def test_a_queued_edit_is_taken_back_as_an_edit(make_app: MakeApp, store: Store) -> None:
    app = make_app("1a", [Delta("busy"), asyncio.Event()], "1b")
    async with app.run_test(size=(90, 30)) as pilot:
        await send(pilot, "one")
        await rests(pilot)
        await send(pilot, "two")
        await shows(pilot, "busy")
        chat(app).host.edit(0)
        await send(pilot, "one!")
        await shows(pilot, "▌ one!  queued 1")
        await pilot.press("up")
        await shows(pilot, "editing question 1")
        await pilot.press("enter")
        await shows(pilot, "▌ one!  queued 1")
        await pilot.press("escape")
        await shows(pilot, "1b", "‹ 2/2 ›")
        await rests(pilot)
    assert [m.text for m in store.path(1)] == ["one!", "1b"]


async def test_branches_are_reached_by_mouse_and_by_command(make_app: MakeApp, store: Store) -> None:
    app = make_app("first", "second")
    async with app.run_test(size=(90, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await send(pilot, "/regen codeur")
        await shows(pilot, "second", "‹ 2/2 › codeur")
        await rests(pilot)
        row = next(n for n, line in enumerate(screen_text(app).splitlines()) if "‹ 2/2 ›" in line)
        column = screen_text(app).splitlines()[row].index("‹")
        await pilot.click(offset=(column, row))
        await shows(pilot, "first", "‹ 1/2 ›")
        await send(pilot, "/branch 2")
        await shows(pilot, "second", "‹ 2/2 ›")
        await rests(pilot)
        await pilot.press("alt+right")
        await shows(pilot, "first", "‹ 1/2 ›")
    assert [m.text for m in store.path(1)] == ["go", "first"]


async def test_a_failed_regeneration_leaves_the_first_answer_on_the_screen(make_app: MakeApp) -> None:
    app = make_app("first", [EngineError("no memory; close something")])
    async with app.run_test(size=(90, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await send(pilot, "/regen")
        await shows(pilot, "▌ go", "first", "✗ no memory; close something")


async def test_a_cut_answer_continues_inside_its_code(make_app: MakeApp, store: Store) -> None:
    cut = [Delta("```python\ndef add("), Done(Receipt("petit", stop_reason="length"))]
    app = make_app(cut, [Delta("a, b):\n    return a + b\n```\nDone.")])
    async with app.run_test(size=(90, 30)) as pilot:
        await send(pilot, "/continue")
        await shows(pilot, "there is no answer to continue")
        await send(pilot, "go")
        await shows(pilot, "■ cut at the token limit; /continue to resume")
        await rests(pilot)
        await send(pilot, "/continue")
        await shows(pilot, "def add(a, b):", "return a + b", "Done.")
        await rests(pilot)
        assert "■" not in screen_text(app) and "‹" not in screen_text(app) and "```" not in screen_text(app)
        await send(pilot, "/continue")
        await shows(pilot, "the last answer is complete")
    assert store.path(1)[1].text == "```python\ndef add(a, b):\n    return a + b\n```\nDone."


async def test_two_models_answer_side_by_side_and_one_is_kept(make_app: MakeApp, store: Store) -> None:
    app = make_app("the left one", "the right one")
    async with app.run_test(size=(120, 24)) as pilot:
        await send(pilot, "/compare codeur which?")
        await shows(pilot, "1  petit", "2  codeur", "the left one", "the right one", "2 → the second")
        line = next(row for row in screen_text(app).splitlines() if "the left one" in row)
        assert "the right one" in line
        await pilot.press("2")
        await shows(pilot, "▌ which?", "the right one", "‹ 2/2 ›")
        await rests(pilot)
    assert [m.text for m in store.path(1)] == ["which?", "the right one"]
    assert [m.receipt and m.receipt.model for m in store.messages(1)[1:]] == ["petit", "codeur"]


async def test_an_existing_answer_is_compared_one_below_the_other_on_a_narrow_screen(
    make_app: MakeApp, store: Store
) -> None:
    app = make_app("the first one", [Delta("the second"), asyncio.Event()])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "which?")
        await rests(pilot)
        await send(pilot, "/compare codeur")
        await shows(pilot, "the first one", "the second")
        rows = screen_text(app).splitlines()
        first, second = (next(n for n, row in enumerate(rows) if text in row) for text in ("the first", "the second"))
        assert first < second
        await pilot.press("1")
        assert isinstance(app.screen, Compare), "not before both are there"
        await pilot.press("escape")
        await shows(pilot, "stopped · 1 ←", "■ stopped")
        await pilot.press("escape")
        await shows(pilot, "▌ which?", "the first one", "‹ 1/2 ›")
    assert [(m.text, m.state) for m in store.messages(1)[1:]] == [
        ("the first one", "complete"),
        ("the second", "stopped"),
    ]


async def test_quitting_during_a_comparison_keeps_both_answers(make_app: MakeApp, store: Store) -> None:
    app = make_app("the first", [Delta("half of it"), asyncio.Event()])
    async with app.run_test(size=(120, 24)) as pilot:
        await send(pilot, "/compare codeur which?")
        await shows(pilot, "the first", "half of it")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert [(m.text, m.state) for m in store.messages(1)[1:]] == [("the first", "complete"), ("half of it", "stopped")]


async def test_typed_and_queued_text_survives_a_kill(make_app: MakeApp, store: Store) -> None:
    app = make_app([Delta("busy"), asyncio.Event()])
    async with app.run_test(size=(90, 24)) as pilot:
        await send(pilot, "first")
        await shows(pilot, "busy")
        await send(pilot, "second")
        await shows(pilot, "queued")
        prompt(pilot).set_text("half a thought")
        await until(pilot, lambda: store.drafts(1) == [Draft("half a thought"), Draft("second")])
    again = make_app("fine", chat=1)
    async with again.run_test(size=(90, 24)) as pilot:
        await shows(pilot, "▌ first", "half a thought")
        assert prompt(pilot).text == "half a thought\n\nsecond"
        await pilot.press("enter")
        await shows(pilot, "fine")
        await until(pilot, lambda: store.drafts(1) == [])


async def test_every_chat_has_its_own_draft(make_app: MakeApp, store: Store) -> None:
    app = make_app("answer")
    async with app.run_test(size=(90, 24)) as pilot:
        await send(pilot, "one")
        await rests(pilot)
        prompt(pilot).set_text("to the first")
        await pilot.press("ctrl+n")
        await rests(pilot)
        assert prompt(pilot).text == ""
        prompt(pilot).set_text("to the new one")
        app.screen.host.open_chat(store.chat(1))  # type: ignore[attr-defined]
        await rests(pilot)
        assert prompt(pilot).text == "to the first"
        await pilot.press("ctrl+c")
        app.screen.host.open_chat(None)  # type: ignore[attr-defined]
        await rests(pilot)
        assert prompt(pilot).text == "to the new one"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert (store.drafts(0), store.drafts(1)) == ([Draft("to the new one")], [])


async def test_nothing_of_a_private_chat_is_on_the_disk(make_app: MakeApp, store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a file of the person's own")
    app = make_app("xyzzy indeed", "xyzzy once more", "public")
    async with app.run_test(size=(110, 24)) as pilot:
        await send(pilot, "/private the xyzzy word")
        await shows(pilot, "▌ the xyzzy word", "xyzzy indeed", "· private")
        await rests(pilot)
        await send(pilot, "/regen")
        await shows(pilot, "xyzzy once more", "‹ 2/2 ›")
        await send(pilot, "/rename xyzzy")
        prompt(pilot).set_text("about xyzzy")
        await until(pilot, lambda: app.screen.parts.unsent._drafts._saved)  # type: ignore[attr-defined]
        await rests(pilot)
        assert holds(tmp_path, "xyzzy") == []
        await pilot.press("ctrl+n")
        await shows(pilot, "This private chat is not saved and will be lost; leave it?")
        await pilot.press("y")
        await rests(pilot)
        assert prompt(pilot).text == "" and "private" not in screen_text(app).splitlines()[-1]
        assert not any("xyzzy" in text for text in prompt(pilot).past_questions)
        await send(pilot, "in public")
        await shows(pilot, "▌ in public", "public")
        await rests(pilot)
    assert holds(tmp_path, "xyzzy") == [] and [c.title for c in store.chats()] == ["in public"]


async def test_what_begins_like_private_never_reaches_the_disk(make_app: MakeApp, store: Store, tmp_path: Path) -> None:
    app = make_app("the answer")
    async with app.run_test(size=(110, 24)) as pilot:
        for line in ("/privte xyzzy", "/prvate explain:\nxyzzy"):
            prompt(pilot).set_text(line)
            await rests(pilot)
            chat(app).parts.unsent._save()  # what a timer does after a while
            await rests(pilot)
            assert holds(tmp_path, "xyzzy") == []
            await send(pilot, line)
            await shows(pilot, "did you mean /private?")
        await send(pilot, "/private explain:\nxyzzy")
        await shows(pilot, "the answer", "· private")
        await rests(pilot)
        assert holds(tmp_path, "xyzzy") == []
        chat(app).parts.quit.now()
        await until(pilot, lambda: not app.is_running)
    assert holds(tmp_path, "xyzzy") == [] and store.chats() == [] and store.prompts() == []


async def test_leaving_a_private_chat_asks_first(make_app: MakeApp, store: Store) -> None:
    kept = store.new_chat("Bread")
    app = make_app("xyzzy indeed")
    async with app.run_test(size=(120, 24)) as pilot:
        await send(pilot, "/private the xyzzy word")
        await shows(pilot, "xyzzy indeed", "Bread")
        await rests(pilot)
        for key in ("ctrl+q", "ctrl+d", "a click on the other chat"):
            if key.startswith("ctrl"):
                await pilot.press(key)
            else:
                chat(app).post_message(Sidebar.Opened(kept.id))
            await shows(pilot, "leave it?")
            await pilot.press("enter")
            await hides(pilot, "leave it?")
        assert app.is_running and "xyzzy indeed" in screen_text(app)
        chat(app).parts.quit.now()
        await until(pilot, lambda: not app.is_running)


async def test_a_private_chat_can_be_kept(make_app: MakeApp, store: Store) -> None:
    app = make_app("psst", "again")
    async with app.run_test(size=(110, 24)) as pilot:
        await send(pilot, "/private")
        await shows(pilot, "Private: nothing in this chat is written to disk")
        await send(pilot, "secret")
        await shows(pilot, "psst")
        await rests(pilot)
        await send(pilot, "/private off")
        await shows(pilot, "Save this private chat in the history?")
        await pilot.press("y")
        await shows(pilot, "this chat is saved in the history from now on", "▌ secret")
        await rests(pilot)
        await send(pilot, "more")
        await shows(pilot, "again")
        await rests(pilot)
    assert [m.text for m in store.path(1)] == ["secret", "psst", "more", "again"]


async def test_undo_in_a_private_chat_stays_private(make_app: MakeApp, store: Store) -> None:
    app = make_app("a", "b")
    async with app.run_test(size=(110, 24)) as pilot:
        await send(pilot, "/private one")
        await shows(pilot, "▌ one", "  a")
        await rests(pilot)
        await send(pilot, "two")
        await shows(pilot, "  b")
        await rests(pilot)
        await send(pilot, "/undo")
        await shows(pilot, "removed: “two”")
        assert "· private" in screen_text(app) and "▌ one" in screen_text(app)
    assert store.chats() == []


async def test_switching_branches_keeps_a_message_far_above_in_view(store: Store, models: Models, jobs: Jobs) -> None:
    long = "\n\n".join(f"paragraph {n}" for n in range(40))
    conversation = Conversation(store, EchoEngine(long, "short", long), models, models.get("petit"))
    for events in (conversation.ask("one"), conversation.regenerate()):
        async for _ in events:
            pass
    conversation.show_sibling(1, 1)
    async for _ in conversation.ask("two"):
        pass
    app = LeChat(conversation, jobs=jobs, machine=lambda: MACHINE, clock=lambda: NOON)
    async with app.run_test(size=(80, 20)) as pilot:
        await shows(pilot, "paragraph 39")
        screen = chat(app)
        assert isinstance(screen, ChatScreen)
        screen.host.show_chat(0)
        await shows(pilot, "▌ one")
        assert transcript(app).messages_in_view()[0] == 0
        await pilot.press("alt+right")
        await shows(pilot, "short", "‹ 2/2 ›", "▌ one")
