"""What slash commands can do in `lechat --inline`: the `Host` protocol, written as lines."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial

from rich.console import Console

from lechat_tui import clipboard
from lechat_tui.attachments.documents import remarks
from lechat_tui.attachments.images import check_image, is_image
from lechat_tui.attachments.texts import invisible_characters
from lechat_tui.commands.base import Bound, Choice, LongTask
from lechat_tui.drawing.answer import Answer
from lechat_tui.drawing.notes import Note
from lechat_tui.drawing.themes import Themes
from lechat_tui.engine.base import Event
from lechat_tui.engine.running import own_memory
from lechat_tui.errors import LechatError, NothingSent
from lechat_tui.inline.answers import Answers, PendingAnswer
from lechat_tui.inline.chats import Chats
from lechat_tui.inline.draft import Draft
from lechat_tui.inline.flow import Flow
from lechat_tui.inline.lines import LineReader
from lechat_tui.inline.loop import BackgroundLoop
from lechat_tui.inline.picker import Picker
from lechat_tui.inline.without_screen import WithoutScreen
from lechat_tui.message import Attachment, Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.plaintext import safe, storable
from lechat_tui.settings.choices import Choices
from lechat_tui.store import Chat, Store
from lechat_tui.talk import document_use, phrases
from lechat_tui.talk.conversation import Conversation, Replay
from lechat_tui.terminal import is_dumb, text_order
from lechat_tui.units import size_text

Download = Callable[[Model, bool], Model | None]
"""Downloads a model, or one that fits instead unless it is forced, on the main thread, with a progress bar.

