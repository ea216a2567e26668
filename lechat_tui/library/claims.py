"""Sentences, and which of them an answer cites a passage for. For texts of any language."""

import re
from collections.abc import Iterator

from lechat_tui.library.marks import MARK, without_code
from lechat_tui.values import dataclass

_ABBREVIATIONS = """dr prof mr mrs ms st sr jr vs etc inc ltd co corp no nos vol pp fig figs eq ca approx est
dept gov gen col sgt capt e.g i.e a.m p.m u.s u.k d.c b.c a.d ph.d al op cit ed eds art sec ch cf jan feb mar
apr jun jul aug sep sept oct nov dec z.b d.h u.a o.ä usw bzw evtl ggf nr abs bd hrsg inkl vgl sog str tel mio
mrd v.chr n.chr z vol m mme mlle p ex env av apr sra srta ud uds dña núm pág art"""
"""Words before a period that ends no sentence; single letters are none either."""

_END = re.compile(
    r"""[.!?…؟۔।]+[\])}"'”’»›“]*(?:[ \t]*\[\d+\])*(?=\s|$)"""
    r"""|[。！？；]+[”’」』）"']*(?:[ \t]*\[\d+\])*"""
)
_WORD_BEFORE = re.compile(r"([^\W_](?:[\w.]*\w)?)$")
_LINE_BEGINS = re.compile(r"[ \t>]*(?:#{1,6}[ \t]|[-*+•][ \t]|\d{1,3}[.)][ \t]|\||$)")
_MARKER = re.compile(r"[ \t>]*(?:#{1,6}[ \t]+|[-*+•][ \t]+(?:\[[ x]\][ \t])?|\d{1,3}[.)][ \t]+)?")

_ALONE = re.compile(r"[ \t>]*(?:#{1,6}[ \t]|\|)")
"""A heading, or a row of a table: the next line does not continue it."""

_POINTS = re.compile(
    r"(?:^|\s)(?:to|in|by|from|per|see|passages?|sources?|document|laut|nach|gemäß|siehe|aus|zufolge|selon|dans|voir|según|en|"
    r"في|إلى|حسب|وفق|根据|参见|见)\s*$",
    re.IGNORECASE,
)
"""What stands before a citation that is a part of its sentence, as in "according to [2], the rent is 500"."""

MIN_CLAIM_CHARACTERS = 12
"""A shorter text before a citation is not all it is for: what follows it in the sentence is, too."""


@dataclass(frozen=True)
class Claim:
    """What an answer says with a citation behind it."""

    text: str
    """Without the marks of citations."""
    numbers: tuple[int, ...]
    """The passages it cites, without spaces or words between."""
    marks: tuple[tuple[int, int], ...]
    """Where each mark is in the answer."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, list item, heading or row of a table, with the citations behind its period."""
    for start, end in _blocks(text):
        yield from _sentences(text, start, end)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Lines that belong together: those of a paragraph."""
    start, at = None, 0
    for line in text.splitlines(keepends=True):
        new = _LINE_BEGINS.match(line)
        if start is not None and new:
            yield start, at
            start = None
        if start is None and line.strip():
            start = at
        at += len(line)
        if start is not None and _ALONE.match(line):
            yield start, at
            start = None
    if start is not None:
        yield start, at


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    marker = _MARKER.match(text, start, end)
    start = marker.end() if marker else start
    for found in _END.finditer(text, start, end):
        if found.end() < end and not _ends_here(text, start, found, end):
            continue
        yield start, found.end()
        start = found.end() + len(text[found.end() : end]) - len(text[found.end() : end].lstrip())
    if text[start:end].strip():
        yield start, start + len(text[start:end].rstrip())


def _ends_here(text: str, start: int, found: re.Match[str], end: int) -> bool:
    """Whether punctuation within a paragraph ends a sentence."""
    if found[0][0] != "." or "[" in found[0]:
        return True
    before, after = _WORD_BEFORE.search(text, start, found.start()), text[found.end() : end].lstrip()[:1]
    if after.islower():
        return False
    word = before[1] if before else ""
    if word.isdigit():  # "3. Oktober", "7. Januar"; years end sentences
        return len(word) > 2
    return not (len(word) == 1 and word.isalpha() and word.isascii()) and word.casefold() not in _ABBREVIATIONS.split()


def claims(answer: str) -> Iterator[Claim]:
    """What the answer cites passages for, in its order; marks in code are none."""
    plain = without_code(answer)
    if not MARK.search(plain):
        return
    for start, end in sentences(plain):
        groups = _groups(plain, start, end)
        for place, marks in enumerate(groups):
            begin = groups[place - 1][-1].end() if place else start
            claimed = answer[begin : marks[0].start()]
            if len(_bare(claimed)) < MIN_CLAIM_CHARACTERS or _POINTS.search(claimed):
                after = groups[place + 1][0].start() if place + 1 < len(groups) else end
                claimed += answer[marks[-1].end() : after]
            yield Claim(
                MARK.sub("", claimed).strip(" \t\n,;:|"),
                tuple(dict.fromkeys(int(mark[1]) for mark in marks)),
                tuple(mark.span() for mark in marks),
            )


def _groups(text: str, start: int, end: int) -> list[list[re.Match[str]]]:
    """The citations of a sentence; those without a word between them together."""
    groups: list[list[re.Match[str]]] = []
    for mark in MARK.finditer(text, start, end):
        if groups and not text[groups[-1][-1].end() : mark.start()].strip(" \t,;、，"):
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _bare(text: str) -> str:
    """The letters and digits alone; of a script with many letters, each counts for four."""
    return re.sub(r"[\W_]", "", re.sub(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])", r"\1\1\1\1", text))
