"""The chat screen: places the widgets, and forwards keys, clicks and messages to the parts."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key, Resize
from textual.strip import Strip
from textual.widgets import TextArea

from lechat_tui.commands.arguments import completed
from lechat_tui.commands.base import run
from lechat_tui.commands.program import DOUBLE_PRESS_SECONDS
from lechat_tui.drawing.thumbnails import Graphics
from lechat_tui.settings.choices import Choices
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.phrases import promise
from lechat_tui.ui.chat.chat_lists import WIDE
from lechat_tui.ui.chat.host import ScreenHost
from lechat_tui.ui.chat.parts import Parts, Surroundings, Widgets
from lechat_tui.ui.chat.prompt_actions import PromptActions
from lechat_tui.ui.keys import CHAT_BINDINGS, Keymap
from lechat_tui.ui.textual_private import StyledOnceScreen, screen_rows
from lechat_tui.ui.widgets.chat_list import ChatList
from lechat_tui.ui.widgets.downloads import Downloads
from lechat_tui.ui.widgets.greeting import Greeting
from lechat_tui.ui.widgets.offers import Offers
from lechat_tui.ui.widgets.prompt import Prompt
from lechat_tui.ui.widgets.prompt_box import PromptBox
from lechat_tui.ui.widgets.recents import Recents
from lechat_tui.ui.widgets.sidebar import ChatsButton, Sidebar
from lechat_tui.ui.widgets.status import Status, StatusLine
from lechat_tui.ui.widgets.styled_lines import PromptAside
from lechat_tui.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from lechat_tui.models.fit import Resources
    from lechat_tui.models.jobs import Jobs

SHORT = 14
"""In a window with fewer rows, the start page has the prompt only."""


class ChatScreen(StyledOnceScreen):
    """One conversation: its messages, the prompt and the list of chats."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = CHAT_BINDINGS

    def __init__(
        self,
        conversation: Conversation,
        *,
        jobs: "Jobs",
        machine: "Callable[[], Resources]",
        copy: Callable[[str], str],
        pictures: Graphics = "blocks",
        themes: Mapping[str, str] = {},
        choices: Choices | None = None,
        painted: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        """`painted` is called after the first paint."""
        super().__init__()
        self._clock = clock
        self._painted = painted
        self._conversation = conversation
        self._keymap = Keymap(conversation.settings.keys)
        status = Status(conversation.setup.title, conversation.model.role, context=conversation.window)
        self._widgets = widgets = Widgets(
            transcript=Transcript(graphics=pictures, end_key=partial(self._keymap.key, "newest")),
            box=PromptBox(),
            status=StatusLine(status),
            sidebar=Sidebar(),
            chats_mark=ChatsButton(),
            downloads=Downloads(jobs, self._keymap),
            offers=Offers(self._keymap),
            recents=Recents(self._keymap),
        )
        surroundings = Surroundings(machine, copy, themes, choices, now=clock)
        self.parts = Parts(self, widgets, conversation, self._keymap, surroundings)
        self.host = ScreenHost(self, widgets, conversation, self.parts, surroundings)
        widgets.box.completions.arguments = partial(completed, self.host)
        self._actions = PromptActions(self, self.host, self.parts, widgets)
        self._transcript = widgets.transcript
        self._prompt = widgets.box.prompt
        self._prompt.screen_action = self._keymap.action_of
        self._status = widgets.status
        self._transcript.show_speed(conversation.settings.stats)
        self.set_class(not conversation.messages, "-empty")  # before the first styling: styling again costs time

    def compose(self) -> ComposeResult:
        widgets, conversation = self._widgets, self._conversation
        self.parts.chats.open(self.app.size.width >= WIDE)
        self.parts.onboarding.begin(self._conversation.model)
        self.set_class(self.app.size.height < SHORT, "-short")
        yield widgets.chats_mark
        yield widgets.sidebar
        with Vertical(id="chat"):
            yield widgets.transcript
            with Vertical(id="bottom"), Vertical(id="column"):
                yield Greeting(
                    self._clock().hour,
                    lambda: promise(conversation.setup.elsewhere),
                    cat=not conversation.settings.reduced,
                )
                yield widgets.box
                yield widgets.status
                yield widgets.downloads
                yield widgets.offers
                yield widgets.recents

    def on_mount(self) -> None:
        """Show the chat; what takes time starts after the first paint."""
        self.parts.view.show()
        if self._conversation.notice:
            self.host.say(self._conversation.notice)
        self.parts.unsent.restore()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        parts = self.parts
        self._painted()
        parts.tasks.start("prepare", _prepare_answers)
        parts.models.load()
        parts.chats.refresh()
        parts.tasks.start("prompts", parts.load_prompts)
        parts.tasks.start("first models", parts.onboarding.check)
        parts.tasks.start("retention", parts.chats.remove_old, lambda text: self._status.change(state=text))

    @property
    def start_page(self) -> list[Strip]:
        """The rows of the start page, without anything the user wrote and without the model's name; else empty."""
        widgets = self._widgets
        written = self._prompt.text or widgets.box.attachments or self._conversation.private or widgets.sidebar.filled
        if written or not self._transcript.empty or self.app.screen is not self:
            return []
        rows, status = screen_rows(self), self._status.region
        if not 0 <= status.y < len(rows):
            return []
        blank = Strip.blank(status.width, self._status.rich_style)
        row = rows[status.y]
        rows[status.y] = Strip.join([row.crop(0, status.x), blank, row.crop(status.right)])
        return rows

    # Chats

    @on(Recents.Opened)
    def _recent_picked(self, event: Recents.Opened) -> None:
        self._open(event.chat)
        self._prompt.focus()

    def _open(self, chat: int | None) -> None:
        self.parts.unsent.expect_chat(self._prompt.text)
        self.parts.tasks.start("open", self.parts.unsent.until_opened, self.host.navigation.to_chat, chat)

    @on(Sidebar.Opened)
    def _chat_picked(self, event: Sidebar.Opened) -> None:
        self.parts.chats.leave()
        self._open(event.chat)

    @on(Sidebar.Searched)
    def _chats_searched(self) -> None:
        self.parts.chats.refresh()

    @on(ChatList.Wanted)
    def _chats_wanted(self, event: ChatList.Wanted) -> None:
        self.parts.tasks.start("titles", self.parts.chats.fill, event.ids)

    @on(Sidebar.Deleted)
    @on(Sidebar.Renamed)
    def _chats_changed(self, event: Sidebar.Deleted | Sidebar.Renamed) -> None:
        self.parts.tasks.start("change chats", self.host.navigation.change, event)

    @on(ChatsButton.Clicked)
    def _chats_clicked(self) -> None:
        if not self.parts.chats.toggle():
            self._prompt.focus()

    @on(PromptAside.Typed)
    def _typed_aside(self, event: PromptAside.Typed) -> None:
        self._prompt.focus()
        self._prompt.insert(event.character)

    @on(Sidebar.Left)
    @on(Recents.Left)
    @on(Offers.Left)
    def _list_left(self) -> None:
        self.parts.chats.leave()
        self._prompt.focus()

    def on_resize(self, event: Resize) -> None:
        """Open the list of chats where there is room, unless the user closed it; a short window has less."""
        self.set_class(event.size.height < SHORT, "-short")
        if self.parts.chats.fit(event.size.width):
            self.set_class(self.parts.chats.narrow, "-narrow")

    # Models

    @on(Downloads.Ended)
    def _download_ended(self, event: Downloads.Ended) -> None:
        parts, model, state = self.parts, event.job.model, event.job.state
        self._conversation.models.rescan()
        if state == "failed":
            parts.quit.stay()
        elif state == "done" and event.switch:
            parts.models.switch(model, model.role)
        elif state == "done":
            parts.onboarding.offer_none()
        self.host.say(event.text, error=state == "failed")
        parts.onboarding.show()
        parts.quit.if_due()

    @on(Offers.Taken)
    def _first_model_taken(self, event: Offers.Taken) -> None:
        self._prompt.focus()
        self.parts.tasks.start("command", self.parts.models.offer_download, event.model)

    @on(Offers.Dismissed)
    def _first_models_dismissed(self) -> None:
        self.parts.onboarding.decline()
        self._prompt.focus()

    def action_first_models(self) -> None:
        """Resume an unfinished download, or go to the offered models, or to all models."""
        if model := self._widgets.downloads.resumable:
            self.parts.models.start_download(model, switch=self._conversation.model.toy)
        elif self._widgets.offers.display:
            self._widgets.offers.focus()
        else:
            self.action_run("/models")

    # The prompt

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self.parts.titler.stop()
        self.parts.unsent.save_soon()

    @on(PromptBox.Sent)
    def _sent(self, event: PromptBox.Sent) -> None:
        self.parts.unsent.expect_chat("")  # the prompt was emptied: whatever is in it now was typed afterwards
        self.parts.tasks.start("submit", self.parts.unsent.until_opened, self._actions.submit, event.submission)

    @on(Prompt.Dropped)
    def _dropped(self, event: Prompt.Dropped) -> None:
        self.parts.tasks.start("attach", self._actions.attach_files, event.paths)

    @on(Transcript.QueuedClicked)
    @on(Transcript.CitationClicked)
    def _clicked(self, event: Transcript.QueuedClicked | Transcript.CitationClicked) -> None:
        if isinstance(event, Transcript.CitationClicked):
            self.action_run(f"/sources {event.number}")
            return
        self.parts.queue_editing.pick(event.place)
        self._prompt.focus()

    def action_edit(self) -> None:
        """Edit the last question, or, if one is edited, the one before it; after Ctrl+X, open the user's editor."""
        if self._prompt.take_chord():
            self.action_editor()
            return
        index = self.parts.editing.previous()
        if index is not None:
            self.host.edit(index)
        elif not self.parts.editing:
            self._status.change(state="no question has been asked yet")

    def action_history(self) -> None:
        """Pick an earlier question."""
        self.parts.tasks.start("command", self._actions.pick_earlier)

    def action_editor(self) -> None:
        """Write the question in the user's own editor."""
        if not self.parts.external.running:
            self.parts.tasks.start("editor", self._actions.open_editor)

    # Keys

    def action_run(self, line: str, newest: bool = False, only_if_empty: bool = False) -> None:
        """Run a command line; with `newest`, scroll to its output. `check_action` reads `only_if_empty`."""
        if newest:
            self._transcript.to_end()
        self.parts.unsent.expect_chat(self._prompt.text)
        self.parts.tasks.start("command", self.parts.unsent.until_opened, run, self.host, line)

    def begin(self, line: str) -> None:
        """Run a command line; if it ends with a space, put it into the prompt to be completed."""
        if line.endswith(" "):
            self._prompt.set_text(line)
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
        """Cancel the edit; else stop the answer; else take back what is queued."""
        if self.parts.queue_editing:
            self.parts.queue_editing.cancel()
        elif self.parts.editing:
            self.parts.editing.end()
        elif self.parts.queue.answering:
            self.parts.tasks.start("stop", self.parts.queue.stop)
        elif not self._prompt.text:
            self.parts.queue_editing.step(1)

    def action_interrupt(self) -> None:
        """Copy the selection; else stop; else clear the prompt and its attachments; else quit, when pressed twice."""
        if self.action_copy_selection():
            return
        if self.parts.queue.answering:
            self.parts.tasks.start("stop", self.parts.queue.stop)
        elif self._prompt.text or self._widgets.box.attachments:
            self._widgets.box.fill("", ())
            self.parts.unsent.save_soon()
        elif self.parts.quit.pressed_twice():
            self.action_leave()
        else:
            hint = f"{self._keymap.key('interrupt')} again quits"
            self._status.change(state=hint)
            self.set_timer(DOUBLE_PRESS_SECONDS, partial(_clear, self._status, hint))

    def action_copy_selection(self) -> bool:
        """Copy the selected text; False if nothing is selected."""
        text = self.get_selected_text() or self._prompt.selected_text
        if not text:
            return False
        self._status.change(state=self.host.copy(text).partition(";")[0])
        self.clear_selection()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave some keys to the prompt while it has text."""
        match action:
            case "newest" if parameters:
                return True
            case "leave" | "newest" | "walk":
                return not self._prompt.text
            case "run" if len(parameters) > 2:
                return self._prompt.has_focus and not self._prompt.text
            case "first_models":
                return not self._widgets.sidebar.has_focus_within
            case "edit":
                return self._prompt.has_focus and self.parts.editing.untouched
            case "page":
                return self.focused is None or self.focused is self._prompt
            case _:
                return super().check_action(action, parameters)

    def action_chats(self) -> None:
        """Open the list of chats, focus it, or close it."""
        if not self.parts.chats.enter():
            self._prompt.focus()

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self._transcript.page(direction)

    def action_newest(self, even_while_typing: bool = False) -> None:
        """Scroll to the newest message and follow it."""
        self._transcript.to_end()

    def action_walk(self, by: int) -> None:
        """Show another branch of the last message in view that has branches, or of the last of all."""
        self.parts.tasks.start("walk", self.host.navigation.to_branch, None, by)

    @on(Transcript.Walked)
    def _walked(self, event: Transcript.Walked) -> None:
        self.parts.tasks.start("walk", self.host.navigation.to_branch, event.place, event.by)

    def action_fold(self, what: Literal["thinking", "sent"]) -> None:
        """Fold or unfold the last thinking; or the pastes in the prompt, else what was sent with a question."""
        if what == "thinking":
            if not self._transcript.fold_thinking():
                self._status.change(state="no answer in this chat has thinking")
        elif not self._prompt.unfold_pastes() and not self._transcript.fold_sent():
            self._status.change(state="no question in this chat has pasted text or files")

    def action_leave(self) -> None:
        """Quit, as `/exit` does."""
        self.action_run("/exit")


def _clear(line: StatusLine, state: str) -> None:
    """Remove this state from the status line, unless another one is shown."""
    if line.status.state == state:
        line.change(state="")


async def _prepare_answers() -> None:
    """Import what renders an answer before the first one arrives."""
    await asyncio.to_thread(import_module, "lechat_tui.drawing.blocks")
