"""Chats and models: the list at the left, pickers, switching."""

import asyncio
from datetime import date, datetime

import pytest
from seeing import NOON, MakeApp, chat, hides, prompt, rests, screen_text, send, shows, transcript, until

from lechat_tui.engine.base import Delta
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Message
from lechat_tui.store import Chat, Store
from lechat_tui.ui.widgets.chat_list import ChatList, day_name, groups
from lechat_tui.ui.widgets.sidebar import ChatsButton, Sidebar
from lechat_tui.ui.widgets.transcript import Transcript


def kept(store: Store, title: str, *texts: str) -> Chat:
    """A chat with these questions and answers in turn."""
    made = store.new_chat(title, model="petit")
    parent = 0
    for number, text in enumerate(texts):
        role = "assistant" if number % 2 else "user"
        parent = store.add(made.id, Message(role, text), parent).id  # type: ignore[arg-type]
    return made


async def test_the_chat_list_is_open_on_a_wide_screen_and_enter_opens_a_chat(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "how long does it rise", "two hours")
    kept(store, "Boats", "a name for a boat", "La Mouette")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "+ New chat", "Bread", "Boats")
        await pilot.press("ctrl+s", "down", "down", "enter")
        await shows(pilot, "▌ how long does it rise", "two hours")
        await until(pilot, lambda: pilot.app.focused is prompt(pilot))


async def test_ctrl_s_opens_and_closes_the_chat_list_on_a_narrow_screen(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "how long does it rise", "two hours")
    async with make_app().run_test(size=(70, 24)) as pilot:
        await rests(pilot)
        assert "+ New chat" not in screen_text(pilot.app)
        await pilot.press("ctrl+s")
        await shows(pilot, "+ New chat", "Bread")
        await pilot.press("ctrl+s")
        await hides(pilot, "+ New chat")
        assert pilot.app.focused is prompt(pilot)


@pytest.mark.parametrize("size", [(60, 20), (250, 70)])
async def test_a_click_opens_the_chat_list_and_another_closes_it(
    make_app: MakeApp, store: Store, size: tuple[int, int]
) -> None:
    kept(store, "Bread", "how long does it rise", "two hours\n\n" * 100)
    app = make_app(chat=1)
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "two hours")
        if size[0] > 110:  # where there is room it stands open at first
            await pilot.click(ChatsButton)
            await hides(pilot, "+ New chat")
        # it takes no row of the talk, once that is laid out at its new width
        await until(pilot, lambda: "two hours" in "".join(screen_text(app).splitlines()[1:3]))
        assert screen_text(app).splitlines()[0].strip() == "▤ chats"
        await pilot.click(ChatsButton)
        await shows(pilot, "▤ chats", "+ New chat", "Bread")
        await pilot.click(ChatsButton)
        await hides(pilot, "+ New chat")
        assert app.focused is prompt(pilot)
        await pilot.click(ChatsButton)
        await shows(pilot, "+ New chat")
        await pilot.press("escape")
        assert app.focused is prompt(pilot)


