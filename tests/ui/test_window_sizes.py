"""Windows of any size, at the start and while the program runs."""

import random

import pytest
from seeing import MakeApp, prompt, rests, screen_text, send, shows
from textual.geometry import Size

from lechat_tui.ui.window import MIN_SIZE, TOO_SMALL, cover

SIZES = [(5, 2), (1, 1), (20, 5), (24, 8), (80, 3), (80, 9), (300, 100)]


@pytest.mark.parametrize("size", [(1, 1), (24, 8), (80, 3), (300, 100)])
async def test_the_screen_opens_in_a_window_of_any_size(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app("Bonjour")
    async with app.run_test(size=size) as pilot:
        await rests(pilot)
        assert app.too_small == (size[0] < MIN_SIZE.width or size[1] < MIN_SIZE.height)
        prompt(pilot).set_text("kept")
        await pilot.resize_terminal(80, 24)
        assert not app.too_small
        await shows(pilot, "kept")


async def test_random_sizes_break_nothing_with_dialogs_open_and_lose_no_text(make_app: MakeApp) -> None:
    chance = random.Random(7)
    app = make_app("# Title\n\n| a | b |\n|---|---|\n| c | d |\n\n```python\nprint(1)\n```\n")
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "hello")
        await shows(pilot, "Title")
        for key in ("", "ctrl+p", "ctrl+l", "ctrl+s", "ctrl+f"):
            if key:
                await pilot.press(key)
            prompt(pilot).set_text("kept")
            for _ in range(6):
                size = (
                    chance.choice(SIZES) if chance.random() < 0.3 else (chance.randint(1, 300), chance.randint(1, 100))
                )
                await pilot.resize_terminal(*size)
            await pilot.press("escape", "escape", "escape")
        await pilot.resize_terminal(100, 30)
        await shows(pilot, "kept")


@pytest.mark.parametrize("size", [(5, 2), (1, 1), (23, 7), (80, 3), (12, 40)])
def test_the_sentence_stays_within_a_small_window(size: tuple[int, int]) -> None:
    rows = [part.partition("H")[2] for part in cover(Size(*size)).split("\x1b[")[3:]]
    assert len(rows) <= size[1]
    assert all(0 < len(row) <= size[0] for row in rows)
    if size[0] * size[1] > 2 * len(TOO_SMALL):
        assert " ".join(rows) == TOO_SMALL


async def test_a_short_window_shows_the_prompt_alone(make_app: MakeApp) -> None:
    app = make_app("Bonjour")
    async with app.run_test(size=(40, 8)) as pilot:
        await rests(pilot)
        assert "Ask le chat" in screen_text(app)
        assert "How can I help" not in screen_text(app)
