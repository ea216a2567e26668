"""Tables whose cells contain pipes."""

import pytest

from lechat_tui.drawing.markdown import read
from lechat_tui.drawing.tables import cells


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("| a | b |", ["a", "b"]),
        ("| `a | b` | c |", ["`a | b`", "c"]),
        ("| `ls | wc` | counts | files |", ["`ls | wc`", "counts | files"]),
        (r"| a \| b | c |", ["a | b", "c"]),
        (r"| `a \| b | c` | d | e |", ["`a | b | c`", "d | e"]),
        ("> | ``x | `y`` | c |", ["``x | `y``", "c"]),
        ("| ` | c | d", ["`", "c | d"]),
        ("a | b | c", ["a", "b | c"]),
    ],
)
def test_a_pipe_in_code_or_beyond_the_last_column_is_text(line: str, found: list[str]) -> None:
    assert cells(line, 2) == found


def test_no_text_of_a_row_is_dropped() -> None:
    (table,) = read("| command | what |\n|---|---|\n| `ls | wc -l` | counts |\n| a | b | c |\n| x |\n")
    shown = [token.content for token in table.tokens if token.type == "inline"]
    assert shown == ["command", "what", "`ls | wc -l`", "counts", "a", "b | c", "x", ""]


def test_an_ordinary_table_is_left_alone() -> None:
    (table,) = read("| a | b |\n|---|---|\n| c \\| d | **e** |\n")
    assert [token.content for token in table.tokens if token.type == "inline"] == ["a", "b", "c | d", "**e**"]
