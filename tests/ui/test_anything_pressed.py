"""Random keys, lines, pastes, sizes and clicks: nothing ends the program, and no question is lost.

`LECHAT_PRESSED=50` runs fifty walks, which takes minutes; the default is one.
"""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from seeing import MakeApp, chat, prompt
from textual.events import Paste
from textual.pilot import Pilot

from lechat_tui.commands.base import COMMANDS
from lechat_tui.engine.base import Delta, EngineError, Event, Prefill
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.store import Store
from lechat_tui.talk.prompt import SUMMARY_REQUEST
from lechat_tui.ui.app import LeChat

WALKS = int(os.environ.get("LECHAT_PRESSED", "1"))
ACTIONS = 60
KEYS = (
    *("enter", "escape", "up", "down", "left", "right", "tab", "shift+tab", "backspace", "delete", "home", "end"),
    *("pageup", "pagedown", "ctrl+n", "ctrl+s", "ctrl+l", "ctrl+f", "ctrl+r", "ctrl+t", "ctrl+y", "ctrl+p", "f1", "f2"),
    *("alt+left", "alt+right", "ctrl+e", "ctrl+end", "ctrl+o", "ctrl+j", "ctrl+u", "ctrl+w", "ctrl+z", "slash", "at"),
    *("1", "2", "n", "d", "x"),
)
EXCLUDED = {"/exit", "/doctor", "/models", "/pull", "/export", "/save", "/private", "/delete", "/undo", "/compact"}
"""Commands that end the program, leave the chat, or remove messages."""
LINES = [name for name in COMMANDS if name not in EXCLUDED]
ARGUMENTS = ("", " 1", " 2", " on", " off", " codeur", " same", " 0", " 99", " x y")
QUESTIONS = ("Hello?", "What is **this**?", "é 日本", "[bold]x", "x" * 200)
PASTES = ("a line\n" * 50, "short", "\x1b[31mred", "a" * 2_000)
MARKDOWN = "# Head\n\n- one\n- *two*\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | $x^2$ |\n\n> said\n\n" * 8
SIZES = ((100, 30), (60, 20), (140, 40), (20, 6), (200, 50))


def answer(dice: random.Random) -> list[Event | EngineError]:
    """The script of an answer: cut anywhere, sometimes after thinking, sometimes by an error."""
    script: list[Event | EngineError] = [Prefill(10, 100, 3)] if dice.random() < 0.5 else []
    if dice.random() < 0.3:
        script.append(Delta("let me think\nabout it ", "thinking"))
    end, at = dice.randrange(len(MARKDOWN)), 0
    while at < end:
        size = dice.randint(1, 40)
        script.append(Delta(MARKDOWN[at : at + size]))
        at += size
    return [*script, EngineError("it died")] if dice.random() < 0.2 else script


async def press(pilot: Pilot[None], app: LeChat, dice: random.Random) -> None:
    match dice.choices(("key", "question", "line", "paste", "size", "click"), (55, 15, 15, 5, 5, 5))[0]:
        case "key":
            await pilot.press(dice.choice(KEYS))
        case "question" if app.screen is chat(app):
            prompt(pilot).focus()
            await pilot.press("ctrl+u", *dice.choice(QUESTIONS)[:20], "enter")
        case "question":
            await pilot.press("escape")
        case "line":
            prompt(pilot).set_text(dice.choice(LINES) + dice.choice(ARGUMENTS))
            await pilot.press("enter")
        case "paste" if app.focused:
            app.focused.post_message(Paste(dice.choice(PASTES)))
        case "size":
            await pilot.resize_terminal(*dice.choice(SIZES))
        case "click":
            width, height = app.size
            await pilot.click(offset=(dice.randrange(width), dice.randrange(height)))


@pytest.mark.parametrize("seed", range(WALKS))
async def test_random_keys_never_end_the_program_and_every_question_is_stored(
    seed: int, make_app: MakeApp, store: Store, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    engine = EchoEngine(*(answer(dice) for _ in range(ACTIONS)))
    app = make_app(engine)
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(ACTIONS):
            await press(pilot, app, dice)
            assert app.is_running
    asked = {next(m.text for m in reversed(request.messages) if m.role == "user") for request in engine.requests}
    with closing(sqlite3.connect(tmp_path / "data" / "history.db")) as history:
        kept = {text for (text,) in history.execute("SELECT text FROM message WHERE role = 'user'")}
    asked = {text for text in asked if not text.startswith(SUMMARY_REQUEST)}  # `/compact` asks by itself
    assert asked and asked <= kept
