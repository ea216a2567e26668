"""The text that a model has read from a page: where it repeats itself, what is missing, what was invented. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from lechat_tui.values import dataclass

SHORT_PERIOD, SHORT_REPEATS = 300, 8
"""A piece of at most so many characters is a loop when it comes so often."""
LONG_PERIOD, LONG_REPEATS = 1500, 3
MIN_LOOP_CHARACTERS = 600
MIN_BLANK_LOOP_CHARACTERS = 2400
"""For a piece without a letter or a digit: rules, dot leaders and the empty rows of a form repeat, too."""

OVERLAP_WORDS = 250
"""Words at the end of one half and at the beginning of the next that are compared."""
MIN_OVERLAP_WORDS = 3
MAX_STRAY_WORDS = 12
"""Words of a line that was cut that may stand outside of the overlap."""

MIN_PARROTED_WORDS = 8
MAX_OWN_WORDS = 0.2
"""The share of the words of a text that may be missing in the question that it repeats."""

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han."""
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+")
_HYPHEN = re.compile(r"(?<=\w)[-\u00ad]\n(?=\w)")
_MARKUP = re.compile(r"<[^<>]{1,200}>|!\[[^\]\n]{0,200}\]\([^)\n]{0,400}\)|\\[a-zA-Z]+|\[(?:unreadable|picture)\]")
_FENCE = re.compile(r"\s*(```+|~~~+)(?:markdown|md|html|text)?[ \t]*\n(.*?)\n?\1\s*", re.DOTALL)
_PICTURE = re.compile(r"!\[([^\]\n]{0,200})\]\([^)\n]{0,400}\)|<img\b[^<>]{0,400}>|\[picture\]", re.IGNORECASE)


def unlooped(text: str) -> str | None:
    """The text without the copies of its end, where it repeats itself there; None where it does not."""
    for period in range(1, min(LONG_PERIOD, len(text) // 2) + 1):
        repeats = SHORT_REPEATS if period <= SHORT_PERIOD else LONG_REPEATS
        length = max(MIN_LOOP_CHARACTERS, period * repeats)
        if length > len(text) or text[-length:-period] != text[-length + period :]:
            continue
        if not any(char.isalnum() for char in text[-period:]):
            length = max(length, MIN_BLANK_LOOP_CHARACTERS)
            if length > len(text) or text[-length:-period] != text[-length + period :]:
                continue
        start = len(text) - length
        while start and text[start - 1] == text[start - 1 + period]:
            start -= 1
        return text[: start + period]
    return None


def cleaned(text: str) -> str:
    """The text without the fence that a model puts around all of it, and without spaces at the ends of lines."""
    fenced = _FENCE.fullmatch(text)
    text = fenced[2] if fenced and fenced[1] not in fenced[2] else text
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def joined(first: str, second: str) -> str:
    """The texts of two halves of a page; what both have of their overlap is kept once."""
    if not (first.strip() and second.strip()):
        return first.strip() or second.strip()
    before = list(re.finditer(r"\S+", first))[-OVERLAP_WORDS:]
    after = list(re.finditer(r"\S+", second))[:OVERLAP_WORDS]
    match = SequenceMatcher(None, _forms(before), _forms(after), autojunk=False).find_longest_match()
    stray = max(len(before) - match.a - match.size, match.b)
    if match.size < MIN_OVERLAP_WORDS or stray > MAX_STRAY_WORDS:
        return f"{first.rstrip()}\n\n{second.lstrip()}"
    rest = second[after[match.b + match.size - 1].end() :].rstrip()
    return first[: before[match.a + match.size - 1].end()] + rest


def _forms(words: Sequence[re.Match[str]]) -> list[str]:
    """How words are compared: in lower case, without the marks around them."""
    return [word[0].casefold().strip("*_`#|.,;:") or word[0] for word in words]


@dataclass(frozen=True)
class Comparison:
    """What the text of a page has in common with the text that its PDF has for it."""

    kept: float
    """The share of the PDF's words that the text has, 0 to 1."""
    invented: float
    """The share of the text's words that the PDF does not have, 0 to 1."""
    words: int
    """Words in the PDF's text."""


def compared(layer: str, text: str) -> Comparison:
    """Compare the text of a page with the text layer of its PDF, by words."""
    own, read = Counter(_words(layer)), Counter(_words(text))
    common = (own & read).total()
    return Comparison(common / (own.total() or 1), 1 - common / (read.total() or 1), own.total())


def parrots(text: str, question: str) -> bool:
    """Whether a text has hardly any words but those of the question, as small models write for a picture."""
    words = _words(text)
    return len(words) >= MIN_PARROTED_WORDS and compared(question, text).invented <= MAX_OWN_WORDS


def _words(text: str) -> list[str]:
    flat = _MARKUP.sub(" ", _HYPHEN.sub("", unicodedata.normalize("NFKC", text)))
    return _WORD.findall(flat.casefold())


def with_pictures(text: str, files: Sequence[str]) -> str:
    """The text with these files in place of the pictures that the model has marked, in order; others at the end."""
    waiting = list(files)

    def named(mark: re.Match[str]) -> str:
        return f"![{(mark[1] or 'picture').strip()}]({waiting.pop(0)})" if waiting else "[picture]"

    text = _PICTURE.sub(named, text)
    return "\n\n".join(filter(None, (text, *(f"![picture]({file})" for file in waiting))))
