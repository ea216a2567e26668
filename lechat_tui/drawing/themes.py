"""Themes: one TOML file each. The user's folder extends and overrides the themes that ship."""

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from rich.color import ANSI_COLOR_NAMES, Color
from rich.errors import StyleSyntaxError
from rich.style import Style

from lechat_tui import paths
from lechat_tui.settings.tables import TableError, build, read
from lechat_tui.values import dataclass

DEFAULT = "mistral-dark"
"""The theme whose variables also hold where another theme leaves some out."""

LIKE = "like"
"""The key that names the theme another one is based on."""


@dataclass(frozen=True)
class Theme:
    """The keys of a theme file, which mean what they mean to Textual. A color is written as CSS, or as `ansi_red`."""

    name: str
    primary: str
    secondary: str | None = None
    warning: str | None = None
    error: str | None = None
    success: str | None = None
    accent: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None
    boost: str | None = None
    dark: bool = True
    luminosity_spread: float = 0.15
    text_alpha: float = 0.95
    variables: dict[str, str] = field(default_factory=dict)
    ansi: bool = False
    """Whether its colors are the terminal's own."""

    @property
    def description(self) -> str:
        """A few words about it."""
        return "the terminal's own colors" if self.ansi else "dark" if self.dark else "light"

    def resolved(self, defaults: "Theme") -> dict[str, str]:
        """Its variables by name, without the shades that Textual derives. `defaults` provides those left out."""
        secondary = self.secondary or self.primary
        colors = {
            "primary": self.primary,
            "secondary": secondary,
            "warning": self.warning or self.primary,
            "error": self.error or secondary,
            "success": self.success or secondary,
            "accent": self.accent or self.primary,
            "foreground": self.foreground or "ansi_default",
            "background": self.background or "ansi_default",
            "surface": "transparent" if self.ansi else self.surface or "transparent",
        }
        return {**defaults.variables, **colors, **self.variables}


@dataclass(frozen=True)
class Themes:
    """The themes that were found, by name."""

    known: Mapping[str, Theme]
    complaints: tuple[str, ...] = ()
    """A sentence for each file that is not a theme."""

    @property
    def descriptions(self) -> dict[str, str]:
        """A few words about each theme."""
        return {name: theme.description for name, theme in self.known.items()}

    def named(self, name: str) -> Theme:
        """The theme of this name, else the default one."""
        return self.known.get(name) or self.known[DEFAULT]

    def missing(self, name: str) -> str:
        """A sentence that there is no theme of this name; empty when there is one."""
        return "" if name in self.known else f"there is no theme {name}; /theme lists the themes"


def parse_color(text: str) -> Color | None:
    """A color as Rich knows it, from `#f80`, `#ff8205`, `ansi_red` or a CSS name. Raises `ValueError`.

    None for `transparent`.
    """
    if text == "transparent":
        return None
    if text == "ansi_default":
        return Color.default()
    if text.startswith("ansi_"):
        try:
            return Color.from_ansi(ANSI_COLOR_NAMES[text.removeprefix("ansi_")])
        except KeyError:
            raise ValueError(f"unknown color: {text!r}") from None
    from PIL import ImageColor  # late: most themes need only what is above

    red, green, blue, *_ = ImageColor.getrgb(text)
    return Color.from_rgb(red, green, blue)


def read_themes(*folders: Path, parse: Callable[[str], object] = parse_color) -> Themes:
    """The themes in these folders, a later one overriding an earlier one of its name; by default the usual two.

    `parse` raises `ValueError` for a color that cannot be shown.
    """
    tables: dict[str, dict[str, Any]] = {}
    known: dict[str, Theme] = {}
    complaints: list[str] = []
    for folder in folders or (paths.bundled("themes"), paths.config() / "themes"):
        for file in sorted(folder.glob("*.toml")):
            try:
                written = read(file)
            except TableError as error:
                complaints.append(f"{file} {error}")
                continue
            try:
                table = _merged(written, tables, file.stem)
                known[file.stem] = _theme(file.stem, table, parse)
                tables[file.stem] = table
            except (ValueError, TableError) as error:
                complaints.append(f"{file} is not a theme: {error}")
    return Themes(known, tuple(complaints))


def _merged(table: dict[str, Any], tables: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """The keys of a table on top of those of the theme that `like` names, or of the earlier one of the same name."""
    like = table.pop(LIKE, name)
    if not isinstance(like, str) or (like != name and like not in tables):
        raise TableError(f"like: there is no theme {like}")
    base = tables.get(like, {})
    variables, overrides = base.get("variables", {}), table.get("variables", {})
    if not isinstance(overrides, dict):
        raise TableError("variables: expected table")
    return {**base, **table, "variables": {**variables, **overrides}}


def _theme(name: str, table: dict[str, Any], parse: Callable[[str], object]) -> Theme:
    """Raises `TableError` or `ValueError`."""
    theme = build(Theme, {**table, "name": name})
    colors = {key: value for key, value in table.items() if isinstance(value, str) and key != "name"}
    for key, value in {**colors, **theme.variables}.items():
        try:
            Style.parse(value) if key.endswith("text-style") else parse(value)
        except (ValueError, StyleSyntaxError):
            raise TableError(f"{key}: {value!r} is not a color such as #FF8205 or ansi_yellow") from None
    return theme
