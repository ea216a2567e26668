"""The conversation on the screen: its widgets, its keys, and the host of the commands. Knows whom to ask, not how."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea

from lechat_tui import attachments
from lechat_tui.choices import Choices
from lechat_tui.commands.base import Bound, Choice, is_command, run
from lechat_tui.conversation import Again, Conversation
from lechat_tui.message import Picture
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.models.shelf import Shelf
from lechat_tui.plaintext import safe, whole
from lechat_tui.store import Chat, Draft, Hit, Store
from lechat_tui.ui import clipboard, mentions, offers
from lechat_tui.ui.answers import Answers
from lechat_tui.ui.behind import Behind
from lechat_tui.ui.chatlist import ChatList
from lechat_tui.ui.chats import WIDE, Chats
from lechat_tui.ui.compare import Compare
from lechat_tui.ui.downloads import Downloads
from lechat_tui.ui.drafts import Drafts
from lechat_tui.ui.editing import Editing
from lechat_tui.ui.editor import EditorError, edited
from lechat_tui.ui.greeting import Greeting
from lechat_tui.ui.keys import bound
from lechat_tui.ui.leaving import TWICE, Leaving
from lechat_tui.ui.offers import Offers
from lechat_tui.ui.pastes import Written
from lechat_tui.ui.picker import Picker, YesNo
from lechat_tui.ui.progress import Progress
from lechat_tui.ui.prompt import PLACEHOLDER, Prompt, PromptBox
from lechat_tui.ui.recents import Recents
from lechat_tui.ui.search import Finder
from lechat_tui.ui.sidebar import Sidebar
from lechat_tui.ui.standby import Standby
from lechat_tui.ui.status import Status, StatusLine
from lechat_tui.ui.talk import Talk, place_of
from lechat_tui.ui.themepicker import ThemePicker
from lechat_tui.ui.titler import Titler
from lechat_tui.ui.transcript import Transcript
from lechat_tui.ui.turns import Turn, Turns

if TYPE_CHECKING:
    from lechat_tui.models.fit import Machine
    from lechat_tui.models.jobs import Jobs

DRAFT_PAUSE = 0.4
"""Seconds from a key to the disk, at most, for what is typed."""

PRIVATE = "Private: nothing said here is written to the disk"

BUSY = "an answer is being written; stop it with Esc first"
AGAIN = "Ctrl+C again leaves"


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
        self._machine = machine
        self._keys = dict(conversation.settings.keys)
        self._draft_timer: Timer | None = None
        model = conversation.model
        window = conversation.settings.context or model.context
        self._transcript = Transcript()
        self._box = PromptBox()
        self._prompt = self._box.prompt
        self._status = StatusLine(Status(conversation.title, conversation.shelf.role_of(model), context=window))
        self._sidebar = Sidebar()
        self._downloads = Downloads(jobs)
        self._offers = Offers()
        self._recents = Recents()
        self._behind = Behind(self, partial(self.say, error=True))
        self._talk = Talk(conversation, self._transcript, self._settle_page)
        self._progress = Progress(conversation, self._talk, self._transcript, self._status)
        self._turns = Turns(
            Answers(conversation, self._talk, self._transcript, self._progress, self).have,
            begin=partial(self.run_worker, group="answer"),
            changed=self._show_queue,
            ended=self._end_of_answer,
        )
        self._standby = Standby(conversation, self._status, lambda: self._turns.answering)
        self._editing = Editing(conversation, self._box)
        self._drafts = Drafts(conversation, self._unsaid)
        self._chats = Chats(conversation, self._sidebar, self._recents, self._behind, lambda: self._now().date())
        self._leaving = Leaving(self._downloads, choose=self._one_of, say=self.say)
        self._titler = Titler(conversation, self.list_chats)
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
        self._offers.wanted = offers.wanted(self._conversation.model)
        self._show_offers()
        self.show_talk()
        self._take_drafts()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._behind("prepare", self._prepare)
        self.warm()
        self.list_chats()
        self._behind("prompts", self._recall_prompts)
        self._behind("first models", self._offer_models)
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
        self._talk.note(text, error=error)

    def ask(self, text: str) -> None:
        """Send a question with what is attached; queued while an answer runs."""
        edited_question = self._editing.take()
        self._enqueue(Turn(text, self._box.take_pictures(), message=edited_question))
        if edited_question:
            self._editing.end()

    def regenerate(self, again: Again | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer the last question once more, or that of another message; another model may."""
        self._enqueue(Turn(kind="again", how=again, message=message, model=model))

    def go_on(self) -> None:
        """Go on with the last answer, which was cut short."""
        self._enqueue(Turn(kind="go on"))

    def compare(self, model: Model, question: str) -> None:
        """Show two models answering side by side."""
        pictures = self._box.take_pictures() if question else ()
        self._enqueue(Turn(question, pictures, kind="compare", model=model))

    def compact(self, hint: str) -> None:
        """Have the talk summed up."""
        self._enqueue(Turn(hint, kind="compact"))

    def _enqueue(self, turn: Turn) -> None:
        self._titler.stop()
        self._turns.add(turn)

    def edit(self, place: int) -> None:
        """Put an earlier question into the prompt, to be asked anew in its place."""
        self._editing.begin(place)
        self._transcript.reveal(place)
        self._prompt.focus()

    def show_talk(self, place: int | None = None) -> None:
        """Show the talk as it is now."""
        self._talk.show()
        self._progress.forget()
        self._prompt.placeholder = PRIVATE if self._conversation.private else PLACEHOLDER
        if place is not None:
            self._transcript.reveal(place)

    def attach(self, picture: Picture) -> None:
        """Lay a picture beside the prompt."""
        self._box.attach(picture)
        self._draft_soon()

    def search(self, words: str) -> None:
        """Let the person find a message in all chats, and go to it."""
        self._behind("command", self._search, words)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Show this chat, or a new one; what is being said in the other one stops and is kept."""
        self._let_go()
        if self._turns.answering:
            self._turns.hold()
            self._behind("open", self._stop_and_show, chat, private)
        else:
            self._show_chat(chat, private)

    def switch(self, model: Model, role: ModelRole) -> None:
        """This model answers from now on."""
        self._downloads.want_none()
        self._offer_no_models()
        self._standby.switch(model, role)
        self.warm()

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

    async def _agreed(self, question: str, *, default: bool) -> bool:
        return await self.app.push_screen_wait(YesNo(question, default=default)) == "yes"

    async def _one_of(self, question: str, answers: Sequence[Choice]) -> str | None:
        return await self.app.push_screen_wait(Picker(question, answers, filtered=False))

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; the sentence says which way was used."""
        return self._copy(text)

    async def paste(self) -> str:
        """Put what is on the clipboard into the prompt, or beside it."""
        content = await asyncio.to_thread(clipboard.get) or self.app.clipboard.encode("utf-8", "replace")
        if attachments.is_picture(content):
            picture = await asyncio.to_thread(mentions.kept_paste, self._conversation.store, content)
            self.attach(picture)
            return f"the picture on the clipboard goes with the next question ({picture.width}x{picture.height})"
        if not content:
            return "no clipboard can be read from here; paste with the terminal's own key, or /image PATH"
        self._prompt.insert(safe(whole(content.decode("utf-8", "replace"))))
        self._prompt.focus()
        return ""

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

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        self._transcript.show_thinking(shown)

    def quit(self) -> None:
        """Leave, once it is settled what becomes of the downloads; what was said is kept."""
        self._behind("leave", self._leave_or_wait)

    # What an answer asks of it

    async def before_question(self, pictures: Sequence[Picture]) -> None:
        """A question with these pictures comes next: the model that sees is offered to one without eyes."""
        if pictures and not self._conversation.model.sees:
            await self._offer_eyes()
        self._downloads.offer(None)

    async def _offer_eyes(self) -> None:
        model, seeing = self._conversation.model, self._standby.with_eyes()
        question = f"{model.id} cannot see pictures; switch to {seeing.id}?" if seeing else ""
        if seeing and await self._agreed(question, default=True):
            self.switch(seeing, "vision")
        else:
            self.say(f"{model.id} cannot see the picture; it is told the picture's name only")

    async def lay_over(self, screen: Compare) -> None:
        """Show this over the talk until the person leaves it."""
        await self.app.push_screen_wait(screen)

    def list_chats(self) -> None:
        """The chats are others, or in another order."""
        self._chats.list()

    def warm(self) -> None:
        """Load the model while the person writes."""
        self._behind("warm", self._standby.load, exclusive=True)

    def _show_queue(self) -> None:
        self._talk.queue([(turn.waiting, turn.pictures) for turn in self._turns.waiting])
        self._draft_soon()

    def _end_of_answer(self) -> None:
        self._talk.settle()
        self._progress.end()
        self.list_chats()
        if self.is_attached:
            self._titler.rest()
            self.call_next(self._turns.next)

    def _settle_page(self) -> None:
        self.set_class(self._transcript.empty, "-empty")

    # One chat after the other

    def _let_go(self) -> None:
        """The chat that is open is left: what was typed in it and what waits is kept with it."""
        self._titler.stop()
        self._drafts.keep_now()
        self._turns.drop()
        self._box.hold("", ())

    async def _stop_and_show(self, chat: Chat | None, private: bool) -> None:
        try:
            await self._turns.stop()
        finally:
            self._turns.release()
        self._show_chat(chat, private)
        self._turns.next()

    def _show_chat(self, chat: Chat | None, private: bool) -> None:
        self._editing.forget()
        if self._conversation.private:
            self._behind("prompts", self._recall_prompts)  # what was typed in private does not come back with Up
        self._conversation.open(chat, private=private)
        self._show_queue()
        self.show_talk()
        self._take_drafts()
        self.list_chats()
        self._behind("recents", self._chats.offer_recents)
        self._prompt.focus()

    async def _open_by_id(self, id: int | None) -> None:
        self.open_chat(await asyncio.to_thread(self.store.chat, id) if id else None)

    async def _search(self, words: str) -> None:
        found = await self.app.push_screen_wait(Finder(self.store.search, words))
        if found:
            await self._go_to(*found)

    async def _go_to(self, hit: Hit, words: str) -> None:
        """Show a message that was found, in its chat and its branch; what is being said elsewhere stops and is kept."""
        conversation = self._conversation
        if self._chats.current != hit.chat.id:
            self._let_go()
            self._turns.hold()
            await self._stop_and_show(hit.chat, False)
        place = place_of(conversation.messages, hit.message)
        if place is None:
            await self._turns.stop()
            conversation.show_branch(hit.message)
            self.show_talk()
            place = place_of(conversation.messages, hit.message)
        if place is not None:
            self._transcript.point_out(place, words)

    @on(Recents.Opened)
    def _recent_picked(self, event: Recents.Opened) -> None:
        self._behind("open", self._open_by_id, event.chat)
        self._prompt.focus()

    @on(Recents.Left)
    def _recents_left(self) -> None:
        self._prompt.focus()

    @on(Sidebar.Opened)
    def _chat_picked(self, event: Sidebar.Opened) -> None:
        self._chats.leave()
        self._behind("open", self._open_by_id, event.chat)

    @on(Sidebar.Searched)
    def _chats_searched(self) -> None:
        self.list_chats()

    @on(ChatList.Wanted)
    def _chats_wanted(self, event: ChatList.Wanted) -> None:
        self._behind("titles", self._chats.fill, event.ids)

    @on(Sidebar.Deleted)
    def _chat_deleted(self, event: Sidebar.Deleted) -> None:
        self._behind("delete", self._delete, event.chat)

    async def _delete(self, id: int) -> None:
        chat = await asyncio.to_thread(self.store.chat, id)
        if not chat or not await self.confirm(f"Delete “{chat.title}”?"):
            return
        if self._chats.current == id:
            if self._turns.answering:
                self.say(BUSY)
                return
            self.open_chat(None)
        await asyncio.to_thread(self._conversation.delete, chat)
        self._status.change(state="deleted; /undelete brings it back")
        self.list_chats()

    @on(Sidebar.Left)
    def _sidebar_left(self) -> None:
        self._chats.leave()
        self._prompt.focus()

    def on_resize(self, event: Resize) -> None:
        """The list of chats stands open where there is room, unless the person said otherwise."""
        if self._chats.fit(event.size.width):
            self.set_class(self._chats.narrow, "-narrow")

    # What was typed and not said

    def _unsaid(self) -> list[Draft]:
        """What was typed and not said yet: in the prompt, put aside for an edit, waiting; not what shall be private."""
        typed = "" if self._prompt.text.lstrip().startswith("/private") else self._prompt.written
        waits = [Draft(turn.text, turn.pictures) for turn in self._turns.waiting if turn.kind == "ask"]
        unsaid = [Draft(typed, tuple(self._box.pictures)), *self._editing.aside, *waits]
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
        self._behind("draft", self._drafts.keep)

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._titler.stop()
        self._draft_soon()

    async def _recall_prompts(self) -> None:
        self._prompt.earlier = await asyncio.to_thread(self.store.prompts)

    # Models that come

    @on(Downloads.Ended)
    def _download_ended(self, event: Downloads.Ended) -> None:
        job, model = event.job, event.job.model
        self.shelf.finds.forget()
        if job.state == "failed":
            self._leaving.stay()
        elif job.state == "done" and event.switch:
            self.switch(model, self.shelf.role_of(model))
        elif job.state == "done":
            self._offers.wanted = False
        self.say(event.told, error=job.state == "failed")
        self._show_offers()
        if self._leaving.due:
            self.end()

    async def _offer_models(self) -> None:
        """Say what was left in the middle; else what this machine could run, when it has nothing real yet."""
        left = await asyncio.to_thread(offers.unfinished, self.shelf)
        if left and not self._downloads.running:
            self._downloads.offer(left[0])
        if self._offers.wanted:
            self._offers.offer(await asyncio.to_thread(offers.first, self.shelf, self._machine))
            self._show_offers()

    def _show_offers(self) -> None:
        """The first models are offered while none is here nor on its way."""
        shown = self._offers.wanted and not self._downloads.running
        self._offers.set_class(shown, "-wanted")
        self._recents.set_class(shown, "-unwanted")

    def _offer_no_models(self) -> None:
        self._offers.wanted = False
        self._show_offers()

    @on(Offers.Taken)
    def _first_model_taken(self, event: Offers.Taken) -> None:
        self._prompt.focus()
        self._behind("command", partial(self.download, event.model, switch=True))

    @on(Offers.Dismissed)
    def _no_first_model(self) -> None:
        self._offer_no_models()
        self._prompt.focus()
        offers.dismiss()

    def action_first_models(self) -> None:
        """Go on with what was left in the middle, or to the models that are offered, or to all there are."""
        if model := self._downloads.offered:
            self._behind("command", partial(self.download, model, switch=self._conversation.model.toy))
        elif self._offers.display:
            self._offers.focus()
        else:
            self.action_run("/models")

    # What the person writes

    @on(PromptBox.Sent)
    def _sent(self, event: PromptBox.Sent) -> None:
        self._behind("take", self._take, event.written)

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
        asked = await asyncio.to_thread(mentions.asked, written, self._kept)
        for picture in asked.pictures:
            self.attach(picture)
        self.ask(asked.text)

    def _kept(self, path: Path) -> Picture:
        return mentions.kept(self._conversation.store, path)

    @on(Prompt.Dropped)
    def _dropped(self, event: Prompt.Dropped) -> None:
        self._behind("attach", self._attach_files, event.paths)

    async def _attach_files(self, paths: Sequence[Path]) -> None:
        """One after the other, in the order they were dropped in; one that cannot be attached stops no other."""
        for path in paths:
            await self._behind.told(self._attach_file, path)

    async def _attach_file(self, path: Path) -> None:
        self.attach(await asyncio.to_thread(self._kept, path))

    @on(Prompt.Recalled)
    def _recalled(self) -> None:
        if not self._take_back():
            self._prompt.recall(1)

    def _take_back(self) -> bool:
        """The question sent last goes back into the prompt, when it still waits."""
        turn = self._turns.take_back()
        if turn is None:
            return False
        self._prompt.put(turn.text)
        place = place_of(self._conversation.messages, turn.message) if turn.kind == "ask" else None
        if place is not None:
            self._editing.mark(place)
        for picture in turn.pictures:
            self.attach(picture)
        self._show_queue()
        return True

    def action_edit(self) -> None:
        """Edit the last question; when one is edited, the one before it."""
        place = self._editing.before()
        if place is not None:
            self.edit(place)
        elif not self._editing:
            self._status.change(state="nothing has been asked yet")

    def action_history(self) -> None:
        """Pick an earlier question."""
        self._behind("command", self._pick_earlier)

    async def _pick_earlier(self) -> None:
        earlier = list(dict.fromkeys(reversed(self._prompt.earlier)))
        rows = [Choice(str(n), " ".join(text.split())) for n, text in enumerate(earlier)]
        chosen = await self.choose("Earlier questions", rows)
        if chosen:
            self._prompt.put(earlier[int(chosen)])

    def action_editor(self) -> None:
        """Write the question in the person's own editor."""
        text = self._prompt.written
        try:
            with self.app.suspend():
                text = edited(text)
        except SuspendNotSupported:
            self.say("this terminal cannot be lent to an editor", error=True)
        except EditorError as error:
            text = error.text
            self.say(str(error), error=True)
        if text != self._prompt.written:
            self._prompt.put(text)

    # What the person does beside writing

    def action_run(self, line: str, newest: bool = False) -> None:
        """Run a command line; what it says can be brought into view."""
        if newest:
            self._transcript.to_end()
        self._behind("command", run, self, line)

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
            self._editing.end()
        elif self._turns.answering:
            self._behind("stop", self._turns.stop)
        elif not self._prompt.text:
            self._take_back()

    def action_interrupt(self) -> None:
        """What is selected is copied; else the answer is stopped; else the prompt cleared; else, twice, the end."""
        if self._copy_selected():
            return
        if self._turns.answering:
            self._behind("stop", self._turns.stop)
        elif self._prompt.text:
            self._prompt.put("")
        elif self._leaving.twice():
            self.quit()
        else:
            self._status.change(state=AGAIN)
            self.set_timer(TWICE, self._forget_leaving)

    def _forget_leaving(self) -> None:
        if self._status.status.state == AGAIN:
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
                return self._prompt.has_focus and self._editing.untouched
            case "page":
                return self.focused is None or self.focused is self._prompt
            case _:
                return super().check_action(action, parameters)

    def action_chats(self) -> None:
        """Open the list of chats, go into it, or close it."""
        if not self._chats.enter():
            self._prompt.focus()

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self._transcript.page(direction)

    def action_newest(self) -> None:
        """Go to the newest and follow it."""
        self._transcript.to_end()

    def action_to_end(self) -> None:
        """Go to the newest and follow it."""
        self._transcript.to_end()

    def action_walk(self, by: int) -> None:
        """Go to what else was said in place of the last message in view that has branches, or of the last of all."""
        self._behind("walk", self._walk, None, by)

    @on(Transcript.Walked)
    def _walked(self, event: Transcript.Walked) -> None:
        self._behind("walk", self._walk, event.place, event.by)

    async def _walk(self, place: int | None, by: int) -> None:
        if self._turns.answering:
            self._status.change(state=BUSY)
            return
        walked = self._talk.walk(place, by)
        if walked is not None:
            self.show_talk(walked)
        elif place is None:
            self._status.change(state="no branches here")

    def action_thinking(self) -> None:
        """Show or hide the thinking of the last answer that has any."""
        if not self._transcript.fold_thinking():
            self._status.change(state="no answer here has thinking")

    # The end

    def action_leave(self) -> None:
        """Leave from an empty prompt."""
        self.quit()

    async def _leave_or_wait(self) -> None:
        if await self._leaving.agreed():
            await self.leave()

    def end(self) -> None:
        """Leave without asking; what was said and what was downloaded is kept."""
        self._behind("leave", self.leave)

    async def leave(self) -> None:
        """Stop, keep, and end the program."""
        self._titler.stop()
        self._drafts.keep_now()
        self._turns.drop()
        await self._turns.stop()
        self._conversation.leave_private()
        self.app.exit()
