"""Markdown read while it comes: an answer's top-level blocks, each parsed for the last time when it is finished.

However long an answer gets, and whatever is in it, a step of reading looks at a bounded stretch of it: a block that
would grow without end is cut, and goes on in the next one. Where it is cut depends on what stands before the cut and
on nothing else, so an answer reads the same however it came. Draws nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from lechat_tui.drawing import equations

LIMIT = 4_000
"""Characters from which a block is cut."""

CODE_LIMIT = 8_000
"""The same for code, which is parsed faster and coloured as a whole."""

BRUTE = 16_000
"""Characters from which a block is cut even where its structure does not survive it, as in one item of a list."""

WINDOW = 24_000
"""Characters that are parsed at once at most."""

_CODE = ("fence", "code_block")
_LISTS = ("bullet_list_open", "ordered_list_open")
_QUOTED_BLANK = re.compile(r"\s{0,3}>[\s>]*\n?")


@dataclass(frozen=True)
class Joint:
    """How a block hangs on the one it was cut from."""

    head: str = ""
    """Lines of that block that stand before this one's text too: the opening of a fence, the head of a table."""
    gap: bool = True
    """Whether a blank row stands between them."""
    number: int | None = None
    """The number of the first item, where a list goes on."""
    lines: int = 0
    """Lines of code before this one's, where a fence goes on."""
    inline: bool = False
    """Whether the cut lies within a line."""


@dataclass(frozen=True, eq=False)
class Block:
    """A top-level block of an answer."""

    tokens: Sequence[Token]
    fence: int
    """The number of its first fence, counted from 1 through the answer."""
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
    """The tokens of a block, and its text as characters of the window."""

    tokens: Sequence[Token]
    start: int
    end: int


class Reader:
    """Takes in an answer piece by piece, and has its blocks.

    `references` are link definitions known from the start; those that are met are added to them.
    """

    def __init__(self, references: dict[str, Any] | None = None) -> None:
        self.blocks: list[Block] = []
        self.references: dict[str, Any] = dict(references or {})
        self._found: dict[str, Any] = {}
        """The link definitions in what may still grow, which may not be whole yet."""
        self._text = ""
        self._joint = Joint()
        self._fence = 1

    def feed(self, text: str) -> None:
        """Take in a piece."""
        self._text += text

    def advance(self) -> list[Block]:
        """Move what is finished into `blocks`; returns the last blocks, at most two, which may still grow."""
        while self._text:
            window = self._window()
            if (rest := self._step(window, last=len(window) == len(self._text))) is not None:
                return self._open(rest)
        return []

    def close(self) -> None:
        """Nothing more comes: what may still have grown is finished."""
        self.blocks += [replace(block, open=False) for block in self.advance()]
        self.references = {**self._found, **self.references}
        self._text = ""

    def _window(self) -> str:
        if len(self._text) <= WINDOW:
            return self._text
        return self._text[: self._text.rfind("\n", 0, WINDOW) + 1 or WINDOW]

    def _step(self, window: str, *, last: bool) -> list[_Group] | None:
        """Commit what is finished. Returns what is not when the window was the last; None when there is more."""
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
        """Commit the piece of a block before its cut, and remember how the rest hangs on it."""
        head = self._joint.head
        tokens = _markdown.parse(head + text, {"references": dict(self.references)})
        groups = _groups(tokens, head, text)
        self._commit(groups)
        self._joint = rest
        if not groups:  # link definitions alone
            return
        piece = self.blocks[-1]
        if rest.number is not None:
            rest = replace(rest, number=piece.first_number + rest.number)
        if piece.kind == "fence":
            self._fence = piece.fence
            rest = replace(rest, lines=piece.joint.lines + piece.tokens[0].content.count("\n"))
        self._joint = rest

    def _drop(self, characters: int, found: dict[str, Any], above: int) -> None:
        """Go on behind these characters, with the link definitions in them."""
        lines = self._text.count("\n", 0, characters) + above
        for label, target in found.items():
            if label not in self.references and target["map"][1] <= lines:
                self.references[label] = {**target, "map": [0, 0]}
        self._text = self._text[characters:]


def read(source: str) -> list[Block]:
    """The blocks of a whole text; link definitions hold wherever they stand."""
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
    return markdown


_markdown = _parser()

_lines = re.compile(r"[^\n]*\n|[^\n]+").findall


def _groups(tokens: Sequence[Token], head: str, window: str) -> list[_Group]:
    """The top-level blocks among tokens of a head and a window."""
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
    """Where a block's text is to be cut, and how what follows hangs on it; None where it is short or cannot be cut.

    Only the first `LIMIT` characters decide where, and only lines that are complete, or endless, decide whether.
    """
    solid = text.rfind("\n") + 1
    if max(solid, len(text) - solid) <= LIMIT:
        return None
    prefix = text[: text.rfind("\n", 0, LIMIT) + 1 or LIMIT]
    first = next(iter(_groups(_markdown.parse(head + prefix), head, prefix)), None)
    kind = first.tokens[0].type if first else ""
    if kind in _CODE:
        if max(solid, len(text) - solid) <= CODE_LIMIT:
            return None
        prefix = text[: text.rfind("\n", 0, CODE_LIMIT) + 1 or CODE_LIMIT]
    if not prefix.endswith("\n"):
        return _cut_line(prefix, kind, head)
    if kind in _LISTS:
        assert first
        items = _items(first.tokens)
        if len(items) > 1:
            lines = _lines(prefix)
            at = sum(map(len, lines[: items[-1]]))
            return at, Joint(gap=not lines[items[-1] - 1].strip(), number=len(items) - 1)
        return (len(prefix), Joint(gap=False)) if len(text) > BRUTE else None
    opening = _lines(head + prefix)
    if kind == "fence":
        at = _break(prefix, lambda line: not line.strip())
        return at, Joint(head=opening[0], gap=False)
    if kind == "table_open":
        return len(prefix), Joint(head="".join(opening[:2]))
    if kind == "blockquote_open":
        return _break(prefix, lambda line: bool(_QUOTED_BLANK.fullmatch(line))), Joint(gap=False)
    return len(prefix), Joint(gap=False)


def _items(tokens: Iterable[Token]) -> list[int]:
    """The lines at which the items of a list begin."""
    return [token.map[0] for token in tokens if token.type == "list_item_open" and token.level == 1 and token.map]


def _cut_line(prefix: str, kind: str, head: str) -> tuple[int, Joint]:
    """A cut within a line that has no end."""
    at = len(prefix)
    if kind == "paragraph_open":
        at = prefix.rfind(" ") + 1 or at
    opening = _lines(head)[0] if kind == "fence" and head else ""
    return at, Joint(opening, gap=False, inline=True)


def _break(prefix: str, good: Callable[[str], bool]) -> int:
    """Behind the last good line of the second half, else behind the last line."""
    at = len(prefix)
    for line in reversed(_lines(prefix)):
        if at < len(prefix) // 2:
            break
        if good(line):
            return at
        at -= len(line)
    return len(prefix)
