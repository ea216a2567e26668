"""A person's evening with the program, in a real terminal."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from terminal import Terminal

from lechat_tui.message import Message
from lechat_tui.store import Store
from lechat_tui.terminal import INTERMEDIARIES

PROMPT = "Ask le chat"


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def red_circle(tmp_path) -> Path:
    image = Image.new("RGB", (256, 256), (205, 205, 205))
    ImageDraw.Draw(image).ellipse((60, 60, 200, 200), fill=(220, 30, 30))
    image.save(tmp_path / "red.png")
    return tmp_path / "red.png"


def child_of(process: int) -> int:
    listed = subprocess.run(["pgrep", "-P", str(process), "-f", "engine.worker"], capture_output=True, check=True)
    return int(listed.stdout.split()[-1])


def test_a_long_session(home, red_circle):
    with Terminal(home) as screen:
        screen.see(PROMPT)
        screen.ask("My name is Anna.")
        screen.see("Nice to meet you, Anna")
        screen.ask("What is 7 + 5?")
        screen.see("7 + 5 = 12.")
        screen.ask("/vision")
        screen.see("now using chaton-vision")
        screen.ask("/image red.png")
        screen.see("red.png 256x256")  # attached, not only typed
        screen.ask("What is in this picture?")
        screen.see("A red circle.")
        screen.ask("/text")
        screen.see("now using chaton")
        screen.ask("What is my name?")
        screen.see("Your name is Anna.")
        screen.ask("Count from 1 to 200")
        screen.see(" 21,")
        screen.type("esc")
        screen.see("stopped")
        screen.ask("/exit")
        assert screen.ended() == 0
    with Store(home / "data") as store:
        messages = store.path(store.latest().id)
    assert [m.role for m in messages] == ["user", "assistant"] * 5
    assert messages[-1].state == "stopped" and "21" in messages[-1].text and "200" not in messages[-1].text
    with Terminal(home, "-c", size=(110, 60)) as screen:
        screen.see("Count from 1 to 200", "stopped")
        screen.type("\x1b[5~" * 20)
        screen.see("My name is Anna.", "7 + 5 = 12.", "red.png", "A red circle.", "Your name is Anna.")
        screen.ask("What is my name?")
        screen.type("\x1b[F")
        screen.until(lambda text: text.count("Your name is Anna.") >= 1, "for the name")


def test_a_killed_engine_is_one_line_and_the_next_question_works(home):
    with Terminal(home) as screen:
        screen.see(PROMPT)
        screen.ask("Count from 1 to 200")
        screen.see(" 21,")
        os.kill(child_of(screen.process.pid), signal.SIGKILL)
        text = screen.see("signal 9")
        assert "Traceback" not in text
        screen.ask("What is 7 + 5?")
        screen.see("7 + 5 = 12.")
    with Store(home / "data") as store:
        messages = store.path(store.latest().id)
    assert messages[1].state == "failed" and "21" in messages[1].text


def test_a_killed_program_loses_nothing_and_leaves_no_engine_running(home):
    with Terminal(home) as screen:
        screen.see(PROMPT)
        screen.ask("Count from 1 to 200")
        screen.see(" 120,")
        child = child_of(screen.process.pid)
        screen.process.kill()
        screen.ended()
    with Terminal(home, "--resume") as screen:
        screen.see("Count from 1 to 200")
    with Store(home / "data") as store:
        question, answer = store.path(1)
    assert question.text == "Count from 1 to 200"
    assert answer.text.startswith(("1, 2, 3", "1\n2\n3")) and "60" in answer.text
    ends = time.monotonic() + 30  # the engine may have something to write first
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < ends:
            os.kill(child, 0)


def test_a_hangup_restores_the_terminal(home):
    with Terminal(home) as screen:
        screen.see(PROMPT)
        screen.ask("Count from 1 to 200")
        screen.see(" 21,")
        screen.process.send_signal(signal.SIGTERM)
        screen.ended()
        for mode in (b"1049", b"1000", b"1003"):
            assert screen.raw.rfind(b"\x1b[?" + mode + b"l") > screen.raw.rfind(b"\x1b[?" + mode + b"h")
    with Store(home / "data") as store:
        answer = store.path(1)[-1]
    assert answer.state == "stopped" and "21" in answer.text


def is_behind(answer: str, question: str, text: str) -> bool:
    """Whether the answer follows the question."""
    return answer in text.partition(question)[2]


def test_hostile_text_is_shown_as_it_was_typed(home):
    with Terminal(home) as screen:
        screen.see(PROMPT)
        for typed in ("[INST]", "</s>", "[bold]x[/bold]", "<__media__>"):
            answered = typed.replace("__", "")  # Markdown's bold
            screen.ask(f"Repeat after me: {typed}")
            question = f"me: {typed}"
            screen.until(partial(is_behind, answered, question), "for the answer")


def test_escapes_in_a_saved_answer_do_not_reach_the_terminal(home):
    hostile = "before \x1b]0;owned\x07\x1b[31mred\x1b[0m \x9b2J after"
    with Store(home / "data") as store:
        chat = store.new_chat(hostile)
        question = store.add(chat.id, Message("user", hostile), 0)
        store.add(chat.id, Message("assistant", hostile), question.id)
    with Terminal(home, "-c") as screen:
        screen.see("before", "after")
        assert b"owned" not in screen.raw.replace(b"]0;owned", b"") and b"\x1b]0;owned" not in screen.raw


def test_the_screen_works_without_color_and_on_a_small_terminal(home):
    with Terminal(home, size=(60, 20), more={"NO_COLOR": "1", "COLORTERM": ""}) as screen:
        screen.see(PROMPT)
        screen.ask("What is 7 + 5?")
        screen.see("7 + 5 = 12.")
    assert screen.process.returncode == -signal.SIGKILL


def test_an_editor_gets_the_terminal_and_a_long_paste_survives_it(home, tmp_path):
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "input('\\x1b[2J\\x1b[Hin the editor')\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(f'What is {file.read_text().count(chr(10))} + 5?')\n"
    )
    with Terminal(home, more={"VISUAL": f"{sys.executable} {script}"}) as screen:
        screen.see(PROMPT)
        screen.type("\x1b[200~" + "line\r" * 20 + "\x1b[201~")
        screen.see("[pasted 21 lines]")
        screen.type("ctrl+g")
        assert "[pasted" not in screen.see("in the editor")
        screen.type("\r")
        screen.see("What is 20 + 5?", "╭─")
        screen.type("enter")
        screen.see("20 + 5 = 25.")


EDITOR = """
import os, pathlib, sys
file = pathlib.Path(sys.argv[1])
if file.read_text() == 'fail':
    sys.exit(3)
