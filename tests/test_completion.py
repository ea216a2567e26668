"""The command line is completed in bash, zsh and fish: commands, options, their values, models and chats."""

import shutil
import subprocess

import pytest

from lechat_tui.cli import main
from lechat_tui.cli.completion import SCRIPTS, candidates


def words(line: str) -> list[str]:
    """The candidates for the last word of the line, after `lechat`."""
    found = candidates(
        line.split(" "),
        main.asking,
        main.commands,
        models=lambda: [("chaton", "installed"), ("ministral-3-8b", "")],
        chats=lambda: [("12", "About cats"), ("7", "About dogs")],
        libraries=lambda: [("notes", ""), ("work", "")],
    )
    return [word for word, _ in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pu", ["pull"]),
        ("chats s", ["show", "search"]),
        ("chats show ", ["12", "7"]),
        ("library search n", ["notes"]),
        ("library new ", []),
        ("--resume 1", ["12"]),
        ("-m mini", ["ministral-3-8b"]),
        ("hello -m chat", ["chaton"]),
        ("pull ", ["chaton", "ministral-3-8b"]),
        ("--output js", ["json"]),
        ("--ctx", ["--ctx-size"]),
        ("--offline pul", ["pull"]),
        ("hello pul", []),
        ("import ", []),
        ("-f ", []),
    ],
)
def test_what_a_word_may_become(line, expected):
    assert words(line) == expected


def test_every_command_is_offered_with_an_explanation():
    found = candidates([""], main.asking, main.commands, models=list, chats=list, libraries=list)
    assert {"pull", "ls", "chats", "doctor"} <= {word for word, _ in found}
    assert all(text for _, text in found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_understands_its_script(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=SCRIPTS[shell], text=True, check=True, capture_output=True)


def test_bash_completes_a_command():
    script = SCRIPTS["bash"] + "COMP_WORDS=(lechat doct); COMP_CWORD=1; _lechat; echo ${COMPREPLY[@]}"
    fake = "lechat() { printf 'doctor\\tCheck\\n'; }\n"
    run = subprocess.run(["bash", "-c", fake + script], text=True, check=True, capture_output=True)
    assert run.stdout.strip() == "doctor"
