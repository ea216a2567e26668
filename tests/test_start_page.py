"""A bare start shows the page of the last run at once, and loses no key that is typed meanwhile."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lechat_tui.store import Draft, Store
from lechat_tui.ui.look.start_page import ENTER, LEAVE, StartPage

PATIENCE = 60
PROMISE = "everything stays on this machine"

UNTIL_THE_FIRST_PAINT = """
import os, sys
from lechat_tui.ui.widgets import greeting
drawn = greeting.Greeting.render_line
def render_line(self, y):
    if y == 7:
        names = {name.partition(".")[0] for name in sys.modules} | {n for n in sys.modules if n.count(".") == 2}
        os.write(2, ("MODULES " + " ".join(names) + " END").encode())
    return drawn(self, y)
greeting.Greeting.render_line = render_line
from lechat_tui.cli.start import main
main()
"""


class Terminal:
    """A program in a terminal of 120 by 30."""

    def __init__(self, home: Path, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.master, (30, 120))
        self.before = termios.tcgetattr(self.slave)
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LECHAT_HOME": str(home)}
        self.process = subprocess.Popen(
            [sys.executable, *(words or ("-m", "lechat_tui"))],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, env={**os.environ, **terminal},
            start_new_session=True,
        )  # fmt: skip
        self.written = ""

    def see(self, *texts: str) -> None:
        """Read until all of this was written."""
        until = time.monotonic() + PATIENCE
        while not all(text in self.written for text in texts):
            assert time.monotonic() < until, f"{texts} not in {self.written[-2000:]!r}"
            if select.select([self.master], [], [], 0.5)[0]:
                self.written += os.read(self.master, 65536).decode("utf-8", "replace")

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Read until the program has ended; its exit code."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None or select.select([self.master], [], [], 0)[0]:
            assert time.monotonic() < until
            if select.select([self.master], [], [], 0.05)[0]:
                self.written += os.read(self.master, 65536).decode("utf-8", "replace")
        return self.process.returncode


@contextmanager
def started(home: Path, *words: str) -> Iterator[Terminal]:
    terminal = Terminal(home, *words)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
        os.close(terminal.slave)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which lechat was started once."""
    folder = tmp_path_factory.mktemp("home")
    with started(folder) as terminal:
        until = time.monotonic() + PATIENCE
        while not (folder / "cache" / "front").exists() and time.monotonic() < until:
            if select.select([terminal.master], [], [], 0.05)[0]:
                terminal.written += os.read(terminal.master, 65536).decode("utf-8", "replace")
        terminal.see(PROMISE)
        terminal.type("\x04")
        assert terminal.end() == 0
    return folder


def test_keys_typed_before_the_screen_arrive_and_the_terminal_is_restored(home: Path) -> None:
    with started(home) as terminal:
        terminal.see(PROMISE)
        assert "\x1b[?2004h" not in terminal.written, "this is the page of the last run, not of the screen"
        terminal.type("/exit\r")
        assert terminal.end() == 0
        assert terminal.written.count(ENTER) == 1, "a terminal may clear its screen at the second"
        assert "\x1b[?1049l" in terminal.written
        assert termios.tcgetattr(terminal.slave) == terminal.before


def test_an_invalid_configuration_is_reported_on_the_restored_terminal(home: Path) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text("colour = 1\n")
    try:
        with started(home) as terminal:
            assert terminal.end() == 2
            assert ENTER not in terminal.written
            assert "lechat: " in terminal.written and "unknown key colour" in terminal.written
            assert termios.tcgetattr(terminal.slave) == terminal.before
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
        terminal.type("\x03\x04")
        assert terminal.end() == 0
    page = tmp_path / "cache" / "front"
    assert not page.exists() or not any(word in page.read_text("utf-8") for word in ("surprise", "Mirabelle"))
    page.unlink(missing_ok=True)
    with Store(tmp_path / "data") as store:
        store.set_drafts(0, [Draft("For Mirabelle")])
    with started(tmp_path) as terminal:
        terminal.see(PROMISE, "Mirabelle")
        terminal.type("\x03\x04")
        assert terminal.end() == 0
    assert not page.exists()


def test_an_interrupt_before_the_screen_restores_the_terminal(home: Path) -> None:
    with started(home) as terminal:
        terminal.see(PROMISE)
        terminal.process.send_signal(2)
        assert terminal.end() == 130
        assert terminal.written.rstrip().endswith("what arrived is kept")
        assert termios.tcgetattr(terminal.slave) == terminal.before


def test_the_first_paint_of_a_bare_start_imports_only_what_it_needs(tmp_path: Path) -> None:
    with started(tmp_path, "-c", UNTIL_THE_FIRST_PAINT) as terminal:
        terminal.see("MODULES", "END")
        loaded = set(terminal.written.partition("MODULES")[2].partition("END")[0].split())
    assert "textual" in loaded
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
