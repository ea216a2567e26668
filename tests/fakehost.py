"""A host of the commands without a screen."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lechat_tui.commands.base import Bound, Choice, LongTask, run
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.message import Attachment, Span
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelRole
from lechat_tui.store import Chat, Store
from lechat_tui.talk.conversation import Conversation, Replay

NOON = datetime(2026, 3, 5, 12, 0)
"""By the host's clock."""


class FakeHost:
    """A host without a screen: notes, questions and the rest are lists; `answers` are the user's choices."""

    themes: Sequence[str] = ("dark", "light")

    def __init__(self, conversation: Conversation, *answers: str | None) -> None:
        self.conversation, self.models, self.store = conversation, conversation.models, conversation.store
        self.answers = list(answers)
        self.notes: list[str] = []
        self.filled: list[str] = []
        self.questions: list[str] = []
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.attachments: list[Attachment] = []
        self.offered: list[Choice] = []
        self.opened: list[Chat | None] = []
        self.edited: list[int] = []
        self.shown: list[int | None] = []
        self.compared: list[tuple[str, str]] = []
        self.by: list[tuple[int, str | None]] = []
        self.continued = 0
        self.tasks: list[LongTask] = []
        self.replays: list[Replay | None] = []
        self.hints: list[str] = []
        self.switched: list[tuple[str, str]] = []
        self.downloads: list[tuple[str, bool]] = []
        self.forced = False
        self.clipboard = self.theme = self.marked = ""
        self.left = False
        self.keys: dict[str, str] = {}
        self.thinking = self.numbered = self.figures = False
        self.searched: list[str] = []
        self.remembered: dict[str, object] = {}

    @property
    def now(self) -> datetime:
        return NOON

    def fill(self, text: str) -> None:
        self.filled.append(text)

    def show_chats(self) -> bool:
        return False

    def say(self, text: str, *, error: bool = False) -> None:
        (self.errors if error else self.notes).append(text)

    def show_page(self, title: str, text: str) -> None:
        self.notes.append(text)

    def show_text(self, title: str, text: str, marked: Span = (0, 0)) -> None:
        self.notes.append(text)
        self.marked = text[slice(*marked)]

    def ask(self, text: str) -> None:
        self.asked.append(text)

    def regenerate(self, replay: Replay | None = None, *, message: int = 0, model: Model | None = None) -> None:
        self.replays.append(replay)
        self.by.append((message, model.id if model else None))

    def run_task(self, task: LongTask) -> None:
        self.tasks.append(task)

    def edit(self, index: int) -> None:
        self.edited.append(index)

    def continue_answer(self) -> None:
        self.continued += 1

    def compare(self, model: Model, question: str) -> None:
        self.compared.append((model.id, question))

    def show_chat(self, index: int | None = None) -> None:
        self.shown.append(index)

    def compact(self, hint: str) -> None:
        self.hints.append(hint)

    def attach(self, attachment: Attachment) -> None:
        self.attachments.append(attachment)

    def open_chat(self, chat: Chat | None, *, private: bool = False) -> None:
        self.opened.append(chat)
        self.conversation.open(chat, private=private)

    def search(self, words: str) -> None:
        self.searched.append(words)

    def switch(self, model: Model, role: ModelRole) -> None:
        self.switched.append((model.id, role))
        self.conversation.switch(model)

    async def manage(self) -> Model | None:
        name = self.answers.pop(0)
        return self.models.get(name) if name else None

    async def download(self, model: Model, *, switch: bool, force: bool = False) -> None:
        self.downloads.append((model.id, switch))
        self.forced = force

    async def choose_theme(self) -> str | None:
        return await self.choose("Which theme?", [Choice(name, name) for name in self.themes])

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        self.offered = list(choices)
        return self.answers.pop(0)

    async def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self.answers.pop(0) == "yes"

    def copy(self, text: str) -> str:
        self.clipboard = text
        return "copied"

    def set_theme(self, name: str) -> None:
        self.theme = name

    def remember(self, name: str, value: object) -> None:
        self.remembered[name] = value

    def bindings(self) -> Sequence[Bound]:
        came = {"stop": ("Stop", "escape", ""), "new": ("New chat", "ctrl+n", "/new")}
        return [
            Bound(name, what, tuple(self.keys.get(name, key).split(",")), name in self.keys, line)
            for name, (what, key, line) in came.items()
        ]

    def bind(self, chosen: Mapping[str, str] | None) -> None:
        self.keys = dict(chosen or {})

    async def paste(self) -> str:
        return "pasted"

    def show_thinking(self, shown: bool) -> None:
        self.thinking = shown

    def show_figures(self, shown: bool) -> None:
        self.figures = shown

    def number_lines(self) -> str:
        self.numbered = not self.numbered
        return f"numbers: {self.numbered}"

    def quit(self) -> None:
        self.left = True

    async def do(self, line: str) -> str:
        """Run a command line; the last note, or an empty string."""
        self.notes.clear()
        self.errors.clear()
        await run(self, line)
        return (*self.errors, *self.notes, "")[0]


def host_of(store: Store, models: Models, *answers: str | None, engine: EchoEngine | None = None) -> FakeHost:
    return FakeHost(Conversation(store, engine or EchoEngine(), models, models.get("petit")), *answers)
