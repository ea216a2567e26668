"""`lechat --inline`: a talk in the terminal's own screen and scrollback. One more host of a conversation."""

import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import typer
from rich.console import Console

from lechat_tui import clipboard
from lechat_tui.attachments import reading as attachments
from lechat_tui.cli import compose
from lechat_tui.commands.base import Bound, Choice, is_command
from lechat_tui.commands.base import run as run_command
from lechat_tui.commands.privacy import may_leave
from lechat_tui.commands.program import TWICE
from lechat_tui.drawing.items import Answer, Note, Question, Summary, pace
from lechat_tui.drawing.rows import Row, prefixed, text_rows
from lechat_tui.drawing.themes import Themes, read_themes
from lechat_tui.engine.base import Delta, Done, Event, Fitted, Loading, Prefill
from lechat_tui.errors import LechatError
from lechat_tui.inline.flow import Flow
from lechat_tui.inline.lines import Lines, seen, unseen
from lechat_tui.inline.loop import Turns
from lechat_tui.message import Attachment, Message
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError, ModelRole
from lechat_tui.plaintext import safe, whole
from lechat_tui.settings.choices import Choices
from lechat_tui.store import Chat, Hit, Store
from lechat_tui.talk.conversation import Again, Conversation
from lechat_tui.terminal import cannot_be_drawn_on
from lechat_tui.units import size_text, tokens_text

PROMPT = "> "

SHOWN = 4
"""Messages of a chat that is gone back to which are written again."""

ROWS = 20
"""Choices written at once; words narrow them down."""

LONG = 512
"""Tokens to be read from which it is said how far that is."""

NUMBER = 6
"""Cells of the number before a choice."""

FOUND = 10
"""Hits of a search that are written."""

LINE_KEYS = (
    Bound("stop", "Stop the answer; what was said is kept", ("ctrl+c",)),
    Bound("leave", "Leave, when nothing is typed", ("ctrl+d",)),
    Bound("complete", "Complete a command", ("tab",)),
    Bound("earlier", "What was typed before", ("up",)),
)

OWN = "--inline draws in your terminal's own colours; a theme is for the screen, which lechat opens without it"


