"""Citations in an answer, as in `[2]`: only numbers of passages that exist get through, in one spelling.

Models write `[1, 3]`, `[1-3]`, `[^1]` and `【1】` too; each number becomes a mark of its own, as in `[1][3]`. Code is
left as it is.
"""

import re
from collections.abc import Collection, Iterator

MARK = re.compile(r"\[(\d+)\]")
"""A citation as it leaves the filter."""

MAX_RANGE = 50
"""Numbers that a range such as `[1-9]` may have; a longer one is not a citation."""

_OPEN, _SHUT = r"\\?[\[【［]", r"\\?[\]】］]"
_LABEL = r"(?:(?:passages?|sources?|documents?|refs?|citations?)\.?[ \t]*)?"
_BETWEEN = r"[ \t]*(?:,|;|、|，|\band\b|&|-|–|—|\bto\b|:)[ \t]*"
_NUMBER = r"[#^†]?\d{1,40}"
_CITED = re.compile(rf"{_OPEN}[ \t]*{_LABEL}({_NUMBER}(?:{_BETWEEN}{_NUMBER})*)[ \t]*,?{_SHUT}", re.IGNORECASE)
_MAY_BECOME = re.compile(r"\\?(?:[\[【［][\w\s,;、，&–—:.#^†-]*\\?)?", re.IGNORECASE)
_HALF = re.compile(r"\\?[\[【［][ \t]*\d[\d ,;–-]*")
_MAX_HELD = 300
"""Characters that are held back because they may become a citation."""

_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})([^\n]*)")
_FENCE_BEGINS = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:[-*+]|\d{1,9}[.)]?|`+|~+)?")
_PLAIN = re.compile(r"[^\n`\[【［\\ \t]+")
_SPACES = re.compile(r"[ \t]*")
_TICKS = re.compile(r"`+")


