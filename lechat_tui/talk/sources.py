"""The passages that answers cite: listed, described, and shown on their page. Reads libraries, but changes nothing."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from lechat_tui.attachments.passages import Source, sources_of
from lechat_tui.message import Citation, Message, Span
from lechat_tui.values import dataclass

MAX_QUOTE_CHARACTERS = 200
"""Of the quote in a list of sources."""


@dataclass(frozen=True)
class SourcePage:
    """The page of a passage."""

    title: str
    text: str
    passage: Span
    """Where the passage is in the text."""


def uncited(messages: Sequence[Message]) -> str:
    """A sentence for an answer that cites nothing though its question came with passages; else empty."""
    answer = messages[-1] if messages else None
    asked = next((message for message in reversed(messages) if message.role == "user"), None)
    if not answer or answer.role != "assistant" or answer.citations or not asked or answer.state != "complete":
        return ""
    if not (count := len(sources_of([asked]))):
        return ""
    return f"the answer cites none of its {count} passages" if count > 1 else "the answer does not cite its passage"


def cited(answer: Message) -> list[str]:
    """A line for each passage that an answer cites: its number, document, page and quote, or why it is unverified."""
    return [_line(n, [one for one in answer.citations if one.n == n]) for n in _numbers(answer)]


def _numbers(answer: Message) -> list[int]:
    return list(dict.fromkeys(citation.n for citation in answer.citations))


def _line(n: int, citations: Sequence[Citation]) -> str:
    first = next((one for one in citations if one.proved), citations[0])
    place = f"{first.document}, page {first.page}" if first.page else first.document
    quote = " ".join(first.quote.split())
    quote = quote if len(quote) <= MAX_QUOTE_CHARACTERS else f"{quote[: MAX_QUOTE_CHARACTERS - 1]}…"
    reasons = dict.fromkeys(one.reason for one in citations if not one.proved)
    doubts = f" (unverified: {'; '.join(reasons)})" if reasons else ""
    return f"[{n}] {place}: “{quote}”{doubts}"


def unverified(answer: Message) -> list[str]:
    """Why citations of an answer are unverified, a sentence for each."""
    reasons = ((one.n, one.reason) for one in answer.citations if not one.proved)
    return [f"[{n}] is unverified: {reason}" for n, reason in dict.fromkeys(reasons)]


def listing(messages: Sequence[Message]) -> str:
    """The sources of the last answer that cites any, as a page; else all passages of the chat; empty for none."""
    known = sources_of(messages)
    answer = next((message for message in reversed(messages) if message.citations), None)
    if answer is None:
        return "\n\n".join(
            f"[{n}] {source.title}\n    {source.path or 'not a file'}" for n, source in sorted(known.items())
        )
    lines = []
    for n, line in zip(_numbers(answer), cited(answer), strict=True):
        path = known[n].path if n in known else ""
        lines.append(f"{line}\n    {path}" if path else line)
    return "\n\n".join(lines)


def page_of(source: Source) -> SourcePage:
    """The page of a passage, from its library; the passage alone if that does not have it in the same words."""
    title = f"[{source.n}] {source.title}"
    above = f"{source.path}\n\n" if source.path else ""
    for text in _page_texts(source):
        if text[source.start : source.end] == source.body:
            start = len(above) + source.start
            return SourcePage(title, above + text, (start, start + len(source.body)))
    note = "(only this passage: its document is no longer in the library, or has changed)\n\n"
    start = len(above) + len(note)
    return SourcePage(title, above + note + source.body, (start, start + len(source.body)))


def _page_texts(source: Source) -> Iterator[str]:
    from lechat_tui.library import names  # not needed for the first paint
    from lechat_tui.library.errors import LibraryError

    for name in filter(None, source.library.split(", ")):
        with suppress(LibraryError), names.find(name) as library:
            yield library.page_text(source.path or source.document, source.page)
