"""What a slash command is, the table of all of them, and what a command may ask of its host."""

import re
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lechat_tui.commands import foreign
from lechat_tui.commands.key_names import shown
from lechat_tui.message import Attachment, Span
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.store import Chat, Store
from lechat_tui.talk.conversation import Conversation, Replay
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Choice:
    """One row of a picker."""

    value: str
    label: str
    detail: str = ""
    """Shown dimmed beside the label."""

    def matches(self, words: str) -> bool:
        """Whether the row contains each of these words, in any case."""
        row = f"{self.value} {self.label} {self.detail}".casefold()
        return all(word in row for word in words.casefold().split())


@dataclass(frozen=True)
class LongTask:
    """Something that takes the model for minutes, one step after the other, and is no answer."""

    line: str
    """The command line that asks for it."""
    steps: Callable[[], AsyncGenerator[tuple[str, float | None], None]]
    """What is done now, and the fraction that is done. Closing the generator stops it."""
    end: Callable[[], Awaitable[None]]
    """Called at the end, also when it was stopped or has failed."""


@dataclass(frozen=True)
class Bound:
    """A named binding and its current keys."""

    name: str
    what: str
    keys: tuple[str, ...]
    """As Textual names them: `ctrl+x`."""
    chosen: bool = False
    """Whether the user chose them."""
    command: str = ""
    """The command line it runs; empty for any other action."""
    fixed: bool = False
    """Whether `/keys` can't change it."""

    @property
    def key(self) -> str:
        """Its first key as it is displayed: `Ctrl+X`."""
        return shown(self.keys[:1])


class Host(Protocol):
    """What a command may ask of the program it runs in: the screen, the inline chat, or a test."""

    @property
    def conversation(self) -> Conversation: ...
    @property
    def models(self) -> Models: ...
    @property
    def store(self) -> Store:
        """The history, even while a private chat is open."""
        ...

    @property
    def themes(self) -> Sequence[str]:
        """Names of the themes."""
        ...

    @property
    def now(self) -> datetime:
        """The date and time of the user's clock."""
        ...

    # Messages

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a note in the transcript; the model does not get it."""
        ...

    def show_page(self, title: str, text: str) -> None:
        """Show a long text until the user closes it."""
        ...

    def show_text(self, title: str, text: str, marked: Span = (0, 0)) -> None:
        """Show a long text as it is, with all of its spaces, until the user closes it; `marked` is highlighted."""
        ...

    def ask(self, text: str) -> None:
        """Ask a question with the attachments; queued while an answer is being written."""
        ...

    def regenerate(self, replay: Replay | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer the last question again, or that of the message with this ID.

        `replay` says how, None is by the settings; `model` answers this once, None is the chat's.
        """
        ...

    def continue_answer(self) -> None:
        """Continue the last answer, which was cut short."""
        ...

    def compare(self, model: Model, question: str) -> None:
        """Show this model's and the chat's answer to a question side by side; an empty one is the last question."""
        ...

    def compact(self, hint: str) -> None:
        """Sum up the chat; queued while an answer is being written."""
        ...

    def run_task(self, task: LongTask) -> None:
        """Run a long task, and show how far it is; queued while an answer is being written, and stopped like one."""
        ...

    def edit(self, index: int) -> None:
        """Put the question at this index into the prompt, to be asked again on a branch of its own."""
        ...

    def fill(self, text: str) -> None:
        """Put a text into the prompt, to be edited and sent."""
        ...

    def attach(self, attachment: Attachment) -> None:
        """Attach a file to the next question."""
        ...

    async def paste(self) -> str:
        """Paste text from the clipboard, or attach the image on it; returns a sentence about it, or why it failed."""
        ...

    def copy(self, text: str) -> str:
        """Copy text to the clipboard; returns a sentence that says how."""
        ...

    # Chats

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open this chat, or a new one, which may be private."""
        ...

    def show_chat(self, index: int | None = None) -> None:
        """Show the messages as they are now, scrolled to the one at this index, or else to the newest."""
        ...

    def show_chats(self) -> bool:
        """Let the user open, rename and delete chats in a list of all; False where there is no such list."""
        ...

    def search(self, words: str) -> None:
        """Let the user find a message in all chats, and show it."""
        ...

    # Models

    def switch(self, model: Model, role: ModelRole) -> None:
        """Answer with this model from now on; it is loaded in the background."""
        ...

    async def manage(self) -> Model | None:
        """Open the model manager; returns the model the user wants to use, which may not be downloaded."""
        ...

    async def download(self, model: Model, *, switch: bool, force: bool = False) -> None:
        """Download a model in the background; with `switch`, use it then unless another one was chosen meanwhile.

        Asks before it downloads one that does not fit into this machine's memory, unless `force`.
        """
        ...

    # Dialogs

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Let the user pick a row; None when it was canceled."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask the user a yes-or-no question."""
        ...

    async def choose_theme(self) -> str | None:
        """Let the user pick a theme with a preview; None, with the old theme back, when it was canceled."""
        ...

    # Display and keys

    def set_theme(self, name: str) -> None: ...

    def show_figures(self, shown: bool) -> None:
        """Show the speed beside every answer, or hide it."""
        ...

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        ...

    def number_lines(self) -> str:
        """Show line numbers in code, or hide them; returns a sentence that says which."""
        ...

    def remember(self, name: str, value: object) -> None:
        """Save a value for a setting; None leaves it to `config.toml` again. Raises `ConfigError`."""
        ...

    def bindings(self) -> Sequence[Bound]:
        """The named bindings with their current keys."""
        ...

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Give these bindings these keys, separated by commas, and all others their defaults; it is saved.

        None is what `config.toml` says. Raises `ConfigError` when it can't be saved.
        """
        ...

    def quit(self) -> None: ...


def key_of(bindings: Iterable[Bound], name: str) -> str:
    """The first key of the binding with this name, as it is displayed; the name itself when there is none."""
    return next((bound.key for bound in bindings if bound.name == name), name)


def busy_message(host: Host) -> str:
    """Why a command does not run now: it has to wait for the end of the answer."""
    return f"an answer is being written; stop it with {key_of(host.bindings(), 'stop')} first"


Run = Callable[[Host, str], Awaitable[None]]
"""A command gets its host and the rest of the line, stripped."""


@dataclass(frozen=True)
class Command:
    """A row of the table behind `/help`, the completion list and the palette."""

    name: str
    """With its slash."""
    help: str
    run: Run
    argument: str = ""
    """Shown in `/help`, as in `[NAME]`."""
    aliases: tuple[str, ...] = ()
    takes_lines: bool = False
    """Whether its argument may have several lines, as a question has."""


MAX_SHOWN_CHARACTERS = 60
"""Of a word that was typed, in a sentence about it."""

ANY_NUMBER = 1_000_000

MAX_WORDS = {"": 0, "[N]": 1, "[COMMAND]": 1, "[on|off]": 1, "[off]": 1, "[code|N|all]": 2}
"""How many words a command with such an argument can have; a line with more may be a question."""

MAX_EDITS, SHORT_NAME = 2, 6
"""How far a misspelled name may be from a command's; up to this length with its slash, only one edit."""

