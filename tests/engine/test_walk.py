"""Random walks through everything that touches the KV cache: each answer must equal that of a fresh engine.

`LECHAT_WALKS=100` takes that many walks, which needs minutes; by default there are two short ones.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chats import PAGE, TEXT, VISION, Chat, children, eventually, picture

from lechat_tui.engine.base import Delta, Event, ModelSpec, Prefill, Request
from lechat_tui.engine.llama.answer import answer
from lechat_tui.engine.llama.model import Llama
from lechat_tui.engine.local import LocalEngine
from lechat_tui.message import Attachment, Message, Sampling

WALKS = int(os.environ.get("LECHAT_WALKS", "2"))
STEPS = 20
PATIENCE = 60.0
"""Seconds for one step; more is a deadlock."""

QUESTIONS = (
    *("What is my name?",) * 6,  # only the cache knows the answer
    *(f"What is {a} + {b}?" for a, b in ((7, 5), (2, 2), (3, 6), (4, 4))),  # no sums that chaton is unsure
    # of, such as 8 + 1: there the last bits of a logit decide, and the number of threads changes the answer
    *(f"What is the capital of {country}?" for country in ("France", "Italy", "Spain", "Japan")),
)
WORDS = ("One", "Two", "Three")
NAMES = ("Anna", "Paul", "Marie", "Emma")
LONGEST = 11
"""Messages of one chat."""


@dataclass
class Walk:
    """An engine, its chats and its files."""

    dice: random.Random
    folder: Path
    pictures: tuple[Attachment, ...]
    fresh: Mapping[ModelSpec, Llama]
    engine: LocalEngine = field(init=False)
    chats: list[Chat] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """The steps so far, for the message of a failure."""

    def __post_init__(self) -> None:
        self.start()
        for _ in range(3):
            self.begin()

    def start(self) -> None:
        room = self.dice.choice((1, None))  # one model at a time, or both
        self.engine = LocalEngine(None, states=self.folder / "states", limit=100_000_000, room=room)

    @property
    def chat(self) -> Chat:
        """The open chat: the last of the list."""
        return self.chats[-1]

    async def step(self) -> None:
        """Take a random step, then check an answer."""
        often = (self.ask, self.edit, self.go_back, self.go_back, self.switch, self.restart)
        rarely = (self.begin, self.branch, self.load, self.stop_reading, self.stop_speaking, self.damage, self.delete)
        step = self.dice.choice((*often, *often, *rarely))
        self.steps.append(f"{step.__name__} ({self.chat.number}, {self.chat.model.name})")
        async with asyncio.timeout(PATIENCE):
            if done := step():
                await done
            if step not in (self.ask, self.edit):
                await self.ask()

    async def ask(self) -> None:
        """Ask a question, sometimes with an image, and compare the answer."""
        if len(self.chat.messages) >= LONGEST:
            self.begin()
        seen = self.dice.random() < 0.3 and self.chat.model == VISION
        shown = (self.dice.choice(self.pictures),) if seen else ()
        text = "What is in this picture?" if shown else self.dice.choice(QUESTIONS)
        answer = await self.chat.ask(self.engine, text, *shown, tokens=14)
        assert answer == self.expected(self.chat), self.steps

    def expected(self, chat: Chat) -> str:
        """What a fresh engine answers to the last question of the chat."""
        llama = self.fresh[chat.model]
        llama.cache.clear()
        request = Request(chat.model, tuple(chat.messages[:-1]), Sampling(temperature=0, max_tokens=14))
        events = answer(llama, request, lambda: False)
        return "".join(event.text for event in events if isinstance(event, Delta) and event.kind == "text")

    async def edit(self) -> None:
        if len(self.chat.messages) > 4:
            del self.chat.messages[-2:]
        await self.ask()

    def begin(self) -> None:
        """Begin a chat with a page of text and a name; some are private."""
        word, name, model = self.dice.choice(WORDS), self.dice.choice(NAMES), self.dice.choice((TEXT, VISION))
        page = (Message("user", f"{word}. {PAGE}"), Message("assistant", "I have read it."))
        heard = (Message("user", f"My name is {name}."), Message("assistant", f"Nice to meet you, {name}!"))
        self.chats.append(Chat(model, self.number(), *page, *heard))

    def number(self) -> int | None:
        taken = {chat.number for chat in self.chats}
        return self.dice.choice((None, *(n for n in range(1, 9) if n not in taken)))

    def go_back(self) -> None:
        self.chats.append(self.chats.pop(self.dice.randrange(max(1, len(self.chats) - 1))))

    def branch(self) -> None:
        """Begin a chat that continues from the middle of this one."""
        kept = self.chat.messages[: 2 * self.dice.randint(1, len(self.chat.messages) // 2)]
        self.chats.append(Chat(self.chat.model, self.number(), *kept))

    def switch(self) -> None:
        if not any(message.attachments for message in self.chat.messages):
            self.chat.model = VISION if self.chat.model == TEXT else TEXT

    async def load(self) -> None:
        await self.engine.load(self.dice.choice((TEXT, VISION)))

    async def stop_reading(self) -> None:
        def begun(event: Event) -> bool:
            return isinstance(event, Prefill) and event.done > event.cached

        await self.chat.ask(self.engine, f"{self.dice.choice(WORDS)}. {PAGE}", until=begun)
        del self.chat.messages[-2:]

    async def stop_speaking(self) -> None:
        await self.chat.ask(self.engine, "Count from 1 to 200", tokens=60, until=lambda event: isinstance(event, Delta))

    async def restart(self) -> None:
        await self.engine.close()
        await eventually(lambda: not children())
        self.start()

    def damage(self) -> None:
        files = sorted(self.folder.glob("states/*/*.kv"))
        if files:
            file = self.dice.choice(files)
            data = bytearray(file.read_bytes())
            if self.dice.random() < 0.5:
                data[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
            else:
                del data[self.dice.randrange(len(data)) :]
            file.write_bytes(data)

    def delete(self) -> None:
        chat = self.chats.pop(self.dice.randrange(len(self.chats)))
        if chat.number is not None:
            self.engine.forget(chat.number)
            assert not list(self.folder.glob(f"states/*/{chat.number}.kv"))
        if not self.chats:
            self.begin()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Mapping[ModelSpec, Llama]]:
    """The models in this process, without saved states."""
    with ExitStack() as open:
        yield {spec: open.enter_context(closing(Llama(spec, lambda _: None))) for spec in (TEXT, VISION)}


@pytest.mark.parametrize("seed", range(WALKS))
async def test_an_answer_equals_that_of_a_fresh_engine_whatever_came_before(seed, fresh, tmp_path):
    shapes = [(colour, shape) for colour in ("red", "blue") for shape in ("circle", "square")]
    pictures = tuple(picture(tmp_path, *shape) for shape in shapes)
    walk = Walk(random.Random(seed), tmp_path, pictures, fresh)
    try:
        for _ in range(STEPS):
            await walk.step()
    finally:
        await walk.engine.close()
    await eventually(lambda: not children())
    numbers = {str(chat.number) for chat in walk.chats if chat.number is not None}
    assert {file.name for file in tmp_path.glob("states/*/*")} <= {f"{number}.kv" for number in numbers}
