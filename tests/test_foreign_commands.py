"""What people type who come from other programs, and lines that only look like commands."""

import pytest
from fakehost import FakeHost, host_of

from lechat_tui.commands import foreign
from lechat_tui.commands.base import find, is_command
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, Weights
from lechat_tui.store import Store


@pytest.fixture
def host(store: Store) -> FakeHost:
    petit = Model("petit", "Petit", ("text",), Weights("/nowhere/petit.gguf"))
    return host_of(store, Models({"petit": petit}))


def test_every_translation_leads_to_a_command_of_ours_and_hides_none() -> None:
    for name, row in foreign.TABLE.items():
        assert find(name) is None, name
        assert bool(row.line) != bool(row.sentence)
        assert not row.line or find(row.line.split()[0]), name
    assert all(find(line) for line in foreign.SHOW.values())


@pytest.mark.parametrize("line", ["exit", "quit", ":q", ":q!", ":quit", "QUIT", "/exit", "/Exit", "/bye"])
async def test_every_way_to_leave_leaves(host: FakeHost, line: str) -> None:
    assert is_command(line)
    await host.do(line)
    assert host.left


@pytest.mark.parametrize(
    "line", ["exit the vim editor", "quit smoking", ":q is vim", "exiting", "!important in CSS", "::: note"]
)
def test_a_sentence_that_begins_like_leaving_is_a_question(line: str) -> None:
    assert not is_command(line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/memory", "/system TEXT"),
        ("/tools", "/attach PATH"),
        ("/show", "petit"),
        ("/INFO", "petit"),
        ("/status", "petit"),
        ("/show parameters", "temperature"),
        ("/temperature 0.5", "temperature is 0.5"),
        ("/thinking off", "folded"),
        ("/set nothink", "think is off"),
        ("/set think", "think is on"),
        ("/set think auto", "think is auto"),
        ("/no_think", "think is off"),
        ("/set system 'be kind'", "chat:\nbe kind\n"),
        ("/rewind 2", "nothing to undo"),
        ("/template", "/prompt QUESTION"),
        ("/session.delete", "nothing to delete"),
        ("/memory.status", "/system TEXT"),
        ('"""', "a backslash before Enter"),
        ("/set", "config.toml also takes text, code"),
        ("/set verbose", "is shown from now on"),
    ],
)
async def test_a_foreign_command_does_what_was_meant_or_says_what_does(host: FakeHost, line: str, shown: str) -> None:
    assert is_command(line)
    assert shown in await host.do(line)


@pytest.mark.parametrize(
    "line",
    [
        "/exit strategy for startups",
        "/help me with my homework",
        "/why is the sky blue",
        "/show me how to bake bread",
        "/nosuch please do this",
        "!ls -l",
    ],
)
async def test_a_question_that_looks_like_a_command_is_asked_about_and_loses_no_words(
    host: FakeHost, line: str
) -> None:
    host.answers = ["ask"]
    await host.do(line)
    assert host.asked == [line] and not host.left and not host.errors
    host.answers = [None]
    await host.do(line)
    assert host.asked == [line] and not host.left


async def test_the_command_runs_if_that_was_meant(host: FakeHost) -> None:
    host.answers = ["run"]
    await host.do("/exit strategy for startups")
    assert host.left and not host.asked
