"""Markdown read in pieces is rendered like the whole text, with every word.

The examples combine the constructs of CommonMark 0.31 within, next to and across each other.
"""

import html
import random
import re
from itertools import product

import pytest
from markdown_it import MarkdownIt
from rich.style import Style

from lechat_tui.drawing import markdown
from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.rows import Look
from lechat_tui.drawing.styles import ROLES
from lechat_tui.message import Message

LOOK = Look(**dict.fromkeys(ROLES, Style.null()))  # type: ignore[arg-type]
WIDTH = 60

INLINE = [
    "word",
    "*em* and _em_",
    "**strong** __strong__",
    "***both***",
    "**not closed",
    "a*b*c _d_e",
    "`code` ``co`de``",
    "`not closed",
    "[link](https://a.org 'title')",
    "[link](<a b>)",
    "[ref][one] and [one] and [one][]",
    "[not a ref]",
    "![alt text](pic.png)",
    "<https://a.org> <me@a.org>",
    "&amp; &copy; &#65; &nosuch;",
    "\\*plain\\* \\\\ \\`",
    "two  \nlines",
    "two\\\nlines",
    "~~gone~~",
    "line\nline",
    "<b>html</b>",
    "5 < 6 > 4",
    "$x^2$ costs $5 and $10",
    "日本語 *強調* é",
]

BLOCKS = [
    "{}",
    "# {}",
    "### {} ###",
    "{}\n===",
    "{}\n---",
    "> {}",
    "> {}\nlazy",
    "> > {}",
    "- {}",
    "- {}\n- b\n  - c",
    "- {}\n\n- loose",
    "+ {}\n* other list",
    "1. {}\n2. b",
    "7) {}\n\n   paragraph",
    "- [ ] {}\n- [x] done",
    "- a\n\n      code in item\n\n  {}",
    "    {}",
    "```\n{}\n```",
    "~~~~ python title\n{}\n~~~\n~~~~",
    "```\n{}",
    "- ```\n  {}\n  ```",
    "> ```\n> {}\nafter",
    "***\n{}\n***",
    "| a | b |\n|---|:-:|\n| {} | c |",
    "[one]: https://one.org\n  'title'\n\n{}",
    "{}\n\n[one]: https://one.org",
    "<div>\n{}\n</div>",
    "$$\nx = y\n$$\n{}",
    "\\[\n\\frac{{a}}{{b}}\n\\]\n\n{}",
    "\\[ a\n- {}\n\\]",
]

FOLLOWING = [
    "",
    "\n",
    "\n\nafter",
    "\nright after",
    "\n\n- list",
    "\n# heading",
    "\n#tag",
    "\n\n    code",
    "\n2. x",
    "\n-\n",
]

REFERENCE = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def examples() -> list[str]:
    made = [block.format(inline) for block, inline in product(BLOCKS, INLINE)]
    pick = random.Random(20)
    return [f"{example}{pick.choice(FOLLOWING)}" for example in made]


def rows(answer: Answer) -> list[str]:
    return [row.text for row in answer.rows(WIDTH, LOOK)]


def at_once(text: str) -> list[str]:
    return rows(Answer(Message("assistant", text)))


def streamed(text: str, pick: random.Random, longest: int = 7) -> list[str]:
    answer, at = Answer(), 0
    while at < len(text):
        size = pick.randint(1, longest)
        answer.grow(text[at : at + size])
        answer.rows(WIDTH, LOOK)
        at += size
    answer.finish(Message("assistant", text))
    return rows(answer)


def words(text: str) -> list[str]:
    """The words that a browser would show."""
    page = re.sub(r'<img [^>]*alt="([^"]*)"[^>]*>', r" \1 ", REFERENCE.render(text))
    return re.findall(r"[^\W_]+", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def test_an_answer_in_pieces_is_rendered_like_a_complete_one() -> None:
    pick = random.Random(1)
    for example in pick.sample(examples(), 250):
        assert streamed(example, pick) == at_once(example), example


def test_every_word_that_a_browser_would_show_is_rendered() -> None:
    for example in examples():
        if re.search(r"\$\$|\\\[|\$x|\[x\]", example):
            continue  # formulas and boxes are shown in other characters
        shown = "".join("".join(at_once(example)).split())
        assert [word for word in words(example) if word not in shown] == [], example


def test_a_long_answer_in_pieces_is_rendered_like_a_complete_one() -> None:
    pick = random.Random(3)
    text = "\n\n".join(pick.sample(examples(), 60))
    assert streamed(text, pick, longest=90) == at_once(text)


LONG = {
    "a list": "".join(f"{n}. item {n} of *many*\n" for n in range(1, 400)),
    "a loose list": "".join(f"- item {n}\n\n" for n in range(600)),
    "code": "```python\n" + "".join(f"x{n} = {n}\n" + "\n" * (n % 7 == 0) for n in range(1500)) + "```\n\nend",
    "a quotation": "".join(f"> line {n}\n" + ">\n" * (n % 9 == 0) for n in range(900)),
    "a table": "| a | b |\n|---|---|\n" + "".join(f"| {n} | value {n} |\n" for n in range(500)),
    "a paragraph": "".join(f"word{n} " for n in range(2000)),
    "lines": "".join(f"line {n}\n" for n in range(1200)),
    "indented code": "".join(f"    line {n}\n" for n in range(900)),
    "one item": "- " + "".join(f"  line {n} of an item\n" for n in range(1200)),
}


@pytest.mark.parametrize("what", LONG)
def test_a_cut_block_is_rendered_as_if_it_were_whole(what: str) -> None:
    text = LONG[what]
    whole = at_once(text)
    assert streamed(text, random.Random(1), longest=2_000) == whole
    shown = "".join("".join(whole).split())
    assert [word for word in words(text) if word not in shown] == []
    assert len(markdown.read(text)) > 1


def test_the_numbers_of_a_list_continue_after_a_cut() -> None:
    shown = at_once("".join(f"1. item {n}\n" for n in range(1, 700)))
    assert [row.split() for row in shown[:-1]] == [[f"{n}.", "item", f"{n}"] for n in range(1, 700)]


def test_a_fence_after_a_long_one_has_the_next_number() -> None:
    shown = "\n".join(at_once("```\n" + "x = 1\n" * 4000 + "```\n\n```\ny\n```"))
    assert "1 " in shown
    assert "/copy 2" in shown
    assert "/copy 3" not in shown
