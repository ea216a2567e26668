"""Questions and answers on the screen, and what is on the disk after them."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from seeing import MACHINE, NOON, MakeApp, chat, hides, prompt, rests, screen_text, send, shows, transcript, until
from textual.timer import Timer

from lechat_tui import paths
from lechat_tui.drawing.answer import Answer
from lechat_tui.engine.base import Delta, Done, EngineError, Event, Fitted, Loading, Prefill, Request
from lechat_tui.engine.echo import EchoEngine, Step
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Message, Receipt
from lechat_tui.models import catalog
from lechat_tui.models.available import Models
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.chat.progress import waiting


async def test_a_question_is_answered_on_the_screen_and_stored(make_app: MakeApp, store: Store) -> None:
    app = make_app("Bonjour, **tout le monde**.")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "hello")
        await shows(pilot, "▌ hello", "Bonjour, tout le monde.")
        await rests(pilot)
    kept = store.path(store.chats()[0].id)
    assert [(m.role, m.text, m.state) for m in kept] == [
        ("user", "hello", "complete"),
        ("assistant", "Bonjour, **tout le monde**.", "complete"),
    ]


async def test_the_first_paint_needs_no_model_which_is_loaded_afterwards(make_app: MakeApp) -> None:
    engine = EchoEngine()
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Bonjour. How can I help?", "petit text")
        await until(pilot, lambda: engine.loaded)
    assert engine.loaded[0].name == "petit"


async def test_a_model_that_fails_to_load_is_one_line_and_questions_still_work(make_app: MakeApp) -> None:
    app = make_app(EchoEngine("all is well", load_error=EngineError("petit is broken; pull it again")))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "✗ petit is broken; pull it again")
        await send(pilot, "hello")
        await shows(pilot, "all is well")


async def test_stopping_midway_keeps_the_partial_answer(make_app: MakeApp, store: Store) -> None:
    engine = EchoEngine([Delta("Once upon"), Delta(" a time"), asyncio.Event(), Delta(" never said")])
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "tell me a story")
        await shows(pilot, "Once upon a time")
        await pilot.press("escape")
        await shows(pilot, "Once upon a time", "■ stopped")
    answer = store.path(store.chats()[0].id)[-1]
    assert (answer.text, answer.state) == ("Once upon a time", "stopped")
    assert engine.closed == 1


async def test_a_question_stopped_before_the_first_token_says_that_it_was_not_answered(make_app: MakeApp) -> None:
    app = make_app([asyncio.Event()], "a late answer")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "tell me a story")
        await shows(pilot, "Esc stops")
        await pilot.press("escape")
        await shows(pilot, "■ not answered; /regen to retry")
        await send(pilot, "/regen")
        await shows(pilot, "a late answer")
        await hides(pilot, "not answered")


async def test_quitting_midway_keeps_the_partial_answer(make_app: MakeApp, store: Store) -> None:
    app = make_app([Delta("half of it"), asyncio.Event()])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "half of it")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    answer = store.path(store.chats()[0].id)[-1]
    assert (answer.text, answer.state) == ("half of it", "stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_midway_keeps_the_partial_answer(
    make_app: MakeApp, store: Store, number: signal.Signals
) -> None:
    app = make_app([Delta("half of it"), asyncio.Event()])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "half of it")
        os.kill(os.getpid(), number)
        await until(pilot, lambda: not app.is_running)
    assert store.path(store.chats()[0].id)[-1].text == "half of it"


async def test_an_engine_that_dies_is_one_line_and_the_next_question_works(make_app: MakeApp, store: Store) -> None:
    app = make_app([Delta("so far"), EngineError("the engine died; ask again")], "back again")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "one")
        await shows(pilot, "so far", "■ engine error", "✗ the engine died; ask again")
        await send(pilot, "two")
        await shows(pilot, "back again")
        await rests(pilot)
    assert [m.state for m in store.path(store.chats()[0].id)] == ["complete", "failed", "complete", "complete"]


async def test_questions_sent_during_an_answer_are_queued_shown_and_answered_in_order(make_app: MakeApp) -> None:
    go = asyncio.Event()
    app = make_app([Delta("first answer"), go], "second answer")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "first")
        await shows(pilot, "first answer")
        await send(pilot, "second")
        await shows(pilot, "▌ second  queued 1")
        go.set()
        await shows(pilot, "second answer")
        assert "queued" not in screen_text(app)


async def test_queued_questions_are_edited_dropped_and_put_back_one_by_one(make_app: MakeApp) -> None:
    app = make_app([Delta("busy"), asyncio.Event()])
    async with app.run_test(size=(80, 24)) as pilot:
        editor = prompt(pilot)
        await send(pilot, "first")
        await shows(pilot, "busy")
        for text in ("one", "two\nlines", "three"):
            await send(pilot, text)
        await shows(pilot, "▌ one  queued 1", "▌ three  queued 3")
        await pilot.press("up", "up")
        assert editor.text == "two\nlines"
        await shows(pilot, "queued 2 · Enter queues it again", "▌ three  queued 2")
        await pilot.press("exclamation_mark", "enter")
        await shows(pilot, "▌ two!", "lines  queued 2", "▌ three  queued 3")
        await pilot.press("up", "up", "up", "up")
        assert editor.text == "two!\nlines", "after the queue come the lines that were sent"
        await pilot.press("down", "down", "up", "up", "up")
        assert editor.text == "one"
        await pilot.press("ctrl+u", "enter")
        await shows(pilot, "▌ two!", "lines  queued 1", "▌ three  queued 2")
        await hides(pilot, "Enter queues it again")
        await pilot.press("up", "x", "escape")
        await shows(pilot, "▌ three  queued 2")
        assert editor.text == "" and chat(app).parts.queue.answering
        row = next(n for n, line in enumerate(screen_text(app).splitlines()) if "queued 1" in line)
        await pilot.click(offset=(screen_text(app).splitlines()[row].index("queued 1"), row))
        assert editor.text == "two!\nlines"


async def test_loading_and_reading_are_shown_in_numbers(make_app: MakeApp) -> None:
    loading, reading = asyncio.Event(), asyncio.Event()
    script = [Loading(0.43), loading, Fitted(2880, 8192), Prefill(2776, 2880, 2676), reading, Delta("read")]
    app = make_app(script)
    async with app.run_test(size=(100, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "loading petit ━", "loading 43%", "Esc stops")
        loading.set()
        await shows(pilot, "reading 204 new tokens, 2,676 cached ━", "reading · 2.8k of 8k")
        reading.set()
        await shows(pilot, "read")
        await hides(pilot, "Esc stops")


async def test_messages_outside_the_context_are_marked(make_app: MakeApp) -> None:
    app = make_app("one", "two", [Fitted(100, 128, left_out=(0, 1)), Delta("three")])
    async with app.run_test(size=(80, 40)) as pilot:
        for question in ("first question", "second question", "third question"):
            await send(pilot, question)
            await rests(pilot)
        rows = screen_text(app).splitlines()
    line = next(n for n, row in enumerate(rows) if "messages above are no longer sent to the model" in row)
    assert any(row.strip() == "one" for row in rows[:line])
    assert any("second question" in row for row in rows[line:])


@pytest.mark.parametrize(("system", "pins"), [("", []), ("Answer in French.", []), ("Answer in French.", [0])])
async def test_the_context_line_is_where_the_real_engine_cut(store: Store, system: str, pins: list[int]) -> None:
    rows = catalog.read(paths.bundled("models.toml"))
    settings = Settings(context=256, system=system, max_tokens=20)
    engine = Recording()
    conversation = Conversation(store, engine, Models(rows), rows["chaton"], settings=settings)
    app = LeChat(conversation, jobs=Jobs(), machine=lambda: MACHINE, clock=lambda: NOON)
    async with app.run_test(size=(80, 60)) as pilot:
        while not engine.left_out:
            await send(pilot, f"What is {len(conversation.messages)} + 5? Say it well and say it in words")
            await rests(pilot)
            for place in pins:
                conversation.pin(place, True)
        gone = engine.left_out
        rows_seen = screen_text(app).splitlines()
        line = next(n for n, row in enumerate(rows_seen) if "╌" in row)
        above = [n for n, row in enumerate(rows_seen) if "▌ What is" in row and n < line]
        questions = [m for m in conversation.messages if m.role == "user"]
        unseen = [m for m in gone if m.role == "user"]
        assert len(above) == len(unseen) + len(pins) and questions[len(above) - 1] == unseen[-1]
        assert ("only pinned ones" in rows_seen[line]) == bool(pins)
        app.screen.host.open_chat(store.chat(1))  # type: ignore[attr-defined]
        await rests(pilot)
        again = next(n for n, row in enumerate(screen_text(app).splitlines()) if "╌" in row)
        assert again == line, "a chat that is opened again shows it too"
    await engine.close()


class Recording(LocalEngine):
    """The real engine; `left_out` is what the last answer had to do without."""

    left_out: Sequence[Message] = ()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                if isinstance(event, Fitted):
                    self.left_out = [replace(request.messages[n], pinned=False) for n in event.left_out]
                yield event


async def test_a_summary_is_shown_while_it_is_written_then_folded(make_app: MakeApp, store: Store) -> None:
    go = asyncio.Event()
    app = make_app("Nice to meet you", [Delta("She is **Anna**"), go, Delta(" and kind")], "Anna")
    async with app.run_test(size=(80, 30)) as pilot:
        await send(pilot, "I am Anna")
        await rests(pilot)
        await send(pilot, "/compact")
        await shows(pilot, "She is Anna")
        go.set()
        await shows(pilot, "messages above are no longer sent to the model", "▸ summary of the messages above, 5 words")
        assert "and kind" not in screen_text(app)
        await send(pilot, "who am I?")
        await rests(pilot)
        rows = screen_text(app).splitlines()
        places = [
            next(n for n, row in enumerate(rows) if text in row)
            for text in ("Nice to meet", "no longer sent", "▸ summary", "who am I?")
        ]
        assert places == sorted(places)
        await pilot.click(offset=(6, places[2]))
        await shows(pilot, "▾ summary", "│ She is **Anna** and kind")
        app.screen.host.open_chat(store.chat(1))  # type: ignore[attr-defined]
        await shows(pilot, "no longer sent", "▸ summary")
        await send(pilot, "/undo")
        await hides(pilot, "▌ who am I?")
        await send(pilot, "/undo")
        await hides(pilot, "▸ summary")
        assert "no longer sent" not in screen_text(app)
    assert [m.role for m in store.path(1)] == ["user", "assistant"]


async def test_dropped_queued_commands_are_named(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    app = make_app("one", [Delta("slow"), asyncio.Event()], [Delta("slower"), asyncio.Event()])
    async with app.run_test(size=(90, 30)) as pilot:
        await send(pilot, "first")
        await rests(pilot)
        for line in ("/regen", "/compact the numbers", "/regen", "a question"):
            await send(pilot, line)
        await shows(pilot, "slow", "summarize", "regenerate the answer")
        await send(pilot, "/new")
        await shows(pilot, "/compact the numbers, /regen was still queued in the other chat and was dropped")
        for line in ("another", "/continue"):
            await send(pilot, line)
        await shows(pilot, "slower", "continue the answer")
        await send(pilot, "/exit")
        await until(pilot, lambda: not app.is_running)
    assert "/continue was still queued and was dropped" in capsys.readouterr().err


async def test_a_summary_names_how_many_messages_are_missing(make_app: MakeApp) -> None:
    app = make_app("one", [Delta("short"), Done(Receipt("petit", prompt_tokens=900, completion_tokens=9, left_out=2))])
    async with app.run_test(size=(80, 30)) as pilot:
        await send(pilot, "first")
        await rests(pilot)
        await send(pilot, "/compact")
        await shows(
            pilot, "▸ summary", "the 2 oldest messages no longer fit and are missing from the summary", "9 of 8k"
        )


async def test_a_stopped_summary_leaves_nothing(make_app: MakeApp, store: Store) -> None:
    app = make_app("Nice to meet you", [Delta("She is Anna"), asyncio.Event()])
    async with app.run_test(size=(80, 30)) as pilot:
        await send(pilot, "I am Anna")
        await rests(pilot)
        await send(pilot, "/compact")
        await shows(pilot, "She is Anna")
        await pilot.press("escape")
        await hides(pilot, "She is Anna")
        assert "summary of" not in screen_text(app) and "Nice to meet you" in screen_text(app)
    assert len(store.path(1)) == 2


async def test_a_nearly_full_context_is_reported_once(make_app: MakeApp) -> None:
    def answer(used: int) -> list[Any]:
        return [Fitted(used, 2000, room=1000), Delta("ok"), Done(Receipt("petit", prompt_tokens=used))]

    app = make_app(answer(500), answer(860), answer(870))
    async with app.run_test(size=(110, 24)) as pilot:
        for question, told in (("one", False), ("two", True), ("three", False)):
            await send(pilot, question)
            await rests(pilot)
            assert ("context nearly full: /compact summarizes the chat" in screen_text(app)) == told


async def test_the_status_line_shows_the_used_context_and_the_speed(make_app: MakeApp) -> None:
    receipt = Receipt("petit", prompt_tokens=3800, completion_tokens=100, tokens_per_s=41.4)
    app = make_app([Delta("done"), Done(receipt)])
    async with app.run_test(size=(100, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "petit text · 3.9k of 8k ▰▰▰▰▱▱▱▱ · 41 tokens/s")


async def test_the_status_line_shows_the_context_window_that_was_opened(make_app: MakeApp) -> None:
    receipt = Receipt("petit", prompt_tokens=900, completion_tokens=10)
    app = make_app([Fitted(900, 4096, room=3072), Delta("done"), Done(receipt)])
    async with app.run_test(size=(100, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "910 of 4k")


async def test_the_text_of_a_tool_call_is_not_shown_as_text(make_app: MakeApp) -> None:
    app = make_app([Delta("Let me see."), Delta('[TOOL_CALLS]foo[ARGS]{"x": 1}', "tool")])
    async with app.run_test(size=(100, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        assert "Let me see." in screen_text(app) and "foo" not in screen_text(app)
        assert "petit tried to call a tool; lechat has no tools, so the call was dropped" in screen_text(app)


async def test_markup_and_escapes_from_anywhere_are_shown_as_text(make_app: MakeApp, store: Store) -> None:
    hostile = "[bold]x[/bold] [@click=app.quit]y[/] \x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07 \u202eabc &#x202E;"
    app = make_app(hostile)
    async with app.run_test(size=(110, 30)) as pilot:
        await send(pilot, "[red]why[/red]")
        await shows(pilot, "[bold]x[/bold] [@click=app.quit]y[/] ␛[31mred␛[0m ␛]52;c;aGk=␇ �abc �", "▌ [red]why[/red]")
        await send(pilot, "/resume")
        await shows(pilot, "Open which chat?", "[red]why[/red]")
        await pilot.press("escape")
        await rests(pilot)
    assert store.path(store.chats()[0].id)[-1].text == hostile, "the disk keeps the original"


async def test_thinking_is_folded_until_it_is_opened(make_app: MakeApp) -> None:
    app = make_app([Delta("Let me ", "thinking"), Delta("see", "thinking"), Delta("It is 42.")])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "what is it")
        await shows(pilot, "▸ thought for 0.", "It is 42.")
        assert "Let me see" not in screen_text(app)
        await pilot.press("ctrl+t")
        await shows(pilot, "▾ thought for", "│ Let me see")
        row = next(n for n, text in enumerate(screen_text(app).splitlines()) if "▾ thought" in text)
        await pilot.click(offset=(6, row))
        await hides(pilot, "Let me see")


async def test_a_cut_answer_is_marked(make_app: MakeApp) -> None:
    app = make_app([Delta("and then"), Done(Receipt("petit", stop_reason="length"))])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go on")
        await shows(pilot, "and then", "■ cut at the token limit")


async def test_regenerating_replaces_the_answer_on_the_screen_and_keeps_both(make_app: MakeApp, store: Store) -> None:
    app = make_app("first try", "second try")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "first try")
        await rests(pilot)
        await send(pilot, "/regen")
        await shows(pilot, "second try")
        await rests(pilot)
        assert "first try" not in screen_text(app)
    assert [hit.snippet for hit in store.search("first try")]


async def test_regenerating_waits_for_the_running_answer(make_app: MakeApp) -> None:
    go = asyncio.Event()
    app = make_app([Delta("first try"), go], "second try")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "first try")
        await send(pilot, "/regen")
        await send(pilot, "and then?")
        await shows(pilot, "▌ regenerate the answer  queued 1", "▌ and then?  queued 2")
        go.set()
        await rests(pilot)
        assert "first try" not in screen_text(app)
        assert [row.strip() for row in screen_text(app).splitlines() if row.strip()][:5] == [
            "▤ chats",
            "▌ go",
            "second try",
            "‹ 2/2 ›",
            "▌ and then?",
        ]


async def test_a_fence_left_open_at_the_end_does_not_vanish(make_app: MakeApp) -> None:
    app = make_app("Here:\n\n```python\nprint('still here')")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "code")
        await rests(pilot)
        await shows(pilot, "1 python", "print('still here')")


async def test_a_streamed_answer_looks_like_a_complete_one(make_app: MakeApp) -> None:
    answer = (
        "# Title\n\nA [link][1] and text.\n\n- one\n- two\n\n  more\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "```sh\nls\n```\n\n1. x\n2. y\n\n> quoted\n\nSetext\n---\n\n[1]: https://example.org/\n\nlast"
    )
    app = make_app([Delta(character) for character in answer])
    async with app.run_test(size=(80, 50)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        grown = screen_text(app)
        shown = transcript(app)
        shown.show(app.screen.host.conversation.messages)  # type: ignore[attr-defined]
        await pilot.pause()
        assert screen_text(app) == grown
        assert "link (https://example.org/)" in grown


async def test_an_image_for_a_model_without_image_support_offers_another_model(make_app: MakeApp, store: Store) -> None:
    engine = EchoEngine("a red square")
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.host.attach(store.keep_attachment(b"\x89PNG", "board.png", "image", 640, 480))  # type: ignore[attr-defined]
        await shows(pilot, "▦ board.png 640x480")
        await send(pilot, "what is this?")
        await shows(pilot, "petit does not support images; switch to oeil?")
        await pilot.press("y")
        await shows(pilot, "a red square", "oeil vision")
        await rests(pilot)
    assert engine.requests[0].model.name == "oeil"
    assert [picture.name for picture in engine.requests[0].messages[-1].attachments] == ["board.png"]


async def test_declining_the_image_model_says_that_the_image_is_not_sent(make_app: MakeApp, store: Store) -> None:
    engine = EchoEngine("I cannot see it")
    app = make_app(engine)
    async with app.run_test(size=(90, 24)) as pilot:
        app.screen.host.attach(store.keep_attachment(b"\x89PNG", "board.png", "image", 640, 480))  # type: ignore[attr-defined]
        await send(pilot, "what is this?")
        await shows(pilot, "switch to oeil?")
        await pilot.press("n")
        await shows(
            pilot, "petit does not support images; only the file name is sent", "▦ board.png 640x480", "I cannot see it"
        )
        await rests(pilot)
    assert engine.requests[0].model.name == "petit"
    assert "board.png" in engine.requests[0].messages[-1].text


async def test_an_idle_screen_has_no_timer_running(make_app: MakeApp) -> None:
    app = make_app("an answer")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)

        def running() -> list[Timer]:
            return [
                timer
                for node in (app, app.screen, *app.screen.query("*"))
                for timer in node._timers
                if timer._active.is_set() and timer._task and not timer._task.done()
            ]

        await until(pilot, lambda: not running())


async def test_a_rebound_key_does_what_it_is_bound_to(make_app: MakeApp, store: Store) -> None:
    app = make_app([Delta("on and on"), asyncio.Event()], settings=Settings(keys={"stop": "f9"}))
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "on and on")
        await pilot.press("f9")
        await shows(pilot, "■ stopped")


async def test_finished_blocks_of_a_growing_answer_are_not_rendered_again(make_app: MakeApp) -> None:
    answer = Answer()
    app = make_app()
    async with app.run_test(size=(80, 24)):
        look = transcript(app).look
        answer.grow("first block\n\nsecond\n")
        before = answer.rows(60, look)[0]
        answer.grow("block\n\nthird")
        assert answer.rows(60, look)[0] is before


def test_the_remaining_time_is_shown_once_it_can_be_estimated():
    assert waiting(0.2, 0.2, 0.5, "Esc") == "· Esc stops"
    assert waiting(12.0, 12.0, None, "Esc") == "12 s · Esc stops"
    assert waiting(20.0, 10.0, 0.25, "Esc") == "about 30 s left · Esc stops"
    assert waiting(400.0, 400.0, 0.5, "Esc") == "about 7 min left · Esc stops"


async def test_what_was_reduced_to_make_a_model_fit_is_reported_once(make_app: MakeApp) -> None:
    note = "the context window has 8,192 tokens: 16,384 would not fit into 8 GiB on the GPU"
    turn: list[Step] = [Fitted(1, 8192, note=note), Delta("here I am")]
    app = make_app(EchoEngine(turn, turn))
    async with app.run_test(size=(120, 24)) as pilot:
        await send(pilot, "hello")
        await shows(pilot, "petit: the context window has 8,192 tokens", "here I am")
        await rests(pilot)
        await send(pilot, "and again")
        await rests(pilot)
        assert screen_text(app).count("16,384 would not fit") == 1
