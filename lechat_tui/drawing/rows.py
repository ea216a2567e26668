"""Rows of terminal cells, and text wrapped into them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from rich.cells import cell_len, chop_cells
from rich.style import Style

from lechat_tui.drawing import bidi
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

Run = bidi.Run
"""A piece of text in one style."""

TAB_CELLS = 4


@dataclass(frozen=True, eq=False)
class Look:
    """The styles of text by the kind of text; `syntax` has those of code."""

    text: Style
    soft: Style
    faint: Style
    line: Style
    strong: Style
    emphasis: Style
    heading: Style
    code: Style
    fence: Style
    link: Style
    math: Style
    question: Style
    bar: Style
    accent: Style
    note: Style
    error: Style
    syntax: Mapping[str, Style] = field(default_factory=dict)
    numbered: bool = False
    """Whether lines of code are numbered."""
    cites: bool = False
    """Whether `[2]` is a citation, and `[2?]` an unverified one."""


@lru_cache(maxsize=8)
def citing(look: Look) -> Look:
    """The same styles for an answer about passages of a library; the same object as long as they are."""
    return replace(look, cites=True)


class Row(NamedTuple):
    """One line of cells."""

    runs: Sequence[Run]
    """Not a Textual `Strip`, which is thirty objects to the garbage collector: only rows in view become one."""
    skip: int = 0
    """Characters at its start that are decoration and are not copied."""
    joint: str | None = None
    """What joined it to the row above before the line was wrapped: a space or nothing; None if a line begins here."""
    rtl: bool = False
    """Whether it is written from right to left: its end is at the left, its beginning at the right of the column."""

    @property
    def text(self) -> str:
        """Its characters without styles."""
        return plain(self.runs)


_WIDE = "\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"


@cache
def _word() -> re.Pattern[str]:
    """A wide character or a word, with the blanks after it. Compiled when it is needed: that takes milliseconds."""
    return re.compile(rf"[{_WIDE}]\s*|[^\s{_WIDE}]+\s*|\s+")


def wrap(runs: Iterable[Run], width: int) -> Iterator[tuple[list[Run], str | None]]:
    """Runs as lines of at most `width` cells, each with its joint (see `Row`). The text is made safe for a terminal."""
    for line in lines(runs):
        yield from _wrapped(line, width)


def _wrapped(line: Sequence[Run], width: int) -> Iterator[tuple[list[Run], str | None]]:
    text = plain(line)
    cuts = [0, *_breaks(text, max(width, 1)), len(text)]
    for start, end in pairwise(cuts):
        joint = None if not start else " " if text[start - 1].isspace() else ""
        last = end == len(text)
        yield bidi.cut(line, start, end if last else start + len(text[start:end].rstrip())), joint


def lines(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Runs split at line ends. The text is made safe for a terminal."""
    line: list[Run] = []
    for text, style in runs:
        first, *rest = safe(text).expandtabs(TAB_CELLS).split("\n")
        if first:
            line.append((first, style))
        for part in rest:
            yield line
            line = [(part, style)] if part else []
    yield line


def _breaks(text: str, width: int) -> Iterator[int]:
    """Where to break a line: before a word, or within one that is wider than the line."""
    if len(text) <= width and cell_len(text) <= width:
        return
    used = 0
    for match in _word().finditer(text):
        word = match.group()
        bare = cell_len(word.rstrip())
        if used and used + bare > width:
            yield match.start()
            used = 0
        if bare > width:
            pieces = [piece for piece in chop_cells(word.rstrip(), width) if piece]
            yield from (match.start() + cut for cut in accumulate(map(len, pieces[:-1])))
            used = cell_len(pieces[-1]) + len(word) - len(word.rstrip())
        else:
            used += cell_len(word)


def row(runs: Iterable[Run], *, skip: int = 0, joint: str | None = None, rtl: bool = False) -> Row:
    """A row of runs that fit."""
    return Row(list(runs), skip, joint, rtl)


def text_rows(runs: Iterable[Run], width: int) -> list[Row]:
    """Runs wrapped into rows; each line has the direction of what is written in it."""
    rows: list[Row] = []
    for line in lines(runs):
        rtl = bidi.is_rtl(line)
        rows += [row(part, joint=joint, rtl=rtl) for part, joint in _wrapped(line, width)]
    return rows


def prefixed(rows: Iterable[Row], first: Run, rest: Run, *, copied: bool = False) -> Iterator[Row]:
    """Rows with `first` before the first one and `rest` before the others, which is copied with them if `copied`."""
    for number, (runs, skip, joint, rtl) in enumerate(rows):
        before = rest if number else first
        if skip or not copied:
            skip += len(before[0])
        yield Row([before, *runs], skip, joint, rtl)


def filled(rows: Iterable[Row], width: int, style: Style) -> Iterator[Row]:
    """Rows on this style, filled up to this width."""
    for runs, skip, joint, rtl in rows:
        space = width - cell_len(plain(runs))
        yield Row([*((text, style + own) for text, own in runs), (" " * space, style)], skip, joint, rtl)


def plain(runs: Iterable[Run]) -> str:
    """The text of runs."""
    return "".join(text for text, _ in runs)
