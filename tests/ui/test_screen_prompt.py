"""The prompt: lines, past questions, commands, files and images."""

from pathlib import Path

import pytest
from PIL import Image
from seeing import MakeApp, chat, hides, prompt, rests, screen_text, send, shows, until
from textual.events import Key, Paste

from lechat_tui.engine.echo import EchoEngine
from lechat_tui.store import Draft, Store


def png(path: Path) -> Path:
    Image.new("RGB", (32, 16), "red").save(path)
    return path


async def test_enter_sends_and_the_keys_of_a_new_line_do_not(make_app: MakeApp) -> None:
    engine = EchoEngine()
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d", "backslash", "enter", "e")
        await pilot.pause()
        assert prompt(pilot).text == "a\nb\nc\nd\ne"
        assert engine.requests == []
        await pilot.press("enter")
        await until(pilot, lambda: engine.requests)
    assert engine.requests[0].messages[-1].text == "a\nb\nc\nd\ne"


async def test_the_prompt_grows_to_a_third_of_the_screen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 30)) as pilot:
        editor = prompt(pilot)
        assert editor.size.height == 1
        await pilot.press(*["x", "ctrl+j"] * 4)
        await until(pilot, lambda: editor.size.height == 5)
        await pilot.press(*["x", "ctrl+j"] * 20)
        await until(pilot, lambda: editor.size.height == 9)


async def test_keys_right_after_enter_are_not_lost(make_app: MakeApp) -> None:
    async with make_app("fine").run_test(size=(80, 24)) as pilot:
        await pilot.press("a", "enter", "b", "c")
        await shows(pilot, "fine")
        assert prompt(pilot).text == "bc"


async def test_an_empty_prompt_sends_nothing(make_app: MakeApp, store: Store) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "enter")
        await rests(pilot)
        assert "How can I help?" in screen_text(pilot.app)
    assert store.chats() == []


async def test_up_and_down_go_through_past_questions_also_of_other_sessions(make_app: MakeApp, store: Store) -> None:
    store.add_prompt("from last week")
    async with make_app("one", "two").run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        for question in ("first", "second"):
            await send(pilot, question)
            await rests(pilot)
        editor = prompt(pilot)
        await pilot.press("up", "up", "up")
        assert editor.text == "from last week"
        await pilot.press("down", "down")
        assert editor.text == "second"
        await pilot.press("down")
        assert editor.text == ""
    assert store.prompts() == ["from last week", "first", "second"]


async def test_up_within_several_lines_moves_the_cursor(make_app: MakeApp, store: Store) -> None:
    store.add_prompt("earlier")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        await pilot.press("a", "ctrl+j", "b", "up")
        assert prompt(pilot).text == "a\nb"
        await pilot.press("up")
        assert prompt(pilot).text == "earlier"


async def test_a_slash_lists_matching_commands(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 30)) as pilot:
        await pilot.press("slash", "m", "o")
        await shows(pilot, "/model [NAME]", "/models", "switch to a model")
        assert "/theme" not in screen_text(pilot.app)
        await pilot.press("down", "tab")
        await until(pilot, lambda: prompt(pilot).text == "/models")
        await hides(pilot, "switch to a model")


async def test_escape_closes_the_list_and_keeps_the_word(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 30)) as pilot:
        await pilot.press("slash", "t", "h")
        await shows(pilot, "change the colors")
        await pilot.press("escape")
        await hides(pilot, "change the colors")
        assert prompt(pilot).text == "/th"
        await pilot.press("e", "backspace")
        await shows(pilot, "change the colors")


