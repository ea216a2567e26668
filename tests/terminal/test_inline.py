"""`lechat --inline` in a real terminal."""

import os
import re
import signal
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from terminal import Terminal

from lechat_tui.store import Store

READY = "everything stays on this machine"
COLOR = re.compile(rb"\x1b\[[0-9;]*m")
MOVES = re.compile(rb"\x1b\[[0-9;]*[A-HJKSTfsu]|\x1b\[\?1049")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def red_circle(tmp_path: Path) -> Path:
    image = Image.new("RGB", (256, 256), (205, 205, 205))
    ImageDraw.Draw(image).ellipse((60, 60, 200, 200), fill=(220, 30, 30))
    image.save(tmp_path / "red.png")
    return tmp_path / "red.png"


def test_a_long_session_in_lines(home: Path, red_circle: Path) -> None:
    with Terminal(home, "--inline", size=(100, 200)) as lines:
        lines.see(READY)
        lines.ask("My name is Anna.")
        lines.see("Nice to meet you, Anna", "of 4k tokens")
        lines.type("/nosu\t", "enter")
        lines.see("there is no command /nosu")
        lines.type("/mode\t", "enter")  # completed to /model and /models, so far as they agree
        lines.see("Switch to which model?", "chaton-vision")
        lines.type("vision", "enter")
        lines.see("1  chaton-vision")
        lines.type("1", "enter")
        lines.see("now using chaton-vision")
        lines.type(str(red_circle), "enter")
        lines.see("red.png >")
        lines.type("What is in this picture?", "enter")
        lines.see("A red circle.")
        lines.ask("/text")
        lines.see("now using chaton")
        lines.type('"""Count\\', "enter", 'from 1 to 200"""', "enter")
        lines.see(" 21,")
        lines.type(" " * 5000 + "/nosuch", "enter", "/nosuch again")  # more than a terminal in line mode accepts
        os.kill(lines.process.pid, signal.SIGINT)
        lines.see("stopped; /continue to resume", "there is no command /nosuch;", "> /nosuch again")
        lines.type("\x7f" * 13)
        lines.ask("/edit 1")
        lines.see("editing question 1", "> My name is Anna.")
        lines.type("\x7f" * 5 + "Bert.", "enter")
        lines.see("Nice to meet you, Bert")
        lines.ask("/delete")
        lines.see("[y/N]")
        lines.type("n", "enter")
        lines.type("up", "up", "up", "enter")
        lines.until(lambda text: text.count("editing question 1") == 2, "for the history")
        os.kill(lines.process.pid, signal.SIGINT)
        lines.see("Ctrl+C again, or Ctrl+D, quits")
        lines.type("ctrl+d")
        assert lines.ended() == 0
        assert b"\x1b[?1049h" not in lines.raw and b"\x1b[2J" not in lines.raw
        shown = lines.text
    assert shown.count("Nice to meet you, Anna") == 1 and "Traceback" not in shown
    with Store(home / "data") as store:
        messages = store.path(store.latest().id)  # type: ignore[union-attr]
        assert messages[-1].text.startswith("Nice to meet you, Bert")
        assert "My name is Anna." in store.prompts()
    with Terminal(home, "--inline", "-c", size=(100, 60)) as lines:
        lines.see("▌ My name is Bert.", "Nice to meet you, Bert")
        lines.ask("What is my name?")
        lines.see("Your name is Bert.")
        lines.ask("/search Anna")  # on the branch that was left
        lines.see("Which message?", "1  My name is Anna.")
        lines.type("2", "enter")
        lines.see("▌ My name is Anna.")
        lines.ask("/search no such words")
        lines.see("no message contains no such words")
        lines.process.send_signal(signal.SIGTERM)
        assert lines.ended() == 128 + signal.SIGTERM


def test_a_dumb_terminal_gets_no_control_sequence(home: Path) -> None:
    with Terminal(home, size=(100, 60), more={"TERM": "dumb"}) as lines:
        lines.see(READY)
        lines.ask("What is 7 + 5?")
        lines.see("7 + 5 = 12.", "tokens/s")
        lines.type("ctrl+d")
        assert lines.ended() == 0
        assert not COLOR.search(lines.raw) and not MOVES.search(lines.raw)
        assert lines.raw.isascii()


def test_no_color_and_reduced_are_respected(home: Path) -> None:
    with Terminal(home, "--reduced", size=(80, 24), more={"NO_COLOR": "1"}) as screen:
        screen.see("Ask le chat", "How can I help?")
        screen.ask("/help")
        shown = screen.see("/models", "Esc closes")
        screen.type("esc")
        screen.see("How can I help?")
        screen.ask("/exit")
        assert screen.ended() == 0
    assert shown.isascii()
    codes = {code for found in COLOR.findall(screen.raw) for code in found[2:-1].split(b";")}
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"39", b"49"}


def test_leaving_a_private_chat_asks_for_confirmation(home: Path) -> None:
    with Terminal(home, "--inline", size=(100, 40)) as lines:
        lines.see(READY)
        lines.ask("/private")
        lines.see("written to disk")
        lines.ask("My name is Anna.")
        lines.see("Nice to meet you, Anna", "of 4k tokens")
        lines.type("ctrl+d")
        lines.see("leave it?")
        lines.type("n", "enter")
        lines.ask("What is my name?")
        lines.see("Your name is Anna.")
        lines.type("ctrl+d")
        lines.until(lambda text: text.count("leave it?") == 2, "for the question")
        lines.type("ctrl+d")
        assert lines.ended() == 0