QUESTION_WORDS = 3
"""A line with so many words may be a question, though it begins with a slash."""

COMMANDS: dict[str, Command] = {}
"""By name, in the order of definition."""


def command(
    name: str, help: str, *, argument: str = "", aliases: Sequence[str] = (), takes_lines: bool = False
) -> Callable[[Run], Run]:
    """Add a function to the table."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, help, run, argument, tuple(aliases), takes_lines)
        return run

    return register


def find(word: str) -> Command | None:
    """The command with this name or alias, in any case."""
    word = word.casefold()
    return COMMANDS.get(word) or next((c for c in COMMANDS.values() if word in c.aliases), None)


def nearest(word: str) -> str | None:
    """The name of which this is a misspelling: one edit away, or two for a long one; None if there is none."""
    word = word.casefold()
    names = [n for c in COMMANDS.values() for n in (c.name, *c.aliases) if n.startswith("/")]
    by_edits = [(_edits(word, name), name) for name in names if abs(len(name) - len(word)) <= MAX_EDITS]
    edits, name = min(by_edits, default=(MAX_EDITS + 1, None))
    return name if edits <= (1 if len(word) <= SHORT_NAME else MAX_EDITS) else None


def _edits(a: str, b: str) -> int:
    """How many characters must be inserted, deleted, replaced or swapped with the next one to make one the other."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            edits = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                edits = min(edits, last[j - 2] + 1)
            row.append(edits)
    return row[-1]


LEAVING = ("exit", "quit", ":q", ":q!", ":quit", ":wq", ":x")
"""What people type alone to leave a program."""


