"""A chat with a model on a real llama-server in a real terminal, with an API key that must be found nowhere."""

import base64
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import caller
from real_servers import LlamaServer, llama_server
from terminal import Terminal

pytest.importorskip("xllamacpp")

SECRET = "sk-live-0123456789abcdef"
ERRORS = ("/model nosuch", "/connect http://localhost:9", "/connect ftp://x", "/regen nosuch", "/nosuch", "/set seed x")
LINES = (
    "/why",
    "/status",
    "/context",
    "/log",
    "/set",
    "/stats",
    "/prompt",
    "/regen",
    "/compact",
    "What is 7 + 5?",
    *ERRORS,
)
CRASH = """
from lechat_tui.cli.start import main
from lechat_tui.engine.remote import engine
engine._receipt = lambda *given: 1 / 0
main()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with llama_server() as server:
        yield server


def command_lines() -> bytes:
    """Those of all processes."""
    found = b""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += file.read_bytes()
        except OSError:  # it has ended
            continue
    return found


def test_a_key_is_found_nowhere_after_any_session(server, tmp_path, monkeypatch, capfd):
    home, file = tmp_path / "home", tmp_path / "elsewhere" / "key"
    file.parent.mkdir()
    file.write_text(SECRET)
    lechat = caller(tmp_path, monkeypatch, capfd)
    runs = [
        lechat("connect", server.url, "--name", "office", "--key-env", "OFFICE_KEY", OFFICE_KEY=SECRET),
        lechat("connect", server.url.replace("127.0.0.1", "localhost"), "--name", "home", "--key-file", str(file)),
        lechat("connect", "--list"),
    ]
    id, other = (re.search(r"\w+/chaton\S*", run.stdout)[0] for run in runs[:2])
    with Terminal(home, "-m", id, more={"OFFICE_KEY": SECRET}) as screen:
        screen.see("Ask le chat")
        screen.ask("Count from 1 to 200.")
        screen.see(" 5,")
        assert SECRET.encode() not in command_lines()
        screen.type("esc")
        screen.see("stopped; /continue to resume")
        for line in random.Random(17).sample(LINES, 9):
            screen.type(line, "enter")
            time.sleep(0.2)  # whatever is shown by then
            screen.type("esc in full")  # a lone ESC and the next slash would be Alt+slash
        screen.type("ctrl+c")
        screen.ask(f"/model {other}")
        screen.see(f"now using {other}")
        shown = screen.written.encode()
        screen.process.terminate()
    runs += [lechat("-m", other, "--output", "json", "What is 7 + 5?"), lechat("-m", id, "no key")]
    crash = [sys.executable, "-c", CRASH, "-m", id, "Hello"]
    environment = {**os.environ, "OFFICE_KEY": SECRET}
    runs.append(subprocess.run(crash, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL))
    runs += [lechat("chats", "export", "1", "--format", kind) for kind in ("json", "md", "html")]
    assert "set OFFICE_KEY to the API key" in runs[4].stderr
    assert "ZeroDivisionError" in next(home.rglob("lechat.log")).read_text()
    contents = [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    contents += [shown, *((run.stdout + run.stderr).encode() for run in runs)]
    assert any(b"OFFICE_KEY" in content for content in contents)
    for form in (SECRET.encode(), base64.b64encode(SECRET.encode())[:-4], SECRET.encode().hex().encode()):
        assert not [content for content in contents if form in content]
