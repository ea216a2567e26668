"""An answer written into the terminal's own scrollback, piece by piece."""

import io
from itertools import pairwise

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from lechat_tui.message import Message
from lechat_tui.ui.flow import Flow
from lechat_tui.ui.items import Answer
from lechat_tui.ui.themes import read

THEMES = read()
ANSWER = """# Sorting

Use a key that is a **tuple**: Python compares the *last names*
first, then the ages.

```python
def key(p):

    return p.last_name, p.age
```

- one

- two
  - inside

| To do | Doing |
|-------|-------|
| tests | reader |

> quoted

The end of it, without a newline"""


def written(pieces: list[str], *, reduced: bool = False, width: int = 60) -> str:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=width, height=30), THEMES, reduced=reduced, live=False)
    for piece in pieces:
        flow.grow(piece, "text")
    flow.end(Message("assistant", "".join(pieces)))
    return file.getvalue()


def drawn(text: str, width: int = 60) -> str:
    """What the screen shows of an answer."""
    flow = Flow(Console(file=io.StringIO(), width=width), THEMES)
    rows = Answer(Message("assistant", text)).rows(width - 1, flow.look)
    return "".join(row.text.rstrip() + "\n" for row in rows)


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=12))
@settings(max_examples=40, deadline=None)
def test_however_an_answer_comes_it_is_written_as_the_screen_draws_it(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(ANSWER)]
    assert written([ANSWER[a:b] for a, b in pairwise(ends)]) == drawn(ANSWER)


def test_letter_by_letter_too() -> None:
    assert written(list(ANSWER)) == drawn(ANSWER)


def test_lines_of_code_are_written_as_they_come() -> None:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=60), THEMES, live=False)
    flow.grow("Look:\n\n```python\nfirst = 1\nsecond = 2\nthird", "text")
    assert "first = 1" in file.getvalue() and "third" not in file.getvalue()


def test_what_is_open_is_shown_once_and_written_over() -> None:
    screen = pyte.Screen(60, 30)
    stream = pyte.Stream(screen)
    screen.set_mode(pyte.modes.LNM)

    class Terminal(io.StringIO):
        def write(self, text: str) -> int:
            stream.feed(text)
            return len(text)

    flow = Flow(Console(file=Terminal(), width=60, height=30, force_terminal=True), THEMES)
    flow.over("reading 5 new tokens")
    for piece in ANSWER.split(" "):
        flow._next_look = 0.0  # every piece is looked at
        flow.grow(f"{piece} ", "text")
    flow.end(None)
    told = "\n".join(line.rstrip() for line in screen.display).strip("\n")
    assert told == drawn(ANSWER).strip("\n")


def test_nothing_of_an_answer_moves_the_terminal() -> None:
    told = written(["\x1b]0;title\a\x1b[2Jred\u202e\n\n", "```\n\x1b[31mcode\n```\n"])
    assert "red" in told and "code" in told
    assert not set(told) & {"\x1b", "\a", "\u202e"}


def test_where_nothing_can_be_written_over_what_goes_on_is_said_once() -> None:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=60), THEMES, live=False)
    for done in range(5):
        flow.under_way("loading petit", f"{done} of 5")
    flow.under_way("reading 900 new tokens", "0 of 900")
    flow.grow("thinking it over", "thinking")
    assert file.getvalue() == "loading petit\nreading 900 new tokens\n"


def test_reduced_words_are_without_drawings() -> None:
    told = written(["> quoted\n\n- one\n\n---\n\n| a | b |\n|---|---|\n| é | “ö” |\n"], reduced=True)
    assert "é" in told and "“ö”" in told
    assert not any(0x2500 <= ord(sign) <= 0x25FF or sign in "•·" for sign in told)
