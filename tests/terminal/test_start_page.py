"""A bare start shows the page of the last run at once, and loses no key that is typed meanwhile."""

import os
import pty
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from terminal import Terminal

from lechat_tui.store import Draft, Store
from lechat_tui.ui.look.start_page import ENTER, LEAVE, StartPage

PROMISE = "everything stays on this machine"

MAX_MODULES = 190
"""Of our own at the first paint of the screen; each costs half a millisecond. Import what comes later late."""

UNTIL_THE_FIRST_PAINT = """
import os, sys
from lechat_tui.ui.widgets import greeting
drawn = greeting.Greeting.render_line
def render_line(self, y):
    if y == 7:
        os.write(2, ("MODULES " + " ".join(sys.modules) + " END").encode())
    return drawn(self, y)
greeting.Greeting.render_line = render_line
from lechat_tui.cli.start import main
main()
"""


def started(home: Path, *, python: Sequence[str] = ("-m", "lechat_tui"), typed: bytes = b"") -> Terminal:
    """lechat in a terminal of 120 by 30."""
    return Terminal(home, size=(120, 30), python=python, typed=typed)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which lechat was started once."""
    folder = tmp_path_factory.mktemp("home")
    with started(folder) as terminal:
        terminal.until(lambda _: (folder / "cache" / "front").exists(), "for the page to be saved")
        terminal.see(PROMISE)
        terminal.type("ctrl+d")
        assert terminal.ended() == 0
    return folder


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_first_start_shows_the_greeting_where_the_screen_has_it(tmp_path: Path, size: tuple[int, int]) -> None:
    with Terminal(tmp_path, size=size) as terminal:
        terminal.see(PROMISE)
        assert "\x1b[?2004h" not in terminal.written, "this is the first page, not the screen"
        first = characters(terminal)
        terminal.see("for commands", "this machine can run")
        assert len(first) > 50 and first.items() <= characters(terminal).items()


def characters(terminal: Terminal) -> dict[tuple[int, int], object]:
    """What the terminal shows, with its colors, by row and column."""
    with terminal.screen() as screen:
        cells = {(y, x): screen.buffer[y][x] for y in range(screen.lines) for x in range(screen.columns)}
    return {place: cell for place, cell in cells.items() if cell.data.strip()}


def test_keys_typed_before_the_screen_arrive_and_the_terminal_is_restored(home: Path) -> None:
    with started(home) as terminal:
        terminal.see(PROMISE)
        assert "\x1b[?2004h" not in terminal.written, "this is the page of the last run, not of the screen"
        terminal.type("/exit", "enter")
        assert terminal.ended() == 0
        assert terminal.written.count(ENTER) == 1, "a terminal may clear its screen at the second"
        assert "\x1b[?1049l" in terminal.written
        assert terminal.modes == terminal.modes_before


def test_enter_that_was_pressed_before_the_program_ran_sends(home: Path) -> None:
    with started(home, typed=b"/exit\r") as terminal:
        assert terminal.ended() == 0


def test_an_invalid_configuration_is_reported_on_the_restored_terminal(home: Path) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text("colour = 1\n")
    try:
        with started(home) as terminal:
            assert terminal.ended() == 2
            assert ENTER not in terminal.written
            assert "lechat: " in terminal.written and "unknown key colour" in terminal.written
            assert terminal.modes == terminal.modes_before
    finally:
        file.unlink()
        file.parent.rmdir()


def test_the_saved_page_has_nothing_the_user_wrote(tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        store.new_chat("a surprise party")
    with started(tmp_path) as terminal:
        terminal.see(PROMISE, "a surprise party")
        terminal.type("For Mirabelle")
        terminal.see("Mirabelle")
        terminal.type("ctrl+c", "ctrl+d")
        assert terminal.ended() == 0
    page = tmp_path / "cache" / "front"
    assert not page.exists() or not any(word in page.read_text("utf-8") for word in ("surprise", "Mirabelle"))
    page.unlink(missing_ok=True)
    with Store(tmp_path / "data") as store:
        store.set_drafts(0, [Draft("For Mirabelle")])
    with started(tmp_path) as terminal:
        terminal.see(PROMISE, "Mirabelle")
        terminal.type("ctrl+c", "ctrl+d")
        assert terminal.ended() == 0
    assert not page.exists()


def test_an_interrupt_before_the_screen_restores_the_terminal(home: Path) -> None:
    with started(home) as terminal:
        terminal.see(PROMISE)
        terminal.process.send_signal(2)
        assert terminal.ended() == 130
        assert terminal.written.rstrip().endswith("what arrived is kept")
        assert terminal.modes == terminal.modes_before


def test_the_first_paint_of_a_bare_start_imports_only_what_it_needs(tmp_path: Path) -> None:
    with started(tmp_path, python=("-c", UNTIL_THE_FIRST_PAINT)) as terminal:
        terminal.until_written("MODULES", "END")
        names = terminal.written.partition("MODULES ")[2].partition(" END")[0].split()
    loaded = {name.partition(".")[0] for name in names}
    assert "textual" in loaded
    assert len([name for name in names if name.startswith("lechat_tui")]) <= MAX_MODULES
    unwanted = {"typer", "click", "pydantic", "llama_cpp", "huggingface_hub", "httpx", "httpx2", "jinja2", "numpy"}
    assert not loaded & (unwanted | {"markdown_it", "pygments", "PIL"})


@pytest.fixture
def start_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartPage]:
    """A start page in a terminal of its own."""
    monkeypatch.setenv("LECHAT_HOME", str(tmp_path))
    master, slave = pty.openpty()
    termios.tcsetwinsize(master, (3, 20))
    with open(slave, closefd=False) as stdin, open(slave, "w", encoding="utf-8", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "__stderr__", stderr)
        yield StartPage()
    os.close(slave)
    os.close(master)


def test_a_page_is_shown_only_where_it_looks_the_same(start_page: StartPage, monkeypatch: pytest.MonkeyPatch) -> None:
    start_page.save(["\x1b[1;31mle chat\x1b[0m", "┌─┐", ""])
    again = StartPage()
    assert again._saved() == ["\x1b[1;31mle chat\x1b[0m", "┌─┐", ""]
    monkeypatch.setenv("NO_COLOR", "1")
    assert StartPage()._saved() == []


@pytest.mark.parametrize("row", ["\x1b]52;c;cm0gLXJm\x07", "a\x1b[2J", "\x9b2J", "\x1bc", "a\tb", "\x1b[?1049l"])
def test_a_row_with_more_than_colors_is_neither_saved_nor_shown(
    start_page: StartPage, tmp_path: Path, row: str
) -> None:
    start_page.save(["fine", row])
    assert not (tmp_path / "cache" / "front").exists()
    start_page.save(["fine", "row"])
    file = tmp_path / "cache" / "front"
    file.write_text(file.read_text("utf-8").replace("row", row), "utf-8")
    assert StartPage()._saved() == []


def test_a_start_page_that_nothing_takes_over_restores_the_terminal(start_page: StartPage) -> None:
    assert sys.__stderr__
    before = termios.tcgetattr(sys.__stderr__.fileno())
    start_page.save(["le chat"])
    start_page.open(page=True)
    assert start_page.painted
    assert termios.tcgetattr(sys.__stderr__.fileno()) != before
    start_page.close()
    assert termios.tcgetattr(sys.__stderr__.fileno()) == before
    assert LEAVE.startswith("\x1b[?1049l")