async def test_enter_on_a_row_runs_a_command_without_an_argument(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/red", "enter")
        await shows(pilot, "· there is nothing to bring back")


async def test_enter_on_a_row_completes_a_command_with_an_argument(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/ren", "enter")
        await until(pilot, lambda: prompt(pilot).text == "/rename ")


async def test_a_complete_command_runs_at_once(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 60)) as pilot:
        await pilot.press(*"/help", "enter")
        await shows(pilot, "Ask a question", "Esc closes")


async def test_a_command_typed_faster_than_the_screen_updates_is_complete(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        for letter in "/model":
            pilot.app.post_message(Key("slash" if letter == "/" else letter, letter))
        pilot.app.post_message(Key("enter", "\r"))
        await shows(pilot, "Switch to which model?")
        assert prompt(pilot).text == ""


async def test_ctrl_d_does_not_overtake_typed_text(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in (Key("a", "a"), Key("b", "b"), Key("ctrl+d", "\x04")):
            app.post_message(key)
        await until(pilot, lambda: prompt(pilot).text == "ab")
        await rests(pilot)
        assert app.is_running


async def test_an_unknown_command_gets_a_suggestion(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await send(pilot, "/modle")
        await shows(pilot, "✗ there is no command /modle; did you mean /mode")


async def test_a_pasted_path_of_an_image_attaches_it(make_app: MakeApp, tmp_path: Path) -> None:
    picture = png(tmp_path / "a red.png")
    engine = EchoEngine("seen")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        prompt(pilot).post_message(Paste(str(picture).replace(" ", "\\ ")))
        await shows(pilot, "▦ a red.png 32x16  backspace removes")
        assert prompt(pilot).text == ""
        await pilot.press("backspace")
        await hides(pilot, "a red.png")
        (tmp_path / "my notes.txt").write_text("note")
        await pilot.press("x")
        prompt(pilot).post_message(Paste(f"'{tmp_path}/my notes.txt'"))
        await until(pilot, lambda: prompt(pilot).text == f'x @"{tmp_path}/my notes.txt" ')


async def test_the_prompt_shows_text_from_right_to_left_at_the_right_and_a_click_finds_its_characters(
    make_app: MakeApp,
) -> None:
    async with make_app().run_test(size=(60, 24)) as pilot:
        editor = prompt(pilot)
        editor.insert("שלום abc")
        await shows(pilot, "abc םולש │")
        right = editor.content_size.width
        await pilot.click(editor, offset=(right - 2, 0))
        assert editor.cursor_location == (0, 1)
        await pilot.press("x")
        assert editor.text == "שxלום abc"
        await pilot.press("left", "y", "right", "right", "z")
        assert editor.text == "שxzלyום abc"


async def test_pasted_escape_sequences_are_shown_as_text(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        prompt(pilot).post_message(Paste("two\r\nor three\rlines \x1b[2J"))
        await until(pilot, lambda: prompt(pilot).text == "two\nor three\nlines ␛[2J")


async def test_at_a_path_attaches_an_image(make_app: MakeApp, tmp_path: Path) -> None:
    picture = png(tmp_path / "red.png")
    engine = EchoEngine("seen")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await send(pilot, f"what is on @{picture}")
        await shows(pilot, "switch to oeil?")
        await pilot.press("y")
        await shows(pilot, "▌ what is on red.png", "▦ red.png 32x16", "seen")
    assert engine.requests[0].messages[-1].attachments[0].path.read_bytes() == picture.read_bytes()


async def test_at_a_path_attaches_a_text_file(make_app: MakeApp, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("a ```fence``` inside\n")
    engine = EchoEngine("read")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await send(pilot, f"sum up @{notes} for me@example.org")
        await shows(pilot, "▌ sum up notes.md for me@example.org", "▌ ▸ notes.md · 1 line · 21 bytes", "read")
        assert "fence" not in screen_text(pilot.app)
        await rests(pilot)
    asked = engine.requests[0].messages[-1].text
    assert asked == "notes.md:\n````\na ```fence``` inside\n````\n\nsum up notes.md for me@example.org"


async def test_a_sent_paste_is_one_line_that_a_click_or_a_key_unfolds(make_app: MakeApp, store: Store) -> None:
    async with make_app("read").run_test(size=(80, 40)) as pilot:
        prompt(pilot).post_message(Paste("\n".join(f"number {n}" for n in range(20))))
        await until(pilot, lambda: prompt(pilot).text == "[pasted 20 lines]")
        await pilot.press(*" sum", "enter")
        await shows(pilot, "▸ pasted text · 20 lines", "▌ sum", "read")
        assert "number 10" not in screen_text(pilot.app)
        row = next(n for n, text in enumerate(screen_text(pilot.app).splitlines()) if "pasted text" in text)
        await pilot.click(offset=(6, row))
        await shows(pilot, "▾ pasted text", "│ number 10")
        await pilot.press("ctrl+o")
        await hides(pilot, "number 10")
        chat(pilot.app).host.edit(0)
        await until(pilot, lambda: prompt(pilot).text == "[pasted 20 lines] sum")
    asked = store.path(1)[0]
    assert asked.text.endswith("number 19 sum") and asked.pasted == ((0, len(asked.text) - 4),)


async def test_an_edited_question_keeps_its_text_file(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("note")
    engine = EchoEngine("read", "read again")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await send(pilot, f"/attach {tmp_path}/notes.md")
        await shows(pilot, "▤ notes.md · 1 line · 4 bytes  backspace removes")
        await send(pilot, "sum up")
        await shows(pilot, "read")
        await rests(pilot)
        await send(pilot, "/edit")
        await shows(pilot, "backspace removes")
        await pilot.press("!", "enter")
        await shows(pilot, "read again")
    assert engine.requests[1].messages[-1].text == "notes.md:\n```\nnote\n```\n\nsum up!"


async def test_at_a_binary_file_is_one_line_and_the_question_comes_back(make_app: MakeApp, tmp_path: Path) -> None:
    binary = tmp_path / "thing.bin"
    binary.write_bytes(b"\0\1\2\xff" * 40)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await send(pilot, f"what is @{binary}")
        await shows(pilot, "✗ thing.bin")
        await pilot.press("up")
        assert prompt(pilot).text == f"what is @{binary}"


async def test_ctrl_c_clears_and_twice_quits(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    (tmp_path / "notes.txt").write_text("hello")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, f"/attach {tmp_path / 'notes.txt'}")
        await shows(pilot, "▤ notes.txt")
        await pilot.press("a", "b", "ctrl+c")
        assert prompt(pilot).text == ""
        await hides(pilot, "▤ notes.txt")
        await pilot.press("ctrl+c")
        await shows(pilot, "Ctrl+C again quits")
        assert app.is_running
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)


async def test_ctrl_d_quits_only_from_an_empty_prompt(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("a", "ctrl+d")
        await pilot.pause()
        assert app.is_running
        await pilot.press("backspace", "ctrl+d")
        await until(pilot, lambda: not app.is_running)


async def test_the_palette_runs_commands(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 50)) as pilot:
        await pilot.press("ctrl+p")
        await shows(pilot, "open an earlier chat")
        await pilot.press(*"attach")
        await hides(pilot, "open an earlier chat")
        await shows(pilot, "attach a file to the next question")
        await pilot.press("enter")
        await until(pilot, lambda: prompt(pilot).text == "/attach ")


async def test_an_earlier_question_is_found_with_ctrl_r(make_app: MakeApp, store: Store) -> None:
    store.add_prompt("how long do eggs boil")
    store.add_prompt("why is the sky dark")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        await pilot.press("ctrl+r")
        await shows(pilot, "Earlier questions", "how long do eggs boil")
        await pilot.press(*"egg")
        await hides(pilot, "sky dark")
        await pilot.press("enter")
        await until(pilot, lambda: prompt(pilot).text == "how long do eggs boil")


LONG = "\n".join(f"line {n}" for n in range(240))


async def test_a_long_paste_is_a_label_in_the_prompt_and_is_sent_whole(make_app: MakeApp, store: Store) -> None:
    engine = EchoEngine("read")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        editor = prompt(pilot)
        await pilot.press(*"see ")
        editor.post_message(Paste(LONG))
        await shows(pilot, "see [pasted 240 lines]")
        assert editor.size.height == 1
        await pilot.press("space", *"why", "enter")
        await until(pilot, lambda: engine.requests)
        await rests(pilot)
        assert editor.past_questions[-1] == f"see {LONG} why"
    assert engine.requests[0].messages[-1].text == f"see {LONG} why"
    assert store.prompts() == [f"see {LONG} why"]


async def test_a_folded_paste_is_deleted_with_one_key_and_cannot_be_broken(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        editor = prompt(pilot)
        for text in ("x" * 1500, LONG, LONG):
            editor.post_message(Paste(text))
        label = "[pasted 1,500 characters][pasted 240 lines][pasted 240 lines, 2]"
        await until(pilot, lambda: editor.text == label)
        await pilot.press("backspace")
        assert editor.text == "[pasted 1,500 characters][pasted 240 lines]"
        await pilot.press("left", "a", "home", "right", "b", "home", "delete")
        assert editor.text == "ba[pasted 240 lines]"
        await pilot.press("end", "ctrl+w")
        assert editor.text == "ba"
        await pilot.press("ctrl+z")
        assert editor.full_text == f"ba{LONG}"


async def test_a_folded_paste_unfolds_with_a_click_or_a_key(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        editor = prompt(pilot)
        editor.post_message(Paste(LONG))
        await shows(pilot, "[pasted 240 lines]")
        await pilot.click(editor, offset=(5, 0))
        await until(pilot, lambda: editor.text == LONG)
        editor.set_text("")
        editor.post_message(Paste(LONG))
        await shows(pilot, "[pasted 240 lines]")
        await pilot.press("ctrl+o")
        assert editor.text == editor.full_text == LONG


async def test_a_folded_paste_survives_as_a_draft_and_while_past_questions_are_shown(
    make_app: MakeApp, store: Store
) -> None:
    store.add_prompt("earlier")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        prompt(pilot).post_message(Paste(LONG))
        await shows(pilot, "[pasted 240 lines]")
        await pilot.press("up")
        assert prompt(pilot).full_text == "earlier"
        await pilot.press("down")
        assert prompt(pilot).text == "[pasted 240 lines]"
        await until(pilot, lambda: store.drafts(0) == [Draft(LONG, (), ((0, len(LONG)),))])
    async with make_app().run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: prompt(pilot).text == "[pasted 240 lines]")
        await pilot.press("enter")
        await rests(pilot)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        await until(pilot, lambda: prompt(pilot).past_questions)
        await pilot.press("up")
        assert (prompt(pilot).text, prompt(pilot).full_text) == ("[pasted 240 lines]", LONG)


async def test_an_at_lists_files_of_the_folder(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "my plan.md").write_text("to rest")
    (folder / "main.py").write_text("print()")
    monkeypatch.chdir(folder)
    engine = EchoEngine("read")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        editor = prompt(pilot)
        await pilot.press(*"sum up @")
        await shows(pilot, "main.py", "docs/my plan.md")
        await pilot.press(*"pla")
        await hides(pilot, "main.py")
        await pilot.press("enter")
        await until(pilot, lambda: editor.text == 'sum up @"docs/my plan.md" ')
        await hides(pilot, "│ docs/my plan.md")
        await pilot.press(*"now", "enter")
        await until(pilot, lambda: engine.requests)
    assert engine.requests[0].messages[-1].text == "my plan.md:\n```\nto rest\n```\n\nsum up my plan.md now"


async def test_a_folded_paste_completes_no_file(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("the key")
    engine = EchoEngine("read")
    pasted = "see @secret.txt\n" * 50
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        prompt(pilot).post_message(Paste(pasted))
        await until(pilot, lambda: prompt(pilot).text == "[pasted 51 lines]")
        await pilot.press("enter")
        await until(pilot, lambda: engine.requests)
    assert engine.requests[0].messages[-1].text == pasted


async def test_several_dropped_images_are_all_attached(make_app: MakeApp, tmp_path: Path) -> None:
    first, second = png(tmp_path / "a red.png"), png(tmp_path / "b.png")
    async with make_app().run_test(size=(80, 24)) as pilot:
        prompt(pilot).post_message(Paste(f"'{first}' {second.as_uri()}"))
        await shows(pilot, "a red.png 32x16", "b.png 32x16")
        assert prompt(pilot).text == ""


async def test_a_terminal_that_cannot_run_an_editor_is_reported_and_the_text_stays(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 24)) as pilot:
        await pilot.press(*"half", "ctrl+g")
        await shows(pilot, "✗ this terminal cannot run another program")
        assert prompt(pilot).text == "half"


async def test_a_folded_paste_cannot_read_a_file(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    paste = f"{LONG}\n@{tmp_path}/key"
    engine = EchoEngine("read")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        prompt(pilot).post_message(Paste(paste))
        await shows(pilot, "[pasted 241 lines]")
        await pilot.press("enter")
        await until(pilot, lambda: engine.requests)
    assert engine.requests[0].messages[-1].text == paste


async def test_a_mention_may_end_a_sentence(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("note")
    engine = EchoEngine("read")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await send(pilot, f"(see @{tmp_path}/notes.md, and @{tmp_path}/notes.md).")
        await until(pilot, lambda: engine.requests)
    assert engine.requests[0].messages[-1].text.endswith("(see notes.md, and notes.md).")
