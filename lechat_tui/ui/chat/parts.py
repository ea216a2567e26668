"""The parts of the chat screen, and how they are wired together."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual.screen import Screen

from lechat_tui.settings.choices import Choices
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.chat_lists import ChatLists
from lechat_tui.ui.chat.chat_switch import ChatSwitch
from lechat_tui.ui.chat.dialogs import Dialogs
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.model_switch import ModelSwitch
from lechat_tui.ui.chat.onboarding import Onboarding
from lechat_tui.ui.chat.preferences import Preferences
from lechat_tui.ui.chat.preload import Preload
from lechat_tui.ui.chat.progress import AnswerProgress
from lechat_tui.ui.chat.prompt_attachments import PromptAttachments
from lechat_tui.ui.chat.queue import TurnQueue
from lechat_tui.ui.chat.queue_editing import QueueEditing
from lechat_tui.ui.chat.quit import Quit
from lechat_tui.ui.chat.suspend import ExternalProgram
from lechat_tui.ui.chat.tasks import BackgroundTasks
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.turn_requests import TurnRequests
from lechat_tui.ui.chat.turns import TurnRunner
from lechat_tui.ui.chat.unsent import UnsentText
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.prompt import PLACEHOLDER
from lechat_tui.ui.widgets.prompt_box import PromptBox
from lechat_tui.ui.widgets.recents import Recents
from lechat_tui.ui.widgets.sidebar import ChatsButton, Sidebar
from lechat_tui.ui.widgets.status import StatusLine
from lechat_tui.ui.widgets.transcript import Transcript
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources

PRIVATE_PLACEHOLDER = "Private: nothing in this chat is written to disk"


@dataclass(frozen=True)
class Widgets:
    """The widgets of the chat screen."""

    transcript: Transcript
    box: PromptBox
    status: StatusLine
    sidebar: Sidebar
    chats_mark: ChatsButton
    downloads: Downloads
    offers: Offers
    recents: Recents


@dataclass(frozen=True)
class Surroundings:
    """What the chat screen gets from outside."""

    machine: "Callable[[], Resources]"
    """Measures the memory and the disk of this machine."""
    copy: Callable[[str], str]
    """Copies a text; returns the sentence that says how."""
    themes: Mapping[str, str]
    """The name and a description of each theme."""
    choices: Choices | None
    """Where settings are stored; None stores nothing."""
    now: Callable[[], datetime]
    """The date and time of the user's clock."""


class Parts:
    """Each part does one thing, for the commands and for the keys."""

    def __init__(
        self,
        screen: Screen[None],
        widgets: Widgets,
        conversation: Conversation,
        keymap: Keymap,
        surroundings: Surroundings,
    ) -> None:
        transcript, box, downloads, recents = widgets.transcript, widgets.box, widgets.downloads, widgets.recents
        self._screen = screen
        self._prompt = box.prompt
        self._conversation = conversation
        self.view = MessageView(conversation, transcript, shown=self._shown, changed=self._update_empty)
        say = self.view.note
        self.tasks = BackgroundTasks(screen, partial(say, error=True))
        self.dialogs = Dialogs(screen)
        self._progress = AnswerProgress(conversation, self.view, transcript, widgets.status, keymap)
        self.chats = ChatLists(conversation, widgets.sidebar, widgets.chats_mark, recents, self.tasks, surroundings.now)
        self.onboarding = Onboarding(conversation.models, downloads, widgets.offers, recents, surroundings.machine)
        self.models = ModelSwitch(
            conversation,
            downloads,
            self.onboarding,
            Preload(conversation, widgets.status, lambda: self.queue.answering),
            self.dialogs,
            self.tasks,
            say,
            surroundings.machine,
        )
        runner = TurnRunner(
            conversation,
            self.view,
            transcript,
            self._progress,
            self.chats,
            self.models,
            self.dialogs,
            put_back=lambda turn: self.requests.put_back(turn),
            start=partial(self.tasks.start, "command"),
        )
        self.queue = TurnQueue(
            runner.run,
            start_worker=partial(screen.run_worker, group="answer"),
            changed=lambda: self.requests.show_queue(),
            ended=self._turn_ended,
        )
        self.editing = Editing(conversation, box, keymap)
        self.queue_editing = QueueEditing(conversation, self.queue, box, self.editing, keymap)
        box.emptied = self.queue_editing.drop
        box.prompt.step_queue = self.queue_editing.step
        self.unsent = UnsentText(conversation, box, self.editing, lambda: self.queue.waiting, self.tasks)
        self.attachments = PromptAttachments(conversation, box, self.unsent.save_soon)
        self.titler = Titler(conversation, self.chats.refresh)
        self.requests = TurnRequests(
            conversation, self.queue, self.view, box, self.editing, self.queue_editing, self.unsent, self.titler
        )
        self.chat_switch = ChatSwitch(
            conversation,
            self.queue,
            self.titler,
            self.editing,
            self.unsent,
            self.tasks,
            self._chat_opened,
            say,
        )
        self.external = ExternalProgram()
        self.quit = Quit(screen, self.chat_switch, self.external, downloads, self.dialogs, self.tasks, say)
        self.preferences = Preferences(screen, keymap, surroundings.choices, (downloads, widgets.offers, recents))

    def _shown(self) -> None:
        self._progress.reset()
        self._prompt.placeholder = PRIVATE_PLACEHOLDER if self._conversation.private else PLACEHOLDER

    def _update_empty(self) -> None:
        self._screen.set_class(self.view.empty, "-empty")

    def _turn_ended(self) -> None:
        self._progress.end()
        self.view.end_answer()
        self.chats.refresh()
        if self._screen.is_attached:
            self.titler.start()
            self._screen.call_next(self.queue.next)

    def _chat_opened(self, was_private: bool) -> None:
        if was_private:
            self.tasks.start("prompts", self.load_prompts)  # Up must not recall what was typed in the private chat
        self.queue_editing.drop()
        self.requests.show_queue()
        self.view.show()
        self.models.chat_opened()
        if self._conversation.notice:
            self.view.note(self._conversation.notice)
        self.chats.refresh()
        self.tasks.start("recents", self.chats.offer_recents)
        self._prompt.focus()

    async def load_prompts(self) -> None:
        """Read the earlier questions, which Up recalls."""
        history = self._conversation.history
        self._prompt.past_questions = await asyncio.to_thread(history.prompts)
        self._prompt.pasted_before = await asyncio.to_thread(history.prompt_pastes)
