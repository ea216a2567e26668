"""The model manager: lists every model and whether it runs here; downloads, deletes and switches.

Downloads continue after it is closed. One timer runs while there are any, another reads how much memory the loaded
models take.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input
from textual.worker import Worker

from lechat_tui import network
from lechat_tui.engine.running import own_memory
from lechat_tui.errors import LechatError
from lechat_tui.models import consent, fit, removal
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import ROLES, Model, ModelRole
from lechat_tui.models.scan import ModelFolder
from lechat_tui.plaintext import safe
from lechat_tui.ui.dialogs import model_rows
from lechat_tui.ui.dialogs.license import license_accepted
from lechat_tui.ui.dialogs.model_list import ModelList
from lechat_tui.ui.dialogs.model_offers import ModelOffers
from lechat_tui.ui.dialogs.model_rows import Offer
from lechat_tui.ui.dialogs.picker import YesNo
from lechat_tui.ui.widgets.downloads import REFRESH_SECONDS, Downloads
from lechat_tui.ui.widgets.field import Field
from lechat_tui.ui.widgets.styled_lines import Span, StyledLines
from lechat_tui.units import size_text

MIN_COLUMNS_BESIDE = 140
"""Columns from which the details of the chosen model stand beside the list."""

MIN_ROWS_BELOW = 30
"""Rows from which, on a narrower screen, they stand below it."""

MEMORY_SECONDS = 2.0
"""Time between two readings of the memory that the loaded models take."""

SCANNING: Span = ("looking for models on this machine", "soft")


class Manager(ModalScreen[Model | None]):
    """Its result is the model to switch to, downloaded or not, or None."""

    AUTO_FOCUS = "ModelList"
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
        Binding("shift+tab", "role(-1)", "Previous role", priority=True),
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
        folders: Sequence[ModelFolder],
        current: Model,
    ) -> None:
        super().__init__()
        self._models = models
        self._downloads = downloads
        self._folders = folders
        self._offers = ModelOffers(models, machine, current)
        self._role: ModelRole | None = None
        self._message: Span = SCANNING
        self._clock: Timer | None = None
        self._rows = ModelList(downloads)
        self._page = StyledLines(id="page")
        self._input = Field(placeholder="/ filters by name, role, quantization, license", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield StyledLines(id="head")
            yield self._input
            with Vertical(id="middle"):
                yield self._rows
                yield self._page
            yield StyledLines(id="message")
            yield StyledLines(id="keys")

    def on_mount(self) -> None:
        """Show what is known, then scan for the rest."""
        self._show()
        self._reload()
        self._watch_memory()
        self.set_interval(MEMORY_SECONDS, self._watch_memory)

    # Display

    def _watch_memory(self) -> None:
        _: Worker[None] = self.run_worker(self._read_memory, group="memory", exclusive=True)

    async def _read_memory(self) -> None:
        if self._offers.note_memory(await asyncio.to_thread(own_memory)):
            self._show()

    def _reload(self) -> None:
        self._models.rescan()
        _: Worker[None] = self.run_worker(self._read, group="read", exclusive=True)
        if self._clock is None and self._downloads.running:
            self._clock = self.set_interval(REFRESH_SECONDS, self._refresh_progress)

    async def _read(self) -> None:
        offers = self._offers
        try:
            await asyncio.to_thread(offers.scan)
            self._show()
            if not offers.assessed:
                await asyncio.to_thread(offers.assess)
                await asyncio.to_thread(offers.scan)
            self._show()
            await asyncio.to_thread(offers.find_servers)
            await asyncio.to_thread(offers.scan)
        except LechatError as error:
            self._say(str(error), "error")
        else:
            self._message = ("", "soft") if self._message == SCANNING else self._message
        self._show()

    def _show(self) -> None:
        self._rows.show(model_rows.matching(self._offers.all, self._input.value, self._role))
        self._show_text()

    def _show_text(self) -> None:
        width = self.query_one("#head").size.width
        tabs: list[Span] = [("Models", "strong")]
        for number, role in enumerate((None, *ROLES)):
            name = role or "all"
            tabs.append((f"  [{name}]", "accent") if role == self._role else (f"  {number} {name}", "soft"))
        room, disk = width - sum(len(text) for text, _ in tabs), self._offers.free_disk
        tabs.append((f"{disk:>{room}}" if len(disk) + 2 <= room else "", "soft"))
        self.query_one("#head", StyledLines).show(tabs)
        self.query_one("#message", StyledLines).show([self._message])
        self.query_one("#keys", StyledLines).show(model_rows.keys_line(self._rows.chosen, self._downloading, width))
        offer = self._rows.chosen
        if offer:
            self._page.show(*model_rows.page(offer, self._downloads.job(offer.model), self._page.size.width))
        else:
            self._page.show()

    def _say(self, text: str, style: str = "soft") -> None:
        self._message = (safe(text), style)
        self._show_text()

    @property
    def _downloading(self) -> bool:
        offer = self._rows.chosen
        job = offer and self._downloads.job(offer.model)
        return bool(job and job.state == "running")

    def _refresh_progress(self) -> None:
        """Show the progress of the downloads; read everything again once all are done."""
        self._rows.refresh()
        self._show_text()
        if not self._downloads.running and self._clock:
            self._clock.stop()
            self._clock = None
            self._reload()

    def on_resize(self, event: Resize) -> None:
        """Place the details of the chosen model where there is room for them."""
        self.set_class(event.size.height < 24, "-short")
        self.set_class(event.size.width >= MIN_COLUMNS_BESIDE, "-beside")
        self.set_class(event.size.width < MIN_COLUMNS_BESIDE and event.size.height >= MIN_ROWS_BELOW, "-below")
        self.call_after_refresh(self._show)

    @on(ModelList.Moved)
    def _moved(self) -> None:
        self._show_text()

    # Actions

    @on(Input.Changed)
    def _typed(self) -> None:
        self._show()

    @on(Input.Submitted)
    def _found(self) -> None:
        self._rows.focus()

    def action_find(self) -> None:
        """Move to the search box."""
        self.set_focus(self._input)  # not later: the next letters may be on their way already

    def action_move(self, by: int) -> None:
        """Choose the row that is so many further down."""
        self._rows.move(by)

    def action_only(self, number: int) -> None:
        """Show only the models of a role; 0 shows all."""
        self._role = (None, *ROLES)[number]
        self._show()

    def action_role(self, by: int) -> None:
        """Show the next role, or the previous one with -1."""
        roles = (None, *ROLES)
        self.action_only((roles.index(self._role) + by) % len(roles))

    def action_quantization(self, by: int) -> None:
        """Offer the chosen model in another quantization, unless it is downloaded."""
        offer = self._rows.chosen
        if not offer or offer.ready or offer.closed:
            return
        if self._offers.turn(offer, by):
            self._show()

    @on(ModelList.Taken)
    def action_take(self) -> None:
        """Switch to the chosen model and download it if necessary; go from an unpublished one to its replacement."""
        offer = self._rows.chosen
        if offer and offer.closed:
            self._input.value, self._role = "", None
            self._show()
            self._rows.choose(offer.model.instead)
        elif offer:
            self._work(self._take, offer)

    async def _take(self, offer: Offer) -> None:
        if offer.ready or await self._wanted(offer):
            self.dismiss(offer.model)

    def action_download(self) -> None:
        """Download the chosen model without switching to it."""
        offer = self._rows.chosen
        if offer and not offer.ready and not offer.closed:
            self._work(self._download, offer)

    async def _download(self, offer: Offer) -> None:
        if await self._wanted(offer) and await license_accepted(self.app, offer.model):
            self._downloads.start(offer.model, switch=False)
            self._say(f"downloading {offer.model.id} in the background; Esc returns to the chat")
            self._reload()

    async def _wanted(self, offer: Offer) -> bool:
        """Whether to download it; asks the user if it does not fit. Raises `LechatError` in offline mode."""
        network.check(f"downloading {offer.model.id}")
        if offer.fit is None or offer.fit.fits:
            return True
        return await self._agreed(f"{offer.model.id}: {safe(offer.fit.reason)}. Download it anyway?")

    def action_cancel(self) -> None:
        """Cancel the download of the chosen model; the downloaded part is kept."""
        offer = self._rows.chosen
        if offer and self._downloading:
            self._downloads.cancel(offer.model)
            self._say(f"download of {offer.model.id} canceled; d resumes it")

    def action_delete(self) -> None:
        """Delete the chosen model from the disk, after a confirmation."""
        offer = self._rows.chosen
        if offer and offer.file:
            self._work(self._delete, offer)

    async def _delete(self, offer: Offer) -> None:
        """Confirm with the space it frees; never delete files that another program owns."""
        model = offer.model
        if offer.current:
            self._say(f"{model.id} is in use; switch to another model first")
            return
        plan = await asyncio.to_thread(removal.plan, model, self._models, self._folders)
        if plan.owner:
            self._say(f"{model.id} belongs to {plan.owner}; delete it there")
        elif plan.empty:
            self._say(plan.kept[0].reason if plan.kept else f"{model.id} has no files to delete")
        elif await self._agreed(f"Delete {model.id}? This frees {size_text(plan.freed)}."):
            await asyncio.to_thread(removal.carry_out, plan)
            self._say(f"deleted {model.id}, freed {size_text(plan.freed)}")
            self._reload()

    def action_license(self) -> None:
        """Show the license of the chosen model; ask for consent if that is still needed."""
        offer = self._rows.chosen
        if offer:
            self._work(self._show_license, offer.model)

    async def _show_license(self, model: Model) -> None:
        if consent.given(model):
            yes = "; you accepted it" if model.consent else ""
            self._say(f"{model.id}: {model.license or 'its license is unknown'} {model.license_url}".rstrip() + yes)
        elif await license_accepted(self.app, model):
            self._say(f"{model.id}: you accepted {model.license}")

    def action_back(self) -> None:
        """Leave the search box, then the manager."""
        if self._input.value or self._input.has_focus:
            self._input.value = ""
            self._rows.focus()
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Return to the chat."""
        self.dismiss(None)

    async def _agreed(self, question: str) -> bool:
        return await self.app.push_screen_wait(YesNo(question, default=False)) == "yes"

    def _work(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        _: Worker[None] = self.run_worker(partial(self._show_errors, work, *given), group="work", exclusive=True)

    async def _show_errors(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        try:
            await work(*given)
        except LechatError as error:
            self._say(str(error), "error")
