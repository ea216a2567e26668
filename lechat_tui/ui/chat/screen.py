"""The conversation on the screen: where its widgets stand and what keys and clicks mean. Knows whom to ask, not how."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key, Resize
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import TextArea

from lechat_tui.commands.base import Choice, busy_message, is_command, run
from lechat_tui.commands.program import TWICE
from lechat_tui.drawing.thumbnails import Way
from lechat_tui.models.catalog import Model
from lechat_tui.settings.choices import Choices
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.editor import EditorError, edited
from lechat_tui.ui.chat.history import WIDE
from lechat_tui.ui.chat.host import ScreenHost, Widgets
from lechat_tui.ui.keys import CHAT_BINDINGS, Keymap
from lechat_tui.ui.textual_private import screen_rows
from lechat_tui.ui.widgets.chat_list import ChatList
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.greeting import Greeting
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.pastes import Written
from lechat_tui.ui.widgets.prompt import Prompt, PromptBox
from lechat_tui.ui.widgets.recents import Recents
from lechat_tui.ui.widgets.sidebar import ChatsMark, Sidebar
from lechat_tui.ui.widgets.status import Status, StatusLine
from lechat_tui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources
    from lechat_tui.models.jobs import Jobs


class ChatScreen(Screen[None]):
    """One conversation: what was said, what is being said, and where the next question is written."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = CHAT_BINDINGS

    def __init__(
        self,
        conversation: Conversation,
        *,
        jobs: "Jobs",
        machine: "Callable[[], Resources]",
        copy: Callable[[str], str],
        pictures: Way = "blocks",
        themes: Mapping[str, str] = {},
        choices: Choices | None = None,
        first: str | None = None,
        painted: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self._now = clock
        self._painted = painted
        self._first = first
        role = conversation.model.role
        status = Status(conversation.title, role, context=conversation.window)
        self._keymap = Keymap(conversation.settings.keys)
        self._widgets = Widgets(
            transcript=Transcript(pictures=pictures, end_key=partial(self._keymap.key, "newest")),
            box=PromptBox(),
            status=StatusLine(status),
            sidebar=Sidebar(),
            chats_mark=ChatsMark(),
            downloads=Downloads(jobs, self._keymap),
            offers=Offers(self._keymap),
            recents=Recents(self._keymap),
        )
        self.host = ScreenHost(
            self,
            self._widgets,
            conversation,
            self._keymap,
            machine=machine,
            copy=copy,
            themes=themes,
            choices=choices,
            today=lambda: clock().date(),
        )
        self._conversation = conversation
        self._transcript = self._widgets.transcript
        self._prompt = self._widgets.box.prompt
        self._status = self._widgets.status
        self.set_class(not conversation.messages, "-empty")  # before anything is styled: styling again costs

    def compose(self) -> ComposeResult:
        widgets = self._widgets
        self.host.chats.open(self.app.size.width >= WIDE)
        yield widgets.chats_mark
        yield widgets.sidebar
        with Vertical(id="talk"):
            yield widgets.transcript
            with Vertical(id="bottom"), Vertical(id="column"):
                yield Greeting(self._now().hour, cat=not self._conversation.settings.reduced)
                yield widgets.box
                yield widgets.status
                yield widgets.downloads
                yield widgets.offers
                yield widgets.recents

    def on_mount(self) -> None:
        """Show what there is; whatever takes time comes after the first paint."""
        self.host.arrivals.begin(self._conversation.model)
        self.host.show_talk()
        self.host.unsaid.take()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        host = self.host
        self._painted()
        host.behind("prepare", self._prepare)
        host.warm()
        host.list_chats()
        host.behind("prompts", host.recall_prompts)
        host.behind("first models", host.arrivals.look)
        if self._first:
            host.ask(self._first)

    @property
    def front(self) -> list[Strip]:
        """The rows of the start page, without a word that a person wrote or a model's name; none of any other page."""
        widgets = self._widgets
        written = self._prompt.text or widgets.box.attachments or self._conversation.private or widgets.sidebar.filled
        if written or not self._transcript.empty or self.app.screen is not self:
            return []
        rows, status = screen_rows(self), self._status.region
        blank = Strip.blank(status.width, self._status.rich_style)
        row = rows[status.y]
        rows[status.y] = Strip.join([row.crop(0, status.x), blank, row.crop(status.right)])
        return rows

    async def _prepare(self) -> None:
        """What draws an answer is at hand before the first one."""
        await asyncio.to_thread(import_module, "lechat_tui.drawing.blocks")

    # Chats

    @on(Recents.Opened)
    def _recent_picked(self, event: Recents.Opened) -> None:
        self.host.behind("open", self.host.going.to_chat, event.chat)
        self._prompt.focus()

    @on(Recents.Left)
    def _recents_left(self) -> None:
        self._prompt.focus()

    @on(Sidebar.Opened)
    def _chat_picked(self, event: Sidebar.Opened) -> None:
        self.host.chats.leave()
        self.host.behind("open", self.host.going.to_chat, event.chat)

    @on(Sidebar.Searched)
    def _chats_searched(self) -> None:
        self.host.list_chats()

    @on(ChatList.Wanted)
    def _chats_wanted(self, event: ChatList.Wanted) -> None:
        self.host.behind("titles", self.host.chats.fill, event.ids)

    @on(Sidebar.Deleted)
    def _chat_deleted(self, event: Sidebar.Deleted) -> None:
        self.host.behind("delete", self._delete, event.chat)

    async def _delete(self, chat: int) -> None:
        if await self.host.going.delete(chat):
            self._status.change(state="deleted; /undelete brings it back")

    @on(ChatsMark.Clicked)
    def _chats_clicked(self) -> None:
        if not self.host.chats.toggle():
            self._prompt.focus()

    @on(Sidebar.Left)
    def _sidebar_left(self) -> None:
        self.host.chats.leave()
        self._prompt.focus()

    def on_resize(self, event: Resize) -> None:
        """The list of chats stands open where there is room, unless the person said otherwise."""
        if self.host.chats.fit(event.size.width):
            self.set_class(self.host.chats.narrow, "-narrow")

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self.host.titler.stop()
        self.host.unsaid.soon()

    # Models that come

    @on(Downloads.Ended)
    def _download_ended(self, event: Downloads.Ended) -> None:
        host, model, state = self.host, event.job.model, event.job.state
        host.models.rescan()
        if state == "failed":
            host.leaving.stay()
        elif state == "done" and event.switch:
            host.switch(model, model.role)
        elif state == "done":
            host.arrivals.offer_none()
        host.say(event.told, error=state == "failed")
        host.arrivals.show()
        host.leave_if_due()

    @on(Offers.Taken)
    def _first_model_taken(self, event: Offers.Taken) -> None:
        self._prompt.focus()
        self._fetch(event.model, switch=True)

    @on(Offers.Dismissed)
    def _no_first_model(self) -> None:
        self.host.arrivals.decline()
        self._prompt.focus()

    def _fetch(self, model: Model, *, switch: bool) -> None:
        self.host.behind("command", partial(self.host.download, model, switch=switch))

    def action_first_models(self) -> None:
        """Go on with what was left in the middle, or to the models that are offered, or to all there are."""
        if model := self._widgets.downloads.offered:
            self._fetch(model, switch=self._conversation.model.toy)
        elif self._widgets.offers.display:
            self._widgets.offers.focus()
        else:
            self.action_run("/models")

    # What the person writes

    @on(PromptBox.Sent)
    def _sent(self, event: PromptBox.Sent) -> None:
        self.host.behind("take", self._take, event.written)

    async def _take(self, written: Written) -> None:
        """A line for the program, or a question for the model."""
        text = written.text
        if text.strip() and not text.lstrip().startswith("/private"):
            self._prompt.earlier.append(text)
            await asyncio.to_thread(self._conversation.store.add_prompt, text)
        line = text.strip()
        if is_command(line):
            self._transcript.to_end()  # what it says is seen
            await run(self.host, line)
            return
        self.host.ask(await self.host.attaching.question(written))

    @on(Prompt.Dropped)
    def _dropped(self, event: Prompt.Dropped) -> None:
        self.host.behind("attach", self._attach_files, event.paths)

    async def _attach_files(self, paths: Sequence[Path]) -> None:
        """One after the other, in the order they were dropped in; one that cannot be attached stops no other."""
        for path in paths:
            await self.host.behind.told(self.host.attaching.drop, path)

    @on(Prompt.Recalled)
    def _recalled(self) -> None:
        if not self.host.take_back():
            self._prompt.recall(1)

    def action_edit(self) -> None:
        """Edit the last question; when one is edited, the one before it."""
        place = self.host.editing.before()
        if place is not None:
            self.host.edit(place)
        elif not self.host.editing:
            self._status.change(state="nothing has been asked yet")

    def action_history(self) -> None:
        """Pick an earlier question."""
        self.host.behind("command", self._pick_earlier)

    async def _pick_earlier(self) -> None:
        earlier = list(dict.fromkeys(reversed(self._prompt.earlier)))
        rows = [Choice(str(n), " ".join(text.split())) for n, text in enumerate(earlier)]
        chosen = await self.host.choose("Earlier questions", rows)
        if chosen:
            self._prompt.put(earlier[int(chosen)])

    def action_editor(self) -> None:
        """Write the question in the person's own editor."""
        if not self.host.lent.away:
            self.host.behind("editor", self._write_elsewhere)

    async def _write_elsewhere(self) -> None:
        try:
            text = await edited(self._prompt.written, partial(self.host.lent.run, self.app))
        except EditorError as error:
            text = error.text
            self.host.say(str(error), error=True)
        if text != self._prompt.written:
            self._prompt.put(text)
        self.host.leave_if_due()

    # What the person does beside writing

    def action_run(self, line: str, newest: bool = False) -> None:
        """Run a command line; what it says can be brought into view."""
        if newest:
            self._transcript.to_end()
        self.host.behind("command", run, self.host, line)

    def begin(self, line: str) -> None:
        """Run a command line; one that ends with a space waits for its words in the prompt instead."""
        if line.endswith(" "):
            self._prompt.put(line)
            self._prompt.focus()
        else:
            self.action_run(line)

    async def on_key(self, event: Key) -> None:
        """Give a key that the user chose priority over what the editor does with it, such as Ctrl+X."""
        if action := self._keymap.action_before_editor(event.key):
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    async def action_stop(self) -> None:
        """Leave the editing; else stop the answer; without one, take back what waits."""
        if self.host.editing:
            self.host.editing.end()
        elif self.host.turns.answering:
            self.host.behind("stop", self.host.turns.stop)
        elif not self._prompt.text:
            self.host.take_back()

    def action_interrupt(self) -> None:
        """What is selected is copied; else the answer is stopped; else the prompt cleared; else, twice, the end."""
        if self._copy_selected():
            return
        if self.host.turns.answering:
            self.host.behind("stop", self.host.turns.stop)
        elif self._prompt.text:
            self._prompt.put("")
        elif self.host.leaving.twice():
            self.action_leave()
        else:
            self._status.change(state=self._once_more)
            self.set_timer(TWICE, self._forget_leaving)

    @property
    def _once_more(self) -> str:
        return f"{self._keymap.key('interrupt')} again quits"

    def _forget_leaving(self) -> None:
        if self._status.status.state == self._once_more:
            self._status.change(state="")

    def action_copy_selection(self) -> None:
        """Copy what is selected."""
        self._copy_selected()

    def _copy_selected(self) -> bool:
        text = self.get_selected_text() or self._prompt.selected_text
        if not text:
            return False
        self._status.change(state=self.host.copy(text).partition(";")[0])
        self.clear_selection()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some keys belong to the prompt while it has text."""
        match action:
            case "leave" | "newest" | "walk":
                return not self._prompt.text
            case "edit":
                return self._prompt.has_focus and self.host.editing.untouched
            case "page":
                return self.focused is None or self.focused is self._prompt
            case _:
                return super().check_action(action, parameters)

    def action_chats(self) -> None:
        """Open the list of chats, go into it, or close it."""
        if not self.host.chats.enter():
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
        self.host.behind("walk", self._walk, None, by)

    @on(Transcript.Walked)
    def _walked(self, event: Transcript.Walked) -> None:
        self.host.behind("walk", self._walk, event.place, event.by)

    async def _walk(self, place: int | None, by: int) -> None:
        if self.host.turns.answering:
            self._status.change(state=busy_message(self.host))
            return
        walked = self.host.talk.walk(place, by)
        if walked is not None:
            self.host.show_talk(walked)
        elif place is None:
            self._status.change(state="no branches here")

    def action_thinking(self) -> None:
        """Show or hide the thinking of the last answer that has any."""
        if not self._transcript.fold_thinking():
            self._status.change(state="no answer here has thinking")

    def action_leave(self) -> None:
        """Leave, as if it had been typed."""
        self.action_run("/exit")
