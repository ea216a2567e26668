"""Frequent command lines are read without Typer, and mean what they mean to Typer."""

import inspect
import sys
from typing import Any

import pytest

from lechat_tui.cli import asking, main, quick
from lechat_tui.settings.options import OPTIONS


def complete(values: dict[str, Any]) -> dict[str, Any]:
    """All parameters of `asking.run`, without those that have no effect."""
    parameters = inspect.signature(asking.run).parameters.values()
    every = {parameter.name: parameter.default for parameter in parameters} | values
    every["settings"] = {name: value for name, value in every["settings"].items() if value is not None}
    return every | {"files": tuple(every["files"])}


@pytest.mark.parametrize(
    "line",
    [
        "-m|chaton|hello",
        "-qn|-m|models/a b.gguf|--threads|2|--max-tokens|64|What is 7 + 5?",
        "-c|--stats|and|then",
        "hello there|-s|Be brief.|--seed|7|--json",
        "--ctx-size|1024|-C|--no-stdin|hello|--model|x",
    ],
)
def test_a_question_means_the_same_to_typer(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = line.split("|")
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "run", lambda **values: found.append(values))
    monkeypatch.setattr(sys, "argv", ["lechat", *arguments])
    main._run()
    monkeypatch.undo()
    read = quick.read(arguments)
    assert read is not None and complete(read) == complete(found[0])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",  # perhaps a misspelled command
        "ls|--json",
        "-m|chaton",  # no question
        "-m",
        "--offline|hello there",
        "-q|hello|--temperature|1",
        "-n|5|hello",  # in llama.cpp, a number of tokens
        "--threads|0|hello there",
        "--threads|many|hello there",
        "--threads",
        "-xq|hello",
        "-|hello",
        "--|-q",
    ],
)
def test_everything_else_is_left_to_typer(line: str) -> None:
    assert quick.read([word for word in line.split("|") if word]) is None


def test_the_numbers_have_the_ranges_of_their_settings() -> None:
    rows = {row.flag: row for row in OPTIONS}
    for flag, (name, least, greatest) in quick.NUMBERS.items():
        kind, low, high = rows[flag].range
        assert (rows[flag].name, kind) == (name, int)
        assert low is not None and high is not None and low <= least <= greatest <= high
