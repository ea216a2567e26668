"""How the transcript looks in a theme, read from the stylesheet without a screen. Knows no widget."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path

from rich.style import Style
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.theme import Theme

from lechat_tui.drawing.rows import Look

STYLESHEET = Path(__file__).parents[1] / "lechat.tcss"
PREFIX = "transcript--"
SYNTAX = "syntax-"


def look(theme: Theme, defaults: Theme) -> Look:
    """The styles of everything in a transcript; what the theme leaves out is as in `defaults`."""
    return of(component_styles(variables(theme, defaults), PREFIX))


def on_any_ground(theme: Theme, defaults: Theme) -> Look:
    """The same where the ground is not ours: nothing has a ground of its own."""
    ground = Style(bgcolor="default")
    styles = component_styles(variables(theme, defaults), PREFIX)
    return of({name: style + ground if style.bgcolor else style for name, style in styles.items()})


def of(styles: Mapping[str, Style]) -> Look:
    """Styles by the names of the component classes, those of code among them."""
    syntax = {name.removeprefix(SYNTAX): style for name, style in styles.items() if name.startswith(SYNTAX)}
    plain = {field.name: styles[field.name] for field in fields(Look) if field.name in styles}
    return Look(**plain, syntax=syntax, numbered=False)


def variables(theme: Theme, defaults: Theme) -> dict[str, str]:
    """What the stylesheet may name, such as `$soft`, as colours."""
    return {**defaults.variables, **theme.to_color_system().generate(), **theme.variables}


def component_styles(named: dict[str, str], prefix: str) -> dict[str, Style]:
    """The styles of the component classes that begin so, without what lies below them."""
    rules = _rules(tuple(named.items()))
    return {name.removeprefix(prefix): _style(rule) for name, rule in rules.items() if name.startswith(prefix)}


@cache
def _rules(named: tuple[tuple[str, str], ...]) -> dict[str, RuleSet]:
    """The rules of the stylesheet by the last name in their selectors."""
    sheet = Stylesheet(variables=dict(named))
    sheet.read(STYLESHEET)
    return {selectors.selectors[-1].name: rule for rule in sheet.rules for selectors in rule.selector_set}


def _style(rule: RuleSet) -> Style:
    styles = rule.styles
    return Style.from_color(
        styles.color.rich_color if styles.has_rule("color") else None,
        styles.background.rich_color if styles.has_rule("background") else None,
    ) + Style.parse(str(styles.text_style))
