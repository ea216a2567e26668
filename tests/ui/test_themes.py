"""Themes: their files, how readable they are, and choosing one with one's eyes open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.style import Style
from seeing import Talk, rests, say, shows, transcript, until
from textual.color import Color
from textual.theme import Theme

from lechat_tui import paths
from lechat_tui.settings.choices import Choices
from lechat_tui.settings.config import Settings
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.look.styles import component_styles, look, variables
from lechat_tui.ui.look.themes import DEFAULT, read

SHIPPED = read(paths.bundled("themes")).known
READABLE = 4.5
"""What WCAG 2 asks of text at level AA."""
CLEAR = 7.0
"""... and at level AAA, which high-contrast keeps."""

DECORATION = {
    "transcript--line",
    "transcript--bar",
    "status--empty",
    "status--full",
    "lines--line",
    "lines--full",
    "lines--bar",
}
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


def test_eight_themes_ship_and_all_are_themes() -> None:
    found = read(paths.bundled("themes"))
    assert found.complaints == () and len(found.known) >= 8
    assert found.described["mistral-light"] == "light" and found.described["terminal16"].startswith("the terminal")


@pytest.mark.parametrize("name", sorted(SHIPPED.keys() - {"terminal16"}))
def test_every_text_can_be_read(name: str) -> None:
    least = CLEAR if name == "high-contrast" else READABLE
    poor = {pair: round(ratio, 2) for pair, ratio in _contrasts(SHIPPED[name]) if ratio < least}
    assert poor == {}


def test_a_contrast_is_that_of_wcag() -> None:
    assert contrast(Color.parse("#FFFFFF"), Color.parse("#000000")) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


def _contrasts(theme: Theme) -> Iterator[tuple[tuple[str, str], float]]:
    named = variables(theme, SHIPPED[DEFAULT])
    for text, ground in PAIRS:
        yield (text, ground), contrast(Color.parse(named[text]), Color.parse(named[ground]))
    for prefix in ("transcript--", "status--", "lines--", "greeting--"):
        for name, style in component_styles(named, prefix).items():
            full = f"{prefix}{name}"
            if style.color and full not in DECORATION and not (prefix == "greeting--" and name.isdigit()):
                ground = "surface" if name.startswith("syntax-") else "background"
                yield (full, ground), contrast(_colour(style), _ground(style, named[ground]))


def _colour(style: Style) -> Color:
    assert style.color
    return Color.from_rich_color(style.color)


def _ground(style: Style, ground: str) -> Color:
    return Color.from_rich_color(style.bgcolor) if style.bgcolor else Color.parse(ground)


def contrast(one: Color, other: Color) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    parts = (part / 255 for part in colour.rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_the_screen_draws_what_the_stylesheet_says_of_a_theme(talk: Talk) -> None:
    app = talk(settings=Settings(theme="gruvbox-dark"))
    async with app.run_test() as pilot:
        await rests(pilot)
        told = look(SHIPPED["gruvbox-dark"], SHIPPED[DEFAULT])
        drawn = transcript(app).look
        assert drawn.syntax == told.syntax and drawn.soft == told.soft and drawn.question == told.question


def test_a_file_of_ones_own_changes_single_colours_or_makes_a_theme_like_another(tmp_path: Path) -> None:
    (tmp_path / "mistral-dark.toml").write_text('accent = "#00FFFF"\n[variables]\nsoft = "#BBBBBB"\n')
    (tmp_path / "mine.toml").write_text('like = "dracula"\nbackground = "black"\n')
    found = read(paths.bundled("themes"), tmp_path)
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
        ('primary = "blurple"', "'blurple' is no colour"),
        ('dark = true\naccent = "#123456"', "primary"),
        ('like = "nosuch"', "there is no theme nosuch"),
        ('like = "dracula"\nvariables = 3', "variables"),
        ('like = "dracula"\n[variables]\nsoft = "red; } Screen { display: none"', "is no colour"),
        ('like = "dracula"\n[variables]\ninput-cursor-text-style = "wobbly"', "wobbly"),
        ('like = "dracula"\nprimry = "red"', "did you mean primary"),
        ("a = " + "[" * 5000, "is not a theme"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.toml").write_text(text)
    (tmp_path / "latin.toml").write_bytes(b'primary = "\xff"')
    (tmp_path / "folder.toml").mkdir()
    found = read(paths.bundled("themes"), tmp_path)
    assert set(found.known) == set(SHIPPED)
    broken, folder, latin = found.complaints
    assert said in broken and "\n" not in broken
    assert "cannot be read" in folder and "is not a theme" in latin


def _colours(app: LeChat, text: str) -> set[object]:
    """What a text of the talk is drawn in, also below another screen."""
    page = transcript(app)
    rows = [page.render_line(y) for y in range(page.size.height)]
    return {part.style.color for row in rows for part in row if part.style and text in part.text}


async def test_a_theme_is_seen_while_it_is_chosen_esc_goes_back_and_enter_is_remembered(
    talk: Talk, tmp_path: Path
) -> None:
    kept = Choices(tmp_path / "config.toml", tmp_path / "choices.json")
    app = talk("A plain answer.", choices=kept)
    async with app.run_test(size=(110, 36)) as pilot:
        await say(pilot, "Hello?")
        await shows(pilot, "A plain answer.")
        before = transcript(app).look.text
        await say(pilot, "/theme")
        await shows(pilot, "Which theme?", "catppuccin-mocha", "the terminal's own colours")
        assert app.theme == DEFAULT
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "mistral-light")
        await until(
            pilot, lambda: _colours(app, "A plain answer.") == {transcript(app).look.text.color} != {before.color}
        )
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == DEFAULT)
        assert kept.settings().theme == DEFAULT
        await say(pilot, "/theme")
        await shows(pilot, "Which theme?")
        await pilot.press(*"tokyo")
        await until(pilot, lambda: app.theme == "tokyo-night")
        await pilot.press("enter")
        await until(pilot, lambda: kept.settings().theme == "tokyo-night")
        assert app.theme == "tokyo-night"


async def test_a_wanted_theme_that_is_not_here_is_said(talk: Talk) -> None:
    app = talk(settings=Settings(theme="nosuch"))
    async with app.run_test() as pilot:
        await shows(pilot, "there is no theme nosuch")
        assert app.theme == DEFAULT
