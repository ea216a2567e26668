"""The command line as scripts use it: stdout, stderr and the exit code. chaton answers."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from calling import Lechat, Run, caller
from PIL import Image, ImageDraw

from lechat_tui import paths
from lechat_tui.message import Message
from lechat_tui.store import Store

COMMAND = (sys.executable, "-m", "lechat_tui")


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(home) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "LECHAT_"))}
    return {**kept, "LECHAT_HOME": str(home), "HF_HOME": str(home / "hub")}


@pytest.fixture
def lechat(tmp_path, monkeypatch, capfd) -> Lechat:
    return caller(tmp_path, monkeypatch, capfd)


@pytest.fixture
def program(environment, tmp_path) -> Lechat:
    """The same as a process of its own."""

    def run(*words: str, stdin: str = "") -> Run:
        return subprocess.run(
            [*COMMAND, *words], input=stdin, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60
        )

    return run


def start(environment: dict[str, str], folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """The program, running."""
    return subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=folder,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore SIGINT
    )  # fmt: skip


def refused(run: Run, code: int, words: str) -> bool:
    """Whether the exit code is right; stderr is one line with these words, stdout is empty."""
    assert run.stdout == "" and run.stderr.count("\n") == 1 and "Traceback" not in run.stderr
    assert words in run.stderr, run.stderr
    return run.returncode == code


def test_a_question_on_stdin_is_answered_on_stdout(program):
    run = program(stdin="What is the capital of France?\n")
    assert (run.stdout, run.returncode) == ("The capital of France is Paris.\n", 0)
    assert run.stderr.count("\n") == 1 and "toy" in run.stderr and "lechat pull" in run.stderr


def test_words_on_the_command_line_are_the_question_and_follow_stdin(lechat):
    assert lechat("What", "is 7 + 5?").stdout == "7 + 5 = 12.\n"
    assert "plum" in lechat("What is the secret word?", stdin="The secret word is plum.").stdout


def test_quiet_prints_nothing_on_stderr_except_requested_stats(lechat):
    assert lechat("-q", "What is 7 + 5?").stderr == ""
    assert "tokens/s" in lechat("-q", "--stats", "What is 7 + 5?").stderr


def test_json_is_one_object(lechat, home):
    run = lechat("--output", "json", "What is 7 + 5?")
    answer = json.loads(run.stdout)
    assert answer["text"] == "7 + 5 = 12." and answer["model"] == "chaton" and answer["thinking"] == ""
    assert answer["stats"]["stop_reason"] == "end" and answer["stats"]["completion_tokens"] > 3
    with Store(home / "data") as store:
        assert store.path(answer["chat"])[-1].id == answer["message"]
    assert json.loads(lechat("--json", "-n", "What is 7 + 5?").stdout)["chat"] is None


def test_an_answer_ends_before_a_stop_string(lechat):
    run = lechat("--json", "--stop", "12", "--stop", r"\n", "What is 7 + 5?")
    answer = json.loads(run.stdout)
    assert answer["text"] == "7 + 5 = " and answer["stats"]["stop_reason"] == "end"
    assert answer["receipt"]["stop"] == ["12", "\n"]
    assert lechat("--stop", "", "hi").returncode == 2


def test_json_has_the_receipt(lechat):
    run = lechat("--json", "--temperature", "0.5", "--seed", "9", "--max-tokens", "40", "What is 7 + 5?")
    receipt = json.loads(run.stdout)["receipt"]
    assert receipt["threads"][0] == 1 and receipt["cpu"]
    assert receipt["file"] == "chaton-q8_0.gguf" and receipt["quant"] == "Q8_0" and len(receipt["template"]) == 12
    assert len(receipt["sha256"]) == 64
    assert (receipt["temperature"], receipt["seed"], receipt["max_tokens"]) == (0.5, 9, 40)
    assert receipt["context"] == 4096 and receipt["engine"].startswith("llama-cpp-python ")
    events = lechat("--output", "stream-json", "-n", "What is 7 + 5?").stdout.splitlines()
    assert json.loads(events[-1])["receipt"]["quant"] == "Q8_0"


def test_stream_json_is_one_event_per_line(lechat):
    events = [json.loads(line) for line in lechat("--output", "stream-json", "What is 7 + 5?").stdout.splitlines()]
    assert "".join(event["text"] for event in events if event["type"] == "text") == "7 + 5 = 12."
    assert events[-1]["type"] == "done" and {"loading", "prefill"} <= {event["type"] for event in events}


def last_line(run: Run) -> dict[str, object]:
    line: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return line


@pytest.mark.parametrize(
    ("words", "stdin", "code", "message"),
    [
        (("-m", "nope", "hello"), "", 1, "there is no model nope"),
        pytest.param(("-q",), "x" * 200_000, 3, "--ctx-size", id="overflow"),
        ((), "", 2, "there is no prompt"),
    ],
)
def test_stream_json_ends_with_an_error_line_when_it_fails(lechat, words, stdin, code, message):
    run = lechat("--output", "stream-json", *words, stdin=stdin)
    line = last_line(run)
    assert line["type"] == "error" and line["code"] == code == run.returncode
    assert message in str(line["message"]) and str(line["message"]) in run.stderr


@pytest.mark.parametrize("stop", ["interrupt", "crash of the engine"])
def test_stream_json_ends_with_an_error_line_when_the_answer_breaks_off(environment, tmp_path, stop):
    process = start(environment, tmp_path, "-q", "--output", "stream-json", "Count from 1 to 200")
    assert process.stdout
    lines = []
    while '"text"' not in (line := process.stdout.readline().decode()):
        lines.append(line)
    if stop == "interrupt":
        process.send_signal(signal.SIGINT)
    else:
        child = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
        os.kill(int(child), signal.SIGKILL)
    rest, errors = process.communicate(timeout=30)
    *_, last = rest.decode().splitlines()
    code = 130 if stop == "interrupt" else 1
    assert json.loads(last)["type"] == "error" and json.loads(last)["code"] == code == process.returncode
    assert json.loads(last)["message"] in errors.decode() and errors.count(b"\n") == 1


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(environment, home, tmp_path):
    breaking = "import sys; from lechat_tui.cli import edge; edge.leave(lambda: 1 // 0)"
    run = subprocess.run(
        [sys.executable, "-c", breaking], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert refused(run, 1, "unexpected error: ZeroDivisionError")
    log = home / "cache" / "logs" / "lechat.log"
    assert f"details are in {log}" in run.stderr
    assert "Traceback" in log.read_text() and "integer division" in log.read_text()


@pytest.mark.parametrize("command", [("show", "who/what"), ("pull", "who/what"), ("pull", "ministral-3-8b")])
def test_offline_before_a_command_forbids_the_network(lechat, monkeypatch, command):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # restored after the test, which sets it
    asked = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *address, **more: asked.append(address))
    run = lechat("--offline", *command)
    assert refused(run, 1, "needs the network, and lechat is offline") and not asked


def test_offline_before_a_command_changes_nothing_else(lechat, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert "chaton" in lechat("--offline", "ls").stdout
    assert "config" in lechat("--offline", "paths").stdout
    assert lechat("-q", "--offline", "What is 7 + 5?").stdout == "7 + 5 = 12.\n"


def test_thinking_is_separate_from_the_answer(lechat):
    answer = json.loads(lechat("--json", "Think step by step: what is 7 + 5?").stdout)
    assert answer["thinking"] and answer["text"].endswith("7 + 5 = 12.") and "[" not in answer["text"]


def test_a_closed_pipe_ends_it_quietly(environment, tmp_path):
    script = f"{sys.executable} -m lechat_tui -q 'Count from 1 to 200' | head -c 1"
    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}"], capture_output=True, env=environment, cwd=tmp_path
    )
    assert (run.stdout, run.stderr, run.returncode) == (b"1", b"", 0)


def test_no_prompt_is_a_usage_error(lechat):
    assert refused(lechat(), 2, "there is no prompt")
    assert refused(lechat("", stdin="\n \n"), 2, "there is no prompt")


def test_continue_resumes_the_last_chat(lechat):
    lechat("My name is Anna.")
    assert "Anna" in lechat("-c", "What is my name?").stdout
    lechat("What is 7 + 5?")
    assert "Anna" in lechat("--resume", "1", "What is my name?").stdout
    assert refused(lechat("--resume", "77", "hello"), 1, "there is no chat 77")


def test_no_save_saves_nothing(lechat, home):
    assert lechat("-n", "What is 7 + 5?").stdout == "7 + 5 = 12.\n"
    assert not (home / "data").exists()


def test_a_system_prompt_is_followed(lechat):
    assert "Paris" in lechat("-s", "Answer in French.", "What is the capital of France?").stdout
    assert lechat("-s", "Answer in French.", "What is the capital of France?").stdout.startswith("La capitale")


@pytest.fixture
def red_circle(tmp_path) -> Path:
    picture = Image.new("RGB", (256, 256), (205, 205, 205))
    ImageDraw.Draw(picture).ellipse((60, 60, 200, 200), fill=(220, 30, 30))
    picture.save(tmp_path / "red.png")
    return tmp_path / "red.png"


def test_an_image_is_read_from_a_file_and_from_stdin(lechat, red_circle):
    assert lechat("-a", str(red_circle), "What is in this picture?").stdout == "A red circle.\n"
    assert lechat("What is in this picture?", stdin=red_circle.read_bytes()).stdout == "A red circle.\n"


def test_a_model_without_image_support_names_one_that_has_it(lechat, red_circle):
    run = lechat("-m", "chaton", "-a", str(red_circle), "What is it?")
    assert refused(run, 1, "-m chaton-vision does")


def test_a_file_goes_before_the_question(lechat, tmp_path):
    (tmp_path / "notes.txt").write_text("The secret word is plum.")
    assert "plum" in lechat("-f", "notes.txt", "What is the secret word?").stdout


def test_the_maximum_answer_length_can_be_set(lechat):
    run = json.loads(lechat("--json", "--max-tokens", "5", "Count from 1 to 200").stdout)
    assert run["stats"]["completion_tokens"] == 5 and run["stats"]["stop_reason"] == "length"


def test_the_same_seed_gives_the_same_answer(lechat):
    hot = ("-q", "--temperature", "3", "--max-tokens", "40", "Tell me a story")
    first, again, other = (lechat("--seed", seed, *hot).stdout for seed in ("1", "1", "2"))
    assert first == again != other


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("-m", "nope", "hello"), 1, "there is no model nope"),
        (("-m", "chatton", "hello"), 1, "did you mean chaton?"),
        (("-m", "ministral-3-8b", "hello"), 1, "lechat pull ministral-3-8b downloads it (6.1 GB)"),
        (("-m", "missing.gguf", "hello"), 1, "there is no file missing.gguf"),
        (("-m", "./", "hello"), 1, "is a folder"),
        (("-m", "text.gguf", "hello"), 1, "not a GGUF"),
        (("-f", "missing.txt", "hello"), 1, "missing.txt"),
        (("-f", ".", "hello"), 1, "folder"),
        (("-f", "binary.txt", "hello"), 1, "binary"),
        (("-a", "missing.png", "hello"), 1, "missing.png"),
        (("-a", "binary.txt", "hello"), 1, "binary"),
        (("-a", "torn.png", "hello"), 1, "torn.png"),
        (("--temperature", "-1", "hello"), 2, "temperature"),
        (("--ctx-size", "none", "hello"), 2, "ctx-size"),
        (("--nonsense", "hello"), 2, "--nonsense"),
    ],
)
def test_invalid_input_is_one_clear_line(lechat, tmp_path, words, code, sentence):
    (tmp_path / "text.gguf").write_text("this is no model, whatever its name says\n" * 20)
    (tmp_path / "binary.txt").write_bytes(b"a\0b")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 40)
    assert refused(lechat(*words), code, sentence)


def test_a_question_that_does_not_fit_has_an_exit_code_of_its_own_and_is_saved(lechat):
    run = lechat("-q", stdin="x" * 200_000)
    assert refused(run, 3, "--ctx-size")
    assert "x" * 1000 in lechat("chats", "show", "1").stdout


SMALL = ("--ctx-size", "512", "--max-tokens", "32")
NUMBERS = "\n".join(map(str, range(1, 2000)))


def asked(home: Path, chat: int = 1) -> str:
    """The question of a chat as it was stored."""
    with Store(home / "data") as store:
        return store.path(chat)[0].text


def test_a_text_that_does_not_fit_is_refused_with_numbers_and_a_remedy(lechat):
    run = lechat("-q", *SMALL, "What is 7 + 5?", stdin=NUMBERS)
    assert refused(run, 3, "has room for 480") and "--overflow head" in run.stderr
    assert refused(lechat("--overflow", "squeeze", "hello"), 2, "squeeze")


@pytest.mark.parametrize(("overflow", "first", "last"), [("head", 1, 0), ("tail", 0, 1), ("middle", 1, 1)])
def test_a_text_that_does_not_fit_is_cut_as_requested_and_reported(lechat, home, overflow, first, last):
    run = lechat("--json", *SMALL, "--overflow", overflow, "What is 7 + 5?", stdin=NUMBERS)
    answer, question = json.loads(run.stdout), asked(home)
    assert answer["text"] and 400 < answer["stats"]["prompt_tokens"] <= 480
    assert question.startswith("1\n2\n") == bool(first) and question.endswith("\n1999\n\nWhat is 7 + 5?") == bool(last)
    assert question.endswith("What is 7 + 5?") and "characters left out" in question
    assert run.stderr.count("\n") == 3 and "did not fit and were left out" in run.stderr and "%" in run.stderr


def test_map_asks_about_a_text_piece_by_piece(lechat, home):
    run = lechat(*SMALL, "--overflow", "map", "What is 7 + 5?", stdin="\n".join(map(str, range(1, 300))))
    assert run.returncode == 0 and "parts" in run.stderr
    question = asked(home)
    assert question.startswith("Part 1 of ") and question.endswith("\n\nWhat is 7 + 5?")
    assert "What is 7 + 5?" in lechat("chats", "ls").stdout
    assert refused(lechat("-q", *SMALL, "--overflow", "map", stdin=NUMBERS), 2, "needs a prompt")


def test_binary_data_on_stdin_is_one_clear_line(lechat):
    assert refused(lechat("what is it", stdin=b"\x7fELF\0\0\0"), 1, "is a binary file")
    run = lechat(stdin=b"What is 7 + 5?\xff")
    assert run.returncode == 0 and "not UTF-8" in run.stderr


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("models.toml", "[broken", "models.toml"),
        ("models.toml", "[mine]\nweights = {file = 'x'}\nroles = ['text']\ncolour = 1", "[mine]: unknown key colour"),
        ("config.toml", "theme = ", "config.toml"),
        ("config.toml", "temprature = 1", "did you mean temperature?"),
        ("config.toml", "temperature = 'hot'", "temperature"),
    ],
)
def test_a_broken_file_of_the_user_is_named(lechat, home, file, content, sentence):
    (home / "config").mkdir(parents=True)
    (home / "config" / file).write_text(content)
    run = lechat("hello")
    assert refused(run, run.returncode, sentence) and run.returncode in (1, 2)


def test_a_read_only_home_is_one_clear_line_and_no_save_still_answers(lechat, home):
    home.write_text("a file where the folder should be")
    assert refused(lechat("hello"), 1, "--no-save")
    assert lechat("-q", "-n", "What is 7 + 5?").stdout == "7 + 5 = 12.\n"


def test_an_interrupt_saves_what_arrived(environment, home, tmp_path):
    process = start(environment, tmp_path, "-q", "Count from 1 to 200")
    assert process.stdout and process.stderr
    started = process.stdout.read(3)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and b"Traceback" not in errors
    with Store(home / "data") as store:
        question, answer = store.path(1)
    assert question.text == "Count from 1 to 200" and answer.state == "stopped"
    assert answer.text.encode().startswith(started) and (started + rest).decode().strip() in answer.text


def test_chats_are_listed_shown_found_and_deleted(lechat):
    lechat("What is the capital of France?")
    assert "What is the capital of France?" in lechat("chats", "ls").stdout
    assert "The capital of France is Paris." in lechat("chats", "show", "1").stdout
    assert "[Paris]" in lechat("chats", "search", "paris").stdout
    assert lechat("chats", "rm", "1").returncode == 0
    assert lechat("chats", "ls").stdout == ""
    assert refused(lechat("chats", "rm", "1"), 1, "there is no chat 1")


def test_the_latest_chat_is_the_same_everywhere_whatever_its_date(lechat):
    with Store(paths.data()) as store:
        for title in ("one", "two", "three"):
            store.add(store.new_chat(title).id, Message("user", title), 0)
    with closing(sqlite3.connect(paths.data() / "history.db")) as db, db:
        db.execute("UPDATE chat SET updated = 1e9 * id")  # the last was written by a clock that was far ahead
        db.execute("UPDATE chat SET updated = 0 WHERE title = 'three'")
    rows = [line.split() for line in lechat("chats").stdout.splitlines()]
    assert [row[-1] for row in rows] == ["three", "two", "one"] and rows[2][1:4] == ["9", "Sep", "2001"]
    assert [row["title"] for row in json.loads(lechat("chats", "list", "--json").stdout)] == ["three", "two", "one"]
    assert lechat("chats", "show", "last").stdout.startswith("# three")
    assert lechat("chats", "rename", "last", "the", "third").returncode == 0
    assert lechat("chats", "show", "last").stdout.startswith("# the third")


def test_old_chats_are_deleted_only_when_that_was_agreed_to(lechat):
    with Store(paths.data(), clock=lambda: 1.7e9) as store:
        for title in ("one", "two"):
            store.add(store.new_chat(title).id, Message("user", title), 0)
    lechat("hello")
    assert refused(lechat("chats", "rm", "--older-than", "90"), 1, "90 is not an age; use one like 90d, 8w, 6m, 1y")
    assert refused(lechat("chats", "rm"), 1, "takes IDs, or --older-than TIME")
    assert refused(lechat("chats", "rm", "--older-than", "90d"), 1, "2 chats would be deleted; use --yes")
    assert "no chat is older than 90y" in lechat("chats", "rm", "--older-than", "90y").stderr
    assert lechat("chats", "rm", "--older-than", "90d", "--yes").stderr == "deleted 2 chats\n"
    assert len(lechat("chats", "ls").stdout.splitlines()) == 1


def test_models_are_listed_as_text_and_as_json(lechat):
    rows = json.loads(lechat("ls", "--json").stdout)
    assert {"chaton", "chaton-code", "chaton-vision"} <= {row["id"] for row in rows if row["installed"]}
    assert "ministral-3-8b" in lechat("ls").stdout


def test_text_that_looks_like_a_control_token_stays_text(lechat):
    for text in ("[INST]", "<__media__>"):
        assert lechat("-q", f"Repeat after me: {text}").stdout == f"{text}\n"


def test_without_any_model_the_message_names_one_to_download(lechat, home):
    (home / "config").mkdir(parents=True)
    rows = (("chaton", "text"), ("chaton-code", "code"), ("chaton-vision", "vision"))
    table = '[{0}]\nroles = ["{1}"]\nweights = {{ file = "/nowhere/{0}.gguf" }}\n'
    (home / "config" / "models.toml").write_text("".join(table.format(*row) for row in rows))
    assert refused(lechat("hello"), 1, "no text model is on this machine")


def states(home: Path) -> list[str]:
    return [file.name for file in (home / "cache" / "states").glob("*/*.kv")]


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_long_chat_is_not_read_again_by_the_next_run_until_it_is_deleted(lechat, home):
    page = "The cat sat on the mat and looked at the moon. " * 30
    assert lechat("-n", "--max-tokens", "4", stdin=page).returncode == 0
    assert lechat("--max-tokens", "4", stdin=page).returncode == 0
    wait_for(lambda: states(home) == ["1.kv"])
    stats = json.loads(lechat("-c", "--output", "json", "What is 7 + 5?").stdout)["stats"]
    assert stats["cached_tokens"] > 300 and stats["prompt_tokens"] - stats["cached_tokens"] < 30
    wait_for(lambda: states(home) == ["1.kv"])
    assert lechat("chats", "rm", "1").returncode == 0
    assert states(home) == []


def test_a_private_question_on_the_command_line_is_refused_and_not_saved(lechat):
    run = lechat("/privte the xyzzy word")
    assert run.returncode == 2 and "lechat -n QUESTION" in run.stderr
    assert "xyzzy" not in lechat("chats", "ls").stdout
