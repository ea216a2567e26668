"""The styles of a transcript in a theme: which of the theme's colors each kind of text has."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rich.color import Color
from rich.style import Style

from lechat_tui.drawing.rows import Look
from lechat_tui.drawing.themes import Theme, parse_color


class Role(NamedTuple):
    """How one kind of text looks: names of theme variables and a Rich text style; empty means unchanged."""

    color: str = ""
    background: str = ""
    text: str = ""


ROLES = {
    "text": Role("foreground"),
    "soft": Role("soft"),
    "faint": Role("faint"),
    "line": Role("line"),
    "strong": Role(text="bold"),
    "emphasis": Role(text="italic"),
    "heading": Role("accent", text="bold"),
    "code": Role("inline-code"),
    "fence": Role("foreground", "surface"),
    "link": Role(text="underline"),
    "math": Role("inline-code"),
    "question": Role(background="raised"),
    "bar": Role("primary", "raised"),
    "accent": Role("accent"),
    "note": Role("soft"),
    "error": Role("error"),
}
"""By the field of `Look`."""

SYNTAX = {
    "comment": Role("code-comment", text="italic"),
    "keyword": Role("code-keyword"),
    "type": Role("code-type"),
    "string": Role("code-string"),
    "number": Role("code-number"),
    "name": Role("code-name"),
    "operator": Role("code-operator"),
    "deleted": Role("code-deleted"),
}
"""By the key in `Look.syntax`."""


def styles(
    variables: Mapping[str, str],
    *,
    parse: Callable[[str], Color | None] = parse_color,
    numbered: bool = False,
) -> Look:
    """The styles for these theme variables; `parse` makes a color of a value, None for a transparent one."""
    syntax = {name: style_of(role, variables, parse) for name, role in SYNTAX.items()}
    roles = {name: style_of(role, variables, parse) for name, role in ROLES.items()}
    return Look(**roles, syntax=syntax, numbered=numbered, cites=False)


def style_of(role: Role, variables: Mapping[str, str], parse: Callable[[str], Color | None] = parse_color) -> Style:
    """The style of a kind of text for these theme variables."""
    color, background = (parse(variables[name]) if name else None for name in (role.color, role.background))
    return Style.from_color(color, background) + Style.parse(role.text)


def styles_on_any_background(theme: Theme, defaults: Theme) -> Look:
    """The styles of a theme where the background is the terminal's own: no text has a background."""
    variables = theme.resolved(defaults)
    backgrounds = {role.background for role in ROLES.values() if role.background}
    return styles({**variables, **dict.fromkeys(backgrounds, "ansi_default")})
