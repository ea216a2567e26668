"""Finding what was said, in all chats and in branches that are not shown."""

from seeing import MakeApp, chat, hides, rests, screen_text, send, shows, transcript, until

from lechat_tui.message import Message
from lechat_tui.store import Chat, Hit, Store
from lechat_tui.ui.dialogs.search import MATCH_STYLE, _context


def kept(store: Store, title: str, *texts: str) -> Chat:
    """A chat with these questions and answers in turn."""
    made = store.new_chat(title, model="petit")
    parent = 0
    for number, text in enumerate(texts):
        role = "assistant" if number % 2 else "user"
        parent = store.add(made.id, Message(role, text), parent).id  # type: ignore[arg-type]
    return made


async def test_search_finds_while_typing_and_opens_a_message(make_app: MakeApp, store: Store) -> None:
    long = "\n\n".join(f"paragraph {n}" for n in range(60))
    answer = f"{long}\n\nof the crémerie, two hours\n\n{long}"
    kept(store, "Bread", "how long does it rise", answer, "thanks", "welcome")
    kept(store, "Boats", "a name for a boat", "La Mouette")
    async with make_app().run_test(size=(90, 24)) as pilot:
        await pilot.press("ctrl+f")
        await shows(pilot, "Search all chats")
        await pilot.press(*"mouette")
        await shows(pilot, "Boats", "La Mouette")
        await pilot.press(*(["backspace"] * 7), *"cremerie")
        await shows(pilot, "Bread", "of the crémerie, two hours")
        await hides(pilot, "Mouette")
        await pilot.press("enter")
        await shows(pilot, "of the crémerie, two hours")
        await hides(pilot, "Search all chats")
        await until(pilot, lambda: chat(pilot.app).get_selected_text() == "crémerie")


async def test_search_shows_a_message_in_its_branch(make_app: MakeApp, store: Store) -> None:
    made = kept(store, "Names", "a name", "Ada")
    store.add(made.id, Message("assistant", "Grace"), 1)
    async with make_app(chat=made.id).run_test(size=(90, 24)) as pilot:
        await shows(pilot, "Grace")
        await send(pilot, "/search ada")
        await shows(pilot, "Search all chats", "Names")
        await pilot.press("enter")
        await hides(pilot, "Search all chats")
        await shows(pilot, "Ada")
        assert "Grace" not in screen_text(pilot.app)
        await rests(pilot)
    assert [message.text for message in store.path(made.id)] == ["a name", "Ada"]


async def test_search_without_hits_says_so_and_escape_changes_nothing(make_app: MakeApp, store: Store) -> None:
    kept(store, "Bread", "how long does it rise", "two hours")
    async with make_app().run_test(size=(90, 24)) as pilot:
        await send(pilot, "/search zeppelin")
        await shows(pilot, "no message has these words")
        await pilot.press("enter", "escape")
        await hides(pilot, "Search all chats")
        assert transcript(pilot.app).empty


def test_a_match_is_marked_without_color_and_its_markup_is_inert() -> None:
    hit = Hit(Chat(1, "", 0, 0, 0, "", ""), 1, "the bread and\nbread\x1b[2J", ((4, 9), (14, 19)))
    assert _context(hit) == [
        "the ", ("bread", MATCH_STYLE), " and ", ("bread", MATCH_STYLE), "␛[2J",
    ]  # fmt: skip
    assert {"bold", "underline"} <= set(MATCH_STYLE.split())