async def test_typing_in_the_chat_list_filters_it(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread and butter", "hi")
    kept(store, "Boats [at] sea", "hi")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Bread and butter", "Boats [at] sea")
        await pilot.click("#search")
        await pilot.press(*"bread")
        await hides(pilot, "Boats")
        await pilot.press("enter", "enter")
        await shows(pilot, "▌ hi")
        assert chat(pilot.app).host.conversation.chat == store.chats(matching="bread")[0]


async def test_a_chat_is_deleted_from_the_list_only_after_a_confirmation(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "hi")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Bread")
        await pilot.press("ctrl+s", "down", "delete")
        await shows(pilot, "Delete “Bread”?")
        await pilot.press("enter")
        await rests(pilot)
        assert [c.title for c in store.chats()] == ["Bread"], "Enter alone is a no"
        await pilot.press("delete")
        await shows(pilot, "Delete “Bread”?")
        await pilot.press("y")
        await until(pilot, lambda: not store.chats())
        await hides(pilot, "Bread")


async def test_marked_chats_are_deleted_together_and_come_back(make_app: MakeApp, store: Store) -> None:
    for title in ("Bread", "Boats", "Bones"):
        kept(store, title, "hi")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Bread")
        await pilot.press("ctrl+s", "down", "space", "down", "space")
        await shows(pilot, "✓ Bones", "✓ Bread", "Space marks · Delete deletes")
        await pilot.press("delete")
        await shows(pilot, "Delete 2 chats? Until you quit, /undelete brings them back")
        await pilot.press("y")
        await shows(pilot, "2 chats deleted; /undelete restores them")
        assert [c.title for c in store.chats()] == ["Boats"]
        await pilot.press("escape")
        await send(pilot, "/undelete")
        await shows(pilot, "2 chats are back; this is the latest", "▌Bones")
    assert [c.title for c in store.chats()] == ["Bones", "Bread", "Boats"]


async def test_a_chat_is_renamed_in_its_row(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "hi")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Bread                   12:00")
        await pilot.press("ctrl+s", "down", "f2", *" rolls", "escape")
        await hides(pilot, "rolls")
        await pilot.press("f2", *" rolls", "enter")
        await shows(pilot, "Bread rolls             12:00")
    assert [c.title for c in store.chats()] == ["Bread rolls"]


async def test_an_old_chat_is_answered_by_its_own_model_or_says_which_one_does(make_app: MakeApp, store: Store) -> None:
    for title, model in (("Gone", "parti"), ("Code", "codeur")):
        store.set_model(kept(store, title, "hi").id, model)
    engine = EchoEngine("fine")
    async with make_app(engine).run_test(size=(90, 24)) as pilot:
        await send(pilot, "/resume code")
        await shows(pilot, "▌ hi", "codeur code")
        await until(pilot, lambda: [spec.name for spec in engine.loaded] == ["petit", "codeur"])
        await send(pilot, "/resume gone")
        await shows(pilot, "parti, the model of this chat, is not on this machine; using codeur instead")
    assert store.chats(matching="gone")[0].model == "parti"


async def test_a_new_chat_appears_in_the_list_after_its_first_question(make_app: MakeApp) -> None:
    async with make_app("fine").run_test(size=(120, 30)) as pilot:
        await send(pilot, "a brand new matter")
        await shows(pilot, "▌a brand new matter", "Today")


async def test_resume_opens_a_chat_and_sends_all_of_it_to_the_model(make_app: MakeApp, store: Store) -> None:
    kept(store, "Names", "my name is Ada", "hello Ada")
    engine = EchoEngine("Ada")
    async with make_app(engine).run_test(size=(80, 30)) as pilot:
        await send(pilot, "/resume names")
        await shows(pilot, "▌ my name is Ada", "hello Ada")
        await send(pilot, "what is my name?")
        await rests(pilot)
    assert [m.text for m in engine.requests[0].messages] == ["my name is Ada", "hello Ada", "what is my name?"]


async def test_new_keeps_the_old_chat_and_can_ask_a_question(make_app: MakeApp, store: Store) -> None:
    async with make_app("one", "two").run_test(size=(80, 30)) as pilot:
        await send(pilot, "first matter")
        await rests(pilot)
        await send(pilot, "/new second matter")
        await shows(pilot, "▌ second matter", "two")
        assert "first matter" not in screen_text(pilot.app)
        await rests(pilot)
        await pilot.press("ctrl+n")
        await shows(pilot, "How can I help?")
    assert [c.title for c in store.chats()] == ["second matter", "first matter"]


async def test_opening_another_chat_midway_keeps_the_partial_answer(make_app: MakeApp, store: Store) -> None:
    async with make_app([Delta("half"), asyncio.Event()], "whole").run_test(size=(80, 30)) as pilot:
        await send(pilot, "first matter")
        await shows(pilot, "half")
        await send(pilot, "/new second matter")
        await shows(pilot, "▌ second matter", "whole")
        await rests(pilot)
    first, second = sorted(store.chats(), key=lambda c: c.id)
    assert [(m.text, m.state) for m in store.path(first.id)][-1] == ("half", "stopped")
    assert [m.text for m in store.path(second.id)] == ["second matter", "whole"]


async def test_the_model_picker_switches_the_model_within_a_chat(make_app: MakeApp) -> None:
    engine = EchoEngine("from petit", "from codeur")
    async with make_app(engine).run_test(size=(90, 30)) as pilot:
        await send(pilot, "one")
        await rests(pilot)
        await pilot.press("ctrl+l")
        await shows(pilot, "Switch to which model?", "Petit", "in use", "Codeur")
        await pilot.press(*"code", "enter")
        await shows(pilot, "codeur code", "· now using codeur", "from petit")
        await send(pilot, "two")
        await shows(pilot, "from codeur")
        await rests(pilot)
    assert [request.model.name for request in engine.requests] == ["petit", "codeur"]
    assert len(engine.requests[1].messages) == 3
    assert [spec.name for spec in engine.loaded] == ["petit", "codeur"]


async def test_a_picker_shows_that_nothing_matches_and_escape_closes_it(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+l")
        await shows(pilot, "Codeur")
        await pilot.press(*"zzz")
        await shows(pilot, "no matches")
        await pilot.press("enter")
        await shows(pilot, "no matches")
        await pilot.press("escape")
        await shows(pilot, "petit text")


async def test_a_click_picks_a_row(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+l")
        await shows(pilot, "Codeur")
        row = next(n for n, text in enumerate(screen_text(pilot.app).splitlines()) if "Codeur" in text)
        await pilot.click(offset=(20, row))
        await shows(pilot, "codeur code")


async def test_a_role_and_a_question_in_one_line(make_app: MakeApp) -> None:
    engine = EchoEngine("def quicksort")
    async with make_app(engine).run_test(size=(80, 24)) as pilot:
        await send(pilot, "/code write quicksort")
        await shows(pilot, "codeur code", "▌ write quicksort", "def quicksort")
    assert engine.requests[0].model.name == "codeur"


async def test_copy_copies_the_original_text_and_reports_how(make_app: MakeApp) -> None:
    app = make_app("**bold** \x1b[31m")
    async with app.run_test(size=(110, 24)) as pilot:
        await send(pilot, "go")
        await rests(pilot)
        await pilot.press("ctrl+y")
        await shows(pilot, "sent to the terminal's clipboard")
    assert app.clipboard == "**bold** \x1b[31m"


async def test_a_chat_of_five_thousand_messages_renders_only_what_is_in_view(make_app: MakeApp, store: Store) -> None:
    app = make_app()
    messages = [
        Message("assistant" if n % 2 else "user", f"message number {n}\n\n" + "word " * 60) for n in range(5000)
    ]
    async with app.run_test(size=(90, 30)) as pilot:
        screen = chat(app)
        screen.host.conversation.messages[:] = messages
        screen.host.show_chat()
        await shows(pilot, "message number 4999")
        shown = transcript(app)
        assert drawn(shown) < 30
        shown.scroll_to(y=0, animate=False)
        await shows(pilot, "message number 0")
        assert drawn(shown) < 60


def drawn(shown: Transcript) -> int:
    return sum(item.rendered for item in shown.viewport.items)


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (datetime(2026, 3, 5, 0, 5), "Today"),
        (datetime(2026, 3, 4, 23, 59), "Yesterday"),
        (datetime(2026, 2, 27, 8, 0), "Last 7 days"),
        (datetime(2026, 2, 26, 8, 0), "February 2026"),
        (datetime(2025, 12, 31, 8, 0), "December 2025"),
    ],
)
def test_chats_are_grouped_by_day(moment: datetime, name: str) -> None:
    assert day_name(moment.timestamp(), date(2026, 3, 5)) == name


def test_a_chat_of_another_day_does_not_divide_the_days_of_a_list() -> None:
    days = ((3, 5), (2, 1), (3, 5), (3, 4), (9, 9), (3, 4), (1, 2))
    updated = [datetime(2026, month, day, 8).timestamp() for month, day in days]
    found = [(group.name, group.end - group.first) for group in groups(updated, date(2026, 3, 5))]
    assert found == [("Today", 3), ("Yesterday", 3), ("January 2026", 1)]


async def test_the_chat_list_is_beside_the_chat_only_on_a_wide_screen(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "+ New chat")
        await pilot.resize_terminal(60, 20)
        await hides(pilot, "+ New chat")
        assert not pilot.app.screen.query_one(Sidebar).display


def thousands(store: Store, count: int) -> None:
    """Chats, the last the newest, ten minutes apart."""
    for number in range(1, count + 1):
        store.new_chat(f"chat {number}", model="petit")
    moments = [(NOON.timestamp() - (count - number) * 600, number) for number in range(1, count + 1)]
    store._db.executemany("UPDATE chat SET updated = ? WHERE id = ?", moments)


async def test_a_long_chat_list_reads_only_the_titles_in_view(make_app: MakeApp, store: Store) -> None:
    thousands(store, 1_000)
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Today", "chat 1000", "chat 990")
        await pilot.press("ctrl+s", "end")
        await shows(pilot, "chat 1 ", "chat 2 ")
        rows = pilot.app.screen.query_one(ChatList)
        assert rows.cached < 300
        await pilot.press("enter")
        await until(pilot, lambda: (shown := chat(pilot.app).host.conversation.chat) and shown.title == "chat 1")
        await pilot.press("ctrl+s", "home", "enter")
        await until(pilot, lambda: chat(pilot.app).host.conversation.chat is None)


async def test_typing_into_the_chat_list_searches_all_chats(make_app: MakeApp, store: Store) -> None:
    thousands(store, 400)
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "chat 400")
        await pilot.press("ctrl+s", *"17")
        await hides(pilot, "chat 400")
        await shows(pilot, "chat 317", "chat 17 ")


async def test_a_click_on_a_chat_opens_it_and_a_click_on_a_day_does_nothing(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "how long does it rise", "two hours")
    async with make_app().run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Bread")
        rows = pilot.app.screen.query_one(ChatList)
        await pilot.click(rows, offset=(2, 2))
        await pilot.pause()
        assert chat(pilot.app).host.conversation.chat is None
        await pilot.click(rows, offset=(2, 3))
        await shows(pilot, "▌ how long does it rise")
