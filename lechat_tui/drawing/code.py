"""Code as rows, highlighted."""

import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from rich.style import Style

from lechat_tui.drawing.rows import TAB_CELLS, Look, Row, Run, filled, lines, prefixed, row, wrap
from lechat_tui.plaintext import safe

if TYPE_CHECKING:
    from pygments.lexer import Lexer

CHUNK_LINES = 40
"""Growing code is highlighted in chunks of so many lines, so that a finished chunk is highlighted once."""


MAX_SECONDS = 0.3
"""Time for highlighting one block; the rest of it stays plain."""

MAX_LINE = 500
"""Characters; code with longer lines, which some lexers take seconds for, stays plain."""

_NAMES = """
    ada apacheconf apl applescript awk bash batch bibtex c clojure cmake cobol common-lisp console coq cpp cr csharp
    css cuda cypher d dart delphi diff django docker doscon ebnf elixir elm emacs-lisp erlang fish forth fortran
    fsharp gas gdscript glsl gnuplot go graphql groovy handlebars haskell haxe hlsl html http ini java javascript
    json json5 jsonnet jsx julia kotlin kql lean less llvm lua make markdown meson mysql nasm nginx nimrod nixos
    objective-c ocaml octave perl php postgresql postscript powershell prolog properties protobuf purescript pycon
    pytb python python2 racket reasonml restructuredtext robotframework ruby rust sass scala scheme scss solidity
    sparql splus sql sqlite3 swift systemverilog tap tcl terraform tex text thrift toml tsx turtle twig typescript
    vb.net verilog vhdl vim vue wast webidl wgsl xml yaml zig
"""
LANGUAGES = frozenset(_NAMES.split())
"""The languages that are highlighted, by the first alias of their lexer in Pygments.

Each was tried on 8,000 characters of 45 kinds of nonsense. Some of the others take seconds for a short text, or never
end.
"""


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
    """The lines of code with the styles of its syntax, as far as they are found in `MAX_SECONDS`."""
    plain: list[Run] = [(code, look.fence)]
    lexer = _lexer(language)
    if lexer is None or any(len(line) > MAX_LINE for line in code.split("\n")):
        return lines(plain)
    deadline = time.perf_counter() + MAX_SECONDS
    runs: list[Run] = []
    size = 0
    for kind, text in lexer.get_tokens(code):
        if not code.startswith(text, size) and size + len(text) <= len(code):
            return lines(plain)  # some lexers drop what they do not know
        runs.append((text, _style(kind, look)))
        size += len(text)
        if time.perf_counter() > deadline:
            runs.append((code[size:], look.fence))
            break
    return islice(lines(runs), code.count("\n") + 1)  # the lexer also ends the last line


@lru_cache(maxsize=64)
def _lexer(language: str) -> "Lexer | None":
    """The lexer of a language that may be highlighted."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
    return lexer if lexer.aliases[0] in LANGUAGES else None


@lru_cache(maxsize=1024)
def _style(kind: tuple[str, ...], look: Look) -> Style:
    """The style of a kind of token, or of its nearest parent that has one."""
    kinds = (_KINDS.get(kind[:length]) for length in range(len(kind), 0, -1))
    return look.syntax.get(next(filter(None, kinds), ""), look.fence)


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
