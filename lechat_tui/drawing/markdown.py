"""Markdown read while it is generated: the top-level blocks of an answer, each parsed until it is finished.

However long an answer gets, and whatever is in it, each step parses a bounded part of it: a block that would grow
without end is cut, and continues in the next one. Where it is cut depends only on the text before the cut, so that an
answer reads the same in whatever pieces it arrived.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from itertools import accumulate
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from lechat_tui.drawing import equations, tables
from lechat_tui.values import dataclass

MAX_BLOCK_CHARS = 4_000
"""A longer block is cut."""

MAX_CODE_CHARS = 8_000
"""The same for code, which is parsed faster and highlighted as a whole."""

MAX_LIST_ITEM_CHARS = 16_000
"""A longer item of a list is cut, although that ends the list."""

MAX_PARSED_CHARS = 24_000
"""At most so many characters are parsed at once."""

_CODE = ("fence", "code_block")
_LISTS = ("bullet_list_open", "ordered_list_open")
_QUOTED_BLANK = re.compile(r"\s{0,3}>[\s>]*\n?")


@dataclass(frozen=True)
class Joint:
    """How a block continues the one it was cut from."""

    head: str = ""
    """Lines of that block that are needed to parse this one: the opening of a fence, the head of a table."""
    gap: bool = True
    """Whether there is a blank row between them."""
    number: int | None = None
    """The number of the first item, if a list continues."""
    lines: int = 0
    """Lines of code before this one's, if a fence continues."""
    inline: bool = False
    """Whether the cut is within a line."""


@dataclass(frozen=True, eq=False)
class Block:
    """A top-level block of an answer."""

    tokens: Sequence[Token]
    fence: int
    """The number of its first fence, counted from 1 in the whole answer."""
    open: bool = False
    """True while it may still grow."""
    joint: Joint = field(default_factory=Joint)

    @property
    def kind(self) -> str:
        """The type of its first token."""
        return self.tokens[0].type

    @property
    def first_number(self) -> int:
        """The number of a list's first item."""
        return int(self.tokens[0].attrGet("start") or 1) if self.joint.number is None else self.joint.number

    @property
    def next_fence(self) -> int:
        """The number of the first fence after it."""
        return self.fence + sum(token.type == "fence" for token in self.tokens)


@dataclass(frozen=True)
class _Group:
    """The tokens of a block, and where its text is in the window, in characters."""

    tokens: Sequence[Token]
    start: int
    end: int


class Reader:
    """Reads an answer piece by piece.

    `references` are link definitions known from the start; those that are read are added to them.
    """

    def __init__(self, references: dict[str, Any] | None = None) -> None:
        self.blocks: list[Block] = []
        self.references: dict[str, Any] = dict(references or {})
        self._found: dict[str, Any] = {}
        """The link definitions in the text that may still grow, which may be incomplete."""
        self._text = ""
        self._joint = Joint()
        self._fence = 1

    @property
    def pending(self) -> int:
        """The number of characters that have not become finished blocks."""
        return len(self._text)

    def feed(self, text: str) -> None:
        """Append a piece."""
        self._text += text

    def advance(self) -> list[Block]:
        """Add the blocks that are finished to `blocks`; returns the others, at most two, which may still grow."""
        while self._text:
            window = self._window()
            if (rest := self._step(window, last=len(window) == len(self._text))) is not None:
                return self._open(rest)
        return []

    def close(self) -> None:
        """The answer has ended: all blocks are finished."""
        self.blocks += [replace(block, open=False) for block in self.advance()]
        self.references = {**self._found, **self.references}
        self._text = ""

    def _window(self) -> str:
        if len(self._text) <= MAX_PARSED_CHARS:
            return self._text
        return self._text[: self._text.rfind("\n", 0, MAX_PARSED_CHARS) + 1 or MAX_PARSED_CHARS]

    def _step(self, window: str, *, last: bool) -> list[_Group] | None:
        """Commit the finished blocks of a window. Returns the others of the last window, None for any other."""
        head = self._joint.head
        known: dict[str, Any] = {"references": dict(self.references)}
        groups = _groups(_markdown.parse(head + window, known), head, window)
        found = self._found = known["references"]
        for number, group in enumerate(groups):
            if cut := _cut(window[group.start : group.end], "" if number else head):
                self._commit(groups[:number])
                self._commit_piece(window[group.start : group.start + cut[0]], cut[1])
                self._drop(group.start + cut[0], found, head.count("\n"))
                return None
        unfinished_line = last and not window.endswith("\n")
        keep = 2 if unfinished_line else 1 if last or len(groups) > 1 else 0
        finished, rest = groups[: len(groups) - keep], groups[len(groups) - keep :]
        if finished or not last:
            self._commit(finished)
            self._drop(rest[0].start if rest else len(window), found, head.count("\n"))
        return rest if last else None

    def _open(self, groups: Iterable[_Group]) -> list[Block]:
        blocks: list[Block] = []
        joint, fence = self._joint, self._fence
        for group in groups:
            blocks.append(Block(group.tokens, fence, open=True, joint=joint))
            joint, fence = Joint(), blocks[-1].next_fence
        return blocks

    def _commit(self, groups: Iterable[_Group]) -> None:
        for group in groups:
            self.blocks.append(Block(group.tokens, self._fence, joint=self._joint))
            self._joint, self._fence = Joint(), self.blocks[-1].next_fence

    def _commit_piece(self, text: str, rest: Joint) -> None:
        """Commit a block up to its cut, and keep how the rest continues it."""
        head = self._joint.head
        tokens = _markdown.parse(head + text, {"references": dict(self.references)})
        groups = _groups(tokens, head, text)
        self._commit(groups)
        self._joint = rest
        if not groups:  # only link definitions
            return
        piece = self.blocks[-1]
        if rest.number is not None:
            rest = replace(rest, number=piece.first_number + rest.number)
        if piece.kind == "fence":
            self._fence = piece.fence
            rest = replace(rest, lines=piece.joint.lines + piece.tokens[0].content.count("\n"))
        self._joint = rest

    def _drop(self, characters: int, found: dict[str, Any], above: int) -> None:
        """Drop so many characters that have been read, and keep the link definitions in them."""
        lines = self._text.count("\n", 0, characters) + above
        for label, target in found.items():
            if label not in self.references and target["map"][1] <= lines:
                self.references[label] = {**target, "map": [0, 0]}
        self._text = self._text[characters:]


