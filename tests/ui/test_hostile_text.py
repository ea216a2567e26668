"""What a model may write when it goes astray: nothing is lost, nothing stalls, only text reaches the terminal."""

import random
import re
import time

import pytest
from rich.cells import cell_len
from rich.style import Style
from seeing import MakeApp, rests, send, shows
from textual._compositor import CompositorUpdate

from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.markdown import Reader
from lechat_tui.drawing.rows import Look
from lechat_tui.drawing.styles import ROLES
from lechat_tui.message import Message

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]
WIDTH = 80

FRAME = 1.0
"""Seconds of CPU a drawing may take on the slowest machine; on a fast one it takes a hundredth."""

pick = random.Random(7)
SCRIPTS = [
    (0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x590, 0x700), (0x900, 0xA00), (0x1100, 0x1200), (0x2000, 0x2070),
    (0x3040, 0x3100), (0x4E00, 0x9FFF), (0xFE00, 0xFE10), (0x1F300, 0x1F700), (0, 0x20), (0x80, 0xA0), (0xD800, 0xE000),
]  # fmt: skip


def anything(length: int) -> str:
    return "".join(chr(pick.randrange(*pick.choice(SCRIPTS))) for _ in range(length))


HOSTILE = {
    "random Unicode": anything(20_000),
    "right to left": "שלום עולם مرحبا بالعالم \u202eevil\u202c " * 300,
    "wide": "漢字かな交じり文" * 1_000,
    "zero width": "a" + "\u200b\u200d\ufeff" * 5_000,
    "combining": "e" + "\u0301\u0328" * 5_000 + " Z" + "\u0335" * 3_000,
    "controls": "\x1b]0;title\x07\x1b[31mred\x1b[2J\x9b31m\x1bP1$q\x1b\\\x08\x7f\x00" * 200,
    "lone surrogates": "\ud83d and \udc31 " * 500,
    "a megabyte in one line": "megabyte " * 116_000,
    "a megabyte in one word": "x" * 1_000_000,
    "nested quotations": ">" * 10_000 + " deep",
    "nested lists": "- " * 10_000 + "deep",
    "lists ever further in": "\n".join("  " * n + f"- level {n}" for n in range(400)),
    "an unclosed fence": "```\n" + "".join(f"value_{n} = {n}\n" for n in range(50_000)),
    "an unclosed fence of Python": "```python\n" + "".join(f"value_{n} = {n}\n" for n in range(3_000)),
    "a table of 500 columns": "|" + "head|" * 500 + "\n|" + "---|" * 500 + "\n" + ("|" + "cell|" * 500 + "\n") * 20,
    "a table of 1,500 rows": "| a | b |\n|--|--|\n" + "".join(f"| {n} | value |\n" for n in range(1_500)),
    "open brackets": "[" * 8_000,
    "open pictures": "![" * 4_000,
    "open links": "[a](" * 5_000,
    "stars": "*a **b " * 2_000,
    "backticks": "".join("a" + "`" * n for n in range(200)),
    "angles": "<" * 20_000,
    "dollars": "$$x $y \\( \\[ " * 1_000,
    "roots": "$" + "\\sqrt{" * 300 + "x" + "}" * 300 + "$ and $" + "^" * 500 + "$",
    "definitions": "".join(f"[{n}]: https://a.org/{n}\n" for n in range(3_000)),
    "blank lines": "\n" * 100_000 + "end",
    "fences": "```\n" * 3_000,
    "entities": "&#x1b;[31m&#27;]0;x&#7; &#x202e; " * 300,
}


def rendered(text: str, pieces: int) -> tuple[Answer, float]:
    """The answer as it grew in so many pieces, and the CPU seconds of the longest drawing."""
    answer, longest, size = Answer(), 0.0, len(text) // pieces + 1
    for at in range(0, len(text), size):
        began = time.process_time()
        answer.grow(text[at : at + size])
        answer.rows(WIDTH, LOOK)
        longest = max(longest, time.process_time() - began)
    began = time.process_time()
    answer.finish(Message("assistant", text))
    answer.rows(WIDTH, LOOK)
    return answer, max(longest, time.process_time() - began)


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_rendered_in_short_steps_and_rows_that_fit(what: str) -> None:
    answer, longest = rendered(HOSTILE[what], pieces=8)
    rows = answer.rows(WIDTH, LOOK)
    assert longest < FRAME
    assert all(cell_len(row.text.rstrip()) <= WIDTH for row in rows)
    assert not any(re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", row.text) for row in rows)


@pytest.mark.parametrize("what", ["a megabyte in one line", "an unclosed fence", "a table of 1,500 rows"])
def test_reading_takes_no_longer_at_the_end_of_a_long_text_than_at_its_beginning(what: str) -> None:
    text, reader = HOSTILE[what], Reader()
    steps: list[int] = []
    for at in range(0, min(len(text), 120_000), 2_000):
        reader.feed(text[at : at + 2_000])
        before = len(reader.blocks)
        reader.advance()
        steps.append(reader.pending + (len(reader.blocks) - before) * 1_000)
    assert max(steps[len(steps) // 2 :]) <= 2 * max(steps[: len(steps) // 2])


def test_no_word_of_a_megabyte_is_lost() -> None:
    text = "".join(f"word{n} " for n in range(60_000))
    answer, _ = rendered(text, pieces=20)
    assert "".join(row.text for row in answer.rows(WIDTH, LOOK)).split() == text.split()


CONTROLS = re.compile(r"\x1b\[[0-9;]*[mHABCDGJK]")
"""Colours, and moves of the cursor."""


async def test_no_escape_sequence_of_an_answer_reaches_the_terminal(make_app: MakeApp) -> None:
    hostile = [HOSTILE[what] for what in ("controls", "entities", "random Unicode", "lone surrogates", "right to left")]
    answer = "\n\n".join(
        [*(text[:600] for text in hostile), "[a](<https://a.org/\x1b]8;;x> '\x9b')", "```\x1b[31m\n\x1b[2J\n```", "end"]
    )
    app = make_app(answer)
    async with app.run_test(size=(80, 60)) as pilot:
        await send(pilot, "\x1b[31mred\x07")
        await shows(pilot, "end")
        await rests(pilot)
        update = app.screen._compositor.render_update(full=True)
        assert isinstance(update, CompositorUpdate)
        written = update.render_segments(app.console)
    rest = CONTROLS.sub("", written)
    assert "end" in rest
    assert re.findall("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", rest) == []
