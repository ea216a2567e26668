"""Pictures of the pages that matter. Fixed sizes, a fixed hour, no figure that depends on speed."""

import time
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pytest_textual_snapshot import SVGImageExtension
from seeing import MACHINE, NOON, MakeApp, rests, send, shows, transcript
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from lechat_tui.engine.base import Delta, EngineError, Fitted
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.machine.footprint import ModelShape
from lechat_tui.message import Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole, Status, Weights
from lechat_tui.models.jobs import Jobs
from lechat_tui.settings.config import Settings
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.widgets.sidebar import Sidebar

ANSWER = """Use a key that is a **tuple**: Python compares the *last names* first, then the ages.

```python
people.sort(key=lambda p: (p.last_name, p.age))  # briefly
```

| To do | Doing  | Done   |
|-------|--------|--------|
| tests | reader | parser |
| docs  |        | lexer  |

1. For the oldest first, negate the age: `-p.age`.
2. See [the guide](https://docs.python.org/3/howto/sorting.html).

> In two lines,
> quoted.
"""


def _png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "white").save(file, "PNG")
    return file.getvalue()


PNG = _png()


def test_the_start_page(make_app: MakeApp, snap_compare: Any) -> None:
    assert snap_compare(make_app(), terminal_size=(100, 30), run_before=rests)


def test_a_chat_with_code_and_a_table(make_app: MakeApp, snap_compare: Any) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        await send(pilot, "Sort a list of people by last name, then age. Briefly.")
        await shows(pilot, "quoted.")
        await rests(pilot)

    assert snap_compare(make_app(ANSWER), terminal_size=(100, 40), run_before=ask)


def test_everything_that_can_go_wrong_in_one_chat(make_app: MakeApp, snap_compare: Any) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        for question in ("one", "[bold]two[/bold]", "three"):
            await send(pilot, question)
            await rests(pilot)
        await send(pilot, "/nosuch")
        await shows(pilot, "there is no command")
        await rests(pilot)

    cut = Fitted(90, 100, left_out=(0, 1))
    script = ("first", [cut, Delta("\x1b[31mhalf"), EngineError("the engine died")], [cut, Delta("end")])
    assert snap_compare(make_app(*script), terminal_size=(100, 30), run_before=ask)


def test_a_picker(make_app: MakeApp, store: Store, snap_compare: Any) -> None:
    async def pick(pilot: Pilot[None]) -> None:
        await rests(pilot)
        await pilot.press("ctrl+r")
        await shows(pilot, "why is the sky dark")

    for question in ("how long do eggs boil", "[bold]why[/bold] is the sky blue", "why is the sky dark"):
        store.add_prompt(question)
    assert snap_compare(make_app(), terminal_size=(100, 30), run_before=pick)


SHAPES = {
    "petite": ModelShape(layers=26, kv_heads=8, head_size=128, embedding=3072, vocabulary=131072, heads=32),
    "moyenne": ModelShape(layers=34, kv_heads=8, head_size=128, embedding=4096, vocabulary=131072, heads=32),
    "grande": ModelShape(layers=40, kv_heads=8, head_size=128, embedding=5120, vocabulary=131072, heads=32),
}


@pytest.fixture
def shop(models: Models) -> Models:
    """Models as a person finds them: a few here, others to be had, of every standing."""

    def row(id: str, billions: float, roles: Sequence[ModelRole], status: Status, **more: Any) -> Model:
        size = round(billions * 0.61e9)
        weights = Weights(f"{id}-Q4_K_M.gguf", size, quant="Q4_K_M")
        shape = SHAPES["petite" if billions < 5 else "moyenne" if billions < 10 else "grande"]
        facts = {"parameters": billions, "shape": shape, "trained": 131072, "repo": f"who/{id}", "revision": "c" * 40}
        license = {"license": "Apache-2.0", "license_url": "https://www.apache.org/licenses/LICENSE-2.0"}
        return Model(id, id.title(), tuple(roles), weights, status=status, **{**facts, **license, **more})

    better = (Weights("mistral-moyenne-Q8_0.gguf", 9_000_000_000, quant="Q8_0"),)
    rows = (
        row("mistral-grande", 23.6, ("text", "vision"), "recommended"),
        row("mistral-moyenne", 8.5, ("text", "code", "vision"), "recommended", quants=better, context=16384),
        row("mistral-petite", 3.4, ("text", "code", "vision"), "recommended"),
        row("mistral-immense", 123.0, ("text",), "large", consent=True, license="MRL-0.1"),
        row("mistral-ancienne", 7.2, ("text",), "legacy"),
        row("codeur-ancien", 22.2, ("code",), "legacy", consent=True, license="MNPL-0.1"),
        Model("mistral-nuage", "Mistral Nuage", ("text",), status="closed", instead="mistral-moyenne"),
    )
    return Models(models.catalog | {model.id: model for model in rows})


@pytest.mark.parametrize("size", [(110, 36), (150, 40)])
def test_the_model_manager(store: Store, shop: Models, size: tuple[int, int], snap_compare: Any) -> None:
    async def manage(pilot: Pilot[None]) -> None:
        await send(pilot, "/models")
        await shows(pilot, "free on disk", "fits 10 tokens/s")
        await pilot.press("down", "down", "down", "down")
        await shows(pilot, "▌ mistral-moyenne", "Fits")

    conversation = Conversation(store, EchoEngine(), shop, shop.get("petit"))
    app = LeChat(conversation, jobs=Jobs(), machine=lambda: MACHINE, clock=lambda: NOON)
    assert snap_compare(app, terminal_size=size, run_before=manage)


