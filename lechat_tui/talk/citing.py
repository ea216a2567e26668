"""Lets only citations of passages that exist into an answer."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace

from lechat_tui.attachments.passages import sources_of
from lechat_tui.engine.base import Delta, Done, Event
from lechat_tui.library.marks import Marks

__all__ = ["sources_of", "with_existing_citations"]


async def with_existing_citations(
    events: AsyncGenerator[Event, None], numbers: Collection[int], before: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of an answer without citations of other numbers; `before` is what a continued answer has already."""
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
