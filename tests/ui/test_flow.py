"""An answer written into the terminal's own scrollback, piece by piece."""

import io
import random
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_commonmark import LONG, examples

from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.themes import read_themes
from lechat_tui.inline.flow import Flow
from lechat_tui.message import Message, State

THEMES = read_themes()
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


WIDTH = 60


class Terminal(io.StringIO):
    """A terminal with its scrollback."""

    def __init__(self) -> None:
        super().__init__()
        self._screen = pyte.HistoryScreen(WIDTH, 30, history=100_000, ratio=1)
        self._screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> int:
        self._stream.feed(text)
        return len(text)

    def getvalue(self) -> str:
        gone = ("".join(line[column].data for column in range(WIDTH)) for line in self._screen.history.top)
        lines = [line.rstrip() for line in (*gone, *self._screen.display)]
        return "\n".join(lines[: self._screen.cursor.y - 30 or None]) + "\n"


def flow_to(file: io.StringIO, *, reduced: bool = False, live: bool = False) -> Flow:
    return Flow(Console(file=file, width=WIDTH, height=30, force_terminal=live), THEMES, reduced=reduced, live=live)


def written(pieces: Iterable[str], *, reduced: bool = False, state: State = "complete") -> str:
    """The terminal when the answer has ended."""
    flow = flow_to(file := io.StringIO(), reduced=reduced)
    text = ""
    for piece in pieces:
        text += piece
        flow.grow(piece, "text")
    flow.end(Message("assistant", text, state=state))
    return file.getvalue()


def shown(pieces: Iterable[str]) -> str:
    """The same with live rows, which are updated at every piece."""
    flow = flow_to(file := Terminal(), live=True)
    text = ""
    for piece in pieces:
        text += piece
        flow._next_update = 0.0
        flow.grow(piece, "text")
    flow.end(Message("assistant", text))
    return file.getvalue()


def rendered(text: str, *, state: State = "complete") -> str:
    """The answer as the full screen renders it."""
    flow = flow_to(io.StringIO())
    rows = Answer(Message("assistant", text, state=state)).rows(WIDTH - 1, flow.look)
    return "".join(row.text.rstrip() + "\n" for row in rows)


def pieces(text: str, pick: random.Random, longest: int = 7) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = pick.randint(1, longest)
        yield text[at : at + size]
        at += size


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=12))
@settings(max_examples=40, deadline=None)
def test_an_answer_in_any_pieces_is_written_as_the_screen_renders_it(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(ANSWER)]
    assert written([ANSWER[a:b] for a, b in pairwise(ends)]) == rendered(ANSWER)


def test_an_answer_letter_by_letter_is_written_as_the_screen_renders_it() -> None:
    assert written(list(ANSWER)) == rendered(ANSWER)


def test_lines_of_code_are_written_as_they_arrive() -> None:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=60), THEMES, live=False)
    flow.grow("Look:\n\n```python\nfirst = 1\nsecond = 2\nthird", "text")
    assert "first = 1" in file.getvalue() and "third" not in file.getvalue()


def test_every_construct_of_markdown_is_written_as_the_screen_renders_it() -> None:
    pick = random.Random(5)
    for example in pick.sample(examples(), 250):
        assert written(pieces(example, pick)) == rendered(example), example


def test_live_rows_leave_no_trace() -> None:
    pick = random.Random(6)
    for example in [ANSWER, *pick.sample(examples(), 25)]:
        assert shown(pieces(example, pick)) == rendered(example), example


@pytest.mark.parametrize("what", ["a list", "code", "a table", "a paragraph"])
def test_a_long_block_is_written_as_the_screen_renders_it(what: str) -> None:
    assert written(pieces(LONG[what], random.Random(7), longest=900)) == rendered(LONG[what])


@pytest.mark.parametrize("text", ["", "a\n\n```\ncode", "text"])
def test_why_an_answer_ended_is_written_below_it(text: str) -> None:
    assert written([text], state="stopped") == rendered(text, state="stopped")


def test_a_link_whose_target_comes_too_late_is_listed_below_the_answer() -> None:
    output = written(["See [the page][one].\n\nMore.\n\n", "[one]: https://one.org\n"])
    assert output.splitlines() == ["  See [the page][one].", "", "  More.", "", "  [one]: https://one.org", ""]
    in_time = "[one]: https://one.org\n\nSee [the page][one].\n\nMore."
    assert written([in_time]) == rendered(in_time)


def test_a_continued_answer_repeats_its_last_block() -> None:
    begun, more = "Look:\n\n```python\nfirst = 1\nsec", "ond = 2\n```\n\nDone."
    flow = flow_to(file := io.StringIO())
    flow.begin(Message("assistant", begun, state="stopped"))
    flow.grow(more, "text")
    flow.end(Message("assistant", begun + more))
    assert file.getvalue() == rendered(begun + more).partition("\n\n")[2]


def test_thinking_is_one_line_with_its_duration() -> None:
    flow = flow_to(file := io.StringIO())
    for piece in ("Let me ", "see.\n\nSo ", "it is."):
        flow.grow(piece, "thinking")
    assert file.getvalue() == ""
    flow.grow("Yes.", "text")
    flow.end(Message("assistant", "Yes.", thinking="Let me see.\n\nSo it is."))
    assert file.getvalue().splitlines() == ["  ▸ thought for 0.0 s, 6 words", "", "  Yes.", ""]


@pytest.mark.parametrize("live", [False, True])
def test_shown_thinking_is_written_as_it_arrives(live: bool) -> None:
    flow = flow_to(file := Terminal() if live else io.StringIO(), live=live)
    flow.thinking = True
    for piece in ("\n", "Let me see.\n", "\nSo ", "it"):
        flow.grow(piece, "thinking")
    assert "  │ Let me see." in file.getvalue()
    flow.grow(" is.", "thinking")
    flow.grow("Yes.", "text")
    flow.end(Message("assistant", "Yes."))
    output = ["  │ Let me see.", "  │", "  │ So it is.", "  ╰ thought for 0.0 s, 6 words", "", "  Yes.", ""]
    assert file.getvalue().splitlines() == output


def test_stopped_thinking_ends_with_its_line() -> None:
    flow = flow_to(file := io.StringIO())
    flow.grow("Let me", "thinking")
    flow.end(Message("assistant", "", thinking="Let me", state="stopped"))
    first, gap, *ending, last = file.getvalue().splitlines()
    assert first.startswith("  ▸ thought") and gap == last == ""
    assert "■ stopped while thinking, so the next question is sent without it; /continue" in " ".join(
        map(str.strip, ending)
    )


def test_an_answer_cannot_send_control_sequences() -> None:
    output = written(["\x1b]0;title\a\x1b[2Jred\u202e\n\n", "```\n\x1b[31mcode\n```\n"])
    assert "red" in output and "code" in output
    assert not set(output) & {"\x1b", "\a", "\u202e"}


def test_without_live_rows_each_activity_is_written_once() -> None:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=60), THEMES, live=False)
    for done in range(5):
        flow.show_activity("loading petit", f"{done} of 5")
    flow.show_activity("reading 900 new tokens", "0 of 900")
    flow.grow("thinking it over", "thinking")
    assert file.getvalue() == "loading petit\nreading 900 new tokens\n"


def test_reduced_output_has_no_shapes() -> None:
    output = written(["> quoted\n\n- one\n\n---\n\n| a | b |\n|---|---|\n| é | “ö” |\n"], reduced=True)
    assert "é" in output and "“ö”" in output
    assert not any(0x2500 <= ord(sign) <= 0x25FF or sign in "•·" for sign in output)
