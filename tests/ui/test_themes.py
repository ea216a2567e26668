"""Themes: their files, the contrast of their text, and choosing one."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from rich.color import Color as RichColor
from rich.style import Style
from seeing import MakeApp, rests, send, shows, transcript, until
from textual.color import Color
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.filter import ANSIToTruecolor
from textual.theme import Theme as TextualTheme

from lechat_tui import paths
from lechat_tui.drawing import themes
from lechat_tui.drawing.styles import ROLES, SYNTAX, Role, style_of, styles
from lechat_tui.drawing.themes import DEFAULT, Theme
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.look import text_styles
from lechat_tui.ui.look.themes import parse_color, read_themes, textual_theme

SHIPPED = read_themes(paths.bundled("themes")).known
READABLE = 4.5
"""What WCAG 2 asks of text at level AA."""
CLEAR = 7.0
"""... and at level AAA, which high-contrast keeps."""

DECORATION = {"line", "bar", "full", *text_styles.BANDS}
PAIRS = (
    ("foreground", "surface"),
    ("soft", "surface"),
    ("accent", "surface"),
    ("foreground", "raised"),
    ("soft", "raised"),
    ("accent", "raised"),
    ("block-cursor-foreground", "block-cursor-background"),
    ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("screen-selection-foreground", "screen-selection-background"),
    ("foreground", "input-selection-background"),
)
"""Text and what it stands on, where the stylesheet does not say both."""


def test_eight_valid_themes_ship() -> None:
    found = read_themes(paths.bundled("themes"))
    assert found.complaints == () and len(found.known) >= 8
    assert found.descriptions["mistral-light"] == "light"
    assert found.descriptions["terminal16"].startswith("the terminal")


@pytest.mark.parametrize("name", sorted(SHIPPED.keys() - {"terminal16"}))
def test_every_text_is_readable(name: str) -> None:
    least = CLEAR if name == "high-contrast" else READABLE
    poor = {pair: round(ratio, 2) for pair, ratio in _contrasts(SHIPPED[name]) if ratio < least}
    assert poor == {}


def test_contrast_is_computed_as_in_wcag() -> None:
    assert contrast(Color.parse("#FFFFFF"), Color.parse("#000000")) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


def _contrasts(theme: Theme) -> Iterator[tuple[tuple[str, str], float]]:
    named = variables(theme)
    for text, ground in PAIRS:
        yield (text, ground), contrast(Color.parse(named[text]), Color.parse(named[ground]))
    found = styles(named, parse=parse_color)
    for name, role in text_styles.ROLES.items():
        yield from _contrast(name, style_of(role, named, parse_color), "background", named)
    for name in ROLES:
        yield from _contrast(name, getattr(found, name), "background", named)
    for name, style in found.syntax.items():
        yield from _contrast(name, style, "surface", named)


def _contrast(name: str, style: Style, ground: str, named: dict[str, str]) -> Iterator[tuple[tuple[str, str], float]]:
    if style.color and name not in DECORATION:
        behind = Color.from_rich_color(style.bgcolor) if style.bgcolor else Color.parse(named[ground])
        yield (name, ground), contrast(Color.from_rich_color(style.color), behind)


def variables(theme: Theme) -> dict[str, str]:
    """What the stylesheet may name, such as `$soft`, as colors; what the theme leaves out is as in the default one."""
    generated = textual_theme(theme).to_color_system().generate()
    return {**SHIPPED[DEFAULT].variables, **generated, **theme.variables}


def _parsed(css: str, named: dict[str, str]) -> dict[str, Style]:
    sheet = Stylesheet(variables=named)
    sheet.add_source(css)
    sheet.parse()
    rules = {selectors.selectors[-1].name: rule for rule in sheet.rules for selectors in rule.selector_set}
    return {name: _style(rule) for name, rule in rules.items()}


def _style(rule: RuleSet) -> Style:
    styles = rule.styles
    return Style.from_color(
        styles.color.rich_color if styles.has_rule("color") and styles.color.a else None,
        styles.background.rich_color if styles.has_rule("background") and styles.background.a else None,
    ) + Style.parse(str(styles.text_style))


def contrast(one: Color, other: Color) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    parts = (part / 255 for part in colour.rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_the_screen_has_the_styles_that_are_computed_without_textual(make_app: MakeApp) -> None:
    first, *others = sorted(SHIPPED)
    app = make_app("# T\n\n`c` **b** [l](https://x.org)\n\n```python\nx = 1 # c\n```", settings=Settings(theme=first))
    async with app.run_test(size=(110, 30)) as pilot:
        await send(pilot, "go")
        for name in (first, *others):
            app.theme = name
            await shows(pilot, "x = 1", "l (https://x.org)")
            await rests(pilot)
            computed = styles(SHIPPED[name].resolved(SHIPPED[DEFAULT]))
            look = transcript(app).look
            for role in ROLES:
                assert alike(getattr(look, role), getattr(computed, role)), (name, role)
            assert all(alike(look.syntax[kind], computed.syntax[kind]) for kind in SYNTAX), name


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_styles_are_those_of_a_textual_stylesheet(name: str) -> None:
    def rule(name: str, role: Role) -> str:
        parts = {"color": role.color and f"${role.color}", "background": role.background and f"${role.background}"}
        declared = {**parts, "text-style": role.text}
        return f".test--{name} {{ {' '.join(f'{key}: {value};' for key, value in declared.items() if value)} }}"

    sheet = "\n".join(rule(name, role) for name, role in {**ROLES, **SYNTAX}.items())
    expected = _parsed(sheet, variables(SHIPPED[name]))
    computed = styles(SHIPPED[name].resolved(SHIPPED[DEFAULT]))
    for role in ROLES:
        assert alike(getattr(computed, role), expected[f"test--{role}"]), role
    assert all(alike(style, expected[f"test--{kind}"]) for kind, style in computed.syntax.items())


def alike(one: Style, other: Style) -> bool:
    """The same style, with colors at most one step apart: Textual rounds those it makes shades of."""
    return (
        one.without_color == other.without_color
        and _close(one.color, other.color)
        and _close(one.bgcolor, other.bgcolor)
    )


def _close(one: RichColor | None, other: RichColor | None) -> bool:
    if one == other or not (one and other and one.triplet and other.triplet):
        return one == other
    return max(abs(a - b) for a, b in zip(one.triplet, other.triplet, strict=True)) <= 1


def test_a_theme_has_the_fields_of_a_textual_theme() -> None:
    assert {field.name for field in fields(Theme)} == {field.name for field in fields(TextualTheme)}
    assert asdict(Theme("x", "red")) == asdict(TextualTheme("x", "red"))


@pytest.mark.parametrize("text", ["#f80", "#FF8205", "tomato", "ansi_bright_black", "ansi_default", "transparent"])
def test_a_color_is_the_same_with_and_without_textual(text: str) -> None:
    assert themes.parse_color(text) == parse_color(text)


@pytest.mark.parametrize("text", ["blurple", "#12", "ansi_blurple", "red; }", ""])
def test_an_unknown_color_is_a_value_error_with_and_without_textual(text: str) -> None:
    for parse in (themes.parse_color, parse_color):
        with pytest.raises(ValueError):
            parse(text)


def test_a_user_file_changes_single_colors_or_derives_a_theme(tmp_path: Path) -> None:
    (tmp_path / "mistral-dark.toml").write_text('accent = "#00FFFF"\n[variables]\nsoft = "#BBBBBB"\n')
    (tmp_path / "mine.toml").write_text('like = "dracula"\nbackground = "black"\n')
    found = read_themes(paths.bundled("themes"), tmp_path)
    assert found.complaints == ()
    changed, mine = found.known["mistral-dark"], found.known["mine"]
    assert (changed.accent, changed.primary) == ("#00FFFF", SHIPPED["mistral-dark"].primary)
    assert (changed.variables["soft"], changed.variables["faint"]) == (
        "#BBBBBB",
        SHIPPED["mistral-dark"].variables["faint"],
    )
    assert (mine.background, mine.primary) == ("black", SHIPPED["dracula"].primary)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("primary = ", "Invalid value"),
        ('primary = "blurple"', "'blurple' is not a color"),
        ('dark = true\naccent = "#123456"', "primary"),
        ('like = "nosuch"', "there is no theme nosuch"),
        ('like = "dracula"\nvariables = 3', "variables"),
        ('like = "dracula"\n[variables]\nsoft = "red; } Screen { display: none"', "is not a color"),
        ('like = "dracula"\n[variables]\ninput-cursor-text-style = "wobbly"', "wobbly"),
        ('like = "dracula"\nprimry = "red"', "did you mean primary"),
        pytest.param("a = " + "[" * 5000, "nested too deeply", id="nested"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.toml").write_text(text)
    (tmp_path / "latin.toml").write_bytes(b'primary = "\xff"')
    (tmp_path / "folder.toml").mkdir()
    found = read_themes(paths.bundled("themes"), tmp_path)
    assert set(found.known) == set(SHIPPED)
    broken, folder, latin = found.complaints
    assert said in broken and "\n" not in broken
    assert "can't be read" in folder and "is not text in UTF-8" in latin


def _colours(app: LeChat, text: str) -> set[object]:
    """What a text of the talk is drawn in, also below another screen."""
    page = transcript(app)
    rows = [page.render_line(y) for y in range(page.size.height)]
    return {part.style.color for row in rows for part in row if part.style and text in part.text}


async def test_a_highlighted_theme_is_previewed_escape_restores_and_enter_remembers(
    make_app: MakeApp, tmp_path: Path
) -> None:
    kept = Choices(tmp_path / "config.toml", tmp_path / "choices.json")
    app = make_app("A plain answer.", choices=kept)
    async with app.run_test(size=(110, 36)) as pilot:
        await send(pilot, "Hello?")
        await shows(pilot, "A plain answer.")
        before = transcript(app).look.text
        await send(pilot, "/theme")
        await shows(pilot, "Which theme?", "catppuccin-mocha", "the terminal's own colors")
        assert app.theme == DEFAULT
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "mistral-light")
        await until(
            pilot, lambda: _colours(app, "A plain answer.") == {transcript(app).look.text.color} != {before.color}
        )
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == DEFAULT)
        assert kept.settings().theme == DEFAULT
        await send(pilot, "/theme")
        await shows(pilot, "Which theme?")
        await pilot.press(*"tokyo")
        await until(pilot, lambda: app.theme == "tokyo-night")
        await pilot.press("enter")
        await until(pilot, lambda: kept.settings().theme == "tokyo-night")
        assert app.theme == "tokyo-night"


async def test_a_missing_theme_is_reported(make_app: MakeApp) -> None:
    app = make_app(settings=Settings(theme="nosuch"))
    async with app.run_test() as pilot:
        await shows(pilot, "there is no theme nosuch")
        assert app.theme == DEFAULT


async def test_a_theme_of_the_terminals_own_colors_keeps_them_when_chosen_later(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert any(isinstance(one, ANSIToTruecolor) for one in app.get_line_filters())
        app.theme = "terminal16"
        await pilot.pause()
        assert not any(isinstance(one, ANSIToTruecolor) for one in app.get_line_filters())
