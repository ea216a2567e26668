"""What the terminal sends becomes the keys, pastes and events that Textual's screens understand."""

import asyncio
import signal

import pytest
from test_terminal_input import FUZZED, inputs
from textual import events, messages
from textual.app import App

from lechat_tui.ui.driver import InvalidInput, TerminalDriver, TerminalInput


def heard(data: bytes) -> list[object]:
    """The messages of these bytes."""
    source = TerminalInput()
    return [*source.feed(data), *source.expire()]


def keys(data: bytes) -> list[tuple[str, str | None]]:
    return [(event.key, event.character) for event in heard(data) if isinstance(event, events.Key)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a", [("a", "a")]),
        (b"A", [("A", "A")]),
        (b"\r", [("enter", "\r")]),
        (b"\x03", [("ctrl+c", "\x03")]),
        (b"\x1b[A", [("up", None)]),
        (b"\x1b[1;5D", [("ctrl+left", None)]),
        (b"\x1b[97;5u", [("ctrl+a", None)]),
        (b"\x1b[97:65:97;5:1u", [("ctrl+a", None)]),
        (b"\x1b[97;2:1;65u", [("A", "A")]),
        (b"\x1b[97;1:3u", []),
        (b"\x1b[1;5:1A", [("ctrl+up", None)]),
        (b"\x1b[27u", [("escape", None)]),
        (b"\x1b[13;2u", [("shift+enter", None)]),
        (b"\x1bx", [("alt+x", None)]),
        (b"\x1b]", [("alt+right_square_bracket", None)]),
    ],
)
def test_keys(data, expected):
    assert keys(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[999999999999999999;1u",
        b"\x1b[97;99999999999u",
        b"\x1b[97;1;55296u",
        b"\x1b[97;1;1114112u",
        b"\x1b[<999999999999;5;5M",
        b"\x1b[48;0;0;0;0t",
        b"\x1b[48;99999999;99999999;1;1t",
        b"\x1b[?99999;2$y",
        b"\x1b[12;40R",
        b"\x1b[?62;22c",
        b"\x1b[>1;4000;0c",
        b"\x1b[32;10;10M",
    ],
)
def test_nonsense_and_replies_for_other_programs_do_nothing(data):
    assert heard(data) == []


def test_a_paste_is_one_event_with_all_its_bytes():
    assert [
        event.text for event in heard(b"\x1b[200~a\x1bb\r/export x\r\x07\x1b[201~") if isinstance(event, events.Paste)
    ] == ["a\x1bb\r/export x\r\x07"]


def test_focus_mouse_size_and_modes():
    assert isinstance(heard(b"\x1b[I")[0], events.AppFocus)
    assert isinstance(heard(b"\x1b[O")[0], events.AppBlur)
    mouse = heard(b"\x1b[<0;6;3M")[0]
    assert isinstance(mouse, events.MouseDown) and (mouse.x, mouse.y) == (5, 2)
    resize = heard(b"\x1b[48;24;80;480;800t")[0]
    assert isinstance(resize, events.Resize) and resize.size == (80, 24)
    assert isinstance(heard(b"\x1b[?2026;2$y")[0], messages.TerminalSupportsSynchronizedOutput)


def test_the_mouse_is_placed_in_cells_also_when_it_is_reported_in_pixels():
    source = TerminalInput()
    source.feed(b"\x1b[48;24;80;480;800t")
    assert [event.x for event in source.feed(b"\x1b[<35;401;241M") if isinstance(event, events.MouseMove)] == [40.0]
    source.feed(b"\x1b[48;24;80;0;0t")
    assert source.feed(b"\x1b[<35;401;241M")


def test_bytes_that_are_not_utf_8_are_reported_and_type_nothing():
    assert [type(message) for message in heard(b"\xff\xf8")] == [InvalidInput, InvalidInput]


def test_random_input_never_raises():
    for seed in range(FUZZED // 2):
        source = TerminalInput()
        for read in inputs(seed):
            for message in source.expire() if read is None else source.feed(read):
                assert message is not None


async def test_a_sigcont_interrupts_nothing_and_takes_no_terminal_from_a_program_that_ends(monkeypatch):
    """One comes with the SIGHUP of a closed window; an input thread that it started would outlive the program."""
    taken = []
    app: App[None] = App()
    driver = TerminalDriver.__new__(TerminalDriver)
    driver._app, driver._loop, driver._auto_restart = app, asyncio.get_running_loop(), True
    monkeypatch.setattr(driver, "start_application_mode", lambda: taken.append(True))
    driver._sigcont_application(signal.SIGCONT, None)
    assert not taken
    await asyncio.sleep(0)
    assert taken == [True]
    app.exit()
    driver._sigcont_application(signal.SIGCONT, None)
    await asyncio.sleep(0)
    assert taken == [True]
