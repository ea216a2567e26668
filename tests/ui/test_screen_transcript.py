"""The transcript: scrolling, wrapping, selecting, colors."""

import asyncio
from pathlib import Path

import pytest
from seeing import NOON, MakeApp, chat, rests, screen_text, send, shows, transcript, until
from textual.color import Color

from lechat_tui.engine.base import Delta, Done
from lechat_tui.message import Receipt
from lechat_tui.settings.config import Settings
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.look.themes import read_themes

LONG = "\n\n".join(f"paragraph {n} " + "with some words " * 12 for n in range(60))


async def test_scrolling_up_stops_following_and_end_resumes_it(make_app: MakeApp) -> None:
    go = asyncio.Event()
    app = make_app([Delta(LONG), go, Delta("\n\nthe very end")])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "paragraph 59")
        await pilot.press("pageup", "pageup")
        await shows(pilot, "paragraph 50")
        before = screen_text(app).splitlines()[:15]
        go.set()
        await rests(pilot)
        assert screen_text(app).splitlines()[:15] == before
        await pilot.press("end")
        await shows(pilot, "the very end")


async def test_a_growing_answer_is_followed(make_app: MakeApp) -> None:
    app = make_app([Delta(f"line {n}\n\n") for n in range(80)])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        assert "line 79" in screen_text(app)


async def test_everything_is_wrapped_for_another_width(make_app: MakeApp) -> None:
    app = make_app(LONG)
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: max(map(len, screen_text(app).splitlines())) <= 60)
        await shows(pilot, "paragraph 59")
        words = " ".join(screen_text(app).split())
        assert "paragraph 59 " + "with some words " * 11 + "with some words" in words


async def test_the_text_in_view_stays_in_view_on_another_width(make_app: MakeApp) -> None:
    app = make_app(LONG)
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        for word in ("two", "three", "four"):
            await send(pilot, word)
            await rests(pilot)
        transcript(app).scroll_to(y=transcript(app).viewport.top(2), animate=False)
        await shows(pilot, "▌ two")
        await pilot.resize_terminal(70, 30)
        await shows(pilot, "▌ two")


