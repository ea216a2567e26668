"""One chat and the model that answers it: runs a turn, opens chats, switches models. Does not import Textual."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from lechat_tui.attachments.texts import inlined
from lechat_tui.engine.base import (
    Delta,
    Done,
    Engine,
    EngineError,
    Event,
    Fitted,
    ModelSpec,
    RemoteModel,
    Request,
    Retrieved,
    Server,
)
from lechat_tui.message import Attachment, Message, Receipt, Sampling, Span
from lechat_tui.models.available import Models
from lechat_tui.models.catalog import Model, ModelError
from lechat_tui.settings.config import Settings
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.talk.growing import DRAFT_INTERVAL_SECONDS, GrowingAnswer, grown, state_of
from lechat_tui.talk.open_chat import OpenChat
from lechat_tui.talk.phrases import with_warning
from lechat_tui.talk.prompt import build_prompt, summary_request
from lechat_tui.talk.setup import Setup
from lechat_tui.values import dataclass

NEARLY_FULL_SHARE = 0.85
"""Share of the room for the prompt from which on the context window counts as nearly full."""

SUMMARY_SHARE = 8
"""A summary may take one part in so many of the context window."""

SHORT_SUMMARY_CHARACTERS = 1000
"""A longer summary must be shorter than what it stands for: a small model may repeat itself without end."""


@dataclass(frozen=True)
class Replay:
    """How an answer is regenerated."""

    sampling: Sampling
    reuse: int | None = None
    """Most tokens of the KV cache to use, as in `Request`."""
    drafts: tuple[int, ...] | None = None
    """Where to use draft tokens, as in `Request`."""
    threads: tuple[int, ...] | None = None
    """The numbers of threads, as in `Request`."""


class Conversation(OpenChat):
    """A chat and the model that answers it.

    A question is stored before the engine gets it; an answer is stored while it grows. A private chat is the same over
    a store in memory instead of the history. `messages` is the branch that is shown, oldest first; while an answer is
    written it is the last of them. All methods must be called on the thread of one event loop.

        async with aclosing(conversation.ask("What is 7 + 5?")) as events:
            async for event in events:
                ...
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
        draft_interval: float = DRAFT_INTERVAL_SECONDS,
        notice: str = "",
    ) -> None:
        """`system` is the system prompt for a new chat. A growing answer is stored every `draft_interval` seconds.

        `notice` is for the user to read before the first answer.
        """
        super().__init__(store, chat)
        self.engine = engine
        self.models = models
        self.setup = Setup(model, settings or Settings(), (chat.system if chat else system) or "")
        """Which model answers, and how."""
        self.notice = notice
        """What the user must know before the next answer in this chat; empty if there is nothing."""
        self._agreed: set[Server] = set()
        """Servers on other machines that this private chat may be sent to."""
        self._draft_interval = draft_interval
        self._turn = asyncio.Lock()
        self._unwritten: GrowingAnswer | None = None
        """An answer that could not be written when it ended."""
        self._opened = 0
        """The context window that the engine opened for this setup, in tokens; 0 where it is not known."""
        self._room = 0
        """Tokens the last prompt could have had; 0 before the first."""

    @property
    def busy(self) -> bool:
        """True while an answer is being written."""
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
    def window(self) -> int:
        """The context window in tokens: the one the engine opened, or, before that, the one to ask for."""
        return self._opened or self.setup.window

    def spec(self, model: Model | None = None) -> ModelSpec:
        """What the engine must load, for another model too. Raises `ModelError` when the model can't be used."""
        return self._spec(replace(self.setup, model=model) if model else self.setup)

    def agree(self, server: Server) -> None:
        """Let this private chat be sent to a server on another machine."""
        self._agreed.add(server)

    def _spec(self, setup: Setup) -> ModelSpec:
        spec = setup.spec(self.models, agreed=self._agreed)
        if (
            self.private
            and isinstance(spec, RemoteModel)
            and not spec.server.is_here
            and spec.server not in self._agreed
        ):
            raise ModelError(f"this chat is private; /model {spec.name} asks whether to send it to {spec.server.label}")
        return spec

    def image_model(self) -> Model | None:
        """The model of the role `vision` if it supports images: the one to offer for a question with images."""
        try:
            model = self.models.for_role("vision")
        except ModelError:
            return None
        return model if model.supports_images else None

    @property
    def used(self) -> int:
        """Tokens of the context window in use after the last answer; 0 before the first.

        After a summary only its own tokens count: nothing before it is sent any more.
        """
        last = next((m for m in reversed(self.messages) if m.receipt), None)
        if last is None or last.receipt is None:
            return 0
        return last.receipt.completion_tokens + (0 if last.role == "summary" else last.receipt.prompt_tokens)

    @property
    def nearly_full(self) -> bool:
        """Whether one of the next questions will leave messages out."""
        return 0 < self._room * NEARLY_FULL_SHARE <= self.used

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open this chat of the history, or begin a new one. A private chat that was open is gone.

        The model of the chat answers from now on; if another one does, `notice` says why.
        """
        super().open(chat, private=private)
        self._agreed.clear()
        model, self.notice = self._model_of(chat)
        self._change(replace(self.setup, model=model, own_system=chat.system if chat else ""))
        self._room = 0

    def _model_of(self, chat: Chat | None) -> tuple[Model, str]:
        """The model that answers a chat, and why it is another one than before."""
        now = self.model
        if chat is None or chat.model in ("", now.id):
            return now, ""
        try:
            own = self.models.of_chat(chat.model)
        except ModelError as error:
            return now, f"{error}; using {now.id} instead"
        if own.toy and not now.toy:
            return now, f"this chat used {own.id}, a toy model; using {now.id} instead"
        return own, ""

    def close_private(self) -> None:
        """Write what could not be written, then close a private chat, which deletes it."""
        with suppress(StoreError):  # it was reported when the answer ended
            self.write_unwritten()
        super().close_private()

    def switch(self, model: Model) -> None:
        """Let this model answer from now on, in the same chat."""
        self._change(replace(self.setup, model=model))
        self.models.remember(model, keep=not self.private)
        if self.chat:
            self.chat = self.store.set_model(self.chat.id, model.id)

    def change_settings(self, settings: Settings) -> None:
        """Use these settings from the next answer on."""
        self._change(replace(self.setup, settings=settings))

    def _change(self, setup: Setup) -> None:
        """Use another setup. If it loads the model differently, the window that the engine will open is unknown."""
        before, self.setup = self.setup, setup
        if (setup.model, setup.window, setup.tuning()) != (before.model, before.window, before.tuning()):
            self._opened = 0

    def _note_window(self, setup: Setup, fitted: Fitted) -> None:
        """Note which window the engine has opened for a setup, unless another one is in use by now."""
        if setup == self.setup:
            self._opened = fitted.limit

    def set_system(self, text: str) -> None:
        """Give this chat a system prompt; with an empty one, the settings or the model provide it."""
        if self.chat:
            self.chat = self.store.set_system(self.chat.id, text)
        self.setup = replace(self.setup, own_system=text)

    def delete(self, *chats: Chat) -> None:
        """Delete chats of the history, and the saved states of their KV cache. Raises `StoreError`."""
        super().delete(*chats)
        for chat in chats if not self.history.private else ():
            self.engine.forget(chat.id)

    async def ask(
        self,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        pasted: Sequence[Span] = (),
        title: str = "",
        instead: int = 0,
    ) -> AsyncGenerator[Event, None]:
        """Store the question, answer it, store the answer. Closing the generator stops and keeps what has arrived.

        A new chat is named after the first line of `title`, or else of the question. `instead` is the id of a message
        that is shown: the question is asked in its place, as a branch of its own. Raises `EngineError` or `ModelError`
        when there is no answer; the question is stored all the same.
        """
        async with self._turn:
            self.write_unwritten()
            shown = self.index_of(instead)
            index = len(self.messages) if shown is None else shown
            question = Message("user", text, attachments=tuple(attachments), pasted=tuple(pasted))
            question, note = await self._with_passages(question, self.messages[:index], self.window, self.models)
            self.models.remember(self.model, keep=not self.private)
            await self._store_question(
                question, index, title=title or question.text, system=self.setup.own_system, model=self.model.id
            )
            if note is not None:
                yield Retrieved(note)
            async with aclosing(self._answer()) as events:
                async for event in events:
                    yield event

    def prompt(self) -> tuple[Message, ...]:
        """What the model would be sent now."""
        return build_prompt(self.messages, self.setup)

    async def plan(self, question: Message | None = None) -> tuple[tuple[Message, ...], Fitted]:
        """What the model would be sent, with this question at its end, and what of it fits. Nothing is answered.

        Raises `EngineError` or `ModelError`.
        """
        setup = self.setup
        messages = (*self.prompt(), *([inlined(question)] if question else []))
        fitted = await self.engine.plan(Request(self.spec(), messages, setup.sampling()))
        self._note_window(setup, fitted)
        return messages, fitted

    async def shown_prompt(self, question: Message | None = None) -> Fitted:
        """The prompt of the last answer, as it would be made now; with a question, the one that this would get.

        Raises `EngineError` or `ModelError`; the former also if there is no question.
        """
        last = next((n for n in range(len(self.messages) - 1, -1, -1) if self.messages[n].role == "user"), -1)
        messages = build_prompt(self.messages if question else self.messages[: last + 1], self.setup)
        messages = (*messages, *([inlined(question)] if question else []))
        request = Request(self.spec(), messages, self.setup.sampling(), shows_prompt=True)
        return await self.engine.plan(request)

    async def compact(self, hint: str = "") -> AsyncGenerator[Event, None]:
        """Have the model summarize the chat; from then on the summary is sent instead of everything before it.

        `hint` says what the summary must keep. Closing the generator stops, and nothing changes. Raises `EngineError`
        or `ModelError`.
        """
        async with self._turn:
            self.write_unwritten()
            setup = self.setup
            longest = max(self.window // SUMMARY_SHARE, 1)
            replaced = self.prompt()
            messages = (*replaced, summary_request(hint))
            most = max(sum(len(message.text) for message in replaced), SHORT_SUMMARY_CHARACTERS)
            sampling = replace(setup.sampling(), max_tokens=longest)
            request = Request(self.spec(), messages, sampling, chat=self._chat_of_states)
            summary = Message("summary", "", parent=self._leaf)
            async with aclosing(self.engine.stream(request)) as events:
                async for event in events:
                    match event:
                        case Fitted():
                            self._note_window(setup, event)
                        case Delta(_, "text"):
                            summary = grown(summary, event)
                            if len(summary.text) > most:
                                raise EngineError("the summary became longer than the chat; nothing was changed")
                        case Done(receipt):
                            await self._store_summary(replace(summary, receipt=receipt, state=state_of(receipt)))
                        case _:
                            pass
                    yield event

    async def _store_summary(self, summary: Message) -> None:
        if not summary.text.strip():
            raise EngineError("the model wrote no summary; nothing was changed")
        assert self.chat
        self.messages.append(await asyncio.to_thread(self.store.add, self.chat.id, summary, summary.parent))

    async def regenerate(
        self, replay: Replay | None = None, *, index: int | None = None, model: Model | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer a question again; the earlier answer stays as a sibling.

        The question is the last one, or the one of the message at an index. `model` answers this once in place of the
        chat's. If nothing arrives, the earlier answer is shown again. Raises `EngineError` or `ModelError`.
        """
        async with self._turn:
            self.write_unwritten()
            asked = range(len(self.messages) - 1 if index is None else index, -1, -1)
            question = next((at for at in asked if self.messages[at].role == "user"), None)
            if question is None:
                return
            self._shown.remember(self.messages)
            before = self.messages
            self.messages = before[: question + 1]
            try:
                async with aclosing(self._answer(replay, model=model)) as events:
                    async for event in events:
                        yield event
            finally:
                if len(self.messages) == question + 1:
                    self.messages = before

    async def continue_answer(self) -> AsyncGenerator[Event, None]:
        """Continue the last answer, which was cut short, from its last token; the stored answer grows.

        If nothing arrives, it stays as it was. Raises `EngineError` or `ModelError`.
        """
        async with self._turn:
            self.write_unwritten()
            if self.unfinished is None:
                return
            async with aclosing(self._answer(continued=self.unfinished)) as events:
                async for event in events:
                    yield event

    @property
    def _chat_of_states(self) -> int | None:
        """The id under which the engine may save the state of its KV cache; None for a private chat."""
        return self.chat.id if self.chat and not self.store.private else None

    async def _answer(
        self, replay: Replay | None = None, *, model: Model | None = None, continued: Message | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer the last question, or continue this answer to it."""
        assert self.chat
        setup = replace(self.setup, model=model) if model else self.setup
        how = replay or Replay(setup.sampling())
        messages = build_prompt(self.messages, setup)
        if continued:
            messages = (*(message for message in messages if message.id != continued.id), continued)
        continues = continued is not None
        spec = self._spec(setup)
        request = Request(
            spec, messages, how.sampling, self._chat_of_states, how.reuse, how.drafts, how.threads, continues
        )
        interval = self._draft_interval
        stream, sources = self.engine.stream(request), {}
        if self.has_passages:
            from lechat_tui.talk.citing import sources_of, with_existing_citations  # only for answers about passages

            sources = sources_of(self.messages)
            stream = with_existing_citations(stream, sources.keys(), continued.text if continued else "")
        answer = GrowingAnswer(
            *(self.store, self.chat.id, request),
            parent=self._leaf,
            continued=continued,
            draft_interval=interval,
            sources=sources,
            documents=_documents(self.messages),
        )
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, Fitted):
                        self._room = event.room
                        self._note_window(setup, event)
                        event = with_warning(event, toy=setup.model.toy)
                    await answer.take(event)
                    if answer.started:
                        self._show(answer.message)
                    yield event
        except Exception:
            answer.fail()
            raise
        finally:
            if answer.started:  # an answer that never began is not stored: no chat gets an empty turn
                self._finish(answer)

    def _finish(self, answer: GrowingAnswer) -> None:
        """Show and store an answer as it ended; one that can't be written is written later. Raises `StoreError`."""
        try:
            self._show(answer.finish())
        except StoreError:
            self._unwritten = answer
            self._show(answer.message)
            raise

    def write_unwritten(self) -> None:
        """Write an answer that could not be written when it ended, on a full disk for example. Raises `StoreError`."""
        answer = self._unwritten
        if answer and self.chat and self.chat.id == answer.chat:
            self._show(answer.finish())
        self._unwritten = None


def _documents(messages: Sequence[Message]) -> tuple[str, ...]:
    """What is sent of the documents of the last question."""
    question = next((message for message in reversed(messages) if message.role == "user"), None)
    if not question or all(file.kind != "document" for file in question.attachments):
        return ()
    from lechat_tui.attachments.documents import caption  # not needed for the first paint

    return tuple(caption(file) for file in question.attachments if file.kind == "document")


def replay_of(receipt: Receipt) -> Replay:
    """What reproduces an answer, on the same machine and from the same prompt."""
    return Replay(receipt.sampling, receipt.cached_tokens, receipt.drafts, receipt.threads)
