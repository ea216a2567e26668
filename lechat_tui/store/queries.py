"""How a search reads what was typed: words, accents, and the piece of text around a match."""

import re
import unicodedata

OPEN, CLOSE = "\x02", "\x03"
"""Put before and after a match in a snippet of FTS5."""

CONTEXT_CHARACTERS = 60
"""Of a snippet, on each side of a match."""

_PLAIN = re.compile(r"[\w'’-]+[.,;:!?]*")
"""A word the index finds as it was typed. In `C++`, `.net` or `print(` the signs matter, and the index has none."""

_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u2e80", "\ua4cf"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
"""Thai, Lao, Burmese, Khmer, kana and ideographs: written without spaces, and cut into words by spaces."""


_WORD = re.compile(r'"([^"]+)"|(\S+)')


def words(query: str) -> list[str]:
    """The words of a query, and what stands in quotes as one; signs count only when there is nothing else."""
    given = [(phrase or word.lstrip('"') or word).strip() for phrase, word in _WORD.findall(query)]
    return [word for word in given if any(map(str.isalnum, word))] or [query]


def indexed(query: str) -> bool:
    """Whether the index of words can find it."""
    pieces = [piece for word in words(query) for piece in word.split()]
    return any(map(str.isalnum, query)) and all(map(_PLAIN.fullmatch, pieces)) and not any(map(_is_unspaced, query))


def _is_unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in _UNSPACED)


def expression(query: str) -> str:
    """The query in FTS5's syntax: every word must be there, the last may be the beginning of one.

    Each word is quoted, so nothing in it is an operator (https://www.sqlite.org/fts5.html, section 3).
    """
    quoted = ('"' + word.replace('"', '""') + '"' for word in words(query))
    return " ".join(quoted) + "*"


def contains(text: object, query: str) -> bool:
    """Whether every word of the query is somewhere in the text, whatever the case and the accents."""
    inside = _folded(text) if isinstance(text, str) else ""
    return all(_folded(word) in inside for word in words(query))


def either_contains(text: object, attached: object, query: str) -> bool:
    """Whether every word of the query is somewhere in a message or in the files attached to it."""
    return contains("\n".join(part for part in (text, attached) if isinstance(part, str)), query)


def pattern(word: str) -> str:
    """A word as a pattern for LIKE, with a backslash before what is no sign of it."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", _folded(word)) + "%"


Spans = tuple[tuple[int, int], ...]
"""Start and end of each match."""


def snippet(text: str, query: str) -> tuple[str, Spans]:
    """The text around the first word of the query, and where that word is in it."""
    pieces = [_folded(char) for char in text]
    origins = [index for index, piece in enumerate(pieces) for _ in piece]
    word = _folded(words(query)[0])
    found = "".join(pieces).find(word)
    if found < 0 or not word:
        return text[: 2 * CONTEXT_CHARACTERS], ()
    start, end = origins[found], origins[found + len(word) - 1] + 1
    before = ("…" if start > CONTEXT_CHARACTERS else "") + text[max(0, start - CONTEXT_CHARACTERS) : start]
    after = text[end : end + CONTEXT_CHARACTERS] + ("…" if end + CONTEXT_CHARACTERS < len(text) else "")
    return before + text[start:end] + after, ((len(before), len(before) + end - start),)


def unmarked(marked: str) -> tuple[str, Spans]:
    """A snippet of FTS5 without the marks around its matches, and where these are."""
    first, *rest = marked.split(OPEN)
    text, spans = first.replace(CLOSE, ""), []
    for piece in rest:
        match, _, after = piece.partition(CLOSE)
        spans.append((len(text), len(text) + len(match)))
        text += match + after.replace(CLOSE, "")
    return text, tuple(spans)


def _folded(text: str) -> str:
    """Without case and without accents, as the index compares."""
    if text.isascii():
        return text.lower()
    return "".join(char for char in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(char))
