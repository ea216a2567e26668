"""The conversation on the screen, and the host of the commands. Knows how to ask and what to show, not how to draw."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from lechat_tui import attachments
from lechat_tui.choices import Choices
from lechat_tui.commands.base import Bound, Choice, is_command, run
from lechat_tui.conversation import Again, Branch, Conversation
from lechat_tui.engine.base import Delta, Done, Event, Fitted, Loading, Prefill
from lechat_tui.errors import LechatError
from lechat_tui.message import Message, Picture
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.models.shelf import Shelf
from lechat_tui.plaintext import safe, whole
from lechat_tui.store import Chat, Draft, Hit, Store, StoreError
from lechat_tui.ui import clipboard, offers
from lechat_tui.ui.chatlist import ChatList
from lechat_tui.ui.compare import Compare
from lechat_tui.ui.downloads import Downloads
from lechat_tui.ui.drafts import Drafts
from lechat_tui.ui.editor import EditorError, edited
from lechat_tui.ui.greeting import Greeting
from lechat_tui.ui.keys import bound
from lechat_tui.ui.offers import Offers
from lechat_tui.ui.pastes import Written
from lechat_tui.ui.picker import Picker, YesNo
from lechat_tui.ui.prompt import PLACEHOLDER, Prompt, PromptBox
from lechat_tui.ui.recents import MOST, Recents
from lechat_tui.ui.search import Finder
from lechat_tui.ui.sidebar import Sidebar
from lechat_tui.ui.status import Status, StatusLine
from lechat_tui.ui.themepicker import ThemePicker
from lechat_tui.ui.thumbnails import Way
from lechat_tui.ui.titler import Titler
from lechat_tui.ui.transcript import Transcript

if TYPE_CHECKING:
    from lechat_tui.models.fit import Fit, Machine
    from lechat_tui.models.jobs import Jobs

WIDE = 110
"""Columns from which the list of chats stands open beside the talk."""

TWICE = 1.5
"""Seconds in which a second Ctrl+C leaves."""

LEAVING = (
    Choice("wait", "Leave when it is done", "the talk goes on meanwhile"),
    Choice("leave", "Leave now", "what came is kept, and the next download goes on from there"),
    Choice("stay", "Stay"),
)
"""What can become of a download when the person leaves."""

DRAFT_PAUSE = 0.4
"""Seconds from a key to the disk, at most, for what is typed."""

PRIVATE = "Private: nothing said here is written to the disk"

MENTION = re.compile(r"""(?<!\S)@(?:"([^"]+)"|(\S+))""")


@dataclass(frozen=True)
class Turn:
    """Something the model is to say, once its turn has come: by default the answer to a question."""

    text: str = ""
    pictures: tuple[Picture, ...] = ()
    kind: Literal["ask", "again", "compact", "go on", "compare"] = "ask"
    how: Again | None = None
    """How an answer is drawn again; None is how the settings say."""
    message: int = 0
    """The number of the message it is asked in place of, or answered again for; 0 is the end of the talk."""
    model: Model | None = None
    """Who answers again, or is compared; None is the chat's."""

    @property
    def waiting(self) -> str:
        """What is shown of it while it waits."""
        told = {"again": "answer once more", "compact": "sum up", "go on": "go on", "compare": "compare"}
        return told.get(self.kind, self.text)


