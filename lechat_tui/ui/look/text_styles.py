"""The styles of the text that widgets render row by row, by name, in the colors of the current theme.

They are not component classes: Textual applies the whole stylesheet to each of those, in each widget that has it, which
was a fifth of the time of a start.
"""

from functools import lru_cache
from typing import Any

from rich.style import Style
from textual.app import App

from lechat_tui.drawing.styles import Role, style_of
from lechat_tui.ui.look.themes import parse_color

BANDS = tuple(f"band-{number}" for number in range(1, 6))

ROLES = {
    "": Role(),
    "text": Role("foreground"),
    "soft": Role("soft"),
    "faint": Role("faint"),
    "strong": Role("foreground", text="bold"),
    "bold": Role(text="bold"),
    "accent": Role("accent"),
    "heading": Role("soft", text="bold"),
    "bar": Role("primary"),
    "full": Role("primary"),
    "line": Role("line"),
    "error": Role("error"),
    "chosen": Role(background="raised"),
    **{band: Role(band) for band in BANDS},
}
"""By name; an empty name is the style of the widget."""

CHOSEN_WITHOUT_COLOR = Role(text="reverse")


def text_style(app: App[Any], name: str) -> Style:
    """The style of this name in the theme of the app."""
    role = CHOSEN_WITHOUT_COLOR if app.no_color and name == "chosen" else ROLES[name]
    colors = ((key, app.theme_variables[key]) for key in (role.color, role.background) if key)
    return _style(role, frozenset(colors))


@lru_cache
def _style(role: Role, colors: frozenset[tuple[str, str]]) -> Style:
    return style_of(role, dict(colors), parse_color)
