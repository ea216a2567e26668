"""What lechat uses of Textual beyond its public API still works as it did."""

from pathlib import Path

import pytest
from rich.text import Text
from seeing import MakeApp
from textual import screen as textual_screen
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.events import Key, MouseMove
from textual.screen import Screen
from textual.widgets import Input, Static

from lechat_tui.ui import textual_private
from lechat_tui.ui.textual_private import CrashReportingApp, EarlyCommandPalette, SequenceReader

PACKAGE = Path(textual_private.__file__).parents[1]


class Hello(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("hello")


async def test_a_screen_repaints_at_the_raised_frame_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTUAL_FPS", raising=False)
    monkeypatch.setattr(textual_screen, "UPDATE_PERIOD", 1 / 60)
    textual_private.raise_frame_rate()
    app = Hello()
    async with app.run_test():
        assert app.screen._update_timer._interval == 1 / textual_private.FRAMES_PER_SECOND


def test_a_frame_rate_in_the_environment_has_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_FPS", "30")
    monkeypatch.setattr(textual_screen, "UPDATE_PERIOD", 1 / 30)
    textual_private.raise_frame_rate()
    assert textual_screen.UPDATE_PERIOD == 1 / 30


def test_alt_enter_of_a_plain_terminal_is_read_as_ctrl_j() -> None:
    textual_private.read_alt_enter_as_new_line()
    keys = [event.key for event in XTermParser().feed("\x1b\r") if isinstance(event, Key)]
    assert keys == ["ctrl+j"]


async def test_the_rows_of_a_screen_are_as_wide_and_as_many_as_the_terminal() -> None:
    app = Hello()
    async with app.run_test(size=(20, 4)):
        rows = textual_private.screen_rows(app.screen)
        assert rows[0].text == f"{'hello':<20}" and len(rows) == 4


class Asking(App[None]):
    DEFAULT_MODE = "asking"

    def __init__(self) -> None:
        super().__init__()
        first = Screen[None]()
        first.compose = lambda: [Input("tea")]  # type: ignore[method-assign]
        self.add_mode(self.DEFAULT_MODE, lambda: textual_private.on_the_stack(self, first))


async def test_the_first_screen_of_a_mode_may_have_an_input() -> None:
    async with Asking().run_test() as pilot:  # failed from Python 3.12 on
        assert pilot.app.query_one(Input).value == "tea"
        assert len(pilot.app.screen_stack) == 1


async def test_a_screen_styles_its_widgets_once() -> None:
    applied: list[DOMNode] = []

    class Counted(Static):
        def notify_style_update(self) -> None:
            super().notify_style_update()
            applied.append(self)

    class Shown(textual_private.StyledOnceScreen):
        def compose(self) -> ComposeResult:
            yield Counted("hello")

    class Showing(App[None]):
        def on_mount(self) -> None:
            self.push_screen(Shown())

    async with Showing().run_test() as pilot:
        await pilot.pause()
        assert len(applied) == 1


async def test_an_escape_sequence_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Hello()
    written: list[str] = []
    textual_private.write_to_terminal(app, "\x1b[0m")  # nothing is set up yet
    async with app.run_test():
        assert app._driver
        monkeypatch.setattr(app._driver, "write", written.append)
        textual_private.write_to_terminal(app, "\x1b]52;c;aGk=\x07")
    assert "\x1b]52;c;aGk=\x07" in written


class Crashing(CrashReportingApp):
    def before_crash(self, error: Exception) -> None:
        vars(error)["__rich__"] = lambda: Text("one sentence")

    def on_mount(self) -> None:
        raise ValueError("a secret")


async def test_a_crash_prints_what_the_app_made_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    app = Crashing()
    with pytest.raises(ValueError):
        async with app.run_test():
            pass
    assert capsys.readouterr().err.strip() == "one sentence" and app.return_code == 1


async def test_a_command_palette_may_be_moved_before_its_list_is_laid_out() -> None:
    app = Hello()
    async with app.run_test():
        palette = EarlyCommandPalette()
        await app.push_screen(palette)
        palette._action_command_list("page_down")
        assert EarlyCommandPalette._action_command_list is not CommandPalette._action_command_list


async def test_the_palette_sends_its_keys_through_the_method_that_is_overridden(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    monkeypatch.setattr(EarlyCommandPalette, "_action_command_list", lambda self, action: moved.append(action))
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", "pagedown")
        assert moved == ["page_down"]


def test_textual_reads_sequences_and_mouse_reports() -> None:
    reader = SequenceReader()
    assert reader.is_key("\x1b[A") and not reader.is_key("\x1b[12;40R")
    assert [key.key for key in reader.keys("\x1b[97;5u")] == ["ctrl+a"]
    assert [key.key for key in reader.keys("x", alt=True)] == ["alt+x"]
    assert reader.resize(80, 24, 800, 480).size == (80, 24)
    mouse = reader.mouse("\x1b[<35;401;241M")
    assert isinstance(mouse, MouseMove) and (mouse.x, mouse.y) == (40.0, 12.0)


def test_nothing_else_in_the_program_uses_what_textual_keeps_private() -> None:
    private = ("._compositor", "._driver", "._clipboard", "._filters", "._handle_exception", "textual._")
    users = {
        file.name
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if any(name in line for name in private)
    }
    assert users == {"textual_private.py"}
