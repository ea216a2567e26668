"""LaTeX math as Unicode text: readable, not typeset. Unknown commands stay as they were written."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from lechat_tui.drawing.symbols import (
    ACCENTS,
    BLACKBOARD,
    FRAKTUR,
    FUNCTIONS,
    IGNORED,
    LOWERED,
    RAISED,
    RELATIONS,
    SCRIPT,
    SYMBOLS,
    TEXT,
)

_SPACES = {",": " ", ":": " ", ";": " ", " ": " ", "!": "", "\\": "; ", "|": "‖"}
_BRACKETS = {
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
    "matrix": ("", ""),
    "smallmatrix": ("", ""),
    "array": ("", ""),
}

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}^_&]|[A-Za-z]|\d+(?:[.,]\d+)*|\s+|.", re.DOTALL)
_SIMPLE = re.compile(r"\d+|(?:[d∂]?[^\W\d_]|[^\W\d_]{3,})[⁰-₟ᴬ-ᵡⱼⱽ²³¹′\u0300-\u036f\u20d7]*|.|√(?:\w|\d+)", re.DOTALL)
_SPACED = "=<>"
_INSIDE = re.compile(r"([(\[]) | ([)\]])")

MAX_DEPTH = 40
"""Groups that are nested deeper stay as they were written."""


@lru_cache(maxsize=1024)
def readable(source: str, *, rows: bool = False) -> str:
    """A formula as text: with `rows` one line for each of its rows, else one line with semicolons."""
    try:
        text = _Formula(source).all(top=rows)
    except RecursionError:
        return source
    lines = (_INSIDE.sub(r"\1\2", re.sub(" {2,}", " ", line)).strip() for line in text.split("\n"))
    return unicodedata.normalize("NFC", "\n".join(line for line in lines if line)) or source


class _Formula:
    """Reads a formula from left to right."""

    def __init__(self, source: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(source)
        self._at = 0
        self._depth = 0

    def all(self, *, top: bool) -> str:
        """The whole formula."""
        self._newline = "\n" if top else "; "
        parts: list[str] = []
        while self._at < len(self._tokens):
            parts.append(self._until(lambda token: False))
            self._at += 1
        return "".join(parts)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _until(self, end: Callable[[str], bool]) -> str:
        """The text up to a token that ends it, which is not consumed."""
        self._depth += 1
        parts: list[str] = []
        while (token := self._peek()) and not end(token):
            piece = self._one()
            if piece.startswith(" ") and parts and parts[-1].endswith(" "):
                piece = piece.lstrip(" ") if len(piece) == 1 or not piece.isspace() else piece
            parts.append(piece)
        self._depth -= 1
        return "".join(parts)

    def _one(self) -> str:
        """The next atom with its scripts."""
        token = self._next()
        if token.isspace():
            return " "
        if token in "^_" and token:
            return self._script(token)
        if token == "{":
            return self._group()
        if token in "}&":
            return " " if token == "&" else ""
        if token.startswith("\\"):
            return self._command(token[1:])
        if token in _SPACED:
            return f" {token} "
        if token == "'":
            return "′"
        if token == "~":
            return " "
        return token

    def _group(self) -> str:
        if self._depth > MAX_DEPTH:
            return "{"
        text = self._until(lambda token: token == "}")
        self._next()
        return text

    def _argument(self) -> str:
        while self._peek().isspace():
            self._next()
        return self._one().strip() if self._peek() else ""

    def _option(self) -> str:
        """An optional argument in square brackets; empty if there is none."""
        if self._peek() != "[":
            return ""
        self._next()
        text = self._until(lambda token: token == "]")
        self._next()
        return text

    def _raw(self) -> str:
        """An argument as it was written."""
        while self._peek().isspace():
            self._next()
        if self._peek() != "{":
            return self._next()
        self._next()
        parts: list[str] = []
        deep = 1
        while self._peek():
            token = self._next()
            deep += (token == "{") - (token == "}")
            if not deep:
                break
            parts.append(token[1:] if token.startswith("\\") and not token[1:].isalpha() else token)
        return "".join(part for part in parts if part not in "{}")

    def _script(self, sign: str) -> str:
        table = RAISED if sign == "^" else LOWERED
        text = self._argument()
        close = text.replace(" ", "")
        if close and all(char in table for char in close):
            return "".join(table[char] for char in close)
        return f"{sign}{text}" if len(text) == 1 else f"{sign}({close})"

    def _command(self, name: str) -> str:
        bare = name.removesuffix("*")
        if name in _SPACES:
            return self._newline if name == "\\" else _SPACES[name]
        if not bare.isalpha():
            return name
        if bare in RELATIONS:
            return f" {RELATIONS[bare]} "
        if bare in SYMBOLS:
            return SYMBOLS[bare]
        if bare in FUNCTIONS:
            return self._function(bare)
        return self._structure(bare, name)

    def _function(self, name: str) -> str:
        following = self._peek()
        return name if not following or following in "^_({[ )," or following == "\\left" else f"{name} "

    def _structure(self, bare: str, name: str) -> str:
        match bare:
            case "frac" | "dfrac" | "tfrac" | "cfrac":
                return f"{_grouped(self._argument())}/{_grouped(self._argument())}"
            case "binom" | "dbinom" | "tbinom":
                return f"C({self._argument()}, {self._argument()})"
            case "sqrt":
                return self._root()
            case "mathbb":
                return _mapped(self._raw(), BLACKBOARD, 0x1D538, 0x1D552)
            case "mathcal" | "mathscr":
                return _mapped(self._raw(), SCRIPT, 0x1D49C, 0x1D4B6)
            case "mathfrak":
                return _mapped(self._raw(), FRAKTUR, 0x1D504, 0x1D51E)
            case "mathbf":
                return self._argument()
            case "begin":
                return self._environment(self._raw())
            case "end" | "label" | "color" | "textcolor":
                self._raw()
                return ""
            case "overset" | "stackrel":
                above = self._argument()
                return f"{self._argument()}^({above})"
            case "underset":
                below = self._argument()
                return f"{self._argument()}_({below})"
            case "underbrace" | "overbrace":
                return self._argument()
            case "boxed":
                return f"[{self._argument()}]"
            case "pmod":
                return f" (mod {self._argument()})"
            case "not":
                return self._argument() + "\u0338"
            case "tag":
                return f"  ({self._raw()})"
        if bare in TEXT:
            return self._raw()
        if bare in ACCENTS:
            text = self._argument()
            return text + ACCENTS[bare] if len(text) == 1 else f"{bare}({text})"
        if bare in IGNORED:
            if bare in ("left", "right") and self._peek() == ".":
                self._next()
            return ""
        return f"\\{name}{{{self._argument()}}}" if self._peek() == "{" else f"\\{name}"

    def _root(self) -> str:
        index = self._option()
        text = self._argument()
        sign = {"3": "∛", "4": "∜", "": "√"}.get(index) or "".join(RAISED.get(c, c) for c in index) + "√"
        return sign + (text if len(text) == 1 or text.isdecimal() else f"({text})")

    def _environment(self, name: str) -> str:
        """The rows of a matrix, of cases or of aligned equations."""
        bare = name.removesuffix("*")
        if bare == "array":
            self._raw()
        outer, self._newline = self._newline, "\n"
        text = self._until(lambda token: token == "\\end") if self._depth <= MAX_DEPTH else ""
        self._newline = outer
        if self._next():
            self._raw()
        if bare in _BRACKETS:
            left, right = _BRACKETS[bare]
            return left + "; ".join(" ".join(row.split()) for row in text.split("\n")) + right
        rows = [row.strip() for row in text.split("\n") if row.strip()]
        if bare in ("cases", "dcases"):
            return "{ " + "; ".join(re.sub(r"\s+", " ", row) for row in rows)
        return outer.join(rows)


def _grouped(text: str) -> str:
    """In parentheses, if it is more than one term."""
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _mapped(text: str, own: Mapping[str, str], upper: int, lower: int) -> str:
    """Letters in one of Unicode's mathematical alphabets, which begin at these code points; `own` has exceptions."""

    def letter(char: str) -> str:
        if char in own:
            return own[char]
        if "A" <= char <= "Z":
            return chr(upper + ord(char) - 65)
        return chr(lower + ord(char) - 97) if "a" <= char <= "z" else char

    return "".join(map(letter, text))