async def test_the_column_is_centered_and_at_most_a_hundred_cells_wide(make_app: MakeApp) -> None:
    app = make_app("word " * 100)
    async with app.run_test(size=(250, 40)) as pilot:
        await send(pilot, "hello")
        await rests(pilot)
        rows = [row[32:] for row in screen_text(app).splitlines() if "word" in row]
        assert max(len(row.strip()) for row in rows) <= 100
        left = len(rows[0]) - len(rows[0].lstrip())
        assert abs(left - (250 - 32 - 100) // 2) <= 3


async def test_selected_text_is_copied_without_wrapping_and_indents(make_app: MakeApp) -> None:
    app = make_app("first " + "word " * 30 + "last\n\n```python\nx = 1\n    y = 2\n```")
    async with app.run_test(size=(60, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        rows = screen_text(app).splitlines()
        top = next(n for n, row in enumerate(rows) if "first word" in row)
        bottom = next(n for n, row in enumerate(rows) if "y = 2" in row)
        await pilot.mouse_down(offset=(3, top))
        await pilot.hover(offset=(30, top + 1))
        await pilot.hover(offset=(30, bottom))
        await pilot.mouse_up(offset=(30, bottom))
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.is_running
    assert app.clipboard == "first " + "word " * 30 + "last\n\n1 python" + "\nx = 1\n    y = 2" or app.clipboard == (
        "first " + "word " * 30 + "last\n\n\nx = 1\n    y = 2"
    )


async def test_text_from_right_to_left_is_selected_and_copied_in_its_own_order(make_app: MakeApp) -> None:
    app = make_app("שלום (world) עולם")
    async with app.run_test(size=(60, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        shown = "םלוע (world) םולש"
        x, y = place(app, shown)
        assert x - 1 + len(shown) == transcript(app).margin + transcript(app).column_width - 2, "at the right"
        await pilot.mouse_down(offset=(x + len(shown) - 2, y))
        await pilot.hover(offset=(x + 4, y))
        await pilot.mouse_up(offset=(x + 4, y))
        color = app.screen.get_component_rich_style("screen--selection").bgcolor
        row = next(row for row in map(transcript(app).render_line, range(24)) if shown in row.text)
        assert "".join(text for text, style, _ in row if style and style.bgcolor == color) == "(world) םולש"
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.clipboard == "שלום (world)"


async def test_a_theme_changes_at_once_and_an_unknown_one_is_reported(make_app: MakeApp) -> None:
    app = make_app("`code` and more")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await send(pilot, "/theme mistral-light")
        await until(pilot, lambda: app.theme == "mistral-light")
        await rests(pilot)
        assert transcript(app).rich_style.bgcolor == Color.parse("#FBF7F1").rich_color
        await send(pilot, "/theme nosuch")
        await shows(pilot, "✗ there is no theme nosuch; the themes are catppuccin-mocha, dracula,")


async def test_a_theme_of_the_user_is_used_and_a_broken_one_is_reported(make_app: MakeApp, home: Path) -> None:
    folder = home / "config" / "themes"
    folder.mkdir(parents=True)
    (folder / "sea.toml").write_text('primary = "#0000FF"\nbackground = "#000011"\n')
    (folder / "broken.toml").write_text('primray = "#0000FF"\n')
    app = make_app("an answer", settings=Settings(theme="sea"))
    async with app.run_test(size=(200, 24)) as pilot:
        await shows(pilot, "✗", "unknown key primray; did you mean primary?")
        await send(pilot, "go")
        await shows(pilot, "an answer")
        assert transcript(app).rich_style.bgcolor == Color.parse("#000011").rich_color
        assert "sea" in chat(app).host.themes


@pytest.mark.parametrize("theme", ["mistral-dark", "mistral-light", "high-contrast"])
def test_text_and_soft_text_are_readable(theme: str) -> None:
    known = read_themes().known[theme]
    page = Color.parse(known.background or "")
    assert contrast(page, Color.parse(known.foreground or "")) >= 7
    assert contrast(page, Color.parse(known.variables["soft"])) >= 4.5
    assert contrast(Color.parse(known.variables["raised"]), Color.parse(known.foreground or "")) >= 7


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


@pytest.mark.parametrize("size", [(60, 20), (250, 70)])
async def test_the_prompt_and_the_status_are_visible_on_every_screen(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(LONG)
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "How can I help?", "Ask le chat", "petit text")
        await send(pilot, "go")
        await rests(pilot)
        await shows(pilot, "paragraph 59", "Ask le chat", "petit text")
        assert len(screen_text(app).splitlines()) == size[1]


async def test_no_color_is_honored(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app("an answer")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "▀▀▀▀▀▀▀")
        await send(pilot, "go")
        await shows(pilot, "an answer")
        assert NOON
        colors = {
            segment.style.color.triplet
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color and segment.style.color.triplet
        }
    assert not colors


async def test_rows_below_the_view_are_announced_and_a_click_goes_to_them(make_app: MakeApp) -> None:
    app = make_app(LONG)
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "paragraph 59")
        await rests(pilot)
        assert "more · End" not in screen_text(app)
        await pilot.press("pageup")
        await shows(pilot, "more · End")
        await pilot.click(offset=place(app, "more · End"))
        await shows(pilot, "paragraph 59")
        assert "more · End" not in screen_text(app)


async def test_a_click_opens_a_link_only_to_the_web(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url, *_, **__: opened.append(url))
    app = make_app("[here](https://a.org/x) and [there](ftp://b.org) and [nowhere](c.html)")
    async with app.run_test(size=(120, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "here (https://a.org/x)", "there (ftp://b.org)")
        await rests(pilot)
        for word in ("here (", "there (", "nowhere"):
            await pilot.click(offset=place(app, word))
            await pilot.pause()
    assert opened == ["https://a.org/x"]


async def test_a_click_on_the_head_of_a_fence_numbers_its_lines_which_are_not_copied(make_app: MakeApp) -> None:
    app = make_app("```python\nx = 1\ny = 2\n```")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "1 python", "y = 2")
        await rests(pilot)
        await pilot.click(offset=place(app, "1 python"))
        await shows(pilot, "  1  x = 1", "  2  y = 2")
        top, bottom = place(app, "x = 1"), place(app, "y = 2")
        await pilot.mouse_down(offset=(0, top[1]))
        await pilot.hover(offset=(79, bottom[1]))
        await pilot.mouse_up(offset=(79, bottom[1]))
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.clipboard == "x = 1\ny = 2"
        await pilot.click(offset=place(app, "1 python"))
        await until(pilot, lambda: "  2  y" not in screen_text(app))


async def test_a_selection_stays_while_the_answer_grows(make_app: MakeApp) -> None:
    go = asyncio.Event()
    app = make_app([Delta("first words\n\nsecond words\n\nthird"), go, Delta(" words\n\nthe end")])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "go")
        await shows(pilot, "third")
        row = place(app, "second words")[1]
        await pilot.mouse_down(offset=(0, row))
        await pilot.hover(offset=(60, row))
        await pilot.mouse_up(offset=(60, row))
        go.set()
        await shows(pilot, "the end")
        assert (app.screen.get_selected_text() or "").strip() == "second words"


async def test_the_line_at_the_top_stays_there_on_another_width(make_app: MakeApp) -> None:
    app = make_app(LONG)
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await pilot.press("pageup", "pageup", "pageup")
        await rests(pilot)
        page = transcript(app)
        down = next(n for n, row in enumerate(rows(app)) if row.startswith("paragraph"))
        page.scroll_to(y=page.scroll_target_y + down, animate=False)
        await rests(pilot)
        first = rows(app)[0].split()[:2]
        await pilot.resize_terminal(60, 30)
        await rests(pilot)
        assert rows(app)[0].split()[:2] == first


def rows(app: LeChat) -> list[str]:
    """The rows of the transcript in view, stripped."""
    page = transcript(app)
    return [page.render_line(y).text.strip() for y in range(page.size.height)]


def place(app: LeChat, text: str) -> tuple[int, int]:
    """Where a text is on the screen."""
    for y, row in enumerate(screen_text(app).splitlines()):
        if text in row:
            return row.index(text) + 1, y
    raise AssertionError(f"{text} is not in\n{screen_text(app)}")


async def test_the_speed_beside_an_answer_is_not_copied(make_app: MakeApp) -> None:
    receipt = Receipt("petit", ttft_ms=310.0, tokens_per_s=42.2)
    app = make_app([Delta("One."), Done(receipt)], [Delta("Two."), Done(receipt)])
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "Hello?")
        await shows(pilot, "One.")
        assert "first token after" not in screen_text(app)
        await send(pilot, "/stats on")
        await shows(pilot, "42 tokens/s · first token after 0.31 s")
        await send(pilot, "And?")
        await shows(pilot, "Two.")
        await until(pilot, lambda: screen_text(app).count("first token after") == 2)
        transcript(app).text_select_all()
        assert "first token" not in (app.screen.get_selected_text() or "")
        await send(pilot, "/stats off")
        await until(pilot, lambda: "first token after" not in screen_text(app))
