"""The order in which a terminal shows Hebrew and Arabic: from logical order to that of the cells, left to right.

Most terminals put each character into the next cell, whatever its direction. So rows keep their text in logical order,
for wrapping, copies and searches, and are reordered where they are painted. The rules are those of Unicode's
bidirectional algorithm (UAX #9) without its explicit controls, which `plaintext.py` replaces. Letters are not joined:
that is left to the terminal.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby, pairwise
from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style

from lechat_tui.terminal import TextOrder

Run = tuple[str, Style]
"""A piece of text in one style."""

CELL, CODE = Style.from_meta({"bidi": "cell"}), Style.from_meta({"bidi": "code"})
"""Mark text that has an order of its own, whatever is around it: the cell of a table; code, which is left to right."""

DONE = Style.from_meta({"bidi": "done"})
"""Marks what has been put into the order of the cells."""

_RTL = "\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff"

_OBJECT = "\ufffc"
"""Stands for text with an order of its own in the text around it."""

_PAIRS = "()[]{}<>«»‹›≤≥⟨⟩⟦⟧⟪⟫❨❩⁅⁆≪≫"
_MIRRORED = dict(zip(_PAIRS, "".join(b + a for a, b in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)), strict=True))
_BRACKETS = dict(zip("([{⟨⟦⟪❨⁅", ")]}⟩⟧⟫❩⁆", strict=True))


@cache
def _rtl() -> re.Pattern[str]:
    """Compiled when it is needed, like the other patterns: each takes about half a millisecond."""
    return re.compile(f"[{_RTL}]")


def has_rtl(text: str) -> bool:
    """Whether a text has a character of a script that is written from right to left."""
    return not text.isascii() and _rtl().search(text) is not None


@cache
def _cluster() -> re.Pattern[str]:
    """A base character with its combining marks and joiners; they stay together when a line is reordered."""
    return re.compile(
        "(?:[\U0001f1e6-\U0001f1ff]{2}|.)(?:[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
        "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08d3-\u08ff"
        "\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u2060\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
        "\U000e0100-\U000e01ef]|(?<=\u200d)[^\x00-\u20ff])*",
        re.DOTALL,
    )


@cache
def _part() -> re.Pattern[str]:
    """A text in a row of columns: between two are at least two spaces, or a line."""
    return re.compile(r"[^\s│┃▕▏▌▎]+(?: [^\s│┃▕▏▌▎]+)*")


class Piece(NamedTuple):
    """Text in the order of the cells."""

    text: str
    style: Style
    start: int
    """The place of its first character in the text in logical order."""


def is_rtl(runs: Iterable[Run]) -> bool:
    """Whether a line is written from right to left: its first letter is, or most of them are. Code does not count."""
    text = "".join(text for text, _ in runs)
    if not has_rtl(text):
        return False
    letters = [unicodedata.bidirectional(char) for run in runs if _mark(run) != "code" for char in run[0]]
    strong = [kind != "L" for kind in letters if kind in ("L", "R", "AL")]
    return bool(strong) and (strong[0] or sum(strong) * 2 > len(strong))


def visual(runs: Sequence[Run], *, rtl: bool, width: int, order: TextOrder) -> list[Piece]:
    """A row in the order of the cells; one that is written from right to left is at the right end of this width."""
    text = "".join(text for text, _ in runs)
    if order == "logical" or not (rtl or has_rtl(text)):
        return list(_in_logical_order(runs))
    levels = _levels(runs, int(rtl))
    styles = [style for text, style in runs for _ in text]
    pieces: list[Piece] = []
    if rtl and (space := width - cell_len(text)) > 0:
        pieces.append(Piece(" " * space, Style.null(), len(text)))
    clusters = _words(text, levels) if order == "words" else [match.span() for match in _cluster().finditer(text)]
    for start, end in _reordered(clusters, levels):
        cluster = text[start:end]
        if levels[start] % 2 and end - start == 1:
            cluster = _MIRRORED.get(cluster, cluster)
        last = pieces[-1] if pieces else None
        if last and last.start + len(last.text) == start and last.style == styles[start] and not levels[start] % 2:
            pieces[-1] = Piece(last.text + cluster, last.style, last.start)
        else:
            pieces.append(Piece(cluster, styles[start] + DONE if levels[start] % 2 else styles[start], start))
    return pieces


def in_columns(runs: Sequence[Run], order: TextOrder) -> list[Run]:
    """A row of columns in the order of the cells, with every column where it is; not twice."""
    if order == "logical" or any(_mark(run) == "done" for run in runs):
        return list(runs)
    shown: list[Run] = []
    for mark, group in groupby(runs, _mark):
        column = list(group)
        text = "".join(text for text, _ in column)
        done = 0
        for start, end in [(0, len(text))] if mark else [part.span() for part in _part().finditer(text)]:
            piece = cut(column, start, end)
            shown += cut(column, done, start)
            shown += [(text, style) for text, style, _ in visual(piece, rtl=is_rtl(piece), width=0, order=order)]
            done = end
        shown += cut(column, done, len(text))
    return shown


def cut(line: Sequence[Run], start: int, end: int) -> list[Run]:
    """The runs from one character to another."""
    found: list[Run] = []
    at = 0
    for text, style in line:
        piece = text[max(start - at, 0) : max(end - at, 0)]
        if piece:
            found.append((piece, style))
        at += len(text)
    return found


def _in_logical_order(runs: Sequence[Run]) -> Iterator[Piece]:
    at = 0
    for text, style in runs:
        yield Piece(text, style, at)
        at += len(text)


def _mark(run: Run) -> str:
    return str(run[1].meta.get("bidi", ""))


# The levels of characters: an odd one is shown from right to left


def _levels(runs: Sequence[Run], base: int) -> list[int]:
    """The level of each character; marked runs have levels of their own, like isolates (UAX #9, BD8)."""
    groups = [(mark, list(group)) for mark, group in groupby(runs, _mark)]
    texts = ["".join(text for text, _ in group) for _, group in groups]
    around = [_OBJECT if mark else text for (mark, _), text in zip(groups, texts, strict=True)]
    outer = iter(resolved("".join(around), base))
    found: list[int] = []
    for (mark, group), text in zip(groups, texts, strict=True):
        if not mark:
            found += [next(outer) for _ in text]
            continue
        next(outer)
        rtl = mark == "cell" and is_rtl(group)
        found += resolved(text, base + 1 + (base % 2 == rtl))
    return found


def resolved(text: str, base: int) -> list[int]:
    """The level of each character of a paragraph of this level (UAX #9, W1 to I2 and L1)."""
    kinds = [unicodedata.bidirectional(char) or "L" for char in text]
    edge = "R" if base % 2 else "L"
    _resolve_weak(kinds, edge)
    _resolve_brackets(text, kinds, edge)
    _resolve_neutral(kinds, edge)
    raised = {"L": base % 2, "R": 1 - base % 2}
    levels = [base + raised.get(kind, 2 - base % 2) for kind in kinds]
    blank = len(text) - len(text.rstrip())
    return [*levels[: len(text) - blank], *[base] * blank]


_SEPARATED = frozenset((("EN", "ES", "EN"), ("EN", "CS", "EN"), ("AN", "CS", "AN")))
"""Kinds of characters of which the middle one becomes a part of the number around it (W4)."""


def _resolve_weak(kinds: list[str], edge: str) -> None:
    """W1 to W7: marks, numbers, and what is between numbers."""
    strong = edge
    for at, kind in enumerate(kinds):
        if kind in ("NSM", "BN"):
            kinds[at] = kinds[at - 1] if at else edge
        elif kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[at] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for at in range(1, len(kinds) - 1):
        if tuple(kinds[at - 1 : at + 2]) in _SEPARATED:
            kinds[at] = kinds[at - 1]
    at = 0
    for kind, group in groupby(list(kinds)):
        size = len(list(group))
        if kind == "ET" and "EN" in (kinds[at - 1 : at] + kinds[at + size : at + size + 1]):
            kinds[at : at + size] = ["EN"] * size
        at += size
    strong = edge
    for at, kind in enumerate(kinds):
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"
        elif kind not in ("EN", "AN"):
            kinds[at] = "ON"


def _direction(kind: str) -> str:
    """How a number or a letter counts for what is beside it."""
    return "R" if kind in ("EN", "AN") else kind


def _resolve_brackets(text: str, kinds: list[str], edge: str) -> None:
    """N0: a pair of brackets has the direction of what is in it."""
    for start, end in sorted(_bracket_pairs(text, kinds)):
        inside = {_direction(kind) for kind in kinds[start + 1 : end]}
        if edge in inside:
            kinds[start] = kinds[end] = edge
        elif inside & {"L", "R"}:
            before = next((_direction(kind) for kind in reversed(kinds[:start]) if kind != "ON"), edge)
            kinds[start] = kinds[end] = before


def _bracket_pairs(text: str, kinds: Sequence[str]) -> Iterator[tuple[int, int]]:
    waiting: list[tuple[str, int]] = []
    for at, char in enumerate(text):
        if kinds[at] != "ON":
            continue
        if char in _BRACKETS:
            waiting.append((_BRACKETS[char], at))
        elif place := next((n for n in range(len(waiting), 0, -1) if waiting[n - 1][0] == char), 0):
            yield waiting[place - 1][1], at
            del waiting[place - 1 :]


def _resolve_neutral(kinds: list[str], edge: str) -> None:
    """N1 and N2: what has no direction has that of both its sides, or else that of the paragraph."""
    at = 0
    for neutral, group in groupby(list(kinds), lambda kind: kind == "ON"):
        size = len(list(group))
        if neutral:
            before = _direction(kinds[at - 1]) if at else edge
            after = _direction(kinds[at + size]) if at + size < len(kinds) else edge
            kinds[at : at + size] = [before if before == after else edge] * size
        at += size


# The order of clusters


def _reordered(clusters: Sequence[tuple[int, int]], levels: Sequence[int]) -> list[tuple[int, int]]:
    """L2: from the highest level down, what is at this level or above is reversed."""
    found = list(clusters)
    for level in range(max(levels, default=0), 0, -1):
        at = 0
        for high, group in groupby([levels[start] >= level for start, _ in found]):
            size = len(list(group))
            if high:
                found[at : at + size] = found[at : at + size][::-1]
            at += size
    return found


def _words(text: str, levels: Sequence[int]) -> list[tuple[int, int]]:
    """Clusters, but each word that is written from right to left is one, in logical order."""
    starts = [match.start() for match in _cluster().finditer(text)]
    joined = [
        at
        for before, at in pairwise(starts)
        if levels[before] == levels[at] and levels[at] % 2 and not text[before].isspace() and not text[at].isspace()
    ]
    cuts = sorted(set(starts) - set(joined))
    return list(pairwise([*cuts, len(text)]))
