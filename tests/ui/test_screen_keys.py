"""Rebound keys, the palette, the clipboard and the first page, on a screen."""

from pathlib import Path

import pytest
from seeing import MACHINE, NOON, MakeApp, hides, prompt, rests, screen_text, send, shows, until

from lechat_tui.engine.base import Delta
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models.available import Models
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat


async def test_a_rebound_key_works_at_once_and_after_a_restart(tmp_path: Path, store: Store, models: Models) -> None:
    choices = Choices(tmp_path / "config.toml", tmp_path / "choices.json")

    def program(settings: Settings) -> LeChat:
        conversation = Conversation(store, EchoEngine(), models, models.get("petit"), settings=settings)
        return LeChat(conversation, jobs=Jobs(), machine=lambda: MACHINE, choices=choices, clock=lambda: NOON)

    async with program(Settings()).run_test(size=(100, 60)) as pilot:
        await send(pilot, "/keys models f3")
        await shows(pilot, "models is F3 from now on")
        await pilot.press("f3")
        await shows(pilot, "Switch to which model?")
        await pilot.press("escape")
        await send(pilot, "/theme mistral-light")
        await until(pilot, lambda: choices.settings().theme == "mistral-light")
    async with program(choices.settings()).run_test(size=(100, 60)) as pilot:
        assert pilot.app.theme == "mistral-light"
        await pilot.press("f3")
        await shows(pilot, "Switch to which model?")
        await pilot.press("escape")
        await send(pilot, "/keys reset")
        await shows(pilot, "all keys are reset")
        await pilot.press("ctrl+l")
        await shows(pilot, "Switch to which model?")


async def test_the_palette_has_settings_models_and_themes(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await shows(pilot, "How can I help?")
        await pilot.press("ctrl+p", *"terminal16")
        await shows(pilot, "/theme terminal16")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "terminal16")
        await pilot.press("ctrl+p", *"temperature")
        await shows(pilot, "/set temperature")
        await pilot.press("enter")
        await until(pilot, lambda: prompt(pilot).text == "/set temperature ")


async def test_the_start_page_names_the_help_key(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        await shows(pilot, "everything stays on this machine", "/ for commands", "F1 help", "Ctrl+P everything")


async def test_a_question_mark_opens_the_help_and_letters_move_in_it(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "Ask a question")
        await pilot.press("G")
        await shows(pilot, "nothing else uses the network")
        await pilot.press("g")
        await shows(pilot, "Ask a question")
        await pilot.press("q", *"why", "question_mark")
        assert prompt(pilot).text == "why?"
        await send(pilot, "/keys")
        await shows(pilot, "Esc            stop            Stop; what arrived is kept", "F2             first_models")


async def test_ctrl_x_ctrl_e_opens_the_editor(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    opened = []
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(type(app.screen), "action_editor", lambda screen: opened.append(prompt(pilot).text))
        for text in ("", "two words"):
            prompt(pilot).set_text(text)
            await pilot.press("ctrl+x", "ctrl+e")
        await pilot.press("ctrl+e")
    assert opened == ["", "two words"]


async def test_the_clipboard_is_pasted_as_text_and_as_a_picture(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.new("RGB", (3, 2), "red").save(tmp_path / "red.png")
    xclip = tmp_path / "xclip"
    xclip.write_text("#!/bin/sh\ncase $* in *image*) exit 1;; *) printf 'two\\nlines \\033[31m';; esac\n")
    xclip.chmod(0o755)
    async with make_app().run_test(size=(100, 30)) as pilot:
        await send(pilot, "/paste")
        await shows(pilot, "the clipboard can't be read here")
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        await send(pilot, "/paste")
        await until(pilot, lambda: prompt(pilot).text == "two\nlines ␛[31m")
        xclip.write_text(f"#!/bin/sh\ncat '{tmp_path}/red.png'\n")
        await send(pilot, "/paste")
        await shows(pilot, "▦ pasted.png 3x2")
        await rests(pilot)


async def test_think_on_unfolds_the_thinking_of_later_answers_too(make_app: MakeApp) -> None:
    script = [Delta("deep thoughts", "thinking"), Delta("so")], [Delta("more thoughts", "thinking"), Delta("then")]
    async with make_app(*script).run_test(size=(80, 30)) as pilot:
        await send(pilot, "first")
        await shows(pilot, "so")
        assert "deep thoughts" not in screen_text(pilot.app)
        await send(pilot, "/think on")
        await shows(pilot, "deep thoughts")
        await send(pilot, "second")
        await shows(pilot, "more thoughts", "then")
        await rests(pilot)
        await send(pilot, "/think off")
        await hides(pilot, "more thoughts")


async def test_help_opens_over_the_chat_and_esc_closes_it(make_app: MakeApp) -> None:
    async with make_app("Bonjour").run_test(size=(60, 20)) as pilot:
        await send(pilot, "hello")
        await rests(pilot)
        prompt(pilot).set_text("unsent")
        await pilot.press("f1")
        await shows(pilot, "Ask a question", "Choose a model", "Esc closes")
        await pilot.press("end")
        await shows(pilot, "lechat --offline")
        for row in screen_text(pilot.app).splitlines():
            assert len(row) <= 60
        await pilot.press("escape")
        await hides(pilot, "Esc closes")
        await shows(pilot, "Bonjour", "unsent")
        assert "/models" not in screen_text(pilot.app)
