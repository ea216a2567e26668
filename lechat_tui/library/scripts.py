"""Text as the index sees it: without case and accents, and with pairs of characters where a script has no spaces."""

import re
import unicodedata

import regex

UNSPACED = (
    "\u0e01-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17d3\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u309d-\u30fa"
    "\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and ideographs, as a character class."""

_RUN = re.compile(f"[{UNSPACED}]+")

_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]"
)
"""Accents, and the vowel points and the stretching of Hebrew and Arabic."""

_ARABIC_LETTERS = (("\u0671", "\u0627"), ("\u0649", "\u064a"), ("\u0629", "\u0647"))
"""Letters that are written one for the other: two forms of alef, of yeh, and teh marbuta for heh."""
_HAS_ARABIC = re.compile("[\u0600-\u06ff]")
_ARABIC_ARTICLE = re.compile(r"\b(?:[\u0648\u0641\u0628\u0643]?\u0627\u0644|\u0644\u0644)(?=[\u0621-\u064a]{2})")
"""The article, also behind a conjunction or preposition, which are written together with their word."""

CHARACTERS_PER_WORD = 2
"""Of a script without spaces, to compare the length of its texts with others."""


def count_words(text: str) -> int:
    """The number of words; in scripts without spaces, every two characters count as one."""
    words = len(text.split())
    if text.isascii():
        return words
    return words + sum(len(run) for run in _RUN.findall(text)) // CHARACTERS_PER_WORD


def folded(text: str) -> str:
    """Without case and accents."""
    text = text.casefold()
    if text.isascii():
        return text
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    if _HAS_ARABIC.search(plain):
        for written, letter in _ARABIC_LETTERS:
            plain = plain.replace(written, letter)
    return unicodedata.normalize("NFC", plain)


def by_words(text: str) -> str:
    """What the index of words gets: no Arabic articles, and pairs and the last character of a run without spaces."""
    text = folded(text)
    if text.isascii():
        return text
    return _RUN.sub(lambda run: f" {pairs(run[0])} ", _ARABIC_ARTICLE.sub("", text))


def terms(text: str) -> set[str]:
    """The words of a text that can be found by their parts, as the index of words has them but for their stems."""
    return set(_TERM.findall(by_words(text)))


def pairs(run: str) -> str:
    """Each two neighbors of a run, and its last character, so that any character begins one of them."""
    return " ".join([*(run[at : at + 2] for at in range(len(run) - 1)), run[-1]])


def is_unspaced(word: str) -> bool:
    """Whether there are characters of a script without spaces in it."""
    return _RUN.search(word) is not None


_WORDS = regex.compile(rf"[{UNSPACED}]+|[[\p{{L}}\p{{N}}\p{{M}}]--[{UNSPACED}]]+", regex.V1)
_TERM = regex.compile(r"(?<![\p{L}\p{N}\p{M}])[\p{L}\p{N}\p{M}]{4,40}(?![\p{L}\p{N}\p{M}])")
_WORD_RUN = regex.compile(r"[\p{L}\p{N}\p{M}]+")


def words(text: str) -> list[str]:
    """The words of a question, folded, each once, in order; a run without spaces is one."""
    return list(dict.fromkeys(_WORDS.findall(folded(text))))


def runs(text: str) -> list[str]:
    """The words of a question as they are divided by spaces and signs alone, folded, each once, in order."""
    return list(dict.fromkeys(_WORD_RUN.findall(folded(text))))
