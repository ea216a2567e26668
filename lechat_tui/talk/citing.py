"""Answers about passages: only citations that exist get into them, and each is checked at the end."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from lechat_tui.attachments.passages import Source, sources_of
from lechat_tui.engine.base import Delta, Done, Event
from lechat_tui.message import Citation, Message


def cited_sources(messages: Sequence[Message]) -> dict[int, Source]:
    """The passages that an answer below these messages may cite, by number."""
    if not any(file.kind == "passages" for message in messages for file in message.attachments):
        return {}
    return sources_of(messages)


async def with_existing_citations(
    events: AsyncGenerator[Event, None], numbers: Collection[int], before: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of an answer without citations of other numbers; `before` is what a continued answer has already."""
    from lechat_tui.library.marks import Marks  # only for answers about passages

    marks = Marks(numbers, before)
    async with aclosing(events):
        async for event in events:
            match event:
                case Delta(text, "text"):
                    if shown := marks.feed(text):
                        yield replace(event, text=shown)
                case Done():
                    if rest := marks.close():
                        yield Delta(rest, tokens=event.receipt.completion_tokens)
                    yield event
                case _:
                    yield event


def checked(answer: str, sources: Mapping[int, Source]) -> tuple[Citation, ...]:
    """The citations of an answer, each checked against its passage."""
    from lechat_tui.library.citations import check

    return tuple(check(answer, list(sources.values()))) if sources else ()
