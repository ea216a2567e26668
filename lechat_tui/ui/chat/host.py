"""The host of the commands on the screen: whatever a command or a key can ask for is done by one of its parts.

Knows which part does what, not which key was pressed nor where a widget stands.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.screen import Screen

from lechat_tui import network
from lechat_tui.commands.base import Bound, Choice
from lechat_tui.message import Attachment, Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.plaintext import safe
from lechat_tui.settings.choices import Choices
from lechat_tui.store import Chat, Store
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Again, Conversation
from lechat_tui.ui.chat.answers import Answers
from lechat_tui.ui.chat.attach import Attaching
from lechat_tui.ui.chat.chat_switch import Opening
from lechat_tui.ui.chat.editing import Editing
from lechat_tui.ui.chat.history import Chats
from lechat_tui.ui.chat.messages import Talk
from lechat_tui.ui.chat.navigation import Going
from lechat_tui.ui.chat.onboarding import Arrivals
from lechat_tui.ui.chat.preload import Standby
from lechat_tui.ui.chat.progress import Progress
from lechat_tui.ui.chat.queue import Turn, Turns
from lechat_tui.ui.chat.quit import Leaving
from lechat_tui.ui.chat.suspend import Lent
from lechat_tui.ui.chat.tasks import Behind
from lechat_tui.ui.chat.titler import Titler
from lechat_tui.ui.chat.unsent import Unsaid
from lechat_tui.ui.dialogs.compare import Compare
from lechat_tui.ui.dialogs.license import license_accepted
from lechat_tui.ui.dialogs.picker import Picker, YesNo
from lechat_tui.ui.dialogs.search import Finder
from lechat_tui.ui.dialogs.theme_picker import ThemePicker
from lechat_tui.ui.keys import Keymap
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.prompt import PLACEHOLDER, PromptBox
from lechat_tui.ui.widgets.recents import Recents
from lechat_tui.ui.widgets.sidebar import ChatsMark, Sidebar
from lechat_tui.ui.widgets.status import StatusLine
from lechat_tui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources

PRIVATE = "Private: nothing said here is written to the disk"


@dataclass(frozen=True)
class Widgets:
    """What is on the screen."""

    transcript: Transcript
    box: PromptBox
    status: StatusLine
    sidebar: Sidebar
    chats_mark: ChatsMark
    downloads: Downloads
    offers: Offers
    recents: Recents


class ScreenHost:
    """Does what commands ask for, and has the parts that the keys need too."""

    def __init__(
        self,
        screen: Screen[None],
        widgets: Widgets,
        conversation: Conversation,
        keymap: Keymap,
        *,
        machine: "Callable[[], Resources]",
        copy: Callable[[str], str],
        themes: Mapping[str, str],
        choices: Choices | None,
        today: Callable[[], date],
    ) -> None:
        self._screen = screen
        self._widgets = widgets
        self._conversation = conversation
        self._machine = machine
        self._copy = copy
        self._themes = themes
        self._remembered = choices
        self._keymap = keymap
        self.behind = Behind(screen, partial(self.say, error=True))
        self.talk = Talk(conversation, widgets.transcript, self._settle_page)
        self._progress = Progress(conversation, self.talk, widgets.transcript, widgets.status, keymap)
        self.turns = Turns(
            Answers(conversation, self.talk, widgets.transcript, self._progress, self).have,
            begin=partial(screen.run_worker, group="answer"),
            changed=self._show_queue,
            ended=self._end_of_answer,
        )
        self._standby = Standby(conversation, widgets.status, lambda: self.turns.answering)
        self.editing = Editing(conversation, widgets.box, keymap)
        self.unsaid = Unsaid(conversation, widgets.box, self.editing, lambda: self.turns.waiting, self.behind)
        self.attaching = Attaching(conversation, widgets.box, self.unsaid.soon)
        self.chats = Chats(conversation, widgets.sidebar, widgets.chats_mark, widgets.recents, self.behind, today)
        self.arrivals = Arrivals(conversation.models, widgets.downloads, widgets.offers, widgets.recents, machine)
        self.leaving = Leaving(widgets.downloads, choose=self._one_of, say=self.say)
        self.lent = Lent()
        self.titler = Titler(conversation, self.chats.list)
        self.show_figures(conversation.settings.stats)
        self._opening = Opening(
            conversation,
            self.turns,
            self.titler,
            widgets.box,
            self.editing,
            self.unsaid,
            self.behind,
            self._show_chat,
            self.say,
        )
        self.going = Going(self, self._opening, self.chats, self.turns, widgets.transcript)

    # What commands ask of it

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

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a note in the transcript, for the person only."""
        self.talk.note(text, error=error)

    def ask(self, text: str) -> None:
        """Send a question with what is attached; queued while an answer runs."""
        edited = self.editing.take()
        self._enqueue(Turn(text, self._widgets.box.take_attachments(), message=edited))
        if edited:
            self.editing.end()

    def regenerate(self, again: Again | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer the last question once more, or that of another message; another model may."""
        self._enqueue(Turn(kind="again", how=again, message=message, model=model))

    def go_on(self) -> None:
        """Go on with the last answer, which was cut short."""
        self._enqueue(Turn(kind="go on"))

    def compare(self, model: Model, question: str) -> None:
        """Show two models answering side by side."""
        pictures = self._widgets.box.take_attachments() if question else ()
        self._enqueue(Turn(question, pictures, kind="compare", model=model))

    def compact(self, hint: str) -> None:
        """Have the talk summed up."""
        self._enqueue(Turn(hint, kind="compact"))

    def _enqueue(self, turn: Turn) -> None:
        self.titler.stop()
        self.turns.add(turn)

    def edit(self, place: int) -> None:
        """Put an earlier question into the prompt, to be asked anew in its place."""
        self.editing.begin(place)
        self._widgets.transcript.reveal(place)
        self._widgets.box.prompt.focus()

    def show_talk(self, place: int | None = None) -> None:
        """Show the talk as it is now."""
        self.talk.show()
        self._progress.forget()
        self._widgets.box.prompt.placeholder = PRIVATE if self._conversation.private else PLACEHOLDER
        if place is not None:
            self._widgets.transcript.reveal(place)

    def attach(self, attachment: Attachment) -> None:
        """Lay a picture beside the prompt."""
        self.attaching.add(attachment)

    def search(self, words: str) -> None:
        """Let the person find a message in all chats, and go to it."""
        self.behind("command", self._search, words)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Show this chat, or a new one; what is being said in the other one stops and is kept."""
        self._opening.open(chat, private=private)

    def switch(self, model: Model, role: ModelRole) -> None:
        """This model answers from now on."""
        self._widgets.downloads.want_none()
        self.arrivals.offer_none()
        self._standby.switch(model, role)
        self.warm()

    async def manage(self) -> Model | None:
        """Open the model manager; the model the person wants to talk with, here or not."""
        from lechat_tui.models import scan
        from lechat_tui.ui.dialogs.manager import Manager

        manager = Manager(
            self.models,
            self._widgets.downloads,
            machine=self._machine,
            folders=scan.model_folders(self._conversation.settings.folders),
            current=self._conversation.model,
        )
        return await self._screen.app.push_screen_wait(manager)

    async def download(self, model: Model, *, switch: bool) -> None:
        """Download the model in the background once its license is accepted; with `switch`, switch to it then."""
        network.check(f"downloading {model.id}")
        if await license_accepted(self._screen.app, model):
            self._widgets.downloads.start(model, switch=switch)
        else:
            self.say(f"{model.id} was not downloaded: its license was not accepted")
        self.arrivals.show()

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Let the person pick a row."""
        return await self._screen.app.push_screen_wait(Picker(title, choices))

    async def confirm(self, question: str) -> bool:
        """A yes or a no; Enter alone is a no."""
        return await self._agreed(question, default=False)

    async def _agreed(self, question: str, *, default: bool) -> bool:
        return await self._screen.app.push_screen_wait(YesNo(question, default=default)) == "yes"

    async def _one_of(self, question: str, answers: Sequence[Choice]) -> str | None:
        return await self._screen.app.push_screen_wait(Picker(question, answers, filtered=False))

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; the sentence says which way was used."""
        return self._copy(text)

    async def paste(self) -> str:
        """Put what is on the clipboard into the prompt, or beside it."""
        return await self.attaching.paste(self._screen.app.clipboard)

    def set_theme(self, name: str) -> None:
        """Another theme, at once."""
        self._screen.app.theme = name

    async def choose_theme(self) -> str | None:
        """Let the person pick a theme, each shown as it is come to."""
        return await self._screen.app.push_screen_wait(ThemePicker(self._themes, self._screen.app.theme))

    def remember(self, name: str, value: object) -> None:
        """Let a setting hold the next time too."""
        if self._remembered:
            self._remembered.keep(name, value)

    def bindings(self) -> Sequence[Bound]:
        """The bindings that have a name, with the keys they have now."""
        return self._keymap.bindings

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Give these bindings these keys, and all others those they came with; the next time too."""
        self._keymap.bind(chosen or {})
        try:
            self.remember("keys", dict(chosen) if chosen else None)
            if not chosen and self._remembered:
                self._keymap.bind(self._remembered.settings().keys)
        finally:
            self._screen.app.set_keymap(self._keymap.chosen)
            for widget in (self._widgets.downloads, self._widgets.offers, self._widgets.recents):
                widget.show_keys()

    def show_figures(self, shown: bool) -> None:
        """Say beside every answer how fast it was, or no longer."""
        self._widgets.transcript.show_speed(shown)

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        self._widgets.transcript.show_thinking(shown)

    def number_lines(self) -> str:
        """Put numbers before the lines of code, or take them away; the sentence says which."""
        if self._widgets.transcript.number_lines():
            return "lines of code have numbers now, which no copy has; /lines takes them away"
        return "lines of code have no numbers any more; /lines brings them back"

    def quit(self) -> None:
        """Leave, once it is settled what becomes of the downloads; what was said is kept."""
        self.behind("leave", self._leave_or_wait)

    # What an answer asks of it

    async def before_question(self, attachments: Sequence[Attachment]) -> None:
        """Offer a model that supports images before a question with one is asked of a model that doesn't."""
        if any(file.kind == "image" for file in attachments) and not self._conversation.model.supports_images:
            await self._offer_eyes()
        self._widgets.downloads.offer(None)

    async def _offer_eyes(self) -> None:
        model, seeing = self._conversation.model, self._standby.image_model()
        question = phrases.offer_image_model(model.id, seeing.id) if seeing else ""
        if seeing and await self._agreed(question, default=True):
            self.switch(seeing, "vision")
        else:
            self.say(phrases.no_images(model.id))

    async def compare_on(self, screen: Compare) -> Message | None:
        """Show the comparison until the user leaves it; the answer to continue with."""
        return await self._screen.app.push_screen_wait(screen)

    def list_chats(self) -> None:
        """The chats are others, or in another order."""
        self.chats.list()

    def warm(self) -> None:
        """Load the model while the person writes."""
        self.behind("warm", self._standby.load, exclusive=True)

    def take_back(self) -> bool:
        """The question sent last goes back into the prompt, when it still waits."""
        turn = self.turns.take_back()
        if turn is None:
            return False
        self._widgets.box.prompt.put(turn.text)
        place = self._conversation.place(turn.message) if turn.kind == "ask" else None
        if place is not None:
            self.editing.mark(place)
        for attachment in turn.attachments:
            self.attach(attachment)
        self._show_queue()
        return True

    def _show_queue(self) -> None:
        self.talk.queue([(turn.waiting, turn.attachments) for turn in self.turns.waiting])
        self.unsaid.soon()

    def _end_of_answer(self) -> None:
        self._progress.end()
        self.talk.settle()
        self.list_chats()
        if self._screen.is_attached:
            self.titler.rest()
            self._screen.call_next(self.turns.next)

    def _settle_page(self) -> None:
        self._screen.set_class(self._widgets.transcript.empty, "-empty")

    # One chat after the other

    def _show_chat(self, was_private: bool) -> None:
        if was_private:
            self.behind("prompts", self.recall_prompts)  # what was typed in private does not come back with Up
        self._show_queue()
        self.show_talk()
        self.list_chats()
        self.behind("recents", self.chats.offer_recents)
        self._widgets.box.prompt.focus()

    async def recall_prompts(self) -> None:
        """Up goes through what was asked before."""
        self._widgets.box.prompt.earlier = await asyncio.to_thread(self.store.prompts)

    async def _search(self, words: str) -> None:
        found = await self._screen.app.push_screen_wait(Finder(self.store.search, words))
        if found:
            await self.going.to_hit(*found)

    # The end

    async def _leave_or_wait(self) -> None:
        if await self.leaving.agreed():
            await self._leave()

    def end(self) -> None:
        """Leave without asking; what was said and what was downloaded is kept."""
        self.behind("leave", self._leave)

    def leave_if_due(self) -> None:
        """Leave when that was only waiting for a download; not while somebody writes in an editor."""
        if self.leaving.due and not self.lent.away:
            self.end()

    async def _leave(self) -> None:
        await self.lent.end()
        told = await self._opening.close()
        self._screen.app.exit(message=Text(safe(told)) if told else None)