def test_the_smallest_screen_with_the_list_of_commands(make_app: MakeApp, snap_compare: Any) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        await send(pilot, "Sort a list of people by last name, then age. Briefly.")
        await shows(pilot, "quoted.")
        await rests(pilot)
        await pilot.press(*"/mo")
        await shows(pilot, "/models")

    assert snap_compare(make_app(ANSWER), terminal_size=(60, 20), run_before=ask)


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> Callable[[LeChat, str], None]:
    """Compares what is on the screen now with the picture of this name: one run of the program gives many."""
    pictures = snapshot.use_extension(SVGImageExtension)

    def compare(app: LeChat, name: str) -> None:
        assert app.export_screenshot() == pictures(name=name)

    return compare


def a_talk(store: Store) -> int:
    """A chat with everything an answer can have; its number."""
    for title in ("Trip to Brest", "SQL window functions", "Why is the sky dark", "Lettre au propriétaire"):
        store.new_chat(title, model="petit")
    chat = store.new_chat("Sorting a list, twice", model="petit")
    board = store.keep_attachment(PNG, "board.png", "image", 640, 480)
    leaf: int | None = None
    for message in (
        Message("user", "What stands on this whiteboard?", attachments=(board,)),
        Message("assistant", "Three columns, and an arrow from the second to the third.", thinking="A board."),
        Message("user", "Sort a list of people by last name, then age. Briefly."),
        Message("assistant", ANSWER, thinking="Is a key enough?"),
    ):
        leaf = store.add(chat.id, message, leaf).id
    return chat.id


async def test_every_state_of_the_chat(
    make_app: MakeApp, store: Store, monkeypatch: pytest.MonkeyPatch, picture: Callable[[LeChat, str], None]
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON.timestamp())  # the days in the list of chats
    chat = a_talk(store)
    app = make_app("So be it.", settings=Settings(theme="mistral-dark"))
    async with app.run_test(size=(110, 36)) as pilot:

        async def take(name: str) -> None:
            await rests(pilot)
            picture(app, name)

        await take("start-wide")
        await pilot.resize_terminal(60, 20)
        await take("start-narrow")
        await pilot.press("tab", "down")
        await take("start-a-chat-chosen")
        await pilot.press("escape")
        await pilot.resize_terminal(110, 36)
        await rests(pilot)
        app.screen.post_message(Sidebar.Opened(chat))
        await shows(pilot, "quoted.")
        await take("talk")
        for theme in ("mistral-light", "terminal16", "high-contrast", "catppuccin-mocha"):
            app.theme = theme
            await take(f"talk-{theme}")
        app.theme = "mistral-dark"
        await pilot.press("ctrl+t")
        transcript(app).queue([Message("user", "and who owes the docs?")])
        transcript(app).show_activity("reading 204 new tokens, 2,676 kept", 0.4, "about 2 s left · Esc stops")
        await take("talk-thinking-shown-reading-queued")
        transcript(app).hide_activity()
        transcript(app).queue([])
        await pilot.resize_terminal(60, 20)
        await take("talk-narrow")
        await pilot.resize_terminal(200, 50)
        await take("talk-very-wide")
        await pilot.resize_terminal(110, 36)
        await send(pilot, "/theme")
        await shows(pilot, "Which theme?")
        picture(app, "choosing-a-theme")
        await pilot.press("escape")
        await send(pilot, "/nosuch")
        await shows(pilot, "there is no command")
        await take("talk-an-error")


MATHS = r"""The two solutions of \(ax^2 + bx + c = 0\) are

$$x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}$$

and for \(a > 0\) the least value is at \(x_0 = -\frac{b}{2a}\). The area below it:

\[ \int_{x_1}^{x_2} (ax^2 + bx + c)\,dx = \sum_{k=0}^{\infty} \alpha_k \leq \pi \]
"""


async def test_every_dialog_over_the_chat(
    make_app: MakeApp, store: Store, monkeypatch: pytest.MonkeyPatch, picture: Callable[[LeChat, str], None]
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON.timestamp())
    a_talk(store)
    app = make_app(MATHS, "One answer, by the *first* model.", "Another answer, by the *second*.")
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "Solve a quadratic equation.")
        await shows(pilot, "The area below it")
        await rests(pilot)
        picture(app, "maths")
        await send(pilot, "/search names")
        await shows(pilot, "Sorting a list, twice")
        picture(app, "search")
        await pilot.press("escape")
        await send(pilot, "/compare petit Which is shorter?")
        await shows(pilot, "Another answer, by the")
        picture(app, "compare")
        await pilot.press("escape")
        await pilot.press("slash", "c", "o")
        await shows(pilot, "/compact", "/compare")
        picture(app, "completion")


async def test_reduced_mode(make_app: MakeApp, store: Store, picture: Callable[[LeChat, str], None]) -> None:
    app = make_app(settings=Settings(reduced=True), chat=a_talk(store))
    async with app.run_test(size=(100, 36)) as pilot:
        await shows(pilot, "quoted.")
        await rests(pilot)
        picture(app, "talk-reduced")
        await pilot.press("slash", "m")
        await shows(pilot, "/models")
        await rests(pilot)
        picture(app, "completion-reduced")
        await pilot.press("escape", "ctrl+u", "ctrl+n")
        await shows(pilot, "How can I help?")
        await rests(pilot)
        picture(app, "start-reduced")
