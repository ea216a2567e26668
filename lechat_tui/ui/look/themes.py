"""The themes: one TOML file each, the user's folder laid over the program's. Knows files, not widgets."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.errors import StyleSyntaxError
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

from lechat_tui import paths
from lechat_tui.settings.tables import TableError, build

DEFAULT = "mistral-dark"
"""Its variables also hold for a theme that leaves some out."""

LIKE = "like"
"""The key that names the theme another one is laid over."""


@dataclass(frozen=True)
class Themes:
    """What was found."""

    known: Mapping[str, Theme]
    complaints: tuple[str, ...] = ()
    """A sentence for each file that is not a theme."""

    @property
    def described(self) -> dict[str, str]:
        """What each is like, in a word or two."""
        return {name: _described(theme) for name, theme in self.known.items()}

    def named(self, name: str) -> Theme:
        """The theme of this name, else the first one."""
        return self.known.get(name) or self.known[DEFAULT]

    def missing(self, name: str) -> str:
        """The sentence about a theme that is wanted and not here; empty when it is."""
        return "" if name in self.known else f"there is no theme {name}; /theme shows those there are"


def read(*folders: Path) -> Themes:
    """The themes in these folders, a later one laid over an earlier of its name; without folders, the usual two."""
    tables: dict[str, dict[str, Any]] = {}
    known: dict[str, Theme] = {}
    complaints: list[str] = []
    for folder in folders or (paths.bundled("themes"), paths.config() / "themes"):
        for file in sorted(folder.glob("*.toml")):
            try:
                table = _laid(tomllib.loads(file.read_text("utf-8-sig")), tables, file.stem)
                known[file.stem] = _theme(file.stem, table)
                tables[file.stem] = table
            except OSError as error:
                complaints.append(f"{file} cannot be read: {error.strerror}")
            except (ValueError, RecursionError, TableError) as error:
                complaints.append(f"{file} is not a theme: {error}")
    return Themes(known, tuple(complaints))


def _laid(table: dict[str, Any], tables: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Single keys laid over the theme that `like` names, or over the one of the same name."""
    like = table.pop(LIKE, name)
    if not isinstance(like, str) or (like != name and like not in tables):
        raise TableError(f"like: there is no theme {like}")
    below = tables.get(like, {})
    inner, over = below.get("variables", {}), table.get("variables", {})
    if not isinstance(over, dict):
        raise TableError("variables: expected table")
    return {**below, **table, "variables": {**inner, **over}}


def _theme(name: str, table: dict[str, Any]) -> Theme:
    """Raises `TableError` or `ValueError`."""
    theme = build(Theme, {**table, "name": name})
    colours = {key: value for key, value in table.items() if isinstance(value, str) and key != "name"}
    for key, value in {**colours, **theme.variables}.items():
        try:
            Style.parse(value) if key.endswith("text-style") else Color.parse(value)
        except (ColorParseError, StyleSyntaxError):
            raise TableError(f"{key}: {value!r} is no colour, as in #FF8205 or ansi_yellow") from None
    return theme


def _described(theme: Theme) -> str:
    return "the terminal's own colours" if theme.ansi else "dark" if theme.dark else "light"
