"""Rows of a table with more cells than its head: a pipe was meant as text, so that no text of a cell is dropped.

GitHub's rule, which markdown-it follows, splits a row at every pipe that has no backslash before it, also within code,
and drops the cells that are too many. Models write `a | b` in a cell all the same.
"""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_PIECE = re.compile(r"(?P<code>(`+)(?!`).*?(?<!`)\2(?!`))|\\\||(?P<pipe>\|)|[^`|\\]+|.")

_QUOTE = re.compile(r"[>\s]*")


def enable(markdown: MarkdownIt) -> None:
    """Keep the text of such rows."""
    markdown.core.ruler.after("block", "table_pipes", _rule)


def cells(line: str, count: int) -> list[str]:
    """The cells of a row for so many columns: no pipe in code ends a cell, and the last cell takes the rest."""
    found: list[str] = []
    current = ""
    line = _QUOTE.sub("", line, count=1).strip()
    for piece in _PIECE.finditer(line.removeprefix("|")):
        if piece["pipe"] and len(found) < count - 1:
            found.append(current)
            current = ""
        else:
            current += piece[0].replace(r"\|", "|")
    found.append(current.strip().removesuffix("|"))
    return [cell.strip() for cell in found]


def _rule(state: StateCore) -> None:
    lines: Sequence[str] = ()
    row: list[Token] = []
    for token in state.tokens:
        if token.type == "tr_open":
            row = [token]
        elif token.type == "inline" and row:
            row.append(token)
        elif token.type == "tr_close" and row:
            lines = lines or state.src.split("\n")
            _restore(row[0], row[1:], lines)
            row = []


def _restore(row: Token, shown: Sequence[Token], lines: Sequence[str]) -> None:
    """Give the cells of a row their text back, if some of it was dropped."""
    if not row.map or row.map[0] >= len(lines):
        return
    line = lines[row.map[0]]
    if line.replace(r"\|", "").strip(" >").strip("|").count("|") < len(shown):
        return
    for token, text in zip(shown, cells(line, len(shown)), strict=False):
        token.content = text