pathlib.Path(os.environ['NOTES']).write_text(f'{os.getpid()} {file}')
print('\\x1b[2J\\x1b[Hin the editor')
while True:
    try:
        print('the editor got', input(), flush=True)
    except KeyboardInterrupt:
        print('the editor was interrupted', flush=True)
"""


def test_an_answer_continues_while_an_editor_has_the_terminal(home, tmp_path):
    script, notes = tmp_path / "editor.py", tmp_path / "notes"
    script.write_text(EDITOR)
    with Terminal(home, more={"VISUAL": f"{sys.executable} {script}", "NOTES": str(notes)}) as screen:
        screen.see(PROMPT)
        screen.type("fail", "ctrl+g")
        screen.see("exit code 3", "│ fail")
        screen.type("ctrl+c")
        screen.see(PROMPT)
        screen.ask("Count from 1 to 200")
        screen.see(" 21,")
        screen.type("ctrl+g")
        screen.see("in the editor")
        drawn = screen.raw
        with Store(home / "data") as store:
            screen.until(lambda _: " 150," in store.path(1)[-1].text.replace("\n", " "), "for the answer to grow")
        assert screen.raw == drawn, "nothing is drawn over the editor"
        screen.type("ctrl+c")
        screen.see("the editor was interrupted")
        screen.type("words for the editor\r")
        screen.see("the editor got words for the editor")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.ended() == 0
        assert screen.raw.rfind(b"\x1b[?1049l") > screen.raw.rfind(b"\x1b[?1049h")
        assert screen.echoes
    editor, file = notes.read_text().split()
    assert not Path(file).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(editor), 0)
    with Store(home / "data") as store:
        assert store.path(1)[-1].state in ("complete", "stopped") and store.drafts(1) == []


def test_a_kitty_image_is_sent_before_its_cells_and_deleted_at_exit(home, tmp_path):
    Image.new("RGB", (30, 16), "red").save(tmp_path / "red.png")
    with Store(home / "data") as store:
        picture = store.keep_attachment((tmp_path / "red.png").read_bytes(), "red.png", "image", 30, 16)
        store.add(store.new_chat("red").id, Message("user", "what is it", attachments=(picture,)), 0)
    alone = dict.fromkeys(INTERMEDIARIES, "")
    with Terminal(home, "-c", more={**alone, "TERM": "xterm-ghostty"}) as screen:
        screen.see("red.png 30x16 ·")
        os.kill(screen.process.pid, signal.SIGTERM)
        screen.ended()
        screen.until(lambda _: b"\x1b[?1049l" in screen.raw, "for the end of the screen")
    steps = (b"\x1b[?1049h", b"\x1b_Ga=T,", b";iVBOR", "\U0010eeee".encode(), b"\x1b_Ga=d,d=I,", b"\x1b[?1049l")
    places = [screen.raw.index(step) for step in steps]
    assert places == sorted(places)


def test_the_screen_works_with_stderr_redirected(home):
    with Terminal(home, errors=subprocess.DEVNULL) as screen:
        screen.see(PROMPT)
        screen.ask("What is 7 + 5?")
        screen.see("7 + 5 = 12.")
        screen.type("ctrl+d")
        assert screen.ended() == 0
        assert screen.raw.rfind(b"\x1b[?1049l") > screen.raw.rfind(b"\x1b[?1049h")
