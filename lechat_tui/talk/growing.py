"""One answer while it is written: its text, its receipt, how it ends, and when it goes to the store."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lechat_tui.engine.base import Delta, Done, Event, Fitted, Prefill, Request
from lechat_tui.message import Citation, Message, Receipt, State
from lechat_tui.store import Store, StoreError

if TYPE_CHECKING:
    from lechat_tui.attachments.passages import Source

DRAFT_INTERVAL_SECONDS = 0.4
"""Between two writes of a growing answer: what a power cut can cost."""


class GrowingAnswer:
    """The answer to a request, built from the engine's events.

    It is written to the store with its first piece, then at most every `draft_interval` seconds, and when it ends.
    """

    def __init__(
        self,
        store: Store,
        chat: int,
        request: Request,
        *,
        parent: int,
        continued: Message | None = None,
        draft_interval: float = DRAFT_INTERVAL_SECONDS,
        sources: "Mapping[int, Source] | None" = None,
        documents: tuple[str, ...] = (),
    ) -> None:
        """`parent` is the id of the question; `continued` is the unfinished answer that this one resumes.

        `sources` are the passages that it may cite, `documents` is what was sent of documents.
        """
        self._documents = documents
        self._sources = sources or {}
        self._store = store
        self.chat = chat
        self._continued = continued
        self._draft_interval = draft_interval
        self._next_draft = 0.0
        self._began = time.monotonic()
        self._first = 0.0
        """When the first piece came; 0 before that."""
        self._state: State = "stopped"
        self.started = False
        """Whether anything has come that is worth storing."""
        message = continued or Message("assistant", "", parent=parent)
        self.message = replace(message, state="draft", receipt=self._counted(_promised(request)))
        """The answer so far."""

    async def take(self, event: Event) -> None:
        """Add what an event brings, and store the draft when it is time. A full disk is reported by `finish`."""
        match event:
            case Fitted(receipt=receipt) if receipt:
                self.message = replace(self.message, receipt=self._counted(receipt))
            case Prefill(cached=cached) if self.message.receipt:
                self.message = replace(self.message, receipt=replace(self.message.receipt, cached_tokens=cached))
            case Delta():
                await self._grow(event)
            case Done(receipt):
                self._state = state_of(receipt)
                citations = await asyncio.to_thread(self._checked) if self._sources else ()
                receipt = self._counted(receipt).share_texts()
                self.message = replace(self.message, receipt=receipt, citations=citations)
                self.started = self.started or self._continued is not None
            case _:
                pass

    def fail(self) -> None:
        """The engine raised an error; the answer ends as failed."""
        self._state = "failed"

    def finish(self) -> Message:
        """Store the answer as it ended: complete, cut, failed, or else stopped. Raises `StoreError`."""
        receipt = self.message.receipt
        if receipt and self._state in ("stopped", "failed"):
            receipt = replace(receipt, stop_reason=self._state)
            self.message = replace(self.message, citations=self._checked() if self._sources else ())
        self.message = replace(self.message, state=self._state, receipt=receipt)
        self._write()
        return self.message

    def _checked(self) -> tuple[Citation, ...]:
        """The citations of the answer, each checked against its passage."""
        from lechat_tui.library.citations import check  # only for answers about passages

        return tuple(check(self.message.text, list(self._sources.values())))

    async def _grow(self, delta: Delta) -> None:
        first, self.started = not self.started, True
        self.message = self._measured(grown(self.message, delta), delta)
        if first and self._continued:
            await asyncio.to_thread(self._store.reopen, self._continued.id)
        if time.monotonic() >= self._next_draft:
            await self._write_draft()
            self._next_draft = time.monotonic() + self._draft_interval

    async def _write_draft(self) -> None:
        try:
            if self.message.id:
                await asyncio.to_thread(self._write)
            else:
                self._write()  # it gives the answer its id, which a cancelled thread would lose
        except StoreError:
            pass  # `finish` writes again, and raises

    def _write(self) -> None:
        if self.message.id:
            self._store.keep(self.message)
        else:
            self.message = self._store.add(self.chat, self.message, self.message.parent)

    def _measured(self, message: Message, delta: Delta) -> Message:
        """The message with the tokens and the speed so far in its receipt; the engine's own follow at the end."""
        receipt, now = message.receipt, time.monotonic()
        assert receipt
        tokens = delta.tokens or receipt.completion_tokens + 1
        if not self._first:
            self._first = now
        speed = (tokens - 1) / (now - self._first) if now > self._first else 0.0
        latency = (self._first - self._began) * 1000
        return replace(
            message,
            receipt=replace(receipt, completion_tokens=tokens, ttft_ms=round(latency, 1), tokens_per_s=round(speed, 2)),
        )

    def _counted(self, receipt: Receipt) -> Receipt:
        """The receipt with what was sent of documents, and with the number of pieces the answer was written in."""
        receipt = replace(receipt, documents=self._documents) if self._documents else receipt
        before = self._continued.receipt if self._continued else None
        return replace(receipt, pieces=before.pieces + 1) if before else receipt


def grown(message: Message, delta: Delta) -> Message:
    """The message with a piece added to its text or thinking. The text of a tool call is neither."""
    match delta:
        case Delta(text, "thinking"):
            return replace(message, thinking=message.thinking + text)
        case Delta(text, "text"):
            return replace(message, text=message.text + text)
    return message


def state_of(receipt: Receipt) -> State:
    """The state of an answer that ended with this receipt."""
    return "cut" if receipt.stop_reason == "length" else "complete"


def _promised(request: Request) -> Receipt:
    """The receipt of an answer that has not begun: what was asked for."""
    return Receipt(
        model=request.model.name,
        file=request.model.file,
        context=request.model.context,
        sampling=replace(request.sampling, seed=request.sampling.seed or 0),
        pictures=sum(len(message.images) for message in request.messages if message.attachments),
        adapters=request.model.applied,
    )