def read(source: str) -> list[Block]:
    """The blocks of a whole text; a link definition also counts for the text above it."""
    reader = Reader()
    reader.feed(source)
    reader.close()
    if not reader.references:
        return reader.blocks
    again = Reader(reader.references)
    again.feed(source)
    again.close()
    return again.blocks


def _parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    equations.enable(markdown)
    tables.enable(markdown)
    return markdown


_markdown = _parser()

_lines = re.compile(r"[^\n]*\n|[^\n]+").findall


def _groups(tokens: Sequence[Token], head: str, window: str) -> list[_Group]:
    """The tokens of a head and a window, by top-level block."""
    starts = [0, *accumulate(map(len, _lines(window)))]
    above = head.count("\n")

    def at(line: int) -> int:
        return starts[min(max(line - above, 0), len(starts) - 1)]

    groups: list[_Group] = []
    for group in _by_level(tokens):
        first, last = group[0].map or [0, 0]
        groups.append(_Group(group, at(first), at(last)))
    return groups


def _by_level(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield group
            group = []


def _cut(text: str, head: str) -> tuple[int, Joint] | None:
    """Where to cut the text of a block, and how the rest continues it; None if it is short or cannot be cut.

    Only its first `MAX_BLOCK_CHARS` decide where it is cut, and only lines that are complete, or longer, whether.
    """
    solid = text.rfind("\n") + 1
    if max(solid, len(text) - solid) <= MAX_BLOCK_CHARS:
        return None
    prefix = text[: text.rfind("\n", 0, MAX_BLOCK_CHARS) + 1 or MAX_BLOCK_CHARS]
    first = next(iter(_groups(_markdown.parse(head + prefix), head, prefix)), None)
    kind = first.tokens[0].type if first else ""
    if kind in _CODE:
        if max(solid, len(text) - solid) <= MAX_CODE_CHARS:
            return None
        prefix = text[: text.rfind("\n", 0, MAX_CODE_CHARS) + 1 or MAX_CODE_CHARS]
    if not prefix.endswith("\n"):
        return _cut_line(prefix, kind, head)
    if kind in _LISTS:
        assert first
        items = _items(first.tokens)
        if len(items) > 1:
            lines = _lines(prefix)
            at = sum(map(len, lines[: items[-1]]))
            return at, Joint(gap=not lines[items[-1] - 1].strip(), number=len(items) - 1)
        return (len(prefix), Joint(gap=False)) if len(text) > MAX_LIST_ITEM_CHARS else None
    opening = _lines(head + prefix)
    if kind == "fence":
        at = _end_of_line(prefix, lambda line: not line.strip())
        return at, Joint(head=opening[0], gap=False)
    if kind == "table_open":
        return len(prefix), Joint(head="".join(opening[:2]))
    if kind == "blockquote_open":
        return _end_of_line(prefix, lambda line: bool(_QUOTED_BLANK.fullmatch(line))), Joint(gap=False)
    return len(prefix), Joint(gap=False)


def _items(tokens: Iterable[Token]) -> list[int]:
    """The first line of each item of a list."""
    return [token.map[0] for token in tokens if token.type == "list_item_open" and token.level == 1 and token.map]


def _cut_line(prefix: str, kind: str, head: str) -> tuple[int, Joint]:
    """A cut within a line that is too long."""
    at = len(prefix)
    if kind == "paragraph_open":
        at = prefix.rfind(" ") + 1 or at
    opening = _lines(head)[0] if kind == "fence" and head else ""
    return at, Joint(opening, gap=False, inline=True)


def _end_of_line(prefix: str, good: Callable[[str], bool]) -> int:
    """The end of the last good line in the second half, else of the last line."""
    at = len(prefix)
    for line in reversed(_lines(prefix)):
        if at < len(prefix) // 2:
            break
        if good(line):
            return at
        at -= len(line)
    return len(prefix)
