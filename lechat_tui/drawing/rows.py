"""Rows of cells, and text broken into them. Knows no Markdown and no widget."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from rich.cells import cell_len, chop_cells
from rich.style import Style

from lechat_tui.plaintext import safe

Run = tuple[str, Style]
"""A piece of text in one style."""

TAB = 4


@dataclass(frozen=True, eq=False)
class Look:
    """The styles text is drawn in, by name; `syntax` holds those of code."""

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
    maths: Style
    question: Style
    bar: Style
    accent: Style
    note: Style
    error: Style
    syntax: Mapping[str, Style] = field(default_factory=dict)
    numbered: bool = False
    """Whether the lines of code have numbers."""


class Row(NamedTuple):
    """One line of cells."""

    runs: Sequence[Run]
    """Not yet a `Strip`: only what is seen becomes one, for a strip is thirty objects to the garbage collector."""
    skip: int = 0
    """Characters at its start that are decoration and are not copied."""
    joint: str | None = None
    """What joins it to the row above: a space or nothing where a line was wrapped, None where a line ended."""

    @property
    def text(self) -> str:
        return plain(self.runs)


_WIDE = "\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_WORD = re.compile(rf"[{_WIDE}]\s*|[^\s{_WIDE}]+\s*|\s+")


def wrap(runs: Iterable[Run], width: int) -> Iterator[tuple[list[Run], str | None]]:
    """Break runs into lines of at most `width` cells, each with its joint; every text passes here, made safe."""
    for line in lines(runs):
        told = plain(line)
        cuts = [0, *_breaks(told, max(width, 1)), len(told)]
        for start, end in pairwise(cuts):
            joint = None if not start else " " if told[start - 1].isspace() else ""
            last = end == len(told)
            yield _cut(line, start, end if last else start + len(told[start:end].rstrip())), joint


def lines(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Runs as the lines in them; made safe."""
    line: list[Run] = []
    for text, style in runs:
        first, *rest = safe(text).expandtabs(TAB).split("\n")
        if first:
            line.append((first, style))
        for part in rest:
            yield line
            line = [(part, style)] if part else []
    yield line


def _breaks(told: str, width: int) -> Iterator[int]:
    """Where a line is broken: before a word, or inside one that is wider than the line."""
    if len(told) <= width and cell_len(told) <= width:
        return
    used = 0
    for match in _WORD.finditer(told):
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


def _cut(line: Sequence[Run], start: int, end: int) -> list[Run]:
    cut: list[Run] = []
    at = 0
    for text, style in line:
        piece = text[max(start - at, 0) : max(end - at, 0)]
        if piece:
            cut.append((piece, style))
        at += len(text)
    return cut


def row(runs: Iterable[Run], *, skip: int = 0, joint: str | None = None) -> Row:
    """A row of runs that are known to fit."""
    return Row(list(runs), skip, joint)


def text_rows(runs: Iterable[Run], width: int) -> list[Row]:
    """Runs wrapped into rows."""
    return [row(line, joint=joint) for line, joint in wrap(runs, width)]


def prefixed(rows: Iterable[Row], first: Run, rest: Run, *, copied: bool = False) -> Iterator[Row]:
    """Rows with something before them: `first` before the first, `rest` before the others."""
    for number, (runs, skip, joint) in enumerate(rows):
        before = rest if number else first
        if skip or not copied:
            skip += len(before[0])
        yield Row([before, *runs], skip, joint)


def filled(rows: Iterable[Row], width: int, style: Style) -> Iterator[Row]:
    """Rows with this style behind them, all of this width."""
    for runs, skip, joint in rows:
        space = width - cell_len(plain(runs))
        yield Row([*((text, style + own) for text, own in runs), (" " * space, style)], skip, joint)


def plain(runs: Iterable[Run]) -> str:
    """The text of runs."""
    return "".join(text for text, _ in runs)