Returns it if all of it arrived. Raises `LechatError`.
"""

LINE_KEYS = (
    Bound("stop", "Stop the answer; what arrived is kept", ("ctrl+c",), fixed=True),
    Bound("leave", "Quit, on an empty line", ("ctrl+d",), fixed=True),
    Bound("complete", "Complete a command", ("tab",), fixed=True),
    Bound("earlier", "Previous line", ("up",), fixed=True),
)
"""Keys of the terminal and of readline; `~/.inputrc` changes the last two."""


class InlineHost(WithoutScreen):
    """The host of the commands. Its methods run on the loop, not on the main thread."""

    def __init__(
        self,
        conversation: Conversation,
        themes: Themes,
        lines: LineReader,
        loop: BackgroundLoop,
        *,
        choices: Choices | None = None,
        download: Download | None = None,
    ) -> None:
        self._conversation = conversation
        self._themes = themes
        self._loop = loop
        self._choices = choices
        self._download = download
        self._console = Console(highlight=False, markup=False, emoji=False)
        reduced = conversation.settings.reduced
        live = self._console.is_terminal and not reduced and not is_dumb()
        order = text_order(conversation.settings.bidi, screen=False)
        self.flow = Flow(self._console, themes, reduced=reduced, live=live, order=order)
        self.draft = Draft()
        self.pending: deque[Callable[[], Awaitable[None]]] = deque()
        """What is left to do for the line that was entered: answers of the model, choices of the user."""
        self.quits = False
        """Whether the program ends after this line."""
        self._picker = Picker(self.flow, lines, loop)
        self._chats = Chats(conversation, self.flow, self.choose)
        self._answers = Answers(conversation, self.flow, confirm=self.confirm, switch=self._switch)

    @property
    def conversation(self) -> Conversation:
        """The conversation."""
        return self._conversation

    @property
    def models(self) -> Models:
        """The models."""
        return self._conversation.models

    @property
    def store(self) -> Store:
        """The history, also during a private chat."""
        return self._conversation.history

    @property
    def themes(self) -> Sequence[str]:
        """Names of the themes."""
        return tuple(self._themes.known)

    @property
    def now(self) -> datetime:
        """The date and time."""
        return datetime.now()

    def say(self, text: str, *, error: bool = False) -> None:
        """Write a note for the user."""
        self.flow.item(Note(text, error=error))

    # Questions and answers

    def ask(self, text: str) -> None:
        """Ask a question with what is attached, after this line."""
        self._ask(text)

    def _ask(self, text: str, title: str = "") -> None:
        attachments, replaced = self.draft.take()
        if hidden := invisible_characters(text, attachments):
            self.say(phrases.invisible_characters(hidden))
        events = partial(self._asked, text, attachments, replaced)
        has_images = any(attachment.kind == "image" for attachment in attachments)
        if any(attachment.kind == "document" for attachment in attachments):
            from lechat_tui.talk.page_pictures import needs_images

            has_images = needs_images(attachments)
        self._enqueue(PendingAnswer(events, title, has_images=has_images))

    async def _asked(self, text: str, attachments: Sequence[Attachment], replaced: int) -> AsyncGenerator[Event, None]:
        """The answer to a question, which gets pictures of the pages of a document that have no text."""
        asked = attachments
        if any(attachment.kind == "document" for attachment in attachments):
            from lechat_tui.talk.page_pictures import with_page_pictures

            pictured = await asyncio.to_thread(with_page_pictures, self._conversation, attachments, ocr="/ocr")
            attachments = pictured.attachments
            for note in pictured.notes:
                self.say(note)
        question = Message("user", text, attachments=tuple(attachments))
        events = self._conversation.ask(text, attachments, instead=replaced)
        messages = (*self._conversation.messages, question)
        if any(file.kind == "document" for message in messages for file in message.attachments):
            for remark in remarks(attachments):
                self.say(remark)
            events = document_use.ask(self._conversation, question, partial(_choose_row, self.choose), instead=replaced)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        except NothingSent:
            self.draft.attach(*asked)
            self.draft.prefill(text)
            raise

    def _enqueue(self, pending: PendingAnswer) -> None:
        self.pending.append(partial(self._answers.run, pending))

    def regenerate(self, replay: Replay | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer a question once more."""
        events = partial(self._conversation.regenerate, replay, index=self._conversation.index_of(message), model=model)
        self._enqueue(PendingAnswer(events, f"{model.id}:" if model else ""))

    def edit(self, index: int) -> None:
        """Begin the next line with this question; sending it replaces the question."""
        self.draft.edit(self._conversation.messages[index])
        stop = LINE_KEYS[0].key
        self.say(f"editing question {index + 1}: Enter sends it as a new branch, {stop} cancels")

    def continue_answer(self) -> None:
        """Continue the last answer."""
        self._enqueue(PendingAnswer(self._conversation.continue_answer, continues=True))

    def compare(self, model: Model, question: str) -> None:
        """Write two answers, one below the other; both stay, as branches."""
        title = f"{self._conversation.setup.title}:"
        if question:
            self._ask(question, title)
        else:
            self._enqueue(PendingAnswer(self._conversation.regenerate, title))
        self.regenerate(model=model)
        self.say("both answers are kept; /branch switches between them")

    def compact(self, hint: str) -> None:
        """Summarize the chat."""
        self._enqueue(PendingAnswer(partial(self._conversation.compact, hint), is_summary=True))

    def run_task(self, task: LongTask) -> None:
        """Run a long task after this line."""
        self.pending.append(partial(self._run_task, task))

    async def _run_task(self, task: LongTask) -> None:
        try:
            async with aclosing(task.steps()) as steps:
                async for text, fraction in steps:
                    self.flow.show_activity(text, phrases.percent(fraction))
        finally:
            self.flow.clear()
            await task.end()

    # Chats

    def show_chat(self, index: int | None = None) -> None:
        """Write the last messages, or this message and those after it."""
        self._chats.show(index)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open a chat, or a new one."""
        self._open(chat, private=private)
        self._chats.show()

    def _open(self, chat: Chat | None, *, private: bool = False) -> None:
        self.pending.clear()
        self.draft.clear()
        self._chats.open(chat, private=private)
        self.preload()

    def search(self, words: str) -> None:
        """Let the user choose one of the messages that contain these words."""
        if words:
            self.pending.append(partial(self._chats.search, words, self._open))
        else:
            self.say("/search WORDS searches all chats")

    # Models

    def switch(self, model: Model, role: ModelRole) -> None:
        """Answer with this model from now on."""
        self._switch(model)

    def _switch(self, model: Model) -> None:
        self._conversation.switch(model)
        self.preload()

    def preload(self) -> None:
        """Load the model while the user types."""
        self._loop.start(self._load())

    async def _load(self) -> None:
        with suppress(LechatError):  # the first question reports it
            await self._conversation.engine.load(await asyncio.to_thread(self._conversation.spec), careful=True)

    async def manage(self) -> Model | None:
        """Let the user choose from all models."""
        rows = {model.id: model for model in (*self.models.installed(), *self.models.catalog.values())}
        memory = await asyncio.to_thread(own_memory)
        choices = [Choice(id, id, self._where(model, memory.get(id, ""))) for id, model in rows.items()]
        return rows.get(await self.choose("Which model?", choices) or "")

    def _where(self, model: Model, memory: str) -> str:
        if model.server:
            return "on a server"
        if memory:
            return f"loaded, {memory}"
        if self.models.ready(model):
            return "on this machine"
        return f"not downloaded, {size_text(model.bytes)}" if model.bytes else "not downloaded"

    async def download(self, model: Model, *, switch: bool, force: bool = False) -> None:
        """Download a model and wait for it; Ctrl+C interrupts, and what arrived is kept."""
        self.flow.clear()
        if self._download is None:
            self.say("models can't be downloaded here", error=True)
        elif (here := await self._loop.call_on_main(partial(self._download, model, force))) and switch:
            self._switch(here)
            self.say(f"now using {here.id}")

    # The user

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Let the user choose."""
        return await self._picker.choose(title, choices)

    async def confirm(self, question: str) -> bool:
        """A yes or a no; Enter alone is a no."""
        return await self._picker.confirm(question)

    def fill(self, text: str) -> None:
        """Begin the next line with this text."""
        self.draft.prefill(text)

    def attach(self, attachment: Attachment) -> None:
        """Send it with the next question; the prompt shows its name."""
        self.draft.attach(attachment)

    async def paste(self) -> str:
        """Attach an image on the clipboard, or begin the next line with its text; a sentence that says so."""
        content = await asyncio.to_thread(clipboard.read)
        if not content:
            return "the clipboard can't be read; paste with your terminal's shortcut, or use /attach PATH"
        if is_image(content):
            file = await asyncio.to_thread(check_image, content, "pasted.png")
            self.attach(await asyncio.to_thread(self._conversation.keep_attachment, file))
            return f"the image on the clipboard is attached to the next question ({file.width}x{file.height})"
        self.draft.prefill(safe(storable(content.decode("utf-8", "replace"))))
        return ""

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; a sentence that says how."""
        if not self._console.is_terminal or is_dumb():
            return "no clipboard was found; /export and /save write to a file"
        return clipboard.copy(text, _write)

    # What is shown

    def show_figures(self, shown: bool) -> None:
        """Write the time to the first token below each answer, too."""
        self._answers.shows_figures = shown

    def show_thinking(self, shown: bool) -> None:
        """Write thinking from now on, and that of the last answer; or only how long it took."""
        self.flow.thinking = shown
        answers = (message for message in reversed(self._conversation.messages) if message.role == "assistant")
        last = next(answers, None)
        if shown and last and last.thinking:
            self.flow.item(Answer(Message("assistant", "", thinking=last.thinking)))

    def bindings(self) -> Sequence[Bound]:
        """The keys of a line."""
        return LINE_KEYS

    def remember(self, name: str, value: object) -> None:
        """Keep a setting for the next time."""
        if self._choices:
            self._choices.keep(name, value)

    def quit(self) -> None:
        """End the program after this line."""
        self.quits = True


async def _choose_row(
    choose: Callable[[str, Sequence[Choice]], Awaitable[str | None]], title: str, rows: Sequence[document_use.Row]
) -> str | None:
    return await choose(title, [Choice(*row) for row in rows])


def _write(sequence: str) -> None:
    sys.stdout.write(sequence)
    sys.stdout.flush()
