"""What may happen to a terminal in the middle of an answer and of a question."""

import os
import signal
import time
from pathlib import Path

from terminal import PATIENCE, Terminal
from test_session import child_of

from lechat_tui.store import Store

PROMPT = "Ask le chat"


def stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_resize_suspend_theme_engine_crash_and_hangup_lose_nothing(tmp_path):
    home = tmp_path / "home"
    with Terminal(home) as screen:
        screen.see(PROMPT)
        screen.ask("Count from 1 to 100")
        screen.see(" 11,")
        screen.type("half a question")
        screen.see("half a question")

        screen.resize(60, 20)
        screen.see("half a question", "chaton text")
        screen.resize(120, 40)
        screen.see("half a question", "Count from 1 to 100")

        screen.process.send_signal(signal.SIGTSTP)
        ends = time.monotonic() + PATIENCE
        while not stopped(screen.process.pid) and time.monotonic() < ends:
            time.sleep(0.01)
        screen.process.send_signal(signal.SIGCONT)
        screen.type(", and more")
        screen.see("half a question, and more", "Count from 1 to 100")
        screen.see("99, 100.", "tokens/s")

        screen.type("ctrl+c")
        screen.see(PROMPT)
        screen.ask("/theme gruvbox-dark")
        screen.ask("Count from 1 to 100")
        screen.until(lambda text: text.count(" 11,") == 2, "for the second answer")
        screen.type("the rest")
        screen.see("the rest")
        os.kill(child_of(screen.process.pid), signal.SIGKILL)
        screen.see("signal 9", "the rest")
        screen.type(" of it")
        screen.see("the rest of it")
        screen.process.send_signal(signal.SIGCONT)  # the kernel sends both when the window is closed
        screen.see("the rest of it")
        screen.process.send_signal(signal.SIGHUP)
        screen.ended()
    with Store(home / "data") as store:
        messages = store.path(1)
    assert [message.text for message in messages[::2]] == ["Count from 1 to 100"] * 2
    assert "100" in messages[1].text and messages[1].state == "complete"
    assert "11" in messages[3].text and messages[3].state == "failed"
    with Terminal(home, "-c") as screen:
        screen.see("the rest of it", "Count from 1 to 100")