class ChatScreen(Screen[None]):
    """One conversation: what was said, what is being said, and where the next question is written."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the answer; what was said is kept", id="stop"),
        Binding(
            "ctrl+c,super+c",
            "interrupt",
            "Copy what is selected, stop, or clear; twice leaves",
            id="interrupt",
            priority=True,
        ),
        Binding("ctrl+shift+c", "copy_selection", "Copy what is selected", id="copy_selection", priority=True),
        Binding("ctrl+d", "leave", "Leave, when nothing is typed", id="leave"),
        Binding("ctrl+n", "run('/new')", "New chat", id="new", priority=True),
        Binding("ctrl+s", "chats", "The list of chats", id="chats", priority=True),
        Binding("ctrl+l", "run('/model')", "Models", id="models", priority=True),
        Binding("ctrl+g", "editor", "Write the question in $EDITOR", id="editor", priority=True),
        Binding("ctrl+f", "run('/search')", "Find in all chats", id="search", priority=True),
        Binding("ctrl+r", "history", "Pick an earlier question", id="history", priority=True),
        Binding("ctrl+t", "thinking", "Show or hide the last thinking", id="thinking", priority=True),
        Binding("ctrl+y", "run('/copy')", "Copy the answer", id="copy", priority=True),
        Binding("ctrl+p", "app.command_palette", "Everything, by name", id="palette", priority=True),
        Binding("f1", "run('/help', True)", "Help", id="help", priority=True),
        Binding("f2", "first_models", "First models, or a download to go on with", id="first_models", priority=True),
        Binding("pageup", "page(-1)", "Scroll up", id="page_up", priority=True),
        Binding("pagedown", "page(1)", "Scroll down", id="page_down", priority=True),
        Binding("end", "newest", "To the newest", id="newest"),
        Binding("alt+left", "walk(-1)", "The branch before", id="branch_before", priority=True),
        Binding("alt+right", "walk(1)", "The next branch", id="branch_after", priority=True),
        Binding("ctrl+e", "edit", "Edit a question", id="edit", priority=True),
        Binding("ctrl+end", "to_end", "To the newest", id="to_end", priority=True),
    ]

    def __init__(
        self,
        conversation: Conversation,
        *,
        jobs: "Jobs",
        machine: "Callable[[], Machine]",
        copy: Callable[[str], str],
        pictures: Way = "blocks",
        themes: Mapping[str, str] = {},
        choices: Choices | None = None,
        first: str | None = None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self._now = clock
        self._conversation = conversation
        self._copy = copy
        self._themes = themes
        self._remembered = choices
        self._first = first
        self._waiting: deque[Turn] = deque()
        self._answering: Worker[None] | None = None
        self._opening = False
        self._clock: Timer | None = None
        self._began = 0.0
        self._noted: set[tuple[str, str]] = set()
        """What was said of models that did not fit as they were wished; once is enough."""
        self._phase_began = 0.0
        self._activity: tuple[str, float | None] = ("", None)
        self._asked_to_leave = 0.0
        self._narrow: bool | None = None
        self._warned = False
        self._editing = 0
        """The number of the question that is edited; 0 for none."""
        self._begun_with = ""
        """Its text."""
        self._unsent: Draft | None = None
        """What stood in the prompt before the editing began."""
        self._drafts = Drafts(conversation, self._unsaid)
        self._draft_timer: Timer | None = None
        model = conversation.model
        self._transcript = Transcript(pictures=pictures)
        self._box = PromptBox()
        self._prompt = self._box.prompt
        window = conversation.settings.context or model.context
        self._status = StatusLine(Status(conversation.title, conversation.shelf.role_of(model), context=window))
        self._sidebar = Sidebar()
        self._machine = machine
        self._downloads = Downloads(jobs)
        self._offers = Offers()
        self._recents = Recents()
        self._offering = False
        self._leaving = False
        self._keys = dict(conversation.settings.keys)
        self._titler = Titler(conversation, self._list_chats)
        self.set_class(not conversation.messages, "-empty")  # before anything is styled: styling again costs

    def compose(self) -> ComposeResult:
        self._sidebar.set_class(self.app.size.width >= WIDE, "-shown")
        yield self._sidebar
        with Vertical(id="talk"):
            yield self._transcript
            with Vertical(id="bottom"), Vertical(id="column"):
                yield Greeting(self._now().hour, cat=not self._conversation.settings.reduced)
                yield self._box
                yield self._status
                yield self._downloads
                yield self._offers
                yield self._recents

    def on_mount(self) -> None:
        """Show what there is; whatever takes time comes after the first paint."""
        self._offering = offers.wanted(self._conversation.model)
        self._show_offers()
        self._show_messages()
        self._take_drafts()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._work("prepare", self._prepare)
        self._warm()
        self._list_chats()
        self._work("prompts", self._recall_prompts)
        self._work("first models", self._offer_models)
        if self._first:
            self.ask(self._first)

    async def _prepare(self) -> None:
        """What draws an answer is at hand before the first one."""
        await asyncio.to_thread(import_module, "lechat_tui.ui.blocks")

    # What commands ask of it

    @property
    def conversation(self) -> Conversation:
        return self._conversation

    @property
    def shelf(self) -> Shelf:
        return self._conversation.shelf

    @property
    def store(self) -> Store:
        return self._conversation.history

    @property
    def themes(self) -> Sequence[str]:
        return tuple(self._themes)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a note in the transcript, for the person only."""
        self._transcript.note(text, error=error)
        self._settle_page()

    def ask(self, text: str) -> None:
        """Send a question with what is attached; queued while an answer runs."""
        editing, self._editing = self._editing, 0
        self._enqueue(Turn(text, self._box.take_pictures(), message=editing))
        if editing:
            self._end_editing()

    def regenerate(self, again: Again | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer the last question once more, or that of another message; another model may."""
        self._enqueue(Turn(kind="again", how=again, message=message, model=model))

    def edit(self, place: int) -> None:
        """Put an earlier question into the prompt, to be asked anew in its place."""
        question = self._conversation.messages[place]
        if not self._editing:
            self._unsent = Draft(self._prompt.written, self._box.take_pictures())
        self._box.hold(question.text, question.pictures)
        self._mark_editing(place)
        self._transcript.reveal(place)
        self._prompt.focus()

    def _mark_editing(self, place: int) -> None:
        self._editing = self._conversation.messages[place].id
        self._begun_with = self._prompt.written
        self._box.mark(f"editing question {place + 1} · Enter asks it anew · Esc leaves it")

    def _end_editing(self) -> None:
        """What stood in the prompt before comes back."""
        self._editing = 0
        self._box.mark("")
        if self._unsent:
            self._box.hold(self._unsent.text, self._unsent.pictures)
        self._unsent = None

    def go_on(self) -> None:
        """Go on with the last answer, which was cut short."""
        self._enqueue(Turn(kind="go on"))

    def compare(self, model: Model, question: str) -> None:
        """Show two models answering side by side."""
        pictures = self._box.take_pictures() if question else ()
        self._enqueue(Turn(question, pictures, kind="compare", model=model))

    def show_talk(self, place: int | None = None) -> None:
        """Show the talk as it is now."""
        self._show_messages()
        if place is not None:
            self._transcript.reveal(place)

    def compact(self, hint: str) -> None:
        """Have the talk summed up."""
        self._enqueue(Turn(hint, kind="compact"))

    def attach(self, picture: Picture) -> None:
        """Lay a picture beside the prompt."""
        self._box.attach(picture)
        self._draft_soon()

    def search(self, words: str) -> None:
        """Let the person find a message in all chats, and go to it."""
        self._work("command", self._search, words)

    async def _search(self, words: str) -> None:
        found = await self.app.push_screen_wait(Finder(self.store.search, words))
        if found:
            await self._go_to(*found)

    async def _go_to(self, hit: Hit, words: str) -> None:
        """Show a message that was found, in its chat and its branch; what is being said elsewhere stops and is kept."""
        conversation = self._conversation
        if conversation.private or not conversation.chat or conversation.chat.id != hit.chat.id:
            self._opening = True
            try:
                await self._stop()
            finally:
                self._opening = False
            self.open_chat(hit.chat)
        place = _place(conversation.messages, hit.message)
        if place is None:
            await self._stop()
            conversation.show_branch(hit.message)
            self._show_messages()
            place = _place(conversation.messages, hit.message)
        if place is not None:
            self._transcript.point_out(place, words)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Show this chat, or a new one; what is being said in the other one stops and is kept."""
        self._titler.stop()
        self._drafts.keep_now()
        self._waiting.clear()
        self._box.hold("", ())
        if self._answering is None:
            self._show_chat(chat, private)
        else:
            self._opening = True
            self._work("open", self._stop_and_show, chat, private)

    def switch(self, model: Model, role: ModelRole) -> None:
        """This model answers from now on."""
        self._downloads.want_none()
        self._offering = False
        self._show_offers()
        self._conversation.switch(model)
        self._status.change(
            model=self._conversation.title, role=role, context=self._conversation.settings.context or model.context
        )
        self._warm()

    async def manage(self) -> Model | None:
        """Open the model manager; the model the person wants to talk with, here or not."""
        from lechat_tui.models import found
        from lechat_tui.ui.manager import Manager

        manager = Manager(
            self.shelf,
            self._downloads,
            machine=self._machine,
            places=found.places(self._conversation.settings.folders),
            current=self._conversation.model,
        )
        return await self.app.push_screen_wait(manager)

    async def download(self, model: Model, *, switch: bool) -> None:
        """Fetch the model behind, once its licence is accepted; it answers when it is here, if that is wanted."""
        if not await self._downloads.fetch(model, switch=switch):
            self.say(f"{model.id} is not downloaded: its licence was not accepted")
        self._show_offers()

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Let the person pick a row."""
        return await self.app.push_screen_wait(Picker(title, choices))

    async def confirm(self, question: str) -> bool:
        """A yes or a no; Enter alone is a no."""
        return await self._agreed(question, default=False)

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; the sentence says which way was used."""
        return self._copy(text)

    def set_theme(self, name: str) -> None:
        """Another theme, at once."""
        self.app.theme = name

    async def choose_theme(self) -> str | None:
        """Let the person pick a theme, each shown as it is come to."""
        return await self.app.push_screen_wait(ThemePicker(self._themes, self.app.theme))

    def remember(self, name: str, value: object) -> None:
        """Let a setting hold the next time too."""
        if self._remembered:
            self._remembered.keep(name, value)

    def bindings(self) -> Sequence[Bound]:
        """The bindings that have a name, with the keys they have now."""
        return bound(self.BINDINGS, self._keys)

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Give these bindings these keys, and all others those they came with; the next time too."""
        self._keys = dict(chosen or {})
        try:
            self.remember("keys", self._keys if chosen else None)
            if not chosen and self._remembered:
                self._keys = dict(self._remembered.settings().keys)
        finally:
            self.app.set_keymap(self._keys)

    async def paste(self) -> str:
        """Put what is on the clipboard into the prompt, or beside it."""
        content = await asyncio.to_thread(clipboard.get) or self.app.clipboard.encode("utf-8", "replace")
        if attachments.is_picture(content):
            file = await asyncio.to_thread(attachments.check_picture, content, "pasted.png")
            store = self._conversation.store
            self.attach(await asyncio.to_thread(store.keep_picture, content, file.name, file.width, file.height))
            return f"the picture on the clipboard goes with the next question ({file.width}x{file.height})"
        if not content:
            return "no clipboard can be read from here; paste with the terminal's own key, or /image PATH"
        self._prompt.insert(safe(whole(content.decode("utf-8", "replace"))))
        self._prompt.focus()
        return ""

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        self._transcript.show_thinking(shown)

    def quit(self) -> None:
        """Leave, once it is settled what becomes of the downloads; what was said is kept."""
        self._work("leave", self._leave_or_wait)

    def end(self) -> None:
        """Leave without asking; what was said and what was downloaded is kept."""
        self._work("leave", self.leave)

    async def _leave_or_wait(self) -> None:
        names = ", ".join(job.model.id for job in self._downloads.running)
        answer = await self._one_of(f"{names} is still being downloaded", LEAVING) if names else "leave"
        self._leaving = answer == "wait" and bool(self._downloads.running)
        if self._leaving:
            self.say(f"lechat leaves when {names} is here; /exit asks again")
        elif answer in ("leave", "wait"):
            await self.leave()

    async def leave(self) -> None:
        """Stop, keep, and end the program."""
        self._titler.stop()
        self._drafts.keep_now()
        self._waiting.clear()
        await self._stop()
        self._conversation.leave_private()
        self.app.exit()

    # Asking

    def _enqueue(self, turn: Turn) -> None:
        self._titler.stop()
        self._waiting.append(turn)
        self._show_queue()
        self._next()

    def _next(self) -> None:
        """Answer what waits longest, if anything does and nothing is in the way."""
        if not self._waiting or self._answering or self._opening:
            return
        turn = self._waiting.popleft()
        self._show_queue()
        self._answering = self.run_worker(partial(self._answer, turn), group="answer")

    def _show_queue(self) -> None:
        self._transcript.queue([(turn.waiting, turn.pictures) for turn in self._waiting])
        self._draft_soon()

    async def _answer(self, turn: Turn) -> None:
        try:
            await self._turns[turn.kind](turn)
        except LechatError as error:
            self.say(str(error), error=True)
        finally:
            self._end_of_answer()

    @property
    def _turns(self) -> dict[str, Callable[[Turn], Awaitable[None]]]:
        return {
            "ask": self._ask,
            "again": self._again,
            "compact": self._compact,
            "go on": self._go_on,
            "compare": self._compare,
        }

    async def _ask(self, turn: Turn) -> None:
        conversation = self._conversation
        if turn.pictures and not conversation.model.sees:
            await self._offer_eyes()
        self._downloads.offer(None)
        place = self._place(turn.message)
        if place is not None:
            self._transcript.show(conversation.messages[:place])
        self._downloads.offer(None)
        self._transcript.ask(turn.text, turn.pictures)
        self._show_queue()
        self._settle_page()
        try:
            await self._follow(conversation.ask(turn.text, turn.pictures, instead=turn.message))
        finally:
            if self._place(turn.message) is not None:  # the question could not be kept: what it stands for stays
                self.show_talk()

    def _place(self, message: int) -> int | None:
        """Where the message of this number stands, if it is shown."""
        messages = self._conversation.messages
        return next((at for at, shown in enumerate(messages) if message and shown.id == message), None)

    async def _again(self, turn: Turn) -> None:
        conversation = self._conversation
        place, before = self._place(turn.message), conversation.messages
        if place is None:
            self._transcript.cut()
        else:
            asked = next((at for at in range(place, -1, -1) if before[at].role == "user"), place)
            self._transcript.show(before[: asked + 1])
            self._show_queue()
        try:
            await self._follow(conversation.regenerate(turn.how, place=place, model=turn.model))
        finally:
            if conversation.messages is before:
                self.show_talk()
                self._show_queue()

    async def _go_on(self, turn: Turn) -> None:
        if self._conversation.unfinished:
            self._transcript.go_on()
            await self._follow(self._conversation.go_on())

    async def _compare(self, turn: Turn) -> None:
        assert turn.model
        question = Draft(turn.text, turn.pictures) if turn.text or turn.pictures else None
        both = Compare(self._conversation, turn.model, question)
        try:
            await self.app.push_screen_wait(both)
        finally:
            await both.stop()
            self.show_talk()
            self._show_queue()
            self._warm()

    async def _compact(self, turn: Turn) -> None:
        """What was written becomes the summary, or goes when it did not come to its end."""
        conversation = self._conversation
        before = len(conversation.messages)
        try:
            await self._follow(conversation.compact(turn.text))
        finally:
            self._transcript.drop_growth()
            self._status.change(used=conversation.used)
            if len(conversation.messages) > before:
                self._show_summary(conversation.messages[-1])

    def _show_summary(self, summary: Message) -> None:
        self._transcript.sum_up(summary)
        self._divide(0)
        if summary.receipt and summary.receipt.left_out:
            self.say(f"the {summary.receipt.left_out} oldest messages did not fit any more; the summary lacks them")

    async def _follow(self, events: AsyncGenerator[Event, None]) -> None:
        self._began = time.monotonic()
        self._clock = self.set_interval(1.0, self._tick)
        self._busy("waiting for the model")
        listed = False
        async with aclosing(events):
            async for event in events:
                self._show(event)
                if not listed:
                    listed = True
                    self._list_chats()

    def _show(self, event: Event) -> None:
        match event:
            case Loading(fraction):
                self._busy(f"loading {self._conversation.model.id}", fraction)
                self._status.change(state=f"loading {fraction:.0%}")
            case Fitted(left_out=left_out, note=note):
                self._divide(len(left_out))
                if note and (self._conversation.model.id, note) not in self._noted:
                    self._noted.add((self._conversation.model.id, note))
                    self.say(f"{self._conversation.model.id}: {note}")
            case Prefill(done, total, cached):
                kept = f", {cached:,} kept" if cached else ""
                self._busy(f"reading {total - cached:,} new tokens{kept}", (done - cached) / max(total - cached, 1))
                self._status.change(state="reading", used=done)
            case Delta(text, kind):
                self._rest()
                self._transcript.grow(text, kind)
                self._status.change(state="thinking" if kind == "thinking" else "writing")
            case Done(receipt):
                self._status.change(used=receipt.prompt_tokens + receipt.completion_tokens, speed=receipt.tokens_per_s)

    def _busy(self, text: str, fraction: float | None = None) -> None:
        if text != self._activity[0]:
            self._phase_began = time.monotonic()
        self._activity = text, fraction
        self._tick()

    def _tick(self) -> None:
        """Say what goes on, and for how long it has or will."""
        now = time.monotonic()
        told = waiting(now - self._began, now - self._phase_began, self._activity[1])
        self._transcript.busy(*self._activity, told)

    def _rest(self) -> None:
        if self._clock:
            self._clock.stop()
            self._clock = None
            self._transcript.rest()

    def _divide(self, left_out: int) -> None:
        """Draw the line above which the model sees nothing, or none when it sees all."""
        place = self._conversation.horizon(left_out)
        above = any(message.pinned for message in self._conversation.messages[:place])
        self._transcript.divide(place or -1, pinned=above)

    def _end_of_answer(self) -> None:
        """What is on the screen becomes what was kept."""
        self._answering = None
        self._rest()
        last = self._conversation.messages[-1] if self._conversation.messages else None
        if last and last.role == "assistant":
            self._transcript.settle(last)
        self._mark_branches()
        self._status.change(state=self._warning())
        self._list_chats()
        if self.is_attached:
            self._titler.rest()
            self.call_next(self._next)

    def _warning(self) -> str:
        """Said once, when the next turns will leave something out."""
        warned, self._warned = self._warned, self._conversation.nearly_full
        return "context nearly full: /compact sums up, /pin N keeps" if self._warned and not warned else ""

    async def _offer_eyes(self) -> None:
        """A picture goes to a model without eyes: offer the one that sees."""
        model = self._conversation.model
        try:
            seeing = self.shelf.for_role("vision")
        except ModelError:
            seeing = None
        if (
            seeing
            and seeing.sees
            and await self._agreed(f"{model.id} cannot see pictures; switch to {seeing.id}?", default=True)
        ):
            self.switch(seeing, "vision")
        else:
            self.say(f"{model.id} cannot see the picture; it is told the picture's name only")

    async def _stop(self) -> None:
        """End the answer that is being made, if one is; what was said is kept."""
        if self._answering:
            self._answering.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await self._answering.wait()

    async def _stop_and_show(self, chat: Chat | None, private: bool) -> None:
        await self._stop()
        self._opening = False
        self._show_chat(chat, private)
        self._next()

    def _show_chat(self, chat: Chat | None, private: bool) -> None:
        self._editing, self._unsent = 0, None
        self._box.mark("")
        if self._conversation.private:
            self._work("prompts", self._recall_prompts)  # what was typed in private does not come back with Up
        self._conversation.open(chat, private=private)
        self._show_messages()
        self._take_drafts()
        self._show_queue()
        self._list_chats()
        self._work("recents", self._offer_recents)
        self._prompt.focus()

    def _show_messages(self) -> None:
        conversation = self._conversation
        self._transcript.show(conversation.messages)
        self._divide(conversation.left_out)
        self._warned = False
        self._status.change(used=conversation.used, speed=0.0, private=conversation.private)
        self._prompt.placeholder = PRIVATE if conversation.private else PLACEHOLDER
        self._mark_branches()
        self._settle_page()

    def _mark_branches(self) -> None:
        """Say of each message whether something else was said in its place too, and which other model said it."""
        conversation = self._conversation
        with suppress(StoreError):  # a history that cannot be read will say so where it matters
            pairs = zip(conversation.branches(), conversation.messages, strict=False)
            self._transcript.branch([branch_mark(branch, message, conversation.model.id) for branch, message in pairs])

    def _settle_page(self) -> None:
        self.set_class(self._transcript.empty, "-empty")

    # Downloads

    @on(Downloads.Ended)
    def _download_ended(self, event: Downloads.Ended) -> None:
        job, model = event.job, event.job.model
        self.shelf.finds.forget()
        if job.state == "failed":
            self._leaving = False
            self.say(f"{model.id} could not be downloaded: {job.error}", error=True)
        elif job.state == "cancelled":
            self.say(f"{model.id}: the download was cancelled; what came is kept, /pull {model.id} goes on from there")
        elif event.switch:
            self.switch(model, self.shelf.role_of(model))
            self.say(f"{model.id} is here and answers from now on")
        else:
            self._offering = False
            self.say(f"{model.id} is here; /model {model.id} switches to it")
        self._show_offers()
        if self._leaving and not self._downloads.running:
            self.end()

    async def _offer_models(self) -> None:
        """Say what was left in the middle; else what this machine could run, when it has nothing real yet."""
        left = await asyncio.to_thread(self._unfinished)
        if left and not self._downloads.running:
            self._downloads.offer(left[0])
        if self._offering:
            found = await asyncio.to_thread(self._first_models)
            self._offering = bool(found)
            self._offers.offer(found)
            self._show_offers()

    def _show_offers(self) -> None:
        """The first models are offered while none is here nor on its way."""
        wanted = self._offering and not self._downloads.running
        self._offers.set_class(wanted, "-wanted")
        self._recents.set_class(wanted, "-unwanted")

    def _unfinished(self) -> list[Model]:
        from lechat_tui.models.unfinished import unfinished

        return [model for model in unfinished(self.shelf.catalog.values()) if self.shelf.files(model) is None]

    def _first_models(self) -> "dict[ModelRole, Fit]":
        """What there is to offer: nothing where a real model is here, or nobody knows what the machine can hold."""
        from lechat_tui.models import fit

        if not all(model.toy for model in self.shelf.installed()):
            return {}
        with suppress(ModelError):
            return fit.choices(self.shelf.catalog, self._machine())
        return {}

    @on(Offers.Taken)
    def _first_model_taken(self, event: Offers.Taken) -> None:
        self._prompt.focus()
        self._work("command", partial(self.download, event.model, switch=True))

    @on(Offers.Dismissed)
    def _no_first_model(self) -> None:
        self._offering = False
        self._show_offers()
        self._prompt.focus()
        offers.dismiss()

    def action_first_models(self) -> None:
        """Go on with what was left in the middle, or to the models that are offered, or to all there are."""
        if model := self._downloads.offered:
            self._work("command", partial(self.download, model, switch=self._conversation.model.toy))
        elif self._offers.display:
            self._offers.focus()
        else:
            self.action_run("/models")

    # What goes on behind

    def _work(self, group: str, work: Callable[..., Awaitable[None]], *given: object, exclusive: bool = False) -> None:
        """Do this behind; what goes wrong is told. Given as a function, so that what never starts is nothing."""
        _: Worker[None] = self.run_worker(partial(self._told, work, *given), group=group, exclusive=exclusive)

    async def _told(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        try:
            await work(*given)
        except LechatError as error:
            self.say(str(error), error=True)

    def _warm(self) -> None:
        """Load the model while the person writes."""
        self._work("warm", self._load, exclusive=True)

    async def _load(self) -> None:
        conversation = self._conversation
        self._status.change(state="loading", hints=await asyncio.to_thread(self._hints))
        try:
            await conversation.engine.load(await asyncio.to_thread(conversation.spec))
        finally:
            if self._answering is None:
                self._status.change(state="")

    def _hints(self) -> list[str]:
        """The other roles and who takes them."""
        roles = {role: self._role_hint(role) for role in ("text", "code", "vision")}
        return [hint for role, hint in roles.items() if hint and role != self._status.status.role]

    def _role_hint(self, role: ModelRole) -> str:
        try:
            return f"/{role} {self.shelf.for_role(role).id}"
        except ModelError:
            return ""

    def _list_chats(self) -> None:
        if self._sidebar.has_class("-shown"):
            self._work("chats", self._load_chats, exclusive=True)

    async def _load_chats(self) -> None:
        listing = await asyncio.to_thread(self.store.listing, self._sidebar.words)
        self._sidebar.show(listing, self._current, self._now().date())

    @on(ChatList.Wanted)
    def _chats_wanted(self, event: ChatList.Wanted) -> None:
        self._work("titles", self._load_titles, event.ids)

    async def _load_titles(self, ids: Sequence[int]) -> None:
        self._sidebar.fill(await asyncio.to_thread(self.store.chats_of, ids))

    async def _offer_recents(self) -> None:
        """The last chats, unless the list of all stands beside them."""
        beside = self._sidebar.has_class("-shown")
        self._recents.offer([] if beside else await asyncio.to_thread(self.store.chats, MOST))

    @on(Recents.Opened)
    def _recent_picked(self, event: Recents.Opened) -> None:
        self._work("open", self._open_by_id, event.chat)
        self._prompt.focus()

    @on(Recents.Left)
    def _recents_left(self) -> None:
        self._prompt.focus()

    async def _recall_prompts(self) -> None:
        self._prompt.earlier = await asyncio.to_thread(self.store.prompts)

    async def _one_of(self, question: str, answers: Sequence[Choice]) -> str | None:
        return await self.app.push_screen_wait(Picker(question, answers, filtered=False))

    def _unsaid(self) -> list[Draft]:
        """What was typed and not said yet: in the prompt, put aside for an edit, waiting; not what shall be private."""
        typed = "" if self._prompt.text.lstrip().startswith("/private") else self._prompt.written
        waits = [Draft(turn.text, turn.pictures) for turn in self._waiting if turn.kind == "ask"]
        unsaid = [Draft(typed, tuple(self._box.pictures)), *([self._unsent] if self._unsent else []), *waits]
        return [draft for draft in unsaid if draft.text.strip() or draft.pictures]

    def _take_drafts(self) -> None:
        """Put back into the prompt what was typed in this chat before."""
        drafts = [*self._drafts.take(), Draft(self._prompt.written, tuple(self._box.pictures))]
        self._box.hold(
            "\n\n".join(draft.text for draft in drafts if draft.text),
            [picture for draft in drafts for picture in draft.pictures],
        )

    def _draft_soon(self) -> None:
        """What is typed is kept in a moment: not at every key."""
        if self._draft_timer is None and self.is_attached:
            self._draft_timer = self.set_timer(DRAFT_PAUSE, self._keep_drafts)

    def _keep_drafts(self) -> None:
        self._draft_timer = None
        self._work("draft", self._drafts.keep)

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._titler.stop()
        self._draft_soon()

    async def _agreed(self, question: str, *, default: bool) -> bool:
        return await self.app.push_screen_wait(YesNo(question, default=default)) == "yes"

    # What the person does

    @on(PromptBox.Sent)
    def _sent(self, event: PromptBox.Sent) -> None:
        self._work("take", self._take, event.written)

    async def _take(self, written: Written) -> None:
        """A line for the program, or a question for the model."""
        text = written.text
        if text.strip() and not text.lstrip().startswith("/private"):
            self._prompt.earlier.append(text)
            await asyncio.to_thread(self._conversation.store.add_prompt, text)
        line = text.strip()
        if is_command(line):
            self._transcript.to_end()  # what it says is seen
            await run(self, line)
            return
        self.ask(await asyncio.to_thread(self._with_mentions, written))

    def _with_mentions(self, written: Written) -> str:
        """`@path` of a picture lays it beside the question; of a text file, puts its text before the question.

        What is folded was not typed here and may say anything: no file is taken at its word.
        """
        files: list[str] = []

        def name(match: re.Match[str]) -> str:
            word = match[1] or match[2]
            for file in (word, word if match[1] else word.rstrip(".,;:!?)")):
                if path := attachments.mentioned(file):
                    return name_of(path) + word.removeprefix(file)
            return match[0]

        def name_of(path: Path) -> str:
            if picture := attachments.pasted_path(str(path)):
                self.app.call_from_thread(self.attach, self._kept(picture))
            else:
                files.append(attachments.fenced(path.name, attachments.read_text(path)))
            return path.name

        question = written.opened(MENTION.sub(name, written.typed))
        return "\n\n".join([*files, question])

    def _kept(self, path: Path) -> Picture:
        file = attachments.read_picture(path)
        return self._conversation.store.keep_picture(file.content, file.name, file.width, file.height)

    @on(Prompt.Dropped)
    def _dropped(self, event: Prompt.Dropped) -> None:
        self._work("attach", self._attach_files, event.paths)

    async def _attach_files(self, paths: Sequence[Path]) -> None:
        """One after the other, in the order they were dropped in; one that cannot be attached stops no other."""
        for path in paths:
            await self._told(partial(self._attach_file, path))

    async def _attach_file(self, path: Path) -> None:
        self.attach(await asyncio.to_thread(self._kept, path))

    @on(Prompt.Recalled)
    def _recalled(self) -> None:
        if not self._take_back():
            self._prompt.recall(1)

    def _take_back(self) -> bool:
        """The question sent last goes back into the prompt, when it still waits."""
        if not self._waiting:
            return False
        turn = self._waiting.pop()
        self._prompt.put(turn.text)
        place = self._place(turn.message) if turn.kind == "ask" else None
        if place is not None:
            self._mark_editing(place)
        for picture in turn.pictures:
            self.attach(picture)
        self._show_queue()
        return True

    @on(Sidebar.Opened)
    def _chat_picked(self, event: Sidebar.Opened) -> None:
        self._hide_if_narrow()
        self._work("open", self._open_by_id, event.chat)

    async def _open_by_id(self, id: int | None) -> None:
        self.open_chat(await asyncio.to_thread(self.store.chat, id) if id else None)

    @on(Sidebar.Searched)
    def _chats_searched(self) -> None:
        self._list_chats()

    @on(Sidebar.Deleted)
    def _chat_deleted(self, event: Sidebar.Deleted) -> None:
        self._work("delete", self._delete, event.chat)

    async def _delete(self, id: int) -> None:
        chat = await asyncio.to_thread(self.store.chat, id)
        if not chat or not await self.confirm(f"Delete “{chat.title}”?"):
            return
        if self._current == id:
            if self._answering:
                self.say("an answer is being written; stop it with Esc first")
                return
            self.open_chat(None)
        await asyncio.to_thread(self._conversation.delete, chat)
        self._status.change(state="deleted; /undelete brings it back")
        self._list_chats()

    @property
    def _current(self) -> int:
        """The number in the history of the chat that is shown; 0 for a new one and a private one."""
        conversation = self._conversation
        return conversation.chat.id if conversation.chat and conversation.store is conversation.history else 0

    @on(Sidebar.Left)
    def _sidebar_left(self) -> None:
        self._hide_if_narrow()
        self._prompt.focus()

    def _hide_if_narrow(self) -> None:
        if self.has_class("-narrow"):
            self._sidebar.remove_class("-shown")

    def on_resize(self, event: Resize) -> None:
        """The list of chats stands open where there is room, unless the person said otherwise."""
        narrow = event.size.width < WIDE
        if narrow == self._narrow:
            return
        self._narrow = narrow
        self.set_class(narrow, "-narrow")
        self._sidebar.set_class(not narrow, "-shown")
        self._list_chats()
        self._work("recents", self._offer_recents)

    def action_run(self, line: str, newest: bool = False) -> None:
        """Run a command line; what it says can be brought into view."""
        if newest:
            self._transcript.to_end()
        self._work("command", run, self, line)

    def begin(self, line: str) -> None:
        """Run a command line; one that ends with a space waits for its words in the prompt instead."""
        if line.endswith(" "):
            self._prompt.put(line)
            self._prompt.focus()
        else:
            self.action_run(line)

    async def action_stop(self) -> None:
        """Leave the editing; else stop the answer; without one, take back what waits."""
        if self._editing:
            self._end_editing()
        elif self._answering:
            self._work("stop", self._stop)
        elif not self._prompt.text:
            self._take_back()

    def action_interrupt(self) -> None:
        """What is selected is copied; else the answer is stopped; else the prompt cleared; else, twice, the end."""
        if self._copy_selected():
            return
        if self._answering:
            self._work("stop", self._stop)
        elif self._prompt.text:
            self._prompt.put("")
        elif time.monotonic() - self._asked_to_leave < TWICE:
            self.quit()
        else:
            self._asked_to_leave = time.monotonic()
            self._status.change(state="Ctrl+C again leaves")
            self.set_timer(TWICE, self._forget_leaving)

    def _forget_leaving(self) -> None:
        if self._status.status.state == "Ctrl+C again leaves":
            self._status.change(state="")

    def action_copy_selection(self) -> None:
        """Copy what is selected."""
        self._copy_selected()

    def _copy_selected(self) -> bool:
        text = self.get_selected_text() or self._prompt.selected_text
        if not text:
            return False
        self._status.change(state=self.copy(text).partition(";")[0])
        self.clear_selection()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some keys belong to the prompt while it has text."""
        match action:
            case "leave" | "newest" | "walk":
                return not self._prompt.text
            case "edit":
                return self._prompt.has_focus and self._prompt.written == (self._begun_with if self._editing else "")
            case "page":
                return self.focused is None or self.focused is self._prompt
            case _:
                return super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Leave from an empty prompt."""
        self.quit()

    def action_chats(self) -> None:
        """Open the list of chats, go into it, or close it."""
        if self._sidebar.has_class("-shown") and self._sidebar.has_focus_within:
            self._sidebar.remove_class("-shown")
            self._prompt.focus()
            return
        self._sidebar.add_class("-shown")
        self._sidebar.focus_list()
        self._list_chats()

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self._transcript.page(direction)

    def action_newest(self) -> None:
        """Go to the newest and follow it."""
        self._transcript.to_end()

    def action_to_end(self) -> None:
        """Go to the newest and follow it."""
        self._transcript.to_end()

    def action_edit(self) -> None:
        """Edit the last question; when one is edited, the one before it."""
        messages = self._conversation.messages
        before = self._place(self._editing)
        asked = [at for at, message in enumerate(messages) if message.role == "user" and at != before]
        earlier = [at for at in asked if before is None or at < before]
        if asked:
            self.edit((earlier or asked)[-1])
        elif before is None:
            self._status.change(state="nothing has been asked yet")

    def action_walk(self, by: int) -> None:
        """Go to what else was said in place of the last message in view that has branches, or of the last of all."""
        self._work("walk", self._walk, None, by)

    @on(Transcript.Walked)
    def _walked(self, event: Transcript.Walked) -> None:
        self._work("walk", self._walk, event.place, event.by)

    async def _walk(self, place: int | None, by: int) -> None:
        branches = self._conversation.branches()
        place = self._nearest_branch(branches) if place is None else place
        if self._answering:
            self._status.change(state="an answer is being written; stop it with Esc first")
        elif place is None:
            self._status.change(state="no branches here")
        elif place < len(branches):
            branch = branches[place]
            self._conversation.walk(place, (branch.number - 1 + by) % branch.count + 1)
            self.show_talk(place)

    def _nearest_branch(self, branches: Sequence[Branch]) -> int | None:
        places = [place for place, branch in enumerate(branches) if branch.count > 1]
        first, last = self._transcript.in_view()
        seen = [place for place in places if first <= place <= last]
        return next(iter(reversed(seen or places)), None)

    def action_thinking(self) -> None:
        """Show or hide the thinking of the last answer that has any."""
        if not self._transcript.fold_thinking():
            self._status.change(state="no answer here has thinking")

    def action_history(self) -> None:
        """Pick an earlier question."""
        self._work("command", self._pick_earlier)

    async def _pick_earlier(self) -> None:
        earlier = list(dict.fromkeys(reversed(self._prompt.earlier)))
        rows = [Choice(str(n), " ".join(text.split())) for n, text in enumerate(earlier)]
        chosen = await self.choose("Earlier questions", rows)
        if chosen:
            self._prompt.put(earlier[int(chosen)])

    def action_editor(self) -> None:
        """Write the question in the person's own editor."""
        text, complaint = self._prompt.written, ""
        try:
            with self.app.suspend():
                try:
                    text = edited(text)
                except EditorError as error:  # out of the block it would leave the screen suspended
                    text, complaint = error.text, str(error)
        except SuspendNotSupported:
            complaint = "this terminal cannot be lent to an editor"
        if complaint:
            self.say(complaint, error=True)
        if text != self._prompt.written:
            self._prompt.put(text)


def _place(messages: Sequence[Message], number: int) -> int | None:
    return next((place for place, message in enumerate(messages) if message.id == number), None)


def branch_mark(branch: Branch, message: Message, model: str) -> str:
    """Which branch a message is, as in `2/3`, and whose answer, when it is not this model's; empty for the only one."""
    other = message.receipt.model if message.receipt and message.receipt.model != model else ""
    return f"{branch.number}/{branch.count} {safe(other)}".rstrip() if branch.count > 1 else ""


def waiting(seconds: float, phase: float, fraction: float | None) -> str:
    """What is said beside the bar: the time a phase still needs, by what it did in how long; else the time so far."""
    if fraction and phase >= 1:
        left = phase * (1 - fraction) / fraction
        return f"about {_duration(left)} left · esc stops"
    return f"{_duration(seconds)} · esc stops" if seconds >= 1 else "· esc stops"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
