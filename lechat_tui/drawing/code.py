"""Code as rows in the colours of its language."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from rich.style import Style
from rich.syntax import Syntax, SyntaxTheme
from rich.text import Text

from lechat_tui.drawing.rows import TAB, Look, Row, Run, filled, lines, prefixed, row, wrap
from lechat_tui.plaintext import safe

CHUNK = 40
"""Lines of code that grows which are coloured together, so that its finished lines are coloured once."""


def code_rows(
    code: str, language: str, width: int, look: Look, *, growing: bool = False, first: int = 1
) -> Iterator[Row]:
    """Code in a column of this width; `first` is the number of its first line."""
    told = safe(code).expandtabs(TAB).removesuffix("\n").split("\n")
    size = CHUNK if growing else len(told)
    for start in range(0, len(told), size):
        number = first + start if look.numbered else 0
        yield from _rows("\n".join(told[start : start + size]), language, width, look, number)


@lru_cache(maxsize=512)
def _rows(code: str, language: str, width: int, look: Look, number: int) -> list[Row]:
    space = (" ", look.fence)
    gutter = max(len(str(number + code.count("\n"))), 3) + 2 if number else 0
    found: list[Row] = []
    for line in _coloured(code, language, look):
        rows = [row(part, joint=joint) for part, joint in wrap(line, max(width - 2 - gutter, 1))]
        if number:
            told = (f"{number:>{gutter - 2}}  ", look.faint)
            rows = list(prefixed(rows, told, (" " * gutter, look.faint)))
            number += 1
        found += rows
    return list(filled(prefixed(found, space, space), width, look.fence))


def _coloured(code: str, language: str, look: Look) -> Iterator[list[Run]]:
    """The lines of code in the colours of its language."""
    plain: list[Run] = [(code, look.fence)]
    syntax = Syntax("", language, theme=_Colours(look))
    if not language or syntax.lexer is None:
        return lines(plain)
    text = syntax.highlight(code)
    if not text.plain.startswith(code):
        return lines(plain)  # a lexer may drop what it does not know
    return islice(lines(_spans(text, look.fence)), code.count("\n") + 1)  # the lexer ends the last line, too


def _spans(text: Text, rest: Style) -> Iterator[Run]:
    """Highlighted text as runs; what has no style of its own takes `rest`."""
    at = 0
    for span in text.spans:
        if span.start > at:
            yield text.plain[at : span.start], rest
        yield text.plain[span.start : span.end], span.style if isinstance(span.style, Style) else rest
        at = span.end
    yield text.plain[at:], rest


_KINDS = {
    ("Comment",): "comment",
    ("Keyword",): "keyword",
    ("Keyword", "Type"): "type",
    ("Literal", "String"): "string",
    ("Literal", "Number"): "number",
    ("Name", "Function"): "name",
    ("Name", "Class"): "type",
    ("Name", "Builtin"): "name",
    ("Name", "Decorator"): "name",
    ("Name", "Tag"): "keyword",
    ("Name", "Attribute"): "name",
    ("Name", "Exception"): "type",
    ("Operator",): "operator",
    ("Operator", "Word"): "keyword",
    ("Generic", "Deleted"): "deleted",
    ("Generic", "Inserted"): "string",
    ("Generic", "Heading"): "type",
    ("Generic", "Subheading"): "type",
}
"""Kinds of tokens (pygments names them) and the style each is drawn in; a kind that is not here takes its parent's."""


class _Colours(SyntaxTheme):
    """A `Look` as Rich's highlighter wants it."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def get_style_for_token(self, token_type: tuple[str, ...]) -> Style:
        kinds = (_KINDS.get(token_type[:length]) for length in range(len(token_type), 0, -1))
        kind = next((kind for kind in kinds if kind), "")
        return self._look.syntax.get(kind, self._look.fence)

    def get_background_style(self) -> Style:
        return self._look.fence
