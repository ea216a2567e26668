"""A document cut into passages: at headings, then between paragraphs, then between sentences. Knows no index."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

from lechat_tui.documents.model import Document, Page
from lechat_tui.library.scripts import count_words
from lechat_tui.values import dataclass

MAX_WORDS = 300
"""Of a passage."""

MIN_WORDS = 40
"""A heading does not end a passage that is shorter than this: a title and a line below it say nothing alone."""

MAX_WORD_CHARACTERS = 400
"""What is longer without a space is cut: encoded data, or a script that the table of scripts does not have."""

SEPARATOR = " > "
"""Between the headings of a path."""

MAX_HEADING_CHARACTERS = 200


@dataclass(frozen=True)
class Passage:
    """A piece of one page, and where it is. `body` is the text of the page from `start` to `end`."""

    document: str
    """The name of the document."""
    page: int
    start: int
    """Its first character in the text of the page."""
    end: int
    """The character behind its last."""
    heading: str
    """The headings above it, from the outermost, with ` > ` between them."""
    body: str
    path: str = ""
    """The file of the document; empty for one that is in no folder."""
    id: int = 0
    """Its number in the library; 0 outside of one."""


class Searchable(Protocol):
    """All that a question needs of a library, wherever it is."""

    def search(self, question: str, k: int = 10) -> list[Passage]:
        """The passages that match best, at most `k`, best first. Takes a moment. Raises `LibraryError`."""

    def close(self) -> None:
        """Close its file or its connections."""


class Block(NamedTuple):
    """A heading, a paragraph, a table or a fence: what stands between blank lines."""

    start: int
    end: int
    level: int = 0
    """1 to 6 for a heading."""
    words: int = 0


def cut(document: Document) -> list[Passage]:
    """The passages of a document, in order. Only white space is in none of them."""
    headings = _Headings()
    found: list[Passage] = []
    for page in document.pages:
        for start, end, heading in _parts(page, headings):
            found.append(Passage(document.name, page.number, start, end, heading, page.text[start:end]))
    return found


def joined(first: Passage, second: Passage, between: str) -> Passage:
    """Two neighbors of one page as one passage, with the white space between them."""
    return replace(first, end=second.end, body=f"{first.body}{between}{second.body}")


class _Headings:
    """The path of headings to the place that was reached; it continues from page to page."""

    def __init__(self) -> None:
        self._path: dict[int, str] = {}

    def enter(self, level: int, title: str) -> None:
        self._path = {at: name for at, name in self._path.items() if at < level} | {level: title}

    def __str__(self) -> str:
        return SEPARATOR.join(filter(None, self._path.values()))


def _parts(page: Page, headings: _Headings) -> Iterator[tuple[int, int, str]]:
    """Start, end and heading of each passage of a page."""
    start = end = words = 0
    heading = str(headings)
    for block in _blocks(page):
        begins = block.level and words >= MIN_WORDS
        if words and (begins or words + block.words > MAX_WORDS):
            yield start, end, heading
            words = 0
        if block.level:
            headings.enter(block.level, _title(page.text[block.start : block.end]))
        if not words or words < MIN_WORDS:
            heading = str(headings)
        if block.words > MAX_WORDS:
            yield from ((*piece, heading) for piece in _pieces(page.text, block))
            continue
        start = start if words else block.start
        end, words = block.end, words + max(block.words, 1)
    if words:
        yield start, end, heading


_LINE = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+\S")


def _blocks(page: Page) -> Iterator[Block]:
    """The blocks of a page. Headings and fences are only looked for in Markdown."""
    for start, end, level in _spans(page.text, is_markdown=page.source == "markdown"):
        yield Block(start, end, level, count_words(page.text[start:end]))


def _spans(text: str, *, is_markdown: bool) -> Iterator[tuple[int, int, int]]:
    start, fence = -1, ""
    end = 0
    for line in _LINE.finditer(text):
        written = line[0]
        stripped = written.strip()
        mark = _FENCE.match(written) if is_markdown else None
        heading = _HEADING.match(written) if is_markdown and not fence else None
        if start >= 0 and (heading or (not stripped and not fence)):
            yield start, end, 0
            start = -1
        if heading:
            first = line.start() + len(written) - len(written.lstrip())
            yield first, line.start() + len(written.rstrip()), len(heading[1])
            continue
        if mark and (not fence or (mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and stripped == mark[1])):
            fence = "" if fence else mark[1]
        if stripped:
            start = start if start >= 0 else line.start() + len(written) - len(written.lstrip())
            end = line.start() + len(written.rstrip())
    if start >= 0:
        yield start, end, 0


def _title(line: str) -> str:
    return " ".join(line.strip().strip("#").split())[:MAX_HEADING_CHARACTERS]


_SENTENCE = re.compile(r"[^\n.!?…。！？؟।]*(?:[.!?…؟।]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”）]*|\n|$|[.!?…؟।])\s*")
_WORD = re.compile(rf"\s*\S{{1,{MAX_WORD_CHARACTERS}}}\s*")


def _pieces(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """A block that is too long, in parts of similar size that end with a sentence or a line where possible."""
    target = block.words / -(-block.words // MAX_WORDS)
    start, words = block.start, 0
    end = start
    for first, last, size in _sentences(text, block):
        if words and words + size / 2 > target:
            yield start, end
            start, words = first, 0
        end, words = last, words + size
    yield start, end


def _sentences(text: str, block: Block) -> Iterator[tuple[int, int, int]]:
    """Start, end and words of each sentence, without the white space behind it; one that is too long, by words."""
    for found in _SENTENCE.finditer(text, block.start, block.end):
        size = count_words(found[0])
        if size <= MAX_WORDS and len(found[0]) <= MAX_WORDS * MAX_WORD_CHARACTERS / 10:
            yield from [(found.start(), found.start() + len(found[0].rstrip()), size)] if size else []
            continue
        for word in _WORD.finditer(text, found.start(), found.end()):
            first = word.start() + len(word[0]) - len(word[0].lstrip())
            yield first, word.start() + len(word[0].rstrip()), max(count_words(word[0]), len(word[0]) // 20)
