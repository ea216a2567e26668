"""Slash commands: what one is, how a line is taken apart, and what a command may ask of the screen. No Textual."""

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lechat_tui.commands.key_names import shown
from lechat_tui.message import Attachment
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.store import Chat, Store
from lechat_tui.talk.conversation import Conversation, Replay


@dataclass(frozen=True)
class Choice:
    """One row of a picker."""

    value: str
    label: str
    detail: str = ""
    """Said softly beside the label."""

    def matches(self, words: str) -> bool:
        """Whether the row contains each of these words, in any case."""
        row = f"{self.value} {self.label} {self.detail}".casefold()
        return all(word in row for word in words.casefold().split())


@dataclass(frozen=True)
class Bound:
    """A binding that has a name, and its keys."""

    name: str
    what: str
    keys: tuple[str, ...]
    """As the screen names them: `ctrl+x`."""
    chosen: bool = False
    """Whether a person chose them."""
    command: str = ""
    """The command line it runs; empty for any other action."""

    @property
    def key(self) -> str:
        """Its first key as people write it: `Ctrl+X`."""
        return shown(self.keys[:1])


class Host(Protocol):
    """The screen, as a command sees it."""

    @property
    def conversation(self) -> Conversation: ...
    @property
    def models(self) -> Models: ...
    @property
    def store(self) -> Store:
        """The history, also beside a private chat."""
        ...

    @property
    def themes(self) -> Sequence[str]:
        """Names of the themes."""
        ...

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a note in the transcript, for the person only."""
        ...

    def ask(self, text: str) -> None:
        """Send a question with what is attached; queued while an answer runs."""
        ...

    def regenerate(self, replay: Replay | None = None, *, message: int = 0, model: Model | None = None) -> None:
        """Answer the last question once more, or that of the message of this number.

        `again` is how it is drawn, None as the settings say; `model` answers this once, None is the chat's.
        """
        ...

    def edit(self, place: int) -> None:
        """Put the question at this place into the prompt, to be asked anew as a branch of its own."""
        ...

    def go_on(self) -> None:
        """Go on with the last answer, which was cut short."""
        ...

    def compare(self, model: Model, question: str) -> None:
        """Show the chat's model and this one answering the same question: this one, or the last when it is empty."""
        ...

    def show_talk(self, place: int | None = None) -> None:
        """Show the talk as it is now, with the message at this place in view, else the newest."""
        ...

    def compact(self, hint: str) -> None:
        """Have the talk summed up; shown while it is written, queued while an answer runs."""
        ...

    def attach(self, attachment: Attachment) -> None:
        """Lay a picture beside the prompt; it goes with the next question."""
        ...

    def search(self, words: str) -> None:
        """Let the person find a message in all chats, and go to it."""
        ...

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        """Show this chat, or a new one, which may be private."""
        ...

    def switch(self, model: Model, role: ModelRole) -> None:
        """The model answers from now on; shown in the status line and loaded in the background."""
        ...

    async def manage(self) -> Model | None:
        """Open the model manager; the model the person wants to talk with, on this machine or not."""
        ...

    async def download(self, model: Model, *, switch: bool) -> None:
        """Fetch a model in the background; with `switch` it answers once here, unless another is chosen before."""
        ...

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """Let the person pick a row; None when they left."""
        ...

    async def confirm(self, question: str) -> bool:
        """A yes or a no; blocks the command until the person said."""
        ...

    def copy(self, text: str) -> str:
        """Put the text on the clipboard; returns the sentence that says which way was used."""
        ...

    def set_theme(self, name: str) -> None: ...

    async def choose_theme(self) -> str | None:
        """Let the person pick a theme, each shown as it is come to; None when they left and all is as before."""
        ...

    def remember(self, name: str, value: object) -> None:
        """Let a setting hold the next time too; None leaves it to `config.toml` again. Raises `ConfigError`."""
        ...

    def bindings(self) -> Sequence[Bound]:
        """The bindings that have a name, with the keys they have now."""
        ...

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        """Give these bindings these keys, with commas between them, and all others those they came with.

        It holds the next time too; None is what `config.toml` says. Raises `ConfigError` when it cannot be kept.
        """
        ...

    async def paste(self) -> str:
        """Put what is on the clipboard into the prompt, or beside it; the sentence says what it was, or why not."""
        ...

    def show_figures(self, shown: bool) -> None:
        """Say beside every answer how fast it was, or no longer."""
        ...

    def show_thinking(self, shown: bool) -> None:
        """Unfold the thinking of every answer from now on, or fold it."""
        ...

    def number_lines(self) -> str:
        """Put numbers before the lines of code, or take them away; the sentence says which."""
        ...

    def quit(self) -> None: ...


def key_of(bindings: Iterable[Bound], name: str) -> str:
    """The first key of the binding of this name as people write it; its name where there is no such binding."""
    return next((bound.key for bound in bindings if bound.name == name), name)


def busy_message(host: Host) -> str:
    """The refusal of a command that has to wait for the end of the answer."""
    return f"an answer is being written; stop it with {key_of(host.bindings(), 'stop')} first"


Run = Callable[[Host, str], Awaitable[None]]
"""A command gets the screen and the rest of the line, stripped."""


@dataclass(frozen=True)
class Command:
    """A row of the table that `/help`, the completion list and the palette are made from."""

    name: str
    """With its slash."""
    help: str
    run: Run
    argument: str = ""
    """How the argument reads in `/help`, as in `[NAME]`."""
    aliases: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {}
"""By name, in the order they were written."""


def command(name: str, help: str, *, argument: str = "", aliases: Sequence[str] = ()) -> Callable[[Run], Run]:
    """Put a function into the table."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, help, run, argument, tuple(aliases))
        return run

    return register


def find(word: str) -> Command | None:
    """The command of this name or alias."""
    return COMMANDS.get(word) or next((c for c in COMMANDS.values() if word in c.aliases), None)


def nearest(word: str) -> str | None:
    """The name a person most likely meant."""
    names = [n for c in COMMANDS.values() for n in (c.name, *c.aliases)]
    return next(iter(difflib.get_close_matches(word, names, n=1, cutoff=0.5)), None)


def completions(line: str) -> Iterable[Command]:
    """What the line, a lone word that starts with a slash, may become: names first, then aliases."""
    if not line.startswith("/") or " " in line:
        return ()
    by_name = [c for c in COMMANDS.values() if c.name.startswith(line)]
    by_alias = [c for c in COMMANDS.values() if c not in by_name and any(a.startswith(line) for a in c.aliases)]
    return by_name + by_alias


def is_command(line: str) -> bool:
    """Whether the line is for the program: it starts with a slash (or is `:q`) and is not the path of a file."""
    if line == ":q":
        return True
    if not line.startswith("/") or "\n" in line:
        return False
    word = line.split(maxsplit=1)[0]
    return find(word) is not None or not (_is_there(word) or _is_there(line))


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name no file can have
        return False


async def run(host: Host, line: str) -> None:
    """Run a command line."""
    word, _, rest = line.partition(" ")
    found = find(word)
    if found:
        await found.run(host, rest.strip())
        return
    meant = nearest(word)
    hint = f"; did you mean {meant}?" if meant else "; /help lists them"
    host.say(f"there is no command {word}{hint}", error=True)
