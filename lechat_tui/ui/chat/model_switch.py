"""Which model answers: switches, downloads, opens the model manager and loads the model in the background."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lechat_tui import network
from lechat_tui.commands.base import Choice
from lechat_tui.message import Attachment
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.dialogs import Dialogs
from lechat_tui.ui.chat.onboarding import Onboarding
from lechat_tui.ui.chat.preload import Preload
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.units import size_text

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources


BROWSING_SECONDS = 1.0
"""A chat that is left sooner was only looked at, and its model need not be loaded."""


class ModelSwitch:
    """Does what `/model`, `/models` and `/pull` ask for."""

    def __init__(
        self,
        conversation: Conversation,
        downloads: Downloads,
        onboarding: Onboarding,
        preload: Preload,
        dialogs: Dialogs,
        tasks: BackgroundTasks,
        say: Callable[[str], None],
        machine: "Callable[[], Resources]",
    ) -> None:
        self._conversation = conversation
        self._downloads = downloads
        self._onboarding = onboarding
        self._preload = preload
        self._dialogs = dialogs
        self._tasks = tasks
        self._say = say
        self._machine = machine
        self._shown = conversation.model.id
        """The ID of the model in the status line."""

    def switch(self, model: Model, role: ModelRole) -> None:
        """Let this model answer from now on."""
        self._downloads.cancel_switch()
        self._onboarding.offer_none()
        self._preload.switch(model, role)
        self._shown = model.id
        self.load()

    def chat_opened(self) -> None:
        """Show the model of the chat that was opened, and load it if the chat stays open for a moment."""
        model = self._conversation.model
        if model.id != self._shown:
            self._shown = model.id
            self._preload.show(model.role)
            self._tasks.start("load", self._load_later, exclusive=True)

    async def _load_later(self) -> None:
        await asyncio.sleep(BROWSING_SECONDS)
        await self._preload.load()

    def load(self) -> None:
        """Load the model in the background, while the user types."""
        self._tasks.start("load", self._preload.load, exclusive=True)

    async def manage(self) -> Model | None:
        """Open the model manager; the model to switch to, downloaded or not, or None."""
        from lechat_tui.models import scan
        from lechat_tui.ui.dialogs.manager import Manager

        manager = Manager(
            self._conversation.models,
            self._downloads,
            machine=self._machine,
            folders=scan.model_folders(self._conversation.settings.folders),
            current=self._conversation.model,
        )
        return await self._dialogs.show(manager)

    async def offer_download(self, model: Model) -> None:
        """Download a model and switch to it, after a question that names the size."""
        size = f" ({size_text(model.bytes)})" if model.bytes else ""
        if await self._dialogs.confirm(
            f"Download {model.id}{size} and switch to it when done? You can keep chatting meanwhile"
        ):
            await self.download(model, switch=True)

    def start_download(self, model: Model, *, switch: bool) -> None:
        """The same as `download`, in the background."""
        self._tasks.start("command", partial(self.download, model, switch=switch))

    async def download(self, model: Model, *, switch: bool, force: bool = False) -> None:
        """Download a model in the background once its license is accepted; with `switch`, switch to it then.

        With `force`, also one that does not fit into the memory. Raises `LechatError` in offline mode.
        """
        network.check(f"downloading {model.id}")
        chosen = model if force else await self._fitting(model)
        if chosen is None:
            return
        model = chosen
        if await self._dialogs.accept_license(model):
            self._downloads.start(model, switch=switch)
        else:
            self._say(f"{model.id} was not downloaded: its license was not accepted")
        self._onboarding.show()

    async def _fitting(self, model: Model) -> Model | None:
        """The model, or what the user takes instead if it does not fit into the memory; None for nothing."""
        from lechat_tui.models.pull import kept

        misfit = await asyncio.to_thread(self._conversation.models.misfit, model)
        if misfit is None or kept(model):
            return model
        other = misfit.instead
        rows = [Choice("other", f"download {other.id} instead", _size(other))] if other else []
        # the picker starts on the empty value, so that a stray Enter downloads nothing
        rows += [Choice("", "download nothing"), Choice("anyway", f"download {model.id} anyway", _size(model))]
        chosen = await self._dialogs.ask(str(misfit), rows, hint="Enter selects · Esc cancels")
        return {"other": other, "anyway": model}.get(chosen or "")

    async def prepare_question(self, attachments: Sequence[Attachment]) -> None:
        """Offer a model that supports images before a question with one, or with a scan, is asked of another."""
        if attachments and not self._conversation.model.supports_images:
            from lechat_tui.talk.page_pictures import needs_images  # not needed for the first paint

            if await asyncio.to_thread(needs_images, attachments):
                await self._offer_image_model()
        self._downloads.offer_resume(None)

    async def _offer_image_model(self) -> None:
        model, other = self._conversation.model, self._conversation.image_model()
        if other and await self._dialogs.confirm(phrases.offer_image_model(model.id, other.id), default=True):
            self.switch(other, "vision")
        else:
            self._say(phrases.no_images(model.id))


def _size(model: Model) -> str:
    return size_text(model.bytes) if model.bytes else ""
