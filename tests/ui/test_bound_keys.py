"""A sentence names the key that is bound now: no text of the program hard-codes a key that can be rebound."""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from seeing import MakeApp, chat, prompt, rests, screen_text, send, shows
from textual.binding import Binding

import lechat_tui
from lechat_tui.commands.key_names import shown
from lechat_tui.engine.base import Delta, Prefill
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.ui.keys import CHAT_BINDINGS

PACKAGE = Path(lechat_tui.__file__).parent

KEY = re.compile(
    r"\b((ctrl|control|alt|super|cmd)[+-]\w+|shift[+-]\w{2,}|esc|f([1-9]|1[0-2])|pgup|pgdn|page ?up|page ?down)\b",
    re.IGNORECASE,
)
"""A key that could be rebound. Enter, Tab, Backspace and arrows alone cannot be."""

TABLES = {"ui/keys.py", "commands/key_names.py", "commands/keys.py"}
"""The default bindings, how keys are spelled, and the command that rebinds them, with its example."""

TERMINAL = {"cli", "inline"}
"""Packages without a table of bindings, in which Ctrl+C and Ctrl+D are what the terminal makes of them."""

FIXED = {
    "Esc",
    "Esc stops",
    " · Esc closes",
    " in the background; Esc returns to the chat",
    "Enter selects · Esc cancels",
    "Enter opens · Esc cancels",
    "Enter downloads · Esc hides this",
    "Enter selects · Esc stays",
    "Enter selects · Esc puts the question back",
    "Enter opens · F2 renames\nSpace marks · Delete deletes",
    "y: yes · n or Esc: no · Enter selects",
    "Esc closes · Up, Down, PgUp, PgDn scroll",
    "Enter opens, Esc goes back",
    "send; after a backslash, start a new line (also Ctrl+J or Alt+Enter in the full screen)",
}
"""Texts about keys that cannot be rebound: those of dialogs and lists, and those that insert a new line."""


def texts(tree: ast.Module) -> Iterator[str]:
    """The string constants of a module that a user may read: no docstring, no key of a binding, no name of a key."""
    ignored: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                ignored.add(id(node.value))
            case ast.Call(func=ast.Name(id="Binding")):
                ignored |= {id(argument) for argument in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in ignored:
            yield node.value


def offending(path: Path) -> list[str]:
    """The texts of a file that name a key which could be rebound, and are neither fixed nor bare names of keys."""
    name = path.relative_to(PACKAGE).as_posix()
    if name in TABLES:
        return []
    found = [text for text in texts(ast.parse(path.read_text("utf-8"))) if KEY.search(text) and text not in FIXED]
    bare = re.compile(r"[a-z0-9_+\\\r]+")
    found = [text for text in found if not bare.fullmatch(text)]
    if name.split("/")[0] in TERMINAL:
        found = [text for text in found if KEY.search(re.sub(r"Ctrl\+[CD]\b", "", text))]
    return [f"{name}: {text}" for text in found]


def test_no_user_facing_string_names_a_fixed_key() -> None:
    assert [text for path in sorted(PACKAGE.rglob("*.py")) for text in offending(path)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('host.say("stop it with Esc first")', True),
        ('f"press F2, {name}"', True),
        ('hint = "ctrl+g opens the editor"', True),
        ('"""Esc stops."""', False),
        ('Binding("escape", "stop", "Esc stops")', False),
        ('say("enter a name")', False),
    ],
)
def test_a_text_with_a_key_is_found(source: str, found: bool) -> None:
    assert any(map(KEY.search, texts(ast.parse(source)))) is found


def test_the_default_keys_look_like_keys_to_this_test() -> None:
    bindings = [one for one in CHAT_BINDINGS if isinstance(one, Binding)]
    unseen = [one.key for one in bindings if not KEY.search(shown(one.key.split(",")))]
    assert unseen == ["question_mark", "end"]  # a character, and an English word


async def test_the_hint_beside_an_answer_names_the_key_that_stops_now(make_app: MakeApp) -> None:
    engine = EchoEngine([Prefill(10, 100, 3), asyncio.Event(), Delta("never")])
    async with make_app(engine).run_test(size=(100, 30)) as pilot:
        await send(pilot, "/keys stop ctrl+x")
        await shows(pilot, "stop is Ctrl+X from now on")
        await send(pilot, "Hello?")
        await shows(pilot, "Ctrl+X stops")
        assert "Esc stops" not in screen_text(pilot.app)
        await send(pilot, "/undo")
        await shows(pilot, "an answer is being written; stop it with Ctrl+X first")
        await pilot.press("escape")
        assert chat(pilot.app).parts.queue.answering
        await pilot.press("ctrl+x")
        await rests(pilot)
        assert not chat(pilot.app).parts.queue.answering


async def test_the_page_of_a_new_chat_names_the_keys_that_are_bound_now(make_app: MakeApp) -> None:
    async with make_app("Bonjour").run_test(size=(100, 30)) as pilot:
        await shows(pilot, "F1 help", "Ctrl+S chats")
        await send(pilot, "/keys help f12")
        await send(pilot, "/keys chats alt+c")
        await send(pilot, "/new")
        await shows(pilot, "F12 help", "Alt+C chats", "Ctrl+L models")


async def test_an_edited_question_names_the_keys_that_are_bound_now(make_app: MakeApp) -> None:
    async with make_app("Bonjour").run_test(size=(100, 30)) as pilot:
        await send(pilot, "/keys stop ctrl+x")
        await send(pilot, "Hello?")
        await rests(pilot)
        await pilot.press("ctrl+e")
        await shows(pilot, "Enter sends it · Ctrl+X cancels")
        await pilot.press("ctrl+x")
        await rests(pilot)
        assert prompt(pilot).text == ""


async def test_the_second_press_that_quits_is_named_as_it_is_bound_now(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        await send(pilot, "/keys interrupt alt+q")
        await rests(pilot)
        await pilot.press("alt+q")
        await shows(pilot, "Alt+Q again quits")
