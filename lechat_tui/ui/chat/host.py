"""The host of the slash commands on the screen: forwards what a command asks for to the part that does it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from textual.screen import Screen

from lechat_tui.commands.base import Bound, Choice, LongTask
from lechat_tui.message import Attachment, Span
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.store import Chat, Store
from lechat_tui.talk.conversation import Conversation, Replay
from lechat_tui.ui.chat.navigation import Navigation
from lechat_tui.ui.chat.parts import Parts, Surroundings, Widgets
from lechat_tui.ui.dialogs.reader import Reader, as_it_is


class ScreenHost:
    """See `commands.base.Host` for what each method does."""

    def __init__(
        self,
        screen: Screen[None],
        widgets: Widgets,
        conversation: Conversation,
        parts: Parts,
        surroundings: Surroundings,
    ) -> None:
        self._screen = screen
        self._conversation = conversation
        self._parts = parts
        self._widgets = widgets
        self._copy: Callable[[str], str] = surroundings.copy
        self._now = surroundings.now
        self._themes: Mapping[str, str] = surroundings.themes
        self.navigation = Navigation(
            self, parts.chat_switch, parts.chats, parts.queue, parts.view, widgets.transcript, widgets.status
        )

    @property
    def conversation(self) -> Conversation:
        return self._conversation

    @property
    def models(self) -> Models:
        return self._conversation.models

    @property
    def store(self) -> Store:
        return self._conversation.history

    @property
    def themes(self) -> Sequence[str]:
        return tuple(self._themes)

    @property
    def now(self) -> datetime:
        return self._now()

    # Messages

    def say(self, text: str, *, error: bool = False) -> None:
        self._parts.view.note(text, error=error)

    def show_page(self, title: str, text: str) -> None:
        self._screen.app.push_screen(Reader(title, text))

    def show_text(self, title: str, text: str, marked: Span = (0, 0)) -> None:
        self._screen.app.push_screen(Reader(title, text, as_it_is, marked=marked))

    def ask(self, text: str) -> None:
        self._parts.requests.ask(text)

    def regenerate(self, replay: Replay | None = None, *, message: int = 0, model: Model | None = None) -> None:
        self._parts.requests.regenerate(replay, message=message, model=model)

    def continue_answer(self) -> None:
        self._parts.requests.continue_answer()

    def compare(self, model: Model, question: str) -> None:
        self._parts.requests.compare(model, question)

    def compact(self, hint: str) -> None:
        self._parts.requests.compact(hint)

    def run_task(self, task: LongTask) -> None:
        self._parts.requests.run_task(task)

    def edit(self, index: int) -> None:
        self._parts.editing.begin(index)
        self._widgets.transcript.reveal(index)
        self._widgets.box.prompt.focus()

    def fill(self, text: str) -> None:
        prompt = self._widgets.box.prompt
        typed = prompt.expanded
        prompt.set_text(text + typed.text, [(len(text) + start, len(text) + end) for start, end in typed.pasted])
        prompt.focus()

    def attach(self, attachment: Attachment) -> None:
        self._parts.attachments.add(attachment)

    async def paste(self) -> str:
        return await self._parts.attachments.paste(self._screen.app.clipboard)

    # Chats

    def show_chat(self, index: int | None = None) -> None:
        self._parts.view.show(index)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        self._parts.chat_switch.open(chat, private=private)

    def show_chats(self) -> bool:
        return self._parts.chats.enter()

    def search(self, words: str) -> None:
        self._parts.tasks.start("command", self._search, words)

    async def _search(self, words: str) -> None:
        found = await self._parts.dialogs.find_message(self.store.search, words, self.now)
        if found:
            await self.navigation.to_hit(*found)

    # Models

    def switch(self, model: Model, role: ModelRole) -> None:
        self._parts.models.switch(model, role)

    async def manage(self) -> Model | None:
        return await self._parts.models.manage()

    async def download(self, model: Model, *, switch: bool, force: bool = False) -> None:
        await self._parts.models.download(model, switch=switch, force=force)

    # The user

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        return await self._parts.dialogs.choose(title, choices)

    async def confirm(self, question: str) -> bool:
        return await self._parts.dialogs.confirm(question)

    def copy(self, text: str) -> str:
        return self._copy(text)

    def quit(self) -> None:
        self._parts.quit.request()

    # Preferences

    def set_theme(self, name: str) -> None:
        self._parts.preferences.set_theme(name)

    async def choose_theme(self) -> str | None:
        return await self._parts.dialogs.choose_theme(self._themes)

    def remember(self, name: str, value: object) -> None:
        self._parts.preferences.remember(name, value)

    def bindings(self) -> Sequence[Bound]:
        return self._parts.preferences.bindings

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        self._parts.preferences.bind(chosen)

    def show_figures(self, shown: bool) -> None:
        self._widgets.transcript.show_speed(shown)

    def show_thinking(self, shown: bool) -> None:
        self._widgets.transcript.show_thinking(shown)

    def number_lines(self) -> str:
        if self._widgets.transcript.number_lines():
            return "lines of code are numbered now; copies have no numbers; /lines hides them"
        return "lines of code are no longer numbered; /lines numbers them"
