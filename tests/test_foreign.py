"""Command lines of other programs do what their users expect or get one sentence, and never become a question."""

import pytest

from lechat_tui.cli.foreign import Unsupported, translate

COMMANDS = ("pull", "get", "ls", "list", "show", "rm", "import", "fit", "bench", "doctor", "paths", "chats")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("run small", "--model small"),
        ("run small hello", "--model small hello"),
        ("run --temp 0.5 small hello", "--model small --temperature 0.5 hello"),
        ("help", "--help"),
        ("help pull", "pull --help"),
        ("models", "ls"),
        ("models --json", "ls --json"),
        ("download small", "pull small"),
        ("history", "chats ls"),
        ("search cat", "chats search cat"),
        ("status", "doctor"),
        ("config", "paths"),
        ("version", "--version"),
        ("-v", "--version"),
        ("chat", ""),
        ("--offline models", "--offline ls"),
        ("-p hello", "hello"),
        ("--prompt=hello", "hello"),
        ("-hf user/repo:Q4_K_M hello", "--model user/repo:Q4_K_M hello"),
        ("-ngl 99 hello", "--n-gpu-layers 99 hello"),
        ("--temp=0.2 hello", "--temperature 0.2 hello"),
        ("-o temperature 0.7 hello", "--temperature 0.7 hello"),
        ("-o max_tokens 20 hello", "--max-tokens 20 hello"),
        ("--verbose hello", "--stats hello"),
        ("--no-stream hello", "hello"),
        ("-sys x hello", "--system x hello"),
        ("--num-ctx 4096 hello", "--ctx-size 4096 hello"),
        ("--think=false hello", "--no-think hello"),
        ("--think=high hello", "--think hello"),
        ("--top_p 0.5 hello", "--top-p 0.5 hello"),
        ("-seed 1 hello", "--seed 1 hello"),
        ("-o temperature=0.7 hello", "--temperature 0.7 hello"),
        ("--conversation 7 hello", "--resume 7 hello"),
        ("--conversation hello", "hello"),
        ("-v hello", "--stats hello"),
        ("-st hello", "hello"),
        ("chat small -p hello", "--model small hello"),
        ("chat -m small", "-m small"),
        ("logs list", "chats ls"),
        ("session show 3", "chats show 3"),
        ("--list-devices", "doctor"),
    ],
)
def test_what_other_programs_call_it(line, meant):
    assert translate(line.split(), COMMANDS) == meant.split()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("serve", "llama-server"),
        ("server start", "llama-server"),
        ("stop small", "keep_warm"),
        ("update", "pipx upgrade"),
        ("create m -f Modelfile", "lechat import"),
        ("-n 20 hello", "--max-tokens 20"),
        ("-c 2048 hello", "--ctx-size 2048"),
        ("-fa on hello", "flash_attention"),
        ("-o colour red hello", "no option colour"),
        ("run", "needs a model"),
        ("-x hello", "/copy code"),
        ("--format json hello", "ask for JSON"),
        ("-s 42 hello", "--seed 42"),
        ("-ctk q8_0 hello", "kv_type"),
        ("-zzz hello", "no option -zzz"),
        ("--cid abc hello", "--resume ID"),
        ("ocr page.png", "lechat -f PATH"),
        ("-q ls", "lechat ls --help"),
        ("-m small rm other", "lechat -- rm other"),
    ],
)
def test_what_has_no_counterpart_is_one_sentence(line, named):
    with pytest.raises(Unsupported) as refused:
        translate(line.split(), COMMANDS)
    assert named in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("pul small", "pull"),
        ("lsit", "list"),
        ("dcotor", "doctor"),
        ("modles", "models"),
        ("chat-s", "chats"),
        ("lss", "ls"),
        ("rmm x", "rm"),
    ],
)
def test_a_misspelled_command_is_never_a_question(line, meant):
    with pytest.raises(Unsupported, match=f"did you mean {meant}"):
        translate(line.split(), COMMANDS)


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "help me with my homework",
        "history of rome in three lines",
        "search engines compared",
        "chat up lines for cats",
        "write a poem",
        "why",
        "arm",
        "cat",
        "-s serve hello",
        "-m small status",
        "-- pul small",
        "models of the atom",
        "-c hello",
        "-n hello",
        "--help",
        "--hel",
    ],
)
def test_questions_stay_questions(line):
    assert translate(line.split(), COMMANDS) == line.split()


@pytest.mark.parametrize("line", ["fix this", "status", "lst", "history", "check", "search cat"])
def test_with_a_pipe_a_word_is_what_to_do_with_it(line):
    assert translate(line.split(), COMMANDS, piped=True) == line.split()


def test_what_cannot_be_an_instruction_is_a_command_with_a_pipe_too():
    assert translate(["models"], COMMANDS, piped=True) == ["ls"]
    assert translate(["run", "small", "hello"], COMMANDS, piped=True) == ["--model", "small", "hello"]
    with pytest.raises(Unsupported):
        translate(["serve"], COMMANDS, piped=True)


def test_nothing_after_two_dashes_is_touched():
    assert translate(["--", "-hf", "--verbose"], COMMANDS) == ["--", "-hf", "--verbose"]


def test_values_of_our_options_are_left_alone():
    assert translate(["-s", "--verbose", "hello"], COMMANDS) == ["-s", "--verbose", "hello"]
