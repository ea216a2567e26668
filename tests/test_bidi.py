"""Hebrew and Arabic in the order of the cells. Expected are the cells from left to right."""

import pytest
from rich.style import Style

from lechat_tui.drawing.bidi import CELL, CODE, Run, in_columns, is_rtl, visual
from lechat_tui.drawing.blocks import render_blocks
from lechat_tui.drawing.markdown import read
from lechat_tui.drawing.rows import Look, Row
from lechat_tui.drawing.styles import ROLES
from lechat_tui.terminal import TextOrder, text_order

NONE = Style.null()
LOOK = Look(**dict.fromkeys(ROLES, NONE))  # type: ignore[arg-type]
BOLD = Style(bold=True)


def cells(*runs: Run | str, order: TextOrder = "visual", width: int = 0) -> str:
    line = [run if isinstance(run, tuple) else (run, NONE) for run in runs]
    return "".join(piece.text for piece in visual(line, rtl=is_rtl(line), width=width, order=order))


def backwards(text: str) -> str:
    return text[::-1]


SHALOM, OLAM = "שלום", "עולם"


@pytest.mark.parametrize(
    ("logical", "shown"),
    [
        ("plain (text) 1-2", "plain (text) 1-2"),
        (f"{SHALOM} {OLAM}", f"{backwards(OLAM)} {backwards(SHALOM)}"),
        (f"it says {SHALOM} {OLAM} there, twice", f"it says {backwards(OLAM)} {backwards(SHALOM)} there, twice"),
        (f"Python {SHALOM} {OLAM}", f"{backwards(OLAM)} {backwards(SHALOM)} Python"),
        (f"{SHALOM}, world!", f"!world ,{backwards(SHALOM)}"),
        (f"({SHALOM}) [x] {{{OLAM}}}", f"{{{backwards(OLAM)}}} [x] ({backwards(SHALOM)})"),
        (f"{SHALOM} < {OLAM}", f"{backwards(OLAM)} > {backwards(SHALOM)}"),
        (f"{SHALOM}: 1,234.50$ 3-5", f"3-5 1,234.50$ :{backwards(SHALOM)}"),
        (f"1. {SHALOM}", f"{backwards(SHALOM)} .1"),
        ("שָׁלוֹם", "םוֹלשָׁ"),
        (f"👩‍👩‍👧 {SHALOM} 👍🏽 ❤️", f"❤️ 👍🏽 {backwards(SHALOM)} 👩‍👩‍👧"),
        ("مرحبا 123 abc", f"abc 123 {backwards('مرحبا')}"),
        ("العدد ١٢٣،٤٥", f"١٢٣،٤٥ {backwards('العدد')}"),
        ("می‌خواهم", "مهاوخی‌م"),
    ],
)
def test_lines_are_put_into_the_order_of_the_cells(logical: str, shown: str) -> None:
    assert cells(logical) == shown
    assert cells(logical, order="logical") == logical


def test_code_keeps_its_order_and_every_piece_its_style_and_place() -> None:
    line = [(f"{SHALOM} ", BOLD), ("f(1).x", CODE), (f" {OLAM}", NONE)]
    pieces = visual(line, rtl=True, width=20, order="visual")
    assert "".join(piece.text for piece in pieces) == f"    {backwards(OLAM)} f(1).x {backwards(SHALOM)}"
    assert [piece.start for piece in pieces if piece.style.bold] == [4, 3, 2, 1, 0]
    assert next(piece for piece in pieces if piece.style == CODE) == ("f(1).x", CODE, 5)


def test_only_words_are_ordered_for_a_terminal_that_orders_their_letters() -> None:
    assert cells(f"{SHALOM} a1 {OLAM}!", order="words") == f"{OLAM}! a1 {SHALOM}"


@pytest.mark.parametrize(
    ("line", "rtl"),
    [
        ([("", NONE)], False),
        ([("123", NONE)], False),
        ([("שלום my friend, how are you", NONE)], True),
        ([("Python היא שפת תכנות", NONE)], True),
        ([("the word שלום means peace", NONE)], False),
        ([("long_function_name()", CODE), (" זו", NONE)], True),
    ],
)
def test_the_direction_of_a_line_is_that_of_its_first_letter_or_of_most(line: list[Run], rtl: bool) -> None:
    assert is_rtl(line) is rtl


def test_columns_stay_where_they_are() -> None:
    row = f"  {SHALOM} {OLAM}!   12 May  {OLAM} │ {SHALOM}"
    shown = f"  !{backwards(OLAM)} {backwards(SHALOM)}   12 May  {backwards(OLAM)} │ {backwards(SHALOM)}"
    once = in_columns([(row, NONE)], "visual")
    assert "".join(text for text, _ in once) == shown
    assert in_columns([*once, (" ", NONE)], "visual") == [*once, (" ", NONE)], "not twice, as below a dialog"
    titled = in_columns([(f"{SHALOM} ", CELL), ("18:41", NONE)], "visual")
    assert "".join(text for text, _ in titled) == f" {backwards(SHALOM)}18:41"


def painted(row: Row, width: int) -> str:
    return "".join(piece.text for piece in visual(row.runs, rtl=row.rtl, width=width, order="visual")).rstrip()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (f"# {SHALOM}", ["          םולש"]),
        (f"- {SHALOM}\n- hello", ["        םולש •", "• hello"]),
        (f"> {SHALOM}", ["        םולש ▎"]),
        (f"1. {OLAM}", ["       םלוע .1"]),
        (f"```\nx = 1 # {SHALOM}\n```", ["1      /copy 1", " x = 1 # םולש"]),
        ("| א | בב |\n|---|---|\n| גגג | 1 |", ["       בב    א", "       ──  ───", "        1  גגג"]),
        ("| a | b |\n|---|---|\n| גגג | 1 |", ["a    b", "───  ─", "גגג  1"]),
    ],
)
def test_blocks_are_at_the_side_where_they_begin(source: str, shown: list[str]) -> None:
    rows = [painted(row, 14) for row in render_blocks(read(source), 14, LOOK)]
    assert [row.rstrip() for row in rows] == shown


@pytest.mark.parametrize(
    ("environment", "screen", "order"),
    [
        ({"TERM": "xterm-256color"}, True, "visual"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True, "visual"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, False, "logical"),
        ({"TERM": "tmux-256color", "VTE_VERSION": "7600", "TMUX": "x"}, True, "logical"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "5202"}, False, "visual"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "230400"}, True, "logical"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, True, "logical"),
        ({"TERM": "xterm-kitty", "KONSOLE_VERSION": "230400"}, True, "words"),
    ],
)
def test_the_terminal_is_not_given_reordered_text_if_it_reorders_it(
    environment: dict[str, str], screen: bool, order: str
) -> None:
    assert text_order("auto", screen=screen, environment=environment) == order
    assert text_order("lechat", screen=screen, environment=environment) == "visual"
