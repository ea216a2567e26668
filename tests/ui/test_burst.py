"""Keys that arrive together, as from a slow connection: each acts on what the ones before it have left."""

import pytest
from seeing import MakeApp, hides, prompt, rests, send, shows, until
from textual.app import App
from textual.events import Key

from lechat_tui.store import Store


def burst(app: App[None], *keys: str) -> None:
    """Press keys without a pause between them."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


BURSTS = {
    (*"abc", "space", *"def", "home", "less_than_sign"): "<abc def",
    (*"lost", "ctrl+u", *"kept"): "kept",
    (*"abc", "left", "left", "X"): "aXbc",
    (*"abc", "backspace", "d"): "abd",
    (*"one", "ctrl+w", *"two"): "two",
    ("slash", *"zzz", "escape", "tab", "x"): "/zzzx",
}


async def test_editing_keys_and_characters_keep_their_order(make_app: MakeApp) -> None:
    app = make_app("Bonjour")
    async with app.run_test(size=(80, 24)) as pilot:
        characters = {"space": " ", "less_than_sign": "<", "slash": "/"}
        for keys, text in BURSTS.items():
            for key in keys:
                app.post_message(Key(key, characters.get(key, key if len(key) == 1 else None)))
            await rests(pilot)
            assert prompt(pilot).text == text
            prompt(pilot).set_text("")
            await pilot.pause()


async def test_up_goes_on_from_a_recalled_command(make_app: MakeApp, store: Store) -> None:
    for line in ("first question", "/stats", "/help"):
        store.add_prompt(line)
    async with make_app("one").run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        await pilot.press("up", "up", "up")
        assert prompt(pilot).text == "first question"
        await pilot.press("down")
        assert prompt(pilot).text == "/stats"


async def test_words_after_tab_stay_in_the_prompt(make_app: MakeApp) -> None:
    app = make_app("Bonjour")
    async with app.run_test(size=(80, 24)) as pilot:
        burst(app, *"hello", "tab", *"world")
        await until(pilot, lambda: prompt(pilot).text == "helloworld")


@pytest.mark.parametrize("keys", [("slash", *"new", "enter"), ("ctrl+n",)])
async def test_what_is_typed_right_after_a_new_chat_is_asked_for_is_typed_into_it(
    make_app: MakeApp, store: Store, keys: tuple[str, ...]
) -> None:
    app = make_app("Salut!")
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "hello")
        await shows(pilot, "Salut!")
        await rests(pilot)
        old = app.screen_stack[0]._conversation.chat  # type: ignore[attr-defined]
        draft = "" if keys[0] == "slash" else "draft"
        for key in (*draft, *keys, *"next"):
            app.post_message(Key(key, "/" if key == "slash" else key if len(key) == 1 else None))
        await until(pilot, lambda: prompt(pilot).text == "next")
        await hides(pilot, "Salut!")
        await rests(pilot)
        assert prompt(pilot).text == "next"
        assert [saved.text for saved in store.drafts(old.id)] == ([draft] if draft else [])