def completions(line: str) -> Iterable[Command]:
    """The commands that a word beginning with a slash may become: by name first, the shortest first, then by alias,
    then by a part of the name.
    """
    if not line.startswith("/") or " " in line:
        return ()
    line = line.casefold()
    by_name = [c for c in COMMANDS.values() if c.name.startswith(line)]
    if line != "/":
        by_name.sort(key=lambda command: len(command.name))
    by_alias = [c for c in COMMANDS.values() if c not in by_name and any(a.startswith(line) for a in c.aliases)]
    found = by_name + by_alias
    within = [c for c in COMMANDS.values() if c not in found and len(line) > 2 and line[1:] in c.name]
    return found + within


_NAME = re.compile(r"/[\w?-]+")
"""The form of a command's name: what a text of several lines begins with, and is not a path, a comment or a regex."""

_PRIVATE = "/private"


def is_command(text: str) -> bool:
    """Whether a text is a command, which its first word decides: the name of one, or what looks like a name.

    The path of a file is not a command, and neither is a text that begins with one.
    """
    text = text.strip()
    if text.casefold() in LEAVING or text in foreign.BLOCKS or resembles_private(text) or _is_shell_line(text):
        return True
    if not text.startswith("/"):
        return False
    word = _first_word(text)
    if find(word) or foreign.translated(word, ""):
        return True
    lines = len(text.splitlines())
    return (lines == 1 or bool(_NAME.fullmatch(word))) and "/" not in word[1:] and not (_exists(word) or _exists(text))


def _is_shell_line(text: str) -> bool:
    """Whether this is `!` and the name of a program, which other chat programs run."""
    found = re.fullmatch(r"!([\w.-]+)( .*)?", text)
    return bool(found and shutil.which(found[1]))


def resembles_private(text: str) -> bool:
    """Whether a text begins with `/private`, or with what was probably meant to be that: it must not reach the disk."""
    found = re.match(r"[/\\\uff0f]\s*(\S{1,40})", text.strip())
    if not found:
        return False
    word = "/" + found[1].casefold()
    return word.startswith("/priv") or (not find(word) and nearest(word) == _PRIVATE)


def may_be_saved(text: str) -> bool:
    """Whether a text that was sent may be written to the prompt history; a command line that was refused may not."""
    text = text.strip()
    return not resembles_private(text) and (not is_command(text) or find(_first_word(text)) is not None)


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0]


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # an impossible file name
        return False


async def run(host: Host, line: str) -> None:
    """Run a command, of ours or of another program; what may be a question is asked about, and never loses words."""
    line = line.strip()
    word, *rest = line.split(maxsplit=1)
    argument = rest[0] if rest else ""
    found, other = find(word), foreign.translated(word, argument)
    if found is None and other and other.line:
        ours, _, argument = other.line.partition(" ")
        found = find(ours)
    if found is None and other and other.sentence:
        host.say(other.sentence)
    elif found is None and word.startswith("!"):
        await _ask_what(host, line, None, "", title="lechat runs no programs. Is this a question?")
    elif found is None:
        await _unknown(host, line, word)
    elif len(line.splitlines()) > 1 and not found.takes_lines:
        host.say(f"{found.name} takes a single line; nothing was done", error=True)
    elif found.name != _PRIVATE and len(argument.split()) > MAX_WORDS.get(found.argument, ANY_NUMBER):
        await _ask_what(host, line, found, argument)
    else:
        await found.run(host, argument)


async def _unknown(host: Host, line: str, word: str) -> None:
    """Refuse a command that does not exist; a longer line may be a question."""
    meant = _PRIVATE if resembles_private(line) else nearest(word)
    if meant != _PRIVATE and len(line.split()) >= QUESTION_WORDS:
        await _ask_what(host, line, find(meant) if meant else None, line.removeprefix(word).strip())
        return
    hint = f"; did you mean {meant}?" if meant else "; /help lists them"
    host.say(f"there is no command {shortened(word)}{hint}", error=True)


async def _ask_what(
    host: Host, line: str, found: Command | None, argument: str, *, title: str = "Is this a question?"
) -> None:
    """Let the user decide whether a line is a question or a command."""
    choices = [Choice("ask", "Send the line as a question")]
    choices += [Choice("run", f"Run {found.name}", found.help)] if found else []
    match await host.choose(f"{title} {shortened(line)}", [*choices, Choice("", "Do nothing")]):
        case "ask":
            host.ask(line)
        case "run" if found:
            await found.run(host, argument)


def shortened(word: str) -> str:
    """What was typed, as it can stand in a sentence."""
    return word if len(word) <= MAX_SHOWN_CHARACTERS else word[: MAX_SHOWN_CHARACTERS - 1] + "…"