class Marks:
    """Lets only citations of passages through whose numbers exist, in whatever pieces the text arrives.

    What may still become a citation is held back until it is decided.
    """

    def __init__(self, numbers: Collection[int], before: str = "") -> None:
        """`before` is text that the answer has already, when one that was cut short is continued."""
        self._numbers = numbers
        self._held = ""
        self._at_line_start = True
        self._fence = ""
        """The marks that opened the code block the text is in; empty outside of one."""
        self._ticks = 0
        """Backticks that opened the code span the text is in; 0 outside of one."""
        self._cited = ""
        """What the last mark does not bear right behind it: it would make a link, or its definition."""
        self.removed = 0
        """Citations of passages that do not exist, which were left out."""
        self.feed(before)
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that is certain after this piece."""
        pieces: list[str] = []
        for line in text.splitlines(keepends=True):  # a long text at once would be copied for each of its words
            self._held += line
            pieces += self._pieces(ended=False)
        return "".join(pieces)

    def close(self) -> str:
        """The text that was held back, when nothing more arrives; half a citation is left out."""
        return "".join(self._pieces(ended=True))

    def _pieces(self, *, ended: bool) -> Iterator[str]:
        while self._held:
            piece = self._next(ended=ended)
            if piece is None:
                return
            yield piece

    def _next(self, *, ended: bool) -> str | None:
        """The next piece of the held text, taken from it; None if more must arrive first."""
        if self._fence:
            return self._code_line(ended=ended)
        if self._at_line_start:
            fence = _FENCE.match(self._held)
            if fence and fence[1] and not ("`" in fence[2] and fence[1][0] == "`"):
                if fence.end() == len(self._held) and not ended:
                    return None
                self._fence, self._ticks, self._cited = fence[1], 0, ""
                return self._take(min(fence.end() + 1, len(self._held)))
            if not ended and _FENCE_BEGINS.fullmatch(self._held):
                return None
        return self._text(ended=ended)

    def _code_line(self, *, ended: bool) -> str | None:
        line, newline, _ = self._held.partition("\n")
        if not newline and not ended and len(line) < _MAX_HELD and _may_close(line, self._fence):
            return None
        if self._at_line_start and newline and _closes(line, self._fence):
            self._fence = ""
        self._at_line_start = bool(newline)
        return self._take(len(line + newline))

    def _text(self, *, ended: bool) -> str | None:
        held = self._held
        if self._cited:  # decided by the character behind the mark
            first, self._cited = held[0] in self._cited, ""
            if first:
                return self._take(1)[1:] if held[0] == ":" else f" {self._take(1)}"
        if held[0] == "\n":
            self._at_line_start, self._ticks = True, 0
            return self._take(1)
        if held[0] == "`":
            return self._backticks(ended=ended)
        if plain := _PLAIN.match(held):
            self._at_line_start = False
            return self._take(plain.end())
        spaces = _SPACES.match(held)
        assert spaces
        return self._maybe_cited(spaces.end(), ended=ended)

    def _backticks(self, *, ended: bool) -> str | None:
        run = _TICKS.match(self._held)
        assert run
        if run.end() == len(self._held) and not ended:
            return None
        self._at_line_start = False
        self._ticks = run.end() if not self._ticks else 0 if self._ticks == run.end() else self._ticks
        return self._take(run.end())

    def _maybe_cited(self, at: int, *, ended: bool) -> str | None:
        """A citation that begins at this place, behind spaces only, or the characters up to there."""
        held = self._held
        if at == len(held):
            return self._take(at) if ended else None
        found = _CITED.match(held, at)
        if found is None:
            if len(held) - at <= _MAX_HELD and _MAY_BECOME.fullmatch(held, at):
                if not ended:
                    return None
                if _HALF.fullmatch(held, at):  # an answer that was cut
                    self._held = ""
                    return None
            self._at_line_start = False
            return self._take(at if at and held[at] in "`\n" else at + 1)
        if self._ticks:
            rest = held[found.end() :]
            line, newline, _ = rest.partition("\n")
            if any(len(run) == self._ticks for run in re.findall("`+", line if newline or ended else line[:-1])):
                return self._take(found.end())
            if not (newline or ended):
                return None
            self._ticks = 0  # the backtick that opened it was only a backtick
        return self._citation(at, found)

    def _citation(self, at: int, found: re.Match[str]) -> str:
        numbers = _numbers(found[1])
        known = [number for number in numbers if number in self._numbers]
        self.removed += not known
        lead = self._take(found.end())[:at]
        if not known:
            return lead if self._at_line_start else ""
        self._cited = ":(" if self._at_line_start else "("
        self._at_line_start = False
        return lead + "".join(f"[{number}]" for number in known)

    def _take(self, count: int) -> str:
        taken, self._held = self._held[:count], self._held[count:]
        if "\n" in taken:
            self._at_line_start = taken.endswith("\n")
        return taken


def _may_close(line: str, fence: str) -> bool:
    return not line.strip(" \t>" + fence[0])


def _closes(line: str, fence: str) -> bool:
    marks = line.strip(" \t>")
    return len(marks) >= len(fence) and not marks.strip(fence[0])


def _numbers(cited: str) -> list[int]:
    """The numbers of `1, 3-5`, each once, in their order."""
    numbers: dict[int, None] = {}
    last, ranged = 0, False
    for word in re.findall(r"\d+|[-–—:]|\bto\b", cited, re.IGNORECASE):
        if not word.isdigit():
            ranged = True
            continue
        number = int(word)
        between = range(last + 1, number) if ranged and 0 < number - last <= MAX_RANGE else ()
        numbers.update(dict.fromkeys([*between, number]))
        last, ranged = number, False
    return list(numbers)


_BLOCK = re.compile(
    r"^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})[^\n`]*\n(?:.*?^[ \t>]*\1[`~]*[ \t]*$|.*)",
    re.DOTALL | re.MULTILINE,
)
"""A fenced code block, or the beginning of one that is not closed."""


def without_code(text: str) -> str:
    """The text with the characters of its code blocks and code spans replaced by spaces, at the same places."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = _BLOCK.sub(blank, text)
    return re.sub(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)", blank, text)
