"""The screen without a mouse, without colours, without drawings."""

from pathlib import Path

import pytest
from seeing import MakeApp, chat, hides, prompt, rests, screen_text, send, shows, until
from textual.pilot import Pilot

from lechat_tui.drawing.ascii import TABLE, to_ascii
from lechat_tui.message import Message
from lechat_tui.models.available import Models
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.terminal import is_dumb, wants_reduced
from lechat_tui.ui.chat.screen import ChatScreen
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.recents import hints
from lechat_tui.ui.widgets.sidebar import Sidebar
from lechat_tui.ui.widgets.transcript import Transcript

ANSWER = (
    "# One\n\n- a\n- b\n\n> q\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| é | d |\n\n---\n\n[l](https://a.b)"
)


async def test_everything_can_be_done_with_the_keyboard_alone(make_app: MakeApp, store: Store, home: Path) -> None:
    for title in ("the first", "the second", "the third"):
        new = store.new_chat(title)
        store.add(new.id, Message("user", f"a question of {title}"), None)
    app = make_app("\n\n".join(["A line."] * 30 + ["An answer."]))
    async with app.run_test(size=(100, 36)) as pilot:
        await shows(pilot, "Recent chats", "the third")
        await pilot.press("tab", "down", "enter")
        await shows(pilot, "a question of the second")
        await pilot.press("ctrl+n")
        await shows(pilot, "How can I help?")
        await pilot.press("tab", "escape", *"Hello", "enter")
        await shows(pilot, "An answer.")
        await pilot.press("ctrl+s")
        await shows(pilot, "▌Hello")
        await pilot.press("down", "down", "down", "delete")
        await shows(pilot, "Delete “the second”")
        await pilot.press("y")
        await hides(pilot, "the second")
        await pilot.press("escape", "ctrl+l")
        await shows(pilot, "Switch to which model?")
        await pilot.press(*"codeur", "enter")
        await shows(pilot, "now using codeur")
        for key, word in (
            ("ctrl+r", "Earlier questions"),
            ("ctrl+p", "Search for commands"),
            ("f1", "start a new chat"),
        ):
            await pilot.press(key)
            await shows(pilot, word)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ChatScreen))
        page = chat(app).query_one(Transcript)
        before = page.scroll_y
        assert before == page.max_scroll_y > 0
        await pilot.press("pageup")
        await until(pilot, lambda: page.scroll_y < before)
        await pilot.press("end")
        await until(pilot, lambda: page.scroll_y == page.max_scroll_y)
        assert page.scroll_y == before
        await send(pilot, "/models")
        await shows(pilot, "free on disk")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen))
        assert prompt(pilot).has_focus
        await pilot.press("ctrl+d")
        await until(pilot, lambda: not app.is_running)


async def test_the_chat_list_is_opened_and_left_with_the_keyboard(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: chat(app).query_one(Sidebar).has_class("-shown"))
        await pilot.press("escape")
        await until(pilot, lambda: not chat(app).query_one(Sidebar).has_class("-shown"))
        assert prompt(pilot).has_focus


async def _walk(pilot: Pilot[None]) -> str:
    """The text of several screens, one after the other."""
    app = pilot.app
    pages = []
    await shows(pilot, "How can I help?")
    pages.append(screen_text(app))  # type: ignore[arg-type]
    await send(pilot, "Show me everything")
    await shows(pilot, "a.b")
    await send(pilot, "/nosuch")
    await shows(pilot, "there is no command")
    pages.append(screen_text(app))  # type: ignore[arg-type]
    for key, word in (("ctrl+l", "Switch to which model"), ("slash", "/new"), ("ctrl+s", "New chat")):
        await pilot.press(key)
        await shows(pilot, word)
        pages.append(screen_text(app))  # type: ignore[arg-type]
        await pilot.press("escape", "ctrl+u")
    return "\n".join(pages)


async def test_reduced_mode_shows_ascii_only_and_leaves_words_unchanged(make_app: MakeApp, models: Models) -> None:
    app = make_app(ANSWER, settings=Settings(reduced=True))
    async with app.run_test(size=(100, 36)) as pilot:
        text = await _walk(pilot)
        assert app.animation_level == "none"
    strange = {sign for sign in text if not sign.isascii()}
    assert strange <= set("éŒ“”…"), strange
    assert "> Show me everything" in text and "+--" not in text


async def test_without_reduced_mode_there_are_frames_and_a_cat(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(100, 36)) as pilot:
        await shows(pilot, "How can I help?")
        assert "██" in screen_text(app) and "╭" in screen_text(app)


async def test_without_color_the_chosen_row_is_underlined(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app("An answer.")
    async with app.run_test(size=(100, 36)) as pilot:
        await send(pilot, "Hello")
        await shows(pilot, "An answer.")
        await pilot.press("ctrl+l")
        await shows(pilot, "Switch to which model")
        styles = [
            (segment.text, segment.style) for strip in app.screen._compositor.render_strips() for segment in strip
        ]
        for text, style in styles:
            assert style is None or all(c is None or c.is_default for c in (style.color, style.bgcolor)), text
        assert any(style and style.underline and text.startswith("petit") for text, style in styles)


def test_every_shape_has_an_ascii_replacement_of_its_width() -> None:
    assert all(len(mark) == 1 and mark.isascii() for mark in TABLE.values())
    assert to_ascii("▌ ─ é … “ö” ✗ 中") == "> - é … “ö” ! 中"


@pytest.mark.parametrize(
    ("environment", "reduced"),
    [
        ({"TERM": "xterm-256color", "LANG": "fr_FR.UTF-8"}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm", "LANG": "C"}, False),
        ({"TERM": "linux", "LANG": "fr_FR.UTF-8"}, True),
        ({"TERM": "dumb"}, True),
        ({"TERM": "xterm", "LC_ALL": "de_DE.ISO-8859-1", "LANG": "de_DE.UTF-8"}, True),
        ({"TERM": "linux", "LECHAT_REDUCED": "0"}, False),
        ({"TERM": "xterm", "LECHAT_REDUCED": "1"}, True),
    ],
)
def test_a_simple_terminal_gets_reduced_mode(environment: dict[str, str], reduced: bool) -> None:
    assert wants_reduced(environment) is reduced
    assert is_dumb(environment) is (environment["TERM"] == "dumb")


def test_as_many_hints_as_fit_are_shown() -> None:
    keymap = Keymap({})
    assert hints(keymap, 5) == "" and hints(keymap, 20) == "/ for commands"
    assert hints(keymap, 200).endswith("everything")
