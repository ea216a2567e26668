"""One talk: its messages, who answers, where it is kept. Knows no screen and no way to draw."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from lechat_tui.attachments.files import File
from lechat_tui.attachments.texts import inlined
from lechat_tui.engine.base import (
    Delta,
    Done,
    Engine,
    EngineError,
    Event,
    Fitted,
    ModelSpec,
    Prefill,
    Request,
)
from lechat_tui.message import Attachment, Message, Receipt, Sampling, State
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model
from lechat_tui.settings.config import Settings
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.talk.setup import Setup

DRAFT_EVERY = 0.4
"""Seconds between two writes of a growing answer: what a power cut can cost."""

TITLE_LENGTH = 60

NEARLY = 0.85
"""Share of the room for the prompt from which a talk is told to be nearly too long."""

CUT_SHORT: frozenset[State] = frozenset({"stopped", "interrupted", "failed", "cut"})
"""States of an answer that can be gone on with."""

SUMMARY_SHARE = 8
"""A summary may take one part in so many of the context window."""

SUMMING_UP = (
    "Sum up our conversation so far, for yourself to go on from: what I want, what was decided, the facts, names, "
    "numbers and code that will be needed, and what is still open. Write only the summary, in the language of the "
    "conversation."
)
"""What the model is asked by `compact`."""


@dataclass(frozen=True)
class Again:
    """How an answer is drawn again."""

    sampling: Sampling
    reuse: int | None = None
    """Tokens of the KV cache used at most, as in `Request`."""
    drafts: tuple[int, ...] | None = None
    """Where to guess ahead, as in `Request`."""


@dataclass(frozen=True)
class Branch:
    """Where a message stands among those that were said in its place."""

    number: int
    """From 1 on, oldest first."""
    count: int


@dataclass(frozen=True)
class Deleted:
    """A chat that is not in the history any more, as it was."""

    chat: Chat
    messages: tuple[Message, ...]
    files: tuple[tuple[Attachment, bytes], ...]
    """What was attached, with its content."""


class Conversation:
    """A chat and the model that answers it now.

    The question is kept before the engine sees it; the answer is kept as it grows. A private chat is the same
    thing over a store in memory, in place of the history. `messages` is the branch that is shown, oldest first;
    while an answer grows it is the last of them.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        models: Models,
        model: Model,
        *,
        settings: Settings | None = None,
        chat: Chat | None = None,
        system: str | None = None,
    ) -> None:
        self.history = store
        """What is kept of all chats that are not private."""
        self.store = store
        """Where this chat is kept: the history, or memory for a private one."""
        self.engine = engine
        self.models = models
        self.setup = Setup(model, settings or Settings(), (chat.system if chat else system) or "")
        """Who answers, and how."""
        self.chat = chat
        self.messages = store.path(chat.id) if chat else []
        self._turn = asyncio.Lock()
        self._opened = 0
        """The context window the engine has opened for this setup, in tokens; 0 where it is not known."""
        self._room = 0
        """Tokens the last prompt could have taken; 0 before the first."""
        self._deleted: list[Deleted] = []
        self._walked: dict[int, int] = {}
        """The branch that was shown last below a message, by the numbers of the two."""

    @property
    def busy(self) -> bool:
        """True while an answer is being made."""
        return self._turn.locked()

    @property
    def model(self) -> Model:
        """Which model answers."""
        return self.setup.model

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.setup.settings

    @property
    def title(self) -> str:
        """The model and its adapters. Raises `ModelError`."""
        return self.setup.title

    @property
    def window(self) -> int:
        """The context window in tokens: the one the engine opened, or, before that, the one to ask for."""
        return self._opened or self.setup.window

    def spec(self) -> ModelSpec:
        """What the engine must load. Raises `ModelError` when the weights are not on this machine."""
        return self.setup.spec(self.models)

    @property
    def used(self) -> int:
        """Tokens of the context window in use after the last answer; 0 before the first.

        After a summary these are its own: what stood before it is not sent any more.
        """
        last = next((m for m in reversed(self.messages) if m.receipt), None)
        if last is None or last.receipt is None:
            return 0
        return last.receipt.completion_tokens + (0 if last.role == "summary" else last.receipt.prompt_tokens)

    @property
    def nearly_full(self) -> bool:
        """Whether the next turns will leave something out, should nothing be done about it."""
        return 0 < self._room * NEARLY <= self.used

    @property
    def left_out(self) -> int:
        """How many messages the last answer had to do without, those before a summary not counted."""
        receipt = next((m.receipt for m in reversed(self.messages[self._summary + 1 :]) if m.receipt), None)
        return receipt.left_out if receipt else 0

    def horizon(self, left_out: int) -> int:
        """The place of the first message the model still sees when so many were left out; 0 when it sees all.

        What is pinned it sees also above.
        """
        start = max(self._summary, 0)
        if not left_out:
            return start
        free = [n for n, m in self._sent(start, images=self.model.supports_images) if not m.pinned]
        return free[left_out - 1] + 1 if 0 < left_out <= len(free) else start

    @property
    def _summary(self) -> int:
        """The place of the last summary; -1 when there is none."""
        return next((n for n in range(len(self.messages) - 1, -1, -1) if self.messages[n].role == "summary"), -1)

    @property
    def private(self) -> bool:
        """Whether nothing of this chat is written to the disk."""
        return self.store.private

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Go on with this chat of the history, or with a new one. What was private before is gone."""
        self.leave_private()
        if private and not self.history.private:
            self.store = Store(None)
        self.chat = chat
        self._walked = {}
        self.messages = self.store.path(chat.id) if chat else []
        self.setup = replace(self.setup, own_system=chat.system if chat else "")
        self._room = 0

    def read_again(self) -> None:
        """Show the chat as it is in the history now: another program may have gone on with it, or have died."""
        if self.chat:
            self.messages = self.store.path(self.chat.id)

    def leave_private(self) -> None:
        """Let go of a private chat; a new one of the history stands in its place."""
        if self.store is not self.history:
            self.store.close()
            self.store = self.history
            self.chat, self.messages = None, []

    def keep_private(self) -> Chat | None:
        """Write a private chat into the history and go on with it there; None when nothing was said in it."""
        if self.chat is None or self.store is self.history:
            return None
        chat = _kept(self.history, _lifted(self.store, self.chat))
        self.open(chat)
        return chat

    def switch(self, model: Model) -> None:
        """From now on this model answers; everything said stays."""
        self._change(replace(self.setup, model=model))
        if self.chat:
            self.chat = self.store.set_model(self.chat.id, model.id)

    def change_settings(self, settings: Settings) -> None:
        """Use these settings from the next answer on."""
        self._change(replace(self.setup, settings=settings))

    def _change(self, setup: Setup) -> None:
        """Use another setup. What window the engine opened is unknown again if the model is loaded differently."""
        before, self.setup = self.setup, setup
        if (setup.model, setup.window, setup.tuning()) != (before.model, before.window, before.tuning()):
            self._opened = 0

    def rename(self, title: str) -> None:
        """Give the chat a title. Does nothing before the first question."""
        if self.chat:
            self.chat = self.store.rename(self.chat.id, title)

    async def retitle(self, chat: Chat, title: str) -> bool:
        """Rename this chat of the history; False when somebody else has renamed or deleted it meanwhile."""
        if not await asyncio.to_thread(self.history.retitle, chat.id, chat.title, title):
            return False
        if self.chat and self.chat.id == chat.id and not self.private:
            self.chat = replace(self.chat, title=title)
        return True

    def set_system(self, text: str) -> None:
        """Give this chat a system prompt; an empty one leaves it to the settings and the model."""
        if self.chat:
            self.chat = self.store.set_system(self.chat.id, text)
        self.setup = replace(self.setup, own_system=text)

    def pin(self, place: int, pinned: bool) -> int:
        """Let an exchange stay in the context window however full it is, or no longer; returns its question's place.

        The pin is the question's: its answer, whichever is shown, stays with it, since half an exchange misleads.
        """
        while place and self.messages[place].role == "assistant":
            place -= 1
        self.store.set_pinned(self.messages[place].id, pinned)
        self.messages[place] = replace(self.messages[place], pinned=pinned)
        return place

    def undo(self) -> Message | None:
        """Take back the last summary, or else the last question and its answer; returns it, or None when there is none.

        Nothing is deleted: the chat shows the branch that ends before it.
        """
        place = next((n for n in range(len(self.messages) - 1, -1, -1) if self.messages[n].role != "assistant"), -1)
        if place < 0 or self.chat is None:
            return None
        taken = self.messages[place]
        self.chat = self.store.set_leaf(self.chat.id, taken.parent)
        del self.messages[place:]
        return taken

    def branches(self) -> list[Branch]:
        """For each message shown, where it stands among those that were said in its place."""
        if not self.chat:
            return []
        below = self.store.tree(self.chat.id)
        siblings = (below.get(message.parent, [message.id]) for message in self.messages)
        return [
            Branch(ids.index(message.id) + 1 if message.id in ids else len(ids), len(ids))
            for message, ids in zip(self.messages, siblings, strict=True)
        ]

    def walk(self, place: int, number: int) -> None:
        """Show another branch: the one in which the message of this place is the one of that number, from 1 on.

        Raises `StoreError` when there is none of that number.
        """
        siblings = self.store.siblings(self.messages[place].id)
        if not 1 <= number <= len(siblings):
            raise StoreError(f"there is no branch {number} here; there are {len(siblings)}")
        self.show_branch(siblings[number - 1])

    def show_branch(self, message: int) -> None:
        """Show the branch with this message; the chat remembers it.

        What follows the message is what was shown there last, or else what was said there last.
        """
        assert self.chat
        below = self.store.tree(self.chat.id)
        self._note_shown()
        leaf = message
        while after := below.get(leaf):
            leaf = self._walked[leaf] if self._walked.get(leaf) in after else after[-1]
        self.chat = self.store.set_leaf(self.chat.id, leaf)
        self.messages = self.store.path(self.chat.id)

    def place(self, message: int) -> int | None:
        """Where the message of this number stands; None when it is not shown."""
        return next((place for place, shown in enumerate(self.messages) if message and shown.id == message), None)

    def _note_shown(self) -> None:
        """Remember the branch that is shown, before another one is."""
        self._walked.update((shown.parent, shown.id) for shown in self.messages)

    def fork(self, place: int, title: str) -> Chat:
        """Make a new chat of what was said up to the message of this place; this one stays as it is."""
        assert self.chat
        now = time.time()
        return self.store.add_chat(
            replace(self.chat, title=title, created=now, updated=now), self.messages[: place + 1]
        )

    def delete(self, chat: Chat) -> None:
        """Delete a chat of the history. Until the program ends, `undelete` brings it back."""
        deleted = _lifted(self.history, chat)
        self.history.delete(chat.id)
        self._deleted.append(deleted)
        if not self.history.private:
            self.engine.forget(chat.id)

    def undelete(self) -> Chat | None:
        """Bring the chat back that was deleted last; None when there is none. It gets another number."""
        if not self._deleted:
            return None
        chat = _kept(self.history, self._deleted[-1])
        self._deleted.pop()
        return chat

    def keep_attachment(self, file: File) -> Attachment:
        """Store a file where this chat is stored, so that it can go with a question. Raises `StoreError`."""
        return self.store.keep_attachment(file.content, file.name, file.kind, file.width, file.height)

    async def ask(
        self, text: str, attachments: Sequence[Attachment] = (), *, title: str = "", instead: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Keep the question, answer it, keep the answer. Closing the generator stops and keeps what was said.

        A new chat is named after the first line of `title`, or else of the question. `instead` is the number of a
        message that is shown: the question is asked in its place, as a branch of its own. Raises `EngineError` or
        `ModelError` when there is no answer; the question is kept all the same.
        """
        async with self._turn:
            place = next((at for at, message in enumerate(self.messages) if message.id == instead), len(self.messages))
            await self._keep_question(Message("user", text, attachments=tuple(attachments)), title or text, place)
            async with aclosing(self._answer()) as events:
                async for event in events:
                    yield event

    async def plan(self, question: Message | None = None) -> tuple[tuple[Message, ...], Fitted]:
        """What the model would be given, with this question at its end, and what of it fits. Answers nothing.

        Raises `EngineError` or `ModelError`.
        """
        messages = (*self.prompt(), *([inlined(question)] if question else []))
        fitted = await self.engine.plan(Request(self.spec(), messages, self.setup.sampling()))
        self._opened = fitted.limit
        return messages, fitted

    async def compact(self, hint: str = "") -> AsyncGenerator[Event, None]:
        """Have the model sum up the talk; from then on the summary is sent in place of what stands before it.

        Closing the generator stops and keeps nothing. Raises `EngineError` or `ModelError`.
        """
        async with self._turn:
            spec, sampling = self.spec(), self.setup.sampling()
            wish = Message("user", SUMMING_UP + (f" Above all, keep: {hint}" if hint else ""))
            longest = max(self.window // SUMMARY_SHARE, 1)
            request = Request(spec, (*self.prompt(), wish), replace(sampling, max_tokens=longest), chat=self._number)
            summary = Message("summary", "", parent=self._leaf())
            async with aclosing(self.engine.stream(request)) as events:
                async for event in events:
                    match event:
                        case Fitted(limit=limit):
                            self._opened = limit
                        case Delta(_, "text"):
                            summary = _grown(summary, event)
                        case Done(receipt):
                            state: State = "cut" if receipt.stop_reason == "length" else "complete"
                            await self._keep_summary(replace(summary, receipt=receipt, state=state))
                        case _:
                            pass
                    yield event

    async def _keep_summary(self, summary: Message) -> None:
        if not summary.text.strip():
            raise EngineError("the model wrote no summary; nothing was changed")
        assert self.chat
        self.messages.append(await asyncio.to_thread(self.store.add, self.chat.id, summary, summary.parent))

    async def regenerate(
        self, again: Again | None = None, *, place: int | None = None, model: Model | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer a question once more; the earlier answer stays as its sibling.

        The question is the last one, or that of the message at this place. Another model than the chat's may answer,
        this once. When no word of the new answer comes, the earlier one is shown again.
        """
        async with self._turn:
            asked = range(len(self.messages) - 1 if place is None else place, -1, -1)
            question = next((at for at in asked if self.messages[at].role == "user"), None)
            if question is None:
                return
            self._note_shown()
            before = self.messages
            self.messages = before[: question + 1]
            try:
                async with aclosing(self._answer(again, model=model)) as events:
                    async for event in events:
                        yield event
            finally:
                if len(self.messages) == question + 1:
                    self.messages = before

    async def go_on(self) -> AsyncGenerator[Event, None]:
        """Go on with the last answer, which was cut short, from its last token; it grows in place.

        When no more comes, it stays as it was. Raises `EngineError` or `ModelError`.
        """
        async with self._turn:
            if self.unfinished is None:
                return
            async with aclosing(self._answer(begun=self.unfinished)) as events:
                async for event in events:
                    yield event

    @property
    def unfinished(self) -> Message | None:
        """The last answer, if it was cut short."""
        last = self.messages[-1] if self.messages else None
        return last if last and last.role == "assistant" and last.state in CUT_SHORT else None

    async def _keep_question(self, question: Message, title: str, place: int) -> None:
        """Keep a question after what stands before this place."""
        if self.chat is None:
            title = first_title(title, question.attachments)
            self.chat = await asyncio.to_thread(
                self.store.new_chat, title, system=self.setup.own_system, model=self.model.id
            )
        parent = self.messages[place - 1].id if place else 0
        kept = await asyncio.to_thread(self.store.add, self.chat.id, question, parent)
        self._note_shown()
        self.messages = [*self.messages[:place], kept]

    @property
    def _number(self) -> int | None:
        """The number the engine may keep something under; None for a private chat."""
        return self.chat.id if self.chat and not self.store.private else None

    def _leaf(self) -> int:
        return self.messages[-1].id if self.messages else 0

    async def _answer(
        self, again: Again | None = None, *, model: Model | None = None, begun: Message | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer the last question, or go on with what was begun."""
        setup = replace(self.setup, model=model) if model else self.setup
        how = again or Again(setup.sampling())
        said = self.prompt(setup)
        if begun:
            said = (*(message for message in said if message.id != begun.id), begun)
        request = Request(
            setup.spec(self.models), said, how.sampling, self._number, how.reuse, how.drafts, begun is not None
        )
        fresh = Message("assistant", "", receipt=_promised(request), state="draft", parent=self._leaf())
        answer = replace(begun, state="draft", receipt=_next_piece(_promised(request), begun)) if begun else fresh
        grown = False
        state: State = "stopped"
        due = 0.0
        try:
            async with aclosing(self.engine.stream(request)) as events:
                async for event in events:
                    match event:
                        case Fitted(limit=limit, room=room, receipt=promised):
                            self._room = room
                            if setup == self.setup:
                                self._opened = limit
                            answer = replace(answer, receipt=_next_piece(promised, begun) or answer.receipt)
                        case Prefill(cached=cached) if answer.receipt:
                            answer = replace(answer, receipt=replace(answer.receipt, cached_tokens=cached))
                        case Delta():
                            first, grown = not grown, True
                            answer = self._show(_grown(answer, event))
                            if begun and first:
                                await asyncio.to_thread(self.store.reopen, begun.id)
                            if time.monotonic() >= due:
                                answer = await self._keep_draft(answer)
                                due = time.monotonic() + DRAFT_EVERY
                        case Done(receipt):
                            state = "cut" if receipt.stop_reason == "length" else "complete"
                            answer = replace(answer, receipt=_next_piece(receipt, begun))
                            grown = grown or begun is not None
                        case _:
                            pass
                    yield event
        except Exception:
            state = "failed"
            raise
        finally:
            if grown:  # an answer that never began is not kept: no chat gets an empty turn
                self._show(self._keep(_ended(answer, state)))

    def _show(self, answer: Message) -> Message:
        """Put the growing answer at the end of the branch."""
        if self.messages and self.messages[-1].role == "assistant" and self.messages[-1].parent == answer.parent:
            self.messages[-1] = answer
        else:
            self.messages.append(answer)
        return answer

    async def _keep_draft(self, answer: Message) -> Message:
        """Write the growing answer. A disk that takes it no more stops nothing: the last write says so.

        The first write, which gives the answer its number, is not handed to a thread: a cancelled task would lose it.
        """
        try:
            if not answer.id:
                return self._show(self._keep(answer))
            return self._show(await asyncio.to_thread(self._keep, answer))
        except StoreError:
            return answer

    def _keep(self, answer: Message) -> Message:
        """Write the answer as it is now; its row is made with its first piece. Raises `StoreError`."""
        assert self.chat
        if not answer.id:
            return self.store.add(self.chat.id, answer, answer.parent)
        self.store.keep(answer)
        return answer

    def prompt(self, setup: Setup | None = None) -> tuple[Message, ...]:
        """What the model is given: the system prompt, then the chat, with pictures as it can take them.

        The last summary stands for all that was said before it, except what is pinned. It is the user's word, so that
        every chat template takes it, and opens the question that follows.
        """
        setup = setup or self.setup
        images = setup.model.supports_images
        system = (Message("system", setup.system),) if setup.system else ()
        start = self._summary
        before = [m for _, m in self._sent(0, max(start, 0), images=images) if m.pinned and m.role != "summary"]
        after = (_spoken(message) for _, message in self._sent(max(start, 0), images=images))
        return (*system, *map(inlined, (*before, *after)))

    def _sent(self, start: int, end: int | None = None, *, images: bool) -> Iterator[tuple[int, Message]]:
        """The messages of a stretch that are not empty, with their places, as the model can take them."""
        said = self.messages if images else tuple(_without_pictures(self.messages))
        pinned = False
        for place, message in enumerate(said[:end]):
            pinned = message.pinned or message.role == "summary" or (pinned and message.role == "assistant")
            if place >= start and (message.text.strip() or message.attachments):
                yield place, replace(message, pinned=pinned)


def as_before(receipt: Receipt) -> Again:
    """What draws the same answer again, on the same machine and from the same prompt."""
    return Again(receipt.sampling, receipt.cached_tokens, receipt.drafts)


def _spoken(message: Message) -> Message:
    """A message in a role that chat templates know."""
    if message.role != "summary":
        return message
    return replace(message, role="user", text=f"(Summary of what was said before: {message.text.strip()})")


def _promised(request: Request) -> Receipt:
    """The receipt of an answer that has not ended: what was asked for."""
    return Receipt(
        model=request.model.name,
        file=request.model.file,
        context=request.model.context,
        sampling=replace(request.sampling, seed=request.sampling.seed or 0),
        pictures=sum(len(m.images) for m in request.messages),
        adapters=request.model.applied,
    )


def _next_piece(receipt: Receipt | None, begun: Message | None) -> Receipt | None:
    """The receipt of an answer, or of one more piece of what was begun."""
    before = begun.receipt if begun else None
    return replace(receipt, pieces=before.pieces + 1) if receipt and before else receipt


def _lifted(store: Store, chat: Chat) -> Deleted:
    """All of a chat, its attachments too. One whose file is gone is left behind."""
    messages = tuple(store.messages(chat.id))
    attached = {file.sha256: file for message in messages for file in message.attachments if file.path.is_file()}
    try:
        return Deleted(chat, messages, tuple((file, file.path.read_bytes()) for file in attached.values()))
    except OSError as error:
        raise StoreError(f"an attachment of this chat can't be read: {error.strerror}; nothing was changed") from error


def _kept(store: Store, lifted: Deleted) -> Chat:
    for file, content in lifted.files:
        store.keep_attachment(content, file.name, file.kind, file.width, file.height)
    return store.add_chat(lifted.chat, lifted.messages)


def _ended(answer: Message, state: State) -> Message:
    receipt = answer.receipt
    if receipt and state in ("stopped", "failed"):
        receipt = replace(receipt, stop_reason=state)
    return replace(answer, state=state, receipt=receipt)


def _grown(answer: Message, delta: Delta) -> Message:
    match delta:
        case Delta(text, "thinking"):
            return replace(answer, thinking=answer.thinking + text)
        case Delta(text, "text"):
            return replace(answer, text=answer.text + text)
    return answer


def first_title(text: str, attachments: Sequence[Attachment]) -> str:
    """How a chat is called that nobody named: by the first line of its first question."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if not first and attachments:
        first = attachments[0].name
    return first if len(first) <= TITLE_LENGTH else first[: TITLE_LENGTH - 1] + "…"


def _without_pictures(messages: Sequence[Message]) -> Iterator[Message]:
    """The talk for a model without eyes: each picture becomes what a model that saw it said of it."""
    for place, message in enumerate(messages):
        if not message.images:
            yield message
            continue
        names = ", ".join(picture.name for picture in message.images)
        seen = next(
            (m.text for m in messages[place + 1 : place + 2] if m.receipt and m.receipt.pictures and m.text),
            None,
        )
        note = f"(picture {names}: {seen})" if seen else f"(picture {names}, not visible to this model)"
        texts = tuple(file for file in message.attachments if file.kind != "image")
        yield replace(message, text=f"{note}\n\n{message.text}".rstrip(), attachments=texts)
