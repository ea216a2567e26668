"""The model manager: every model there is, whether it runs here, and what can be done with it. Draws rows, no widgets.

The person's choice is its answer; downloads go on whether it is open or not. Its clock runs while one does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import ClassVar, get_args

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import Input
from textual.worker import Worker

from lechat_tui import network
from lechat_tui.errors import LechatError
from lechat_tui.models import consent, fit, removal
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.fit import Fit
from lechat_tui.models.scan import ModelFolder
from lechat_tui.plaintext import safe
from lechat_tui.ui.dialogs import model_rows as listing
from lechat_tui.ui.dialogs.model_rows import Offer
from lechat_tui.ui.dialogs.picker import YesNo
from lechat_tui.ui.widgets.downloads import PERIOD, Downloads
from lechat_tui.ui.widgets.field import Field
from lechat_tui.ui.widgets.lines import STYLES, Line, Lines, Span, strip, style
from lechat_tui.units import size_text

ROLES: tuple[ModelRole, ...] = get_args(ModelRole)

BESIDE = 140
"""Columns from which the page on the chosen model stands beside the list."""

BELOW = 30
"""Rows from which, on a screen less wide, it stands below."""

LOOKING: Span = ("looking at what is here", "soft")


class Rows(ScrollView, can_focus=True):
    """The list: offers under headings, one of them chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "screen.move(-1000)", "First"),
        Binding("end", "screen.move(1000)", "Last"),
        Binding("left", "screen.quantization(-1)", "Smaller quantization"),
        Binding("right", "screen.quantization(1)", "Larger quantization"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in STYLES}

    class Moved(Message):
        """Another row is the chosen one."""

    class Taken(Message):
        """The chosen row was clicked twice."""

    def __init__(self, downloads: Downloads) -> None:
        super().__init__()
        self._downloads = downloads
        self._lines: list[Offer | str] = []
        self._chosen = 0

    @property
    def chosen(self) -> Offer | None:
        """The offer the person is at."""
        line = self._lines[self._chosen] if self._chosen < len(self._lines) else ""
        return line if isinstance(line, Offer) else None

    def show(self, offers: Sequence[Offer]) -> None:
        """Show these; who was chosen stays so, in whatever quantization."""
        before = self.chosen
        lines: list[Offer | str] = []
        for group, members in groupby(offers, key=lambda offer: offer.group):
            lines += ["", group] if lines else [group]
            lines += members
        self._lines = lines
        same = max(self._places, key=lambda place: _likeness(lines[place], before), default=0)
        self._chosen = same
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines))
        self._moved()

    def choose(self, id: str) -> None:
        """Go to the model of this id, if it is in the list."""
        for place, line in enumerate(self._lines):
            if isinstance(line, Offer) and line.model.id == id:
                self._chosen = place
                self._moved()

    @property
    def _places(self) -> list[int]:
        return [n for n, line in enumerate(self._lines) if isinstance(line, Offer)]

    def move(self, by: int) -> None:
        """Choose another row, as many further."""
        places = self._places
        if places:
            at = places.index(self._chosen) if self._chosen in places else 0
            self._chosen = places[min(max(at + by, 0), len(places) - 1)]
            self._moved()

    def _moved(self) -> None:
        first = self._chosen <= 1
        top = 0 if first else self._chosen - 1
        self.scroll_to_region(Region(0, top, 1, self._chosen - top + 1), animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """Choose what was clicked; a double click takes it."""
        place = self.scroll_offset.y + event.y
        if place >= len(self._lines) or not isinstance(self._lines[place], Offer):
            return
        self._chosen = place
        self._moved()
        if event.chain == 2:
            self.post_message(self.Taken())

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.scrollable_content_region.width
        place = self.scroll_offset.y + y
        line = self._lines[place] if place < len(self._lines) else ""
        if isinstance(line, str):
            return strip(self, [(line, "heading")], width)
        chosen = place == self._chosen
        row = listing.row(line, self._downloads.job(line.model), width, chosen=chosen)
        return strip(self, row, width, base=style(self, "chosen") if chosen else None)


class Manager(ModalScreen[Model | None]):
    """Shows and manages; its answer is the model the person wants to talk with, here or not, or None."""

    AUTO_FOCUS = "Rows"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("pageup", "move(-10)", "Up", priority=True),
        Binding("pagedown", "move(10)", "Down", priority=True),
        Binding("enter", "take", "Switch or download"),
        Binding("d", "download", "Download"),
        Binding("c", "cancel", "Cancel"),
        Binding("x,delete", "delete", "Delete"),
        Binding("l", "license", "License"),
        Binding("slash", "find", "Find"),
        Binding("tab", "role(1)", "Next role", priority=True),
        Binding("shift+tab", "role(-1)", "Role before", priority=True),
        *(Binding(str(number), f"only({number})", role) for number, role in enumerate(("all", *ROLES))),
        Binding("escape,ctrl+c", "back", "Back", priority=True),
        Binding("q", "leave", "Back"),
    ]

    def __init__(
        self,
        models: Models,
        downloads: Downloads,
        *,
        machine: Callable[[], fit.Resources],
        places: Sequence[ModelFolder],
        current: Model,
    ) -> None:
        super().__init__()
        self._models = models
        self._downloads = downloads
        self._machine = machine
        self._places = places
        self._current = current
        self._offers: list[Offer] = []
        self._fits: Mapping[str, Fit] = {}
        self._variants: dict[str, Model] = {}
        """The quantization the person has turned to, by the id in the catalog."""
        self._role: ModelRole | None = None
        self._disk = ""
        self._said: Span = LOOKING
        self._clock: Timer | None = None
        self._rows = Rows(downloads)
        self._page = Lines(id="page")
        self._input = Field(placeholder="/ finds by name, role, quantization, license", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Lines(id="head")
            yield self._input
            with Vertical(id="middle"):
                yield self._rows
                yield self._page
            yield Lines(id="said")
            yield Lines(id="keys")

    def on_mount(self) -> None:
        """Show what is known, then what has to be looked for."""
        self._show()
        self._reload()

    # What is shown

    def _reload(self) -> None:
        self._models.rescan()
        _: Worker[None] = self.run_worker(self._read, group="read", exclusive=True)
        if self._clock is None and self._downloads.running:
            self._clock = self.set_interval(PERIOD, self._look)

    async def _read(self) -> None:
        try:
            self._offers = await asyncio.to_thread(self._survey)
            self._show()
            if not self._fits:
                machine = await asyncio.to_thread(self._machine)
                self._disk = f"{size_text(machine.disk)} free on disk" if machine.disk is not None else ""
                self._fits, self._variants = await asyncio.to_thread(self._assess, machine)
                self._offers = await asyncio.to_thread(self._survey)
        except LechatError as error:
            self._say(str(error), "error")
        else:
            self._said = ("", "soft") if self._said == LOOKING else self._said
        self._show()

    def _survey(self) -> list[Offer]:
        here = {model.id: model for model in self._models.installed()}
        rest = [self._turned(model, here) for id, model in self._models.catalog.items() if id not in here]
        return listing.sort(self._offer(model) for model in (*here.values(), *rest))

    def _turned(self, model: Model, here: Container[str]) -> Model:
        """The model in the quantization it is shown in, which is none that has a row of its own."""
        turned = self._variants.get(model.id, model)
        return model if turned.id in here else turned

    def _assess(self, machine: fit.Resources) -> tuple[dict[str, Fit], dict[str, Model]]:
        """How each quantization of each model lies in this machine, and the best that fits of those not here."""
        known: dict[str, Fit] = {}
        best: dict[str, Model] = {}
        for offer in self._offers:
            for one in _quantizations(offer.model):
                with suppress(ModelError):  # nobody knows its shape
                    known[one.id] = fit.measure(one, machine)
            if not offer.place and offer.model.id in known:
                chosen = fit.best_quantization(offer.model, machine)
                best[offer.family] = chosen.model if chosen.fits else offer.model
        return known, best

    def _offer(self, model: Model) -> Offer:
        files = self._models.files(model) if model.weights.file else None
        return Offer(
            model, files.weights if files else None, self._fits.get(model.id), current=model.id == self._current.id
        )

    def _show(self) -> None:
        self._rows.show(listing.matching(self._offers, self._input.value, self._role))
        self._show_words()

    def _show_words(self) -> None:
        width = self.query_one("#head").size.width
        tabs: list[Span] = [("Models", "strong")]
        for number, role in enumerate((None, *ROLES)):
            name = role or "all"
            tabs.append((f"  [{name}]", "accent") if role == self._role else (f"  {number} {name}", "soft"))
        room = width - sum(len(text) for text, _ in tabs)
        tabs.append((f"{self._disk:>{room}}" if len(self._disk) + 2 <= room else "", "soft"))
        self.query_one("#head", Lines).show(tabs)
        self.query_one("#said", Lines).show([self._said])
        self.query_one("#keys", Lines).show(_keys(self._rows.chosen, self._on_its_way, width))
        offer = self._rows.chosen
        if offer:
            self._page.show(*listing.page(offer, self._downloads.job(offer.model), self._page.size.width))
        else:
            self._page.show()

    def _say(self, words: str, style: str = "soft") -> None:
        self._said = (safe(words), style)
        self._show_words()

    @property
    def _on_its_way(self) -> bool:
        offer = self._rows.chosen
        job = offer and self._downloads.job(offer.model)
        return bool(job and job.state == "running")

    def _look(self) -> None:
        """While something is downloaded: how far it is; once all is done, what is here now."""
        self._rows.refresh()
        self._show_words()
        if not self._downloads.running and self._clock:
            self._clock.stop()
            self._clock = None
            self._reload()

    def on_resize(self, event: Resize) -> None:
        """The page on the chosen model is where there is room for it."""
        self.set_class(event.size.height < 24, "-short")
        self.set_class(event.size.width >= BESIDE, "-beside")
        self.set_class(event.size.width < BESIDE and event.size.height >= BELOW, "-below")
        self.call_after_refresh(self._show)

    @on(Rows.Moved)
    def _moved(self) -> None:
        self._show_words()

    # What the person does

    @on(Input.Changed)
    def _typed(self) -> None:
        self._show()

    @on(Input.Submitted)
    def _found(self) -> None:
        self._rows.focus()

    def action_find(self) -> None:
        """Type to find."""
        self.set_focus(self._input)  # at once: the next letters are on their way already

    def action_move(self, by: int) -> None:
        """Choose another row."""
        self._rows.move(by)

    def action_only(self, number: int) -> None:
        """Only the models of a role; 0 is all."""
        self._role = (None, *ROLES)[number]
        self._show()

    def action_role(self, by: int) -> None:
        """Another role, in turn."""
        roles = (None, *ROLES)
        self.action_only((roles.index(self._role) + by) % len(roles))

    def action_quantization(self, by: int) -> None:
        """Another quantization of the chosen model, while it is not here."""
        offer = self._rows.chosen
        if not offer or offer.place or offer.closed:
            return
        others = _quantizations(offer.model)
        at = [other.id for other in others].index(offer.model.id) + by
        if 0 <= at < len(others):
            self._variants[offer.family] = others[at]
            self._offers = [self._offer(others[at]) if one is offer else one for one in self._offers]
            self._show()

    @on(Rows.Taken)
    def action_take(self) -> None:
        """Talk with it; what is not here is downloaded first; what nobody has leads to what there is instead."""
        offer = self._rows.chosen
        if offer and offer.closed:
            self._input.value, self._role = "", None
            self._show()
            self._rows.choose(offer.model.instead)
        elif offer:
            self._work(self._take, offer)

    async def _take(self, offer: Offer) -> None:
        if offer.place or await self._wanted(offer):
            self.dismiss(offer.model)

    def action_download(self) -> None:
        """Fetch it, and stay here."""
        offer = self._rows.chosen
        if offer and not offer.place and not offer.closed:
            self._work(self._download, offer)

    async def _download(self, offer: Offer) -> None:
        if await self._wanted(offer) and await self._downloads.fetch(offer.model, switch=False):
            self._say(f"downloading {offer.model.id} in the background; Esc returns to the chat")
            self._reload()

    async def _wanted(self, offer: Offer) -> bool:
        """Whether it is to be fetched although it does not fit."""
        network.check(f"downloading {offer.model.id}")
        if offer.fit is None or offer.fit.fits:
            return True
        return await self._agreed(f"{offer.model.id}: {safe(offer.fit.reason)}. Download it all the same?")

    def action_cancel(self) -> None:
        """Stop fetching it; what came stays."""
        offer = self._rows.chosen
        if offer and self._on_its_way:
            self._downloads.cancel(offer.model)
            self._say(f"{offer.model.id}: cancelled; what came is kept, and d goes on from there")

    def action_delete(self) -> None:
        """Remove it from the disk, after a yes."""
        offer = self._rows.chosen
        if offer and offer.place:
            self._work(self._delete, offer)

    async def _delete(self, offer: Offer) -> None:
        """Say what would go and what it frees; never what another program owns."""
        model = offer.model
        if offer.current:
            self._say(f"{model.id} answers now; switch to another model first")
            return
        plan = await asyncio.to_thread(removal.plan, model, self._models, self._places)
        if plan.owner:
            self._say(f"{model.id} belongs to {plan.owner}; delete it there")
        elif plan.empty:
            self._say(plan.kept[0].reason if plan.kept else f"nothing of {model.id} is there to be removed")
        elif await self._agreed(f"Delete {model.id}? That frees {size_text(plan.freed)}."):
            await asyncio.to_thread(removal.carry_out, plan)
            self._say(f"{model.id} is deleted, which freed {size_text(plan.freed)}")
            self._reload()

    def action_license(self) -> None:
        """Say its license; ask for consent where that is needed and was not given."""
        offer = self._rows.chosen
        if offer:
            self._work(self._license, offer.model)

    async def _license(self, model: Model) -> None:
        if consent.given(model):
            yes = "; you accepted it" if model.consent else ""
            self._say(f"{model.id}: {model.license or 'its license is not known'} {model.license_url}".rstrip() + yes)
        elif await self._downloads.accepted(model):
            self._say(f"{model.id}: you accepted {model.license}")

    def action_back(self) -> None:
        """Out of the box that finds, then out of the manager."""
        if self._input.value or self._input.has_focus:
            self._input.value = ""
            self._rows.focus()
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Back to the talk."""
        self.dismiss(None)

    async def _agreed(self, question: str) -> bool:
        return await self.app.push_screen_wait(YesNo(question, default=False)) == "yes"

    def _work(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        _: Worker[None] = self.run_worker(partial(self._told, work, *given), group="work", exclusive=True)

    async def _told(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        try:
            await work(*given)
        except LechatError as error:
            self._say(str(error), "error")


def _likeness(line: Offer | str, before: Offer | None) -> int:
    """How much a row is the one that was chosen before."""
    if not isinstance(line, Offer) or before is None:
        return 0
    return 2 * (line.model.id == before.model.id) + (line.family == before.family)


def _quantizations(model: Model) -> list[Model]:
    """The model in each of its quantizations, smallest first."""
    others = [model.quantized(weights.quant) for weights in model.quants]
    return sorted((model, *others), key=lambda one: one.bytes)


def _keys(offer: Offer | None, running: bool, width: int) -> Line:
    """What can be done with the chosen row, as far as there is room for it, and how to leave."""
    line: list[Span] = []
    back = _key("Esc", "back")
    room = width - sum(len(text) for text, _ in back)
    for key, deed in _deeds(offer, running) if offer else ():
        words = [*_key(key, deed), ("   ", "")]
        room -= sum(len(text) for text, _ in words)
        if room < 0:
            break
        line += words
    return [*line, *back]


def _key(key: str, deed: str) -> list[Span]:
    return [(key, "accent"), (f" {deed}", "soft")]


def _deeds(offer: Offer, running: bool) -> list[tuple[str, str]]:
    if offer.closed:
        return [("Enter", f"show {offer.model.instead}")]
    if running:
        return [("c", "cancel"), ("Enter", "switch when it is here")]
    if offer.current:
        return [("Enter", "go on"), ("l", "license")]
    if offer.place:
        return [("Enter", "switch"), ("x", "delete"), ("l", "license")]
    turn = [("← →", "quantization")] if offer.model.quants else []
    return [("Enter", "download and switch"), ("d", "download"), ("l", "license"), *turn]
