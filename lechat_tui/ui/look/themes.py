"""Themes as Textual takes them."""

from pathlib import Path

from rich.color import Color
from textual.color import Color as TextualColor
from textual.color import ColorParseError
from textual.theme import Theme as TextualTheme

from lechat_tui.drawing import themes
from lechat_tui.drawing.themes import Theme, Themes


def read_themes(*folders: Path) -> Themes:
    """The themes whose colors Textual knows; see `drawing.themes.read_themes`."""
    return themes.read_themes(*folders, parse=parse_color)


def textual_theme(theme: Theme) -> TextualTheme:
    """The same theme, to be registered with an app."""
    return TextualTheme(**vars(theme))


def parse_color(text: str) -> Color | None:
    """A CSS color as Rich knows it, None for a transparent one. Raises `ValueError`."""
    try:
        color = TextualColor.parse(text)
    except ColorParseError as error:
        raise ValueError(str(error)) from None
    return color.rich_color if color.a > 0 else None
