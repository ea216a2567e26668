"""The standard streams of the program: closed, full, unreadable, endless, or in another encoding."""

import codecs
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lechat_tui.attachments.texts import MAX_TEXT_BYTES

PARIS = "What is the capital of France?"
PROGRAM = f"{sys.executable} -m lechat_tui"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a line of sh in which `lechat` is the program; its stdin is empty unless the line says otherwise."""
    for name in [name for name in os.environ if name.startswith(("HF_", "LECHAT_"))]:
        monkeypatch.delenv(name)
    environment = {**os.environ, "LECHAT_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hub")}

    def run(line: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        script = f'lechat() {{ {PROGRAM} "$@"; }}; {line}'
        env = {**environment, **more}
        return subprocess.run(
            ["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, env=env, cwd=tmp_path, timeout=60
        )

    return run


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("command", [f"lechat -q '{PARIS}'", "lechat --version"])
def test_a_full_disk_behind_stdout_is_one_sentence(shell, command):
    run = shell(f"{command} > /dev/full")
    assert run.returncode == 1
    assert b"lechat: the output can't be written: no space left on device" in run.stderr
    assert b"Traceback" not in run.stderr and b"unexpected" not in run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_an_answer_is_printed_though_stderr_is_full_or_closed(shell):
    assert b"Paris" in shell(f"lechat '{PARIS}' 2> /dev/full").stdout
    assert b"Paris" in shell(f"lechat '{PARIS}' 2>&-").stdout


def test_closed_stdin_is_empty_and_closed_stdout_is_an_error(shell):
    assert b"Paris" in shell(f"lechat -q '{PARIS}' <&-").stdout
    run = shell(f"lechat -q '{PARIS}' >&-")
    assert run.returncode == 1 and b"stdout is closed" in run.stderr
    assert shell(f"lechat -q '{PARIS}' <&- >&- 2>&-").returncode == 1


def test_no_file_of_the_history_gets_the_number_of_a_closed_stream(shell, tmp_path):
    shell(f"lechat -q '{PARIS}' <&- >&- 2>&-; lechat -q '{PARIS}'")
    assert PARIS.encode() in shell("lechat chats ls").stdout


def test_stdin_that_cannot_be_read_as_under_nohup_is_empty(shell):
    assert b"Paris" in shell(f"lechat -q '{PARIS}' 0> /dev/null").stdout


def test_a_closed_pipe_ends_any_command_quietly(shell):
    run = shell("set -o pipefail; { lechat ls; echo $? >&2; } | true")
    assert b"Broken" not in run.stderr and b"Exception" not in run.stderr


def test_what_the_encoding_of_stdout_cannot_hold_is_replaced(shell):
    run = shell("lechat -q 'Hello 法'; lechat chats ls", PYTHONIOENCODING="ascii")
    assert run.returncode == 0 and b"Hello ?" in run.stdout and b"rror" not in run.stderr


def test_an_endless_pipe_is_refused_as_a_file_is(shell):
    for line in ("yes | lechat -q sum", "lechat -q -f <(yes) sum"):
        run = shell(f"ulimit -v 4000000; {line}")
        assert run.returncode == 1 and b"is too large; up to 20 MB" in run.stderr, run.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_text_on_stdin_may_be_in_any_unicode_encoding(shell, tmp_path, encoding):
    (tmp_path / "question").write_bytes(PARIS.encode(encoding))
    assert b"Paris" in shell("lechat -q < question").stdout
    assert shell("lechat chats ls").stdout.strip().endswith(PARIS.encode())


def test_text_in_an_old_encoding_is_refused_and_a_stray_byte_is_reported(shell, tmp_path):
    (tmp_path / "old").write_bytes("été très gêné à Noël, où çà?".encode("latin-1"))
    run = shell("lechat -q < old")
    assert run.returncode == 1 and b"the input from stdin is text in an old encoding" in run.stderr
    (tmp_path / "cut").write_bytes(f"{PARIS} é".encode()[:-1])
    run = shell("lechat < cut")
    assert run.returncode == 0 and b"not UTF-8" in run.stderr and run.stdout
    assert f"{PARIS} \ufffd" in shell("lechat chats ls").stdout.decode(), "the byte is shown, and nothing else is lost"


def test_stdin_and_process_substitutions_and_file_urls_can_be_attached(shell, tmp_path):
    (tmp_path / "a b.txt").write_text("The secret word is plum.")
    asked = "'What is the secret word?'"
    for line in (
        f"lechat -q -f - {asked} < 'a b.txt'",
        f"lechat -q -f /dev/stdin {asked} < 'a b.txt'",
        f"lechat -q -f <(cat 'a b.txt') {asked}",
        f"lechat -q -a 'file://{tmp_path}/a%20b.txt' {asked}",
    ):
        assert b"plum" in shell(line).stdout, line


def test_a_loop_that_reads_lines_keeps_its_stdin(shell):
    loop = f"printf '1\\n2\\n' | while read line; do echo $line; lechat -nq --no-stdin '{PARIS}'; done"
    assert shell(loop).stdout.decode() == "".join(f"{n}\nThe capital of France is Paris.\n" for n in (1, 2))


def test_a_pipe_that_nobody_writes_to_is_told_at_a_terminal(tmp_path, monkeypatch):
    environment = {**os.environ, "LECHAT_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hub")}
    screen, stderr = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM.split(), "-nq", PARIS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment
    ) as child:
        os.close(stderr)
        assert "waiting for input on stdin; Ctrl+D ends it, --no-stdin ignores it" in os.read(screen, 1000).decode()
        assert child.stdin and child.stdout
        child.stdin.close()
        assert b"Paris" in child.stdout.read()
    os.close(screen)


def test_the_limit_of_a_file_holds_for_stdin_to_the_byte(shell, tmp_path):
    (tmp_path / "large").write_bytes(codecs.BOM_UTF8 + b"x" * (MAX_TEXT_BYTES - 2))
    assert b"is too large" in shell("lechat -q < large").stderr