def run(conversation: Conversation) -> None:
    """Talk until the person leaves."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    Inline(conversation, read_themes(), choices=compose.choices()).talk()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@dataclass(frozen=True)
class Turn:
    """Something the model is to say once the line is done."""

    events: Callable[[], AsyncGenerator[Event, None]]
    title: str = ""
    """Said before it."""
    images: bool = False
    """Whether it goes with pictures, which not every model sees."""
    summary: bool = False
    goes_on: bool = False
    """Whether it goes on with the last answer."""


class Inline:
    """The host of the commands, in lines. Lives on the thread of its loop, but for `talk`, which reads the keys."""

    def __init__(self, conversation: Conversation, themes: Themes, *, choices: Choices | None = None) -> None:
        self._conversation = conversation
        self._choices = choices
        self._themes = themes
        self._reduced = conversation.settings.reduced
        self._console = Console(highlight=False, markup=False, emoji=False)
        live = self._console.is_terminal and not self._reduced and not cannot_be_drawn_on()
        self._flow = Flow(self._console, themes, reduced=self._reduced, live=live)
        self._lines = Lines(conversation.history.prompts())
        self._work = Turns()
        self._left: deque[Callable[[], Awaitable[None]]] = deque()
        """What a line leaves to be done once it is taken: turns of the model, a choice of the person."""
        self._attachments: list[Attachment] = []
        self._editing = 0
        self._begun = ""
        self._leaving = False
        self._warned = False
        self._noted: set[str] = set()
        self._figures = conversation.settings.stats

    # The loop of lines: the main thread

    def talk(self) -> None:
        """Read lines and do what they say, until the person leaves; what was said is kept."""
        try:
            self._welcome()
            self._work.behind(self._warm())
            interrupted = 0.0
            while not self._leaving:
                try:
                    line = self._lines.read(self._prompt(), self._take_begun())
                except EOFError:
                    print()
                    self._leave_if_agreed()
                    continue
                except KeyboardInterrupt:
                    print()
                    if time.monotonic() - interrupted < TWICE:
                        self._leave_if_agreed()
                        continue
                    interrupted = time.monotonic()
                    self._editing = 0
                    self.say("Ctrl+C again, or Ctrl+D, leaves")
                    continue
                self._do(line)
        finally:
            with suppress(LechatError):
                self._work.wait(self._close())
            self._work.close()

    def _do(self, line: str) -> None:
        if line.strip():
            self._lines.remember(line)
            with unseen():
                self._work.wait(self._told(line))

    def _leave_if_agreed(self) -> None:
        """Leave, once it is agreed; asked and answered by the same key again means yes."""
        try:
            self._leaving = not self._work.wait(self._agree()) or self._leaving
        except EOFError:
            self._leaving = True

    async def _agree(self) -> None:
        self._leaving = await may_leave(self)

    async def _close(self) -> None:
        self._conversation.leave_private()
        await self._conversation.engine.close()

    async def _warm(self) -> None:
        """Load the model while the person writes; what is wrong with it is said with the first question."""
        with suppress(LechatError):
            await self._conversation.engine.load(await asyncio.to_thread(self._conversation.spec))

    def _prompt(self) -> str:
        return " ".join((safe(", ".join(attachment.name for attachment in self._attachments)), PROMPT)).lstrip()

    def _take_begun(self) -> str:
        begun, self._begun = self._begun, ""
        return begun

    def _welcome(self) -> None:
        model = self._conversation.model
        keys = "Ctrl+C stops an answer, Ctrl+D leaves, /help says more"
        self._flow.words(f"{self._conversation.title} answers; everything stays on this machine\n{keys}")
        if model.toy:
            self._flow.words(f"{model.id} is a toy model; /models lists real ones")
        self._flow.words("")
        if self._conversation.messages:
            self.show_talk()

    # A line

    async def _told(self, line: str) -> None:
        """Do what a line says, and what it leaves to be done; what goes wrong is told, and ends it."""
        try:
            await self._take(line)
            while self._left:
                await self._left.popleft()()
        except LechatError as error:
            self.say(str(error), error=True)
        except EOFError:
            self.say("nothing was chosen")
        finally:
            self._left.clear()
            self._flow.clear()

    async def _take(self, text: str) -> None:
        conversation, line = self._conversation, text.strip()
        if not conversation.private and not line.startswith("/private"):
            await asyncio.to_thread(conversation.history.add_prompt, text)
        if is_command(line):
            await run_command(self, line)
        elif picture := attachments.pasted_path(line):
            self.attach(await asyncio.to_thread(self._kept, picture))
        else:
            self.ask(await asyncio.to_thread(self._with_mentions, text))

    def _with_mentions(self, text: str) -> str:
        """`@path` of a picture lays it beside the question; of a text file, puts its text before the question."""
        found = attachments.mentions(text)
        self._attachments += map(self._kept, found.pictures)
        return "\n\n".join([*found.files, found.text])

    def _kept(self, path: Path) -> Attachment:
        return self._conversation.keep_attachment(attachments.read_picture(path))

    # The model's turn

    async def _answer(self, turn: Turn) -> None:
        conversation = self._conversation
        if turn.images and not conversation.model.supports_images:
            await self._offer_eyes()
        before = len(conversation.messages)
        self._flow.words(turn.title)
        self._flow.begin(conversation.unfinished if turn.goes_on else None)
        try:
            async with aclosing(turn.events()) as events:
                async for event in events:
                    self._show(event)
        finally:
            last = conversation.messages[-1] if conversation.messages else None
            self._flow.end(last if last and last.role == "assistant" else None)
        if turn.summary and len(conversation.messages) > before:
            self.say("the model reads this summary in place of what was said; /undo takes it back")
        self._say_figures(last)

    def _show(self, event: Event) -> None:
        match event:
            case Loading(fraction):
                self._flow.under_way(f"loading {self._conversation.model.id}", f"{fraction:.0%}")
            case Prefill(done, total, cached) if total - cached > LONG:
                kept = f", {cached:,} kept" if cached else ""
                self._flow.under_way(f"reading {total - cached:,} new tokens{kept}", f"{done:,} of {total:,}")
            case Fitted(left_out=left_out, note=note):
                self._say_once(note)
                if left_out:
                    self.say(f"the {len(left_out)} oldest messages do not fit into the context and are left out")
            case Delta(text, kind):
                self._flow.grow(text, kind)
            case Prefill() | Done():
                pass

    def _say_once(self, note: str) -> None:
        """What had to give for the model to fit."""
        told = f"{self._conversation.model.id}: {note}"
        if note and told not in self._noted:
            self._noted.add(told)
            self.say(told)

    def _say_figures(self, last: Message | None) -> None:
        conversation = self._conversation
        receipt = last.receipt if last else None
        if receipt is None:
            return
        context = f"{tokens_text(conversation.used)} of {tokens_text(conversation.window)} tokens"
        speed = f"{receipt.tokens_per_s:.0f} tok/s" if receipt.tokens_per_s else ""
        speed = pace(receipt) if self._figures else speed
        self._flow.words(" · ".join(filter(None, (conversation.title, context, speed))) + "\n")
        warned, self._warned = self._warned, conversation.nearly_full
        if self._warned and not warned:
            self.say("the context is nearly full: /compact sums up, /pin N keeps")

    async def _offer_eyes(self) -> None:
        model = self._conversation.model
        try:
            seeing = self.models.for_role("vision")
        except ModelError:
            seeing = None
        if (
            seeing
            and seeing.supports_images
            and await self.confirm(f"{model.id} cannot see pictures; switch to {seeing.id}?")
        ):
            self.switch(seeing, "vision")
        else:
            self.say(f"{model.id} cannot see the picture; it is told the picture's name only")

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
        return tuple(self._themes.known)

    def say(self, text: str, *, error: bool = False) -> None:
        """A note, for the person only."""
        self._flow.item(Note(text, error=error))

    def ask(self, text: str) -> None:
        """A question, with what is attached; asked when the line is done."""
        self._ask(text)

    def _ask(self, text: str, title: str = "") -> None:
        attachments, self._attachments = tuple(self._attachments), []
        instead, self._editing = self._editing, 0
        events = partial(self._conversation.ask, text, attachments, instead=instead)
        self._leave(Turn(events, title, images=any(a.kind == "image" for a in attachments)))

    def _leave(self, turn: Turn) -> None:
        self._left.append(partial(self._answer, turn))

    def regenerate(self, again: Again | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer once more."""
        place = self._conversation.place(message)
        events = partial(self._conversation.regenerate, again, place=place, model=model)
        self._leave(Turn(events, f"{model.id}:" if model else ""))

    def edit(self, place: int) -> None:
        """The next line begins with this question, and is asked in its place."""
        question = self._conversation.messages[place]
        self._editing, self._begun = question.id, question.text
        self._attachments = list(question.attachments)
        self.say(f"editing question {place + 1}: Enter asks it anew, Ctrl+C leaves it")

    def go_on(self) -> None:
        """Go on with the last answer."""
        self._leave(Turn(self._conversation.go_on, goes_on=True))

    def compare(self, model: Model, question: str) -> None:
        """Two answers, one below the other; both stay, as branches."""
        own = f"{self._conversation.title}:"
        if question:
            self._ask(question, own)
        else:
            self._leave(Turn(self._conversation.regenerate, own))
        self.regenerate(model=model)
        self.say("both answers stay; /branch goes from one to the other")

    def show_talk(self, place: int | None = None) -> None:
        """Write the end of the talk again, or this message and what follows it."""
        messages = self._conversation.messages
        first = max(len(messages) - SHOWN, 0) if place is None else place
        if first:
            self.say(f"{_count(first)} before this; lechat chats show prints them all")
        for message in messages[first : first + SHOWN]:
            match message.role:
                case "user":
                    self._flow.item(Question(message.text, message.attachments))
                case "summary":
                    self._flow.item(Summary(message))
                case _:
                    self._flow.item(Answer(message))
        if more := len(messages[first + SHOWN :]):
            self.say(f"{_count(more)} after this; the next question goes to the end")

    def compact(self, hint: str) -> None:
        """Have the talk summed up."""
        self._leave(Turn(partial(self._conversation.compact, hint), summary=True))

    def attach(self, attachment: Attachment) -> None:
        """It goes with the next question; the prompt says so."""
        self._attachments.append(attachment)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Go on with this chat, or with a new one."""
        self._open(chat, private=private)
        self.show_talk()

    def _open(self, chat: Chat | None, *, private: bool = False) -> None:
        self._left.clear()
        self._attachments.clear()
        self._editing, self._begun = 0, ""
        self._conversation.open(chat, private=private)
        self._flow.words(f"\n{'-' * 8} {chat.title if chat else 'a new chat'} {'-' * 8}\n")

    def switch(self, model: Model, role: ModelRole) -> None:
        """This model answers from now on."""
        self._conversation.switch(model)
        self._work.behind(self._warm())

    async def manage(self) -> Model | None:
        """Let the person pick a model from all there are."""
        models = self.models
        rows = {model.id: model for model in (*models.installed(), *models.catalog.values())}
        choices = [Choice(id, id, self._standing(model)) for id, model in rows.items()]
        return rows.get(await self.choose("Which model?", choices) or "")

    def _standing(self, model: Model) -> str:
        if self.models.files(model):
            return "on this machine"
        return f"to be pulled, {size_text(model.bytes)}" if model.bytes else "to be pulled"

    async def download(self, model: Model, *, switch: bool) -> None:
        """Fetch the model, with a bar, while nothing else is done; Ctrl+C breaks off and keeps what came."""
        self._flow.clear()
        if await self._work.on_main(partial(_pulled, model)) and switch:
            self.switch(model, model.role)
            self.say(f"{model.id} answers from now on")

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """By number, or by words that narrow the rows down; an empty line chooses nothing."""
        shown = list(choices)
        while shown:
            self._flow.words(f"\n{title}", self._flow.look.strong)
            self._flow.rows(self._numbered(shown[:ROWS]))
            more = f"{len(shown) - ROWS} more; " if len(shown) > ROWS else ""
            typed = (await self._read(f"{more}a number, words to find it, or Enter for none: ")).strip()
            if not typed:
                return None
            if typed.isdecimal() and 1 <= int(typed[:6]) <= len(shown[:ROWS]):
                return shown[int(typed) - 1].value
            shown = [choice for choice in choices if choice.matches(typed)] or self._nothing_like(typed, choices)
        return None

    def _numbered(self, choices: Sequence[Choice]) -> list[Row]:
        rows: list[Row] = []
        for number, choice in enumerate(choices, 1):
            words = [" ".join(safe(text).split()) for text in (choice.label, choice.detail) if text]
            told = text_rows([("  ".join(words), self._flow.look.text)], self._flow.width - NUMBER)
            rows += prefixed(told, (f"{number:>4}  ", self._flow.look.soft), (" " * NUMBER, self._flow.look.text))
        return rows

    def _nothing_like(self, typed: str, choices: Sequence[Choice]) -> list[Choice]:
        self.say(f"nothing matches {typed}")
        return list(choices)

    async def confirm(self, question: str) -> bool:
        """A yes or a no; Enter alone is a no."""
        return (await self._read(f"{safe(question)} [y/N] ")).strip().lower() in ("y", "yes")

    async def _read(self, prompt: str) -> str:
        self._flow.clear()
        return await self._work.on_main(partial(self._read_seen, prompt))

    def _read_seen(self, prompt: str) -> str:
        with seen():
            return self._lines.read(prompt)

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; the sentence says which way was used."""
        if not self._console.is_terminal or cannot_be_drawn_on():
            return "there is no clipboard here; /export and /save write it out"
        return clipboard.put(text, self._to_terminal)

    def _to_terminal(self, sequence: str) -> None:
        sys.stdout.write(sequence)
        sys.stdout.flush()

    async def paste(self) -> str:
        """What is on the clipboard begins the next line, or goes with it."""
        content = await asyncio.to_thread(clipboard.get)
        if not content:
            return "no clipboard can be read from here; paste with the terminal's own key, or /image PATH"
        if attachments.is_picture(content):
            file = await asyncio.to_thread(attachments.check_picture, content, "pasted.png")
            self.attach(await asyncio.to_thread(self._conversation.keep_attachment, file))
            return f"the picture on the clipboard goes with the next question ({file.width}x{file.height})"
        self._begun = safe(whole(content.decode("utf-8", "replace")))
        return ""

    def search(self, words: str) -> None:
        """Let the person pick one of what was found, and go to it."""
        if words:
            self._left.append(partial(self._find, words))
        else:
            self.say("/search WORDS finds what was said in all chats")

    async def _find(self, words: str) -> None:
        hits = await asyncio.to_thread(self.store.search, words, FOUND)
        if not hits:
            self.say(f"nothing was said of {words}")
            return
        snippets = (hit.snippet.translate({2: None, 3: None}) for hit in hits)  # what marks the match
        rows = [
            Choice(str(at), hit.chat.title, told) for at, (hit, told) in enumerate(zip(hits, snippets, strict=True))
        ]
        if chosen := await self.choose("Where to?", rows):
            self._go_to(hits[int(chosen)])

    def _go_to(self, hit: Hit) -> None:
        """Write a message that was found, in its chat and its branch, with the question before an answer."""
        conversation = self._conversation
        if conversation.private or not conversation.chat or conversation.chat.id != hit.chat.id:
            self._open(hit.chat)
        if conversation.place(hit.message) is None:
            conversation.show_branch(hit.message)
        place = conversation.place(hit.message) or 0
        self.show_talk(max(place - 1, 0) if conversation.messages[place].role == "assistant" else place)

    def show_figures(self, shown: bool) -> None:
        """Say how fast an answer was; its speed alone is said of each."""
        self._figures = shown

    def show_thinking(self, shown: bool) -> None:
        """Write what is thought from now on, and what was before the last answer; or only how long it took."""
        self._flow.thinking = shown
        answers = (message for message in reversed(self._conversation.messages) if message.role == "assistant")
        last = next(answers, None)
        if shown and last and last.thinking:
            self._flow.item(Answer(Message("assistant", "", thinking=last.thinking)))

    def bindings(self) -> Sequence[Bound]:
        """Those of the line."""
        return LINE_KEYS

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Keys are for the screen."""
        self.say("keys are for the screen that lechat opens without --inline")

    def set_theme(self, name: str) -> None:
        """Themes are for the screen, which will have this one."""
        self.say(f"{OWN}, in {name} from now on")

    async def choose_theme(self) -> str | None:
        """Themes are for the screen."""
        self.say(OWN)
        return None

    def remember(self, name: str, value: object) -> None:
        """Let a setting hold the next time too."""
        if self._choices:
            self._choices.keep(name, value)

    def number_lines(self) -> str:
        """Lines stay as they can be copied from a terminal."""
        return "--inline writes code as it can be copied; the screen that lechat opens without it can number its lines"

    def quit(self) -> None:
        """Leave after this line."""
        self._leaving = True


def _count(messages: int) -> str:
    return f"{messages} messages stand" if messages > 1 else "a message stands"


def _pulled(model: Model) -> bool:
    """Whether all of it is here now. Raises `ModelError`."""
    from lechat_tui.cli import pull

    try:
        with seen():
            pull.run(model.id, as_json=False, quiet=False, accept_license=False)
    except typer.Exit:  # broken off: it has said so
        return False
    return True
