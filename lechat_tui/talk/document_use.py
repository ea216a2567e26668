"""What is sent of documents: all of them where they fit, and else what the user chooses. The choice is remembered.

A question about passages of a document gets new passages with every following question of the chat.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

from lechat_tui.attachments.documents import used_pages
from lechat_tui.attachments.files import File
from lechat_tui.attachments.passages import Passages, encoded
from lechat_tui.attachments.texts import joined
from lechat_tui.documents.model import Page, PageRange
from lechat_tui.engine.base import ContextOverflow, Event, Fitted, Waiting
from lechat_tui.errors import NothingSent
from lechat_tui.library.store import Library
from lechat_tui.message import Attachment, Details, DocumentUse, Message, PageSpan
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.libraries import MAX_PASSAGES, completed, fitting, numbered
from lechat_tui.talk.overflow import MAX_PLANS, MIN_USED, in_parts

Choice = Literal["passages", "parts", "beginning", "pages"]

Row = tuple[str, str, str]
"""A row to choose from: its value, its label, and what is shown beside it."""

Choose = Callable[[str, Sequence[Row]], Awaitable[str | None]]
"""Lets the user choose; None if nothing was chosen."""

CHOICES: tuple[Row, ...] = (
    ("passages", "the passages that match the question", "quick; answers cite the pages"),
    ("parts", "the whole document in parts", "one answer for each part, then one about these answers"),
    ("pages", "some of the pages", "as many as fit"),
    ("beginning", "the beginning", "as much as fits"),
)

MAX_RANGES = 30
"""Page ranges to choose from."""


async def ask(
    conversation: Conversation,
    question: Message,
    choose: Choose,
    *,
    changed: Callable[[Message], None] = lambda _: None,
    instead: int = 0,
) -> AsyncGenerator[Event, None]:
    """Ask the question; documents that do not fit are reduced to what the user chooses, now or earlier in the chat.

    `changed` is called with the question as it will be sent if that is different. Raises what `Conversation.ask`
    raises, and `NothingSent`.
    """
    prepared = question
    async with aclosing(_prepared(conversation, question, choose)) as steps:
        async for step in steps:
            if isinstance(step, Message):
                prepared = step
            else:
                yield step
    if prepared != question:
        changed(prepared)
    events = conversation.ask(
        prepared.text, prepared.attachments, pasted=prepared.pasted, title=question.text, instead=instead
    )
    async with aclosing(events):
        async for event in events:
            yield event


def concerns(messages: Sequence[Message], files: Sequence[Attachment]) -> bool:
    """Whether a question with these files has to do with documents."""
    return any(file.kind == "document" for file in files) or bool(_in_passages(messages))


async def _prepared(
    conversation: Conversation, question: Message, choose: Choose
) -> AsyncGenerator[Waiting | Message, None]:
    documents = _documents(question)
    if not documents:
        again = () if _asks_a_library(conversation, question) else _in_passages(conversation.messages)
        if again:
            yield await _with_passages(conversation, replace(question, attachments=(*question.attachments, *again)))
        return
    _, whole = await conversation.plan(question)
    if whole.fits:
        yield await _counted(conversation, question, whole)
        return
    choice = remembered(conversation) or await _chosen(question, whole, choose)
    if choice == "pages":
        yield await _with_pages(conversation, question, whole, choose)
        return
    async with aclosing(applied(conversation, question, choice)) as steps:
        async for step in steps:
            yield step


async def _chosen(question: Message, whole: Fitted, choose: Choose) -> Choice:
    """What the user chooses. Raises `NothingSent`."""
    names = ", ".join(file.name for file in _documents(question))
    title = f"{names} needs {whole.costs[-1]:,} tokens, and {whole.room:,} fit. What should the model get?"
    match await choose(title, CHOICES):
        case ("passages" | "parts" | "beginning" | "pages") as choice:
            return choice
        case _:
            raise NothingSent("nothing was sent; the question is in the prompt again")


def remembered(conversation: Conversation) -> Choice | None:
    """What the user chose earlier in this chat for documents that do not fit."""
    if conversation.document_use:
        return conversation.document_use if conversation.document_use != "whole" else None
    for message in reversed(conversation.messages):
        for file in _documents(message):
            if file.details and file.details.use != "whole":
                return file.details.use
    return None


async def applied(
    conversation: Conversation, question: Message, choice: Choice
) -> AsyncGenerator[Waiting | Message, None]:
    """What happens meanwhile, and at the end the question with what this choice leaves of its documents.

    Raises `ContextOverflow` when not even that fits.
    """
    match choice:
        case "parts":
            async with aclosing(_in_parts(conversation, question)) as steps:
                async for step in steps:
                    yield step
        case "passages":
            found = await _with_passages(conversation, question)
            if any(file.kind == "passages" for file in found.attachments):
                yield found
                return
            names = ", ".join(file.name for file in _documents(question))
            yield Waiting(f"no passage of {names} matches the question; the beginning is sent")
            yield await _with_beginning(conversation, question)
        case _:
            yield await _with_beginning(conversation, question)


# The whole document


async def _counted(conversation: Conversation, question: Message, whole: Fitted) -> Message:
    """The question with the number of tokens of each document."""
    documents = _documents(question)
    others = tuple(file for file in _others(question) if file.kind != "passages")
    _, bare = await conversation.plan(replace(question, attachments=others))
    tokens = max(whole.costs[-1] - bare.costs[-1], 1)
    characters = sum(file.details.characters for file in documents if file.details) or 1
    return _replaced(question, lambda file, d: replace(d, tokens=max(tokens * d.characters // characters, 1)))


async def _in_parts(conversation: Conversation, question: Message) -> AsyncGenerator[Waiting | Message, None]:
    documents = _documents(question)
    others, pictures = _others(question), question.images
    material = joined(*(f"{file.name}:\n{used_pages(file).text}" for file in documents))

    async def plan(material: str) -> Fitted:
        _, fitted = await conversation.plan(replace(question, text=joined(material, question.text), attachments=others))
        return fitted

    pieces = 0
    async with aclosing(in_parts(conversation, material, question.text, pictures, plan)) as steps:
        async for step in steps:
            if isinstance(step, Waiting):
                pieces += step.reason.startswith("reading part")
                yield step
            else:
                material = step
    read = _replaced(question, lambda file, d: replace(d, use="parts", pieces=pieces, characters=0))
    text = joined(material, question.text)
    yield replace(read, text=text, pasted=((0, len(material.strip("\n"))),))


# Passages


async def _with_passages(conversation: Conversation, question: Message) -> Message:
    """The question with the passages of its documents that match it best, as many as fit; as it was if none match."""
    found = await asyncio.to_thread(_search, conversation, question)
    for count in (len(found.sources), *(k for k in (6, 4, 3, 2, 1) if k < len(found.sources))) if found.sources else ():
        kept = replace(found, sources=found.sources[:count])
        spans = {file.sha256: _spans_of(kept, file) for file in _documents(question)}
        name = f"{count} passage{'s' * (count != 1)} from {kept.library}"
        passages = await asyncio.to_thread(conversation.keep_attachment, File(name, encoded(kept), "passages"))
        asked = _with_spans(question, "passages", spans)
        asked = replace(asked, attachments=(*asked.attachments, passages))
        _, fitted = await conversation.plan(asked)
        if fitted.fits:
            return await _counted(conversation, asked, fitted)
    return question


def _search(conversation: Conversation, question: Message) -> Passages:
    documents = _documents(question)
    names = {file.sha256: file.name for file in documents}
    with Library(None) as library:
        for file in documents:
            library.add(replace(used_pages(file), name=file.name), file.sha256, file.sha256)
        found = library.search(completed(question.text, conversation.messages), MAX_PASSAGES)
    kept = fitting(found, conversation.window)
    sources = numbered((replace(passage, path="") for passage in kept), conversation.messages, "")
    return Passages(", ".join(names.values()), sources)


def _spans_of(passages: Passages, file: Attachment) -> tuple[PageSpan, ...]:
    return tuple((s.page, s.start, s.end) for s in passages.sources if s.document == file.name)


def _in_passages(messages: Sequence[Message]) -> tuple[Attachment, ...]:
    """The documents that were sent last, if passages of them were."""
    for message in reversed(messages):
        if documents := _documents(message):
            return tuple(file for file in documents if file.details and file.details.use == "passages")
    return ()


def _asks_a_library(conversation: Conversation, question: Message) -> bool:
    return bool(conversation.libraries) or "@library:" in question.text


# Pages and the beginning


async def _with_pages(conversation: Conversation, question: Message, whole: Fitted, choose: Choose) -> Message:
    """The question with some pages of its first document, which the user chooses from ranges that should fit."""
    file = _documents(question)[0]
    document = used_pages(file)
    room = int(len(document.text) * _share(whole) * MIN_USED)
    rows: list[Row] = []
    first = size = 0
    for page in (*document.pages, None):
        if page and (not size or size + len(page.text) <= room):
            first, last, size = first or page.number, page.number, size + len(page.text)
            continue
        label = f"{document.unit} {first}" if first == last else f"{document.unit}s {first} to {last}"
        rows.append((f"{first}-{last}", label, ""))
        if page:
            first, last, size = page.number, page.number, len(page.text)
    choice = await choose(f"Which {document.unit}s of {file.name}?", rows[:MAX_RANGES])
    pages = PageRange.of(choice or "")
    if pages is None:
        raise NothingSent("nothing was sent; the question is in the prompt again")
    size = len(document.only(pages).text)
    asked = _replaced(question, lambda f, d: replace(d, pages=str(pages), characters=size) if f == file else d)
    _, fitted = await conversation.plan(asked)
    return await _counted(conversation, asked, fitted) if fitted.fits else await _with_beginning(conversation, asked)


async def _with_beginning(conversation: Conversation, question: Message) -> Message:
    """The question with as much of the beginning of each document as fits. Raises `ContextOverflow`."""
    documents = {file.sha256: used_pages(file) for file in _documents(question)}
    total = sum(len(page.text) for document in documents.values() for page in document.pages) or 1
    _, fitted = await conversation.plan(question)
    share = _share(fitted) * MIN_USED
    for _ in range(MAX_PLANS):
        spans = {
            sha: _first(document.pages, int(share * sum(len(page.text) for page in document.pages)))
            for sha, document in documents.items()
        }
        if not any(spans.values()):
            break
        asked = _with_spans(question, "beginning", spans)
        _, fitted = await conversation.plan(asked)
        if fitted.fits:
            return await _counted(conversation, asked, fitted)
        share *= min(_share(fitted), MIN_USED)
    raise ContextOverflow(f"no part of the {total:,} characters fits, because the question itself fills the context")


def _first(pages: Sequence[Page], size: int) -> tuple[PageSpan, ...]:
    """The first characters of a document, so many; the last page ends with a line where one ends near."""
    spans: list[PageSpan] = []
    for page in pages:
        length = len(page.text)
        if length > size:
            line = page.text.rfind("\n", size // 2, size) + 1
            length = line or size
        if length > 0:
            spans.append((page.number, 0, length))
        size -= length
        if size <= 0 or length < len(page.text):
            break
    return tuple(spans)


def _share(fitted: Fitted) -> float:
    """The share of the question that fits, of its tokens."""
    cost = max(fitted.costs[-1], 1)
    return min(max((cost - (fitted.tokens - fitted.room)) / cost, 0.01), 1.0)


def _documents(message: Message) -> tuple[Attachment, ...]:
    return tuple(file for file in message.attachments if file.kind == "document")


def _others(message: Message) -> tuple[Attachment, ...]:
    return tuple(file for file in message.attachments if file.kind != "document")


def _with_spans(question: Message, use: DocumentUse, spans: Mapping[str, tuple[PageSpan, ...]]) -> Message:
    """The question with these parts of its documents, by their SHA-256."""

    def change(file: Attachment, details: Details) -> Details:
        parts = spans[file.sha256]
        size = sum(end - start for _, start, end in parts)
        return replace(details, use=use, spans=parts, characters=size, tokens=0)

    return _replaced(question, change)


def _replaced(question: Message, change: Callable[[Attachment, Details], Details]) -> Message:
    """The question with other details of its documents."""
    files = (
        replace(file, details=change(file, file.details or Details())) if file.kind == "document" else file
        for file in question.attachments
    )
    return replace(question, attachments=tuple(files))
