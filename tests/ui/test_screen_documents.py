"""A document that does not fit, on the screen."""

from seeing import MakeApp, prompt, rests, send, shows, until

from lechat_tui.attachments.documents import document_file
from lechat_tui.documents.model import Document, Page
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.store import Store
from lechat_tui.talk.trash import keep

PAGES = tuple(Page(n, f"Cat {n} " + "sleeps all day. " * 100) for n in range(1, 41))


async def test_the_user_chooses_what_is_sent_of_a_document_or_nothing(make_app: MakeApp, store: Store) -> None:
    app = make_app(EchoEngine("all day"))
    async with app.run_test(size=(110, 30)) as pilot:
        file = keep(store, document_file(b"%PDF", Document("cats.pdf", "pdf", PAGES)))
        app.screen.host.attach(file)  # type: ignore[attr-defined]
        await shows(pilot, "▤ cats.pdf · whole document, 40 pages")
        await send(pilot, "What do cats do?")
        await shows(pilot, "What should the model get?", "the passages that match the question")
        await pilot.press("escape")
        await shows(pilot, "nothing was sent; the question is in the prompt again")
        await until(pilot, lambda: prompt(pilot).text == "What do cats do?")
        await pilot.press("enter")
        await shows(pilot, "the beginning")
        await pilot.press("down", "down", "down", "enter")
        await shows(pilot, "▸ cats.pdf · the beginning, pages 1-", "of 40", "all day")
        await rests(pilot)
    chat = store.latest()
    assert chat and (receipt := store.path(chat.id)[-1].receipt) and "the beginning" in receipt.documents[0]
