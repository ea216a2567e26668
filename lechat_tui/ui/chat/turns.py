"""Runs each kind of turn and keeps the transcript in step."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from lechat_tui.attachments.texts import invisible_characters
from lechat_tui.commands.base import Choice
from lechat_tui.engine.base import Event
from lechat_tui.errors import LechatError, NothingSent
from lechat_tui.message import Attachment
from lechat_tui.store import Draft, StoreError
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.chat.chat_lists import ChatLists
from lechat_tui.ui.chat.dialogs import Dialogs
from lechat_tui.ui.chat.message_view import MessageView
from lechat_tui.ui.chat.model_switch import ModelSwitch
from lechat_tui.ui.chat.progress import AnswerProgress
from lechat_tui.ui.chat.queue import Turn
from lechat_tui.ui.widgets.transcript import Transcript


class TurnRunner:
    """One method for each kind of turn."""

    def __init__(
        self,
        conversation: Conversation,
        view: MessageView,
        transcript: Transcript,
        progress: AnswerProgress,
        chats: ChatLists,
        models: ModelSwitch,
        dialogs: Dialogs,
        *,
        put_back: Callable[[Turn], None],
        start: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """`put_back` takes a question that could not be stored; `start` starts work in the background."""
        self._conversation = conversation
        self._view = view
        self._transcript = transcript
        self._progress = progress
        self._chats = chats
        self._models = models
        self._dialogs = dialogs
        self._put_back = put_back
        self._start = start
        self._kinds: dict[str, Callable[[Turn], Awaitable[None]]] = {
            "ask": self._ask,
            "again": self._regenerate,
            "compact": self._compact,
            "continue": self._continue,
            "compare": self._compare,
            "task": self._run_task,
        }

    async def run(self, turn: Turn) -> None:
        """Run this turn; an error becomes a note."""
        try:
            await self._kinds[turn.kind](turn)
        except LechatError as error:
            self._view.note(str(error), error=True)

    async def _ask(self, turn: Turn) -> None:
        await self._models.prepare_question(turn.attachments)
        turn = await self._with_page_pictures(turn)
        before = self._conversation.messages
        self._view.add_question(turn.question, self._index(turn))
        if hidden := await asyncio.to_thread(invisible_characters, turn.text, turn.attachments):
            self._view.note(phrases.invisible_characters(hidden))
        await self._note_remarks(turn.attachments)
        try:
            await self._follow(self._asked(turn))
        except (StoreError, NothingSent):
            if self._conversation.messages is before:
                self._view.show()
                self._put_back(turn)
            raise
        finally:
            if self._index(turn) is not None:  # the question could not be stored: the one it replaces is still there
                self._view.show()

    async def _with_page_pictures(self, turn: Turn) -> Turn:
        """The question, with pictures of the pages of a document that have no text."""
        if all(file.kind != "document" for file in turn.attachments):
            return turn
        from lechat_tui.talk.page_pictures import with_page_pictures

        pictured = await asyncio.to_thread(with_page_pictures, self._conversation, turn.attachments, ocr="/ocr")
        for note in pictured.notes:
            self._view.note(note)
        return replace(turn, attachments=pictured.attachments)

    def _asked(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The events of the answer. Where documents do not fit, the user is asked what to send."""
        conversation, question = self._conversation, turn.question
        messages = (*conversation.messages, question)
        if not any(file.kind == "document" for message in messages for file in message.attachments):
            return conversation.ask(turn.text, turn.attachments, pasted=turn.pasted, instead=turn.message)
        from lechat_tui.talk import document_use  # only when it is needed

        index = self._index(turn)
        changed = partial(self._view.add_question, index=len(conversation.messages) if index is None else index)
        return document_use.ask(conversation, question, self._choose, changed=changed, instead=turn.message)

    async def _choose(self, title: str, rows: Sequence[tuple[str, str, str]]) -> str | None:
        choices = [Choice(*row) for row in rows]
        return await self._dialogs.ask(title, choices, hint="Enter selects · Esc puts the question back")

    async def _note_remarks(self, files: Sequence[Attachment]) -> None:
        """Show what was lost when documents were converted."""
        if any(file.kind == "document" for file in files):
            from lechat_tui.attachments.documents import remarks  # only when it is needed

            for remark in await asyncio.to_thread(remarks, files):
                self._view.note(remark)

    def _index(self, turn: Turn) -> int | None:
        return self._conversation.index_of(turn.message)

    async def _regenerate(self, turn: Turn) -> None:
        conversation = self._conversation
        index, before = self._index(turn), conversation.messages
        self._view.remove_answer(index)
        try:
            await self._follow(conversation.regenerate(turn.how, index=index, model=turn.model))
        finally:
            if conversation.messages is before:
                self._view.show()

    async def _continue(self, turn: Turn) -> None:
        if self._conversation.unfinished:
            self._transcript.resume_answer()
            await self._follow(self._conversation.continue_answer())

    async def _compare(self, turn: Turn) -> None:
        assert turn.model
        question = Draft(turn.text, turn.attachments) if turn.text or turn.attachments else None
        from lechat_tui.ui.chat.comparison import Comparison  # only when it is needed

        comparison = Comparison(self._conversation, turn.model, question)
        try:
            comparison.keep(await self._dialogs.show(comparison.screen))
        finally:
            await comparison.screen.stop()
            self._view.show()
            self._models.load()

    async def _run_task(self, turn: Turn) -> None:
        assert turn.task
        try:
            await self._progress.follow_task(turn.task.steps())
        finally:
            self._start(turn.task.end)  # not awaited here, where a stop would cancel it

    async def _compact(self, turn: Turn) -> None:
        """What was written becomes the summary, or is removed if it is unfinished."""
        conversation = self._conversation
        before = len(conversation.messages)
        try:
            await self._follow(conversation.compact(turn.text))
        finally:
            self._transcript.drop_answer()
            self._progress.show_used()
            if len(conversation.messages) > before:
                self._show_summary()

    def _show_summary(self) -> None:
        summary = self._conversation.messages[-1]
        self._view.add_summary(summary)
        if summary.receipt and summary.receipt.left_out:
            self._view.note(phrases.missing_from_summary(summary.receipt.left_out))

    async def _follow(self, events: AsyncGenerator[Event, None]) -> None:
        await self._progress.follow(events, self._chats.refresh)
