"""Code as rows, highlighted."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from rich.style import Style
from rich.syntax import Syntax, SyntaxTheme
from rich.text import Text

from lechat_tui.drawing.rows import TAB_CELLS, Look, Row, Run, filled, lines, prefixed, row, wrap
from lechat_tui.plaintext import safe

CHUNK_LINES = 40
"""Growing code is highlighted in chunks of so many lines, so that a finished chunk is highlighted once."""


def code_rows(
    code: str, language: str, width: int, look: Look, *, growing: bool = False, first: int = 1
) -> Iterator[Row]:
    """The rows of code in a column of this width; `first` is the number of its first line."""
    code_lines = safe(code).expandtabs(TAB_CELLS).removesuffix("\n").split("\n")
    size = CHUNK_LINES if growing else len(code_lines)
    for start in range(0, len(code_lines), size):
        number = first + start if look.numbered else 0
        yield from _rows("\n".join(code_lines[start : start + size]), language, width, look, number)


@lru_cache(maxsize=512)
def _rows(code: str, language: str, width: int, look: Look, number: int) -> list[Row]:
    space = (" ", look.fence)
    gutter = max(len(str(number + code.count("\n"))), 3) + 2 if number else 0
    found: list[Row] = []
    for line in _highlighted(code, language, look):
        rows = [row(part, joint=joint) for part, joint in wrap(line, max(width - 2 - gutter, 1))]
        if number:
            label = (f"{number:>{gutter - 2}}  ", look.faint)
            rows = list(prefixed(rows, label, (" " * gutter, look.faint)))
            number += 1
        found += rows
    return list(filled(prefixed(found, space, space), width, look.fence))


def _highlighted(code: str, language: str, look: Look) -> Iterator[list[Run]]:
    """The lines of code with the styles of its syntax."""
    plain: list[Run] = [(code, look.fence)]
    syntax = Syntax("", language, theme=_SyntaxTheme(look))
    if not language or syntax.lexer is None:
        return lines(plain)
    text = syntax.highlight(code)
    if not text.plain.startswith(code):
        return lines(plain)  # some lexers drop what they do not know
    return islice(lines(_spans(text, look.fence)), code.count("\n") + 1)  # the lexer also ends the last line


def _spans(text: Text, rest: Style) -> Iterator[Run]:
    """Highlighted text as runs; text without a style of its own has the style `rest`."""
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
"""The style of each kind of token, as Pygments names them; other kinds have the style of their parent."""


class _SyntaxTheme(SyntaxTheme):
    """A `Look` for Rich's highlighter."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def get_style_for_token(self, token_type: tuple[str, ...]) -> Style:
        kinds = (_KINDS.get(token_type[:length]) for length in range(len(token_type), 0, -1))
        kind = next((kind for kind in kinds if kind), "")
        return self._look.syntax.get(kind, self._look.fence)

    def get_background_style(self) -> Style:
        return self._look.fence
