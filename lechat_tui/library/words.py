"""Compares the words of a sentence with those of a passage, without knowing the grammar of any language."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from lechat_tui.library.facts import Token, covers, plain, tokens
from lechat_tui.library.function_words import FUNCTION_WORDS, language_of

MIN_PREFIX, PREFIX_SHARE = 4, 0.65
"""Letters that two forms of a word begin with alike: at least so many, and this share of the longer one."""

MIN_PART = 5
"""Letters of a part of a compound."""


class Statement:
    """A sentence, taken apart."""

    def __init__(self, text: str, language: str = "") -> None:
        """`language` is that of the text around it, for a short one."""
        self.plain = plain(text)
        self.tokens = tokens(self.plain)
        self.language = language_of(token.text for token in self.tokens) or language
        self.words = [token for token in self.tokens if is_content(token)]

    @property
    def cased(self) -> bool:
        """Whether its script tells names by a capital letter."""
        return self.language not in ("ar", "zh") and self.plain.lower() != self.plain.upper()


class Index:
    """The words of a text, to be asked whether a form of a word is among them."""

    def __init__(self, found: Iterable[Token]) -> None:
        found = list(found)
        self._texts = {token.text for token in found}
        self._values = {value for token in found for value in token.values}
        self._days = {day for token in found for day in token.days}
        self._values |= {float(part) for year, _, day in self._days for part in (year, day) if part}
        self._by_prefix: dict[str, list[str]] = {}
        for text in self._texts:
            self._by_prefix.setdefault(text[:MIN_PREFIX], []).append(text)
        self._stems = {_stem(text) for text in self._texts if len(text) > 2 and _ARABIC.match(text)}
        self._long = " ".join(text for text in self._texts if len(text) > MIN_PART)
        self._initials = "".join(token.shown[0] for token in found if token.capital)
        characters = [token.text if token.character else " " for token in found]
        self._pairs = {a + b for a, b in pairwise(characters) if " " not in (a, b)}
        self._known: dict[str, bool] = {}
        """What was asked for before."""

    def has(self, token: Token) -> bool:
        """Whether the number is there, or a form of the word."""
        if token.days:
            return any(covers(known, day) for known in self._days for day in token.days)
        if token.values:
            return bool(self._values & token.values) or token.text in self._texts
        if (known := self._known.get(token.shown)) is None:
            known = token.text in self._texts or self._has_form(token.text) or self._has_initials(token)
            self._known[token.shown] = known
        return known

    def has_pair(self, pair: str) -> bool:
        """Whether two characters of a script without spaces stand together."""
        return pair in self._pairs

    def _has_form(self, word: str) -> bool:
        if any(akin(word, other) for other in self._by_prefix.get(word[:MIN_PREFIX], ())):
            return True
        if _ARABIC.match(word):
            return _stem(word) in self._stems
        if len(word) <= MIN_PART:
            return False
        cuts = range(MIN_PART, len(word) - 1)  # a part of a compound, or a compound of it
        return word in self._long or any(word[:at] in self._texts or word[-at:] in self._texts for at in cuts)

    def _has_initials(self, token: Token) -> bool:
        letters = token.shown.replace(".", "")
        return len(letters) > 1 and letters.isupper() and letters in self._initials


_ARABIC = re.compile("[\u0600-\u06ff]")
_ARABIC_BEFORE = re.compile("^(?:و|ف)?(?:ال|بال|لل|كال|ب|ل|ك)?(?=.{2})")
_ARABIC_AFTER = re.compile("(?<=.{3})(?:ها|هم|ات|ون|ين|ان|يه|ه|ي|ا)$")


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    return _ARABIC_AFTER.sub("", _ARABIC_BEFORE.sub("", word))


@lru_cache(maxsize=4096)
def akin(word: str, other: str) -> bool:
    """Whether two words are probably forms of one."""
    if min(len(word), len(other)) < MIN_PREFIX:
        return False
    same = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    longest = max(len(word), len(other))
    return same >= max(MIN_PREFIX, PREFIX_SHARE * longest) or (same >= 6 and longest - same <= 4)


def is_content(token: Token) -> bool:
    if token.number:
        return True
    if token.character:
        return token.text not in FUNCTION_WORDS
    return len(token.text) > 1 and token.text not in FUNCTION_WORDS


def shared(statement: Statement, *indexes: Index) -> float:
    """The share of the content of a sentence that is in one of these texts, 0 to 1. Numbers and names count double."""
    total = have = 0.0
    for token in statement.words:
        if token.character:
            continue
        weight = 2.0 if token.number or token.capital else 1.0
        total += weight
        have += weight * any(index.has(token) for index in indexes)
    for pair in pairs(statement.tokens):
        total += 0.5
        have += 0.5 * any(index.has_pair(pair) for index in indexes)
    return have / total if total else 0.0


def pairs(found: Sequence[Token]) -> Iterator[str]:
    for a, b in pairwise(found):
        if a.character and b.character and a.text + b.text not in FUNCTION_WORDS:
            yield a.text + b.text


def is_soft(token: Token) -> bool:
    """Two, in letters: "both" and "a pair" say it as well."""
    return not token.shown[0].isdigit() and max(token.values, default=9.0) <= 2


def shortened(text: str, most: int = 40) -> str:
    """A text as it stands in a sentence about it."""
    return text if len(text) <= most else text[: most - 1] + "…"
