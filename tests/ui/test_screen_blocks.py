"""Markdown rendered to rows: nothing is lost, nothing is wider than its column."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.blocks import render_block, render_blocks
from lechat_tui.drawing.markdown import read
from lechat_tui.drawing.notes import Note
from lechat_tui.drawing.question import Question
from lechat_tui.drawing.rows import Look, wrap
from lechat_tui.drawing.styles import ROLES
from lechat_tui.message import Message
from lechat_tui.plaintext import safe

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]


def rendered(source: str, width: int = 40) -> list[str]:
    return [row.text.rstrip() for block in read(source) for row in render_block(block, width, LOOK)]


def words(rows: Iterable[str]) -> str:
    return "".join("".join(rows).split())


def test_a_paragraph_is_wrapped_at_words() -> None:
    assert rendered("one two three four five", 10) == ["one two", "three four", "five"]


def test_a_word_wider_than_the_column_is_broken() -> None:
    assert rendered("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


def test_wide_characters_are_wrapped_by_their_cells() -> None:
    assert rendered("日本語のテキスト", 8) == ["日本語の", "テキスト"]


def test_a_line_end_in_a_paragraph_is_a_line_end() -> None:
    assert rendered("roses are red\nviolets are blue") == ["roses are red", "violets are blue"]


def test_lists_are_numbered_and_nested() -> None:
    source = "3. three\n4. four\n   - in four\n     1. deeper\n\n- [ ] not done"
    assert rendered(source) == ["3. three", "4. four", "   ◦ in four", "     1. deeper", "☐ not done"]


def test_items_of_a_loose_list_have_blank_rows_between_them() -> None:
    assert rendered("- one\n\n- two") == ["• one", "", "• two"]


def test_fences_are_numbered_and_name_the_copy_command() -> None:
    rows = rendered("```python\nx = 1\n```\n\ntext\n\n- item\n\n  ```\n  plain\n  ```", 30)
    assert rows[0] == "1 python" + " " * 15 + "/copy 1"
    assert rows[1] == " x = 1"
    assert any(row.split() == ["2", "/copy", "2"] for row in rows)
    assert "   plain" in rows


def test_a_wrapped_line_of_code_is_copied_without_a_gap() -> None:
    rows = list(render_blocks(read("```\n" + "x" * 50 + "\n```"), 30, LOOK))[1:]
    assert [row.joint for row in rows] == [None, ""]
    assert "".join(row.text[row.skip :].rstrip() for row in rows) == "x" * 50


def test_code_keeps_its_blank_lines_and_tabs_become_spaces() -> None:
    assert rendered("```\na\n\n\tb\n```", 20)[1:] == [" a", "", "     b"]


@pytest.mark.parametrize("language", ["python", "c++", "nosuchlanguage", "diff", "html", "console", "<b>", "\x1b[31m"])
def test_code_in_any_language_is_complete(language: str) -> None:
    code = "+ a = 'x' // y\n$ ls <b>&amp;\n\n\tif (x) { return 1; }"
    rows = rendered(f"```{language}\n{code}\n```", 60)
    assert words(rows[1:]) == words([code])


def test_a_table_has_columns() -> None:
    assert rendered("| left | right |\n|:--|--:|\n| a | 1 |\n| bb | 22 |") == [
        "left  right",
        "────  ─────",
        "a         1",
        "bb       22",
    ]


def test_a_wide_column_of_a_table_is_wrapped() -> None:
    rows = rendered("| n | text |\n|---|---|\n| 1 | one two three four five |\n| 2 | six |", 20)
    assert rows[2:] == ["1  one two three", "   four five", "", "2  six"]


def test_a_table_with_too_many_columns_becomes_lines() -> None:
    head = "|".join(f"column{n}" for n in range(8))
    rows = rendered(f"|{head}|\n|{'---|' * 8}\n|{'value|' * 8}", 30)
    assert rows == [f"column{n}: value" for n in range(8)]


def test_html_and_markup_are_shown_as_text() -> None:
    assert rendered("<b>x</b> [bold]y[/bold]\n\n<script>z</script>") == [
        "<b>x</b> [bold]y[/bold]",
        "<script>z</script>",
    ]


def test_a_link_shows_its_target() -> None:
    assert rendered("[here](https://a.org) <https://b.org>") == ["here (https://a.org) https://b.org"]


def test_control_characters_written_as_entities_are_made_safe() -> None:
    assert rendered("a&#x202E;b") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_link_definition_below_a_link_counts() -> None:
    answer = Answer()
    answer.grow("[x][1]\n\nmore\n\n")
    assert "[x][1]" in texts(answer)[0]
    answer.grow("[1]: https://a.org\n\nend")
    assert "[x][1]" in texts(answer)[0]
    answer.finish(Message("assistant", "[x][1]\n\nmore\n\n[1]: https://a.org\n\nend"))
    assert "x (https://a.org)" in [row.text.strip() for row in answer.rows(40, LOOK)]


def test_an_error_is_marked_without_color() -> None:
    assert next(row.text for row in Note("it broke", error=True).rows(40, LOOK)).strip() == "✗ it broke"


def test_a_note_names_slash_commands_in_place_of_shell_commands() -> None:
    text = "m is not downloaded; lechat pull m downloads it (lechat ls lists all); lechat doctor tests the engine"
    shown = Note(text).rows(200, LOOK)[0].text.strip("· ")
    assert shown == "m is not downloaded; /pull m downloads it (/models lists all); lechat doctor tests the engine"


def test_a_question_keeps_blank_lines_and_indents() -> None:
    rows = [row.text.rstrip() for row in Question(Message("user", "a\n\n    b")).rows(30, LOOK)]
    assert rows == ["▌ a", "▌", "▌     b", ""]


MARKDOWN = st.text(st.sampled_from("ab *_`#->|:\n\t1.[](){}!~\\\"'日é👩\u200d👧\u0301\x1b\u202e"), max_size=200)


@given(MARKDOWN, st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_rendered_without_control_characters(source: str, width: int) -> None:
    rows = rendered(source, width)
    assert not any("\x1b" in row or "\u202e" in row or "\n" in row or "\t" in row for row in rows)


@given(MARKDOWN, st.integers(4, 60))
@settings(max_examples=300, deadline=None)
def test_wrapped_text_fits_and_loses_only_spaces(text: str, width: int) -> None:
    lines = ["".join(part for part, _ in line) for line, _ in wrap([(text, Style.null())], width)]
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert words(lines) == words([safe(text)])


@given(MARKDOWN, st.lists(st.integers(1, 9), min_size=1))
@settings(max_examples=200, deadline=None)
def test_a_grown_answer_is_rendered_like_a_complete_one(source: str, sizes: list[int]) -> None:
    grown = Answer()
    at = 0
    for size in sizes * 200:
        if at >= len(source):
            break
        grown.grow(source[at : at + size])
        grown.rows(40, LOOK)
        at += size
    message = Message("assistant", source)
    grown.finish(message)
    assert texts(grown) == texts(Answer(message))


def texts(answer: Answer) -> list[str]:
    return [row.text for row in answer.rows(40, LOOK)]


def test_a_note_of_two_columns_is_wrapped_within_the_second_and_copied_whole() -> None:
    note = Note(
        "Chats\n  /new      start a new chat; this one stays in the history\nno columns in a line that is long enough"
    )
    rows = note.rows(40, LOOK)
    assert [row.text for row in rows] == [
        "  · Chats",
        "      /new      start a new chat; this",
        "                one stays in the history",
        "    no columns in a line that is long",
        "    enough",
        "",
    ]
    assert rows[2].text[rows[2].skip :] == "one stays in the history" and rows[2].joint == " "
