"""The passages that answers cite: listed, described, and shown on their page. Reads libraries, but changes nothing."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from lechat_tui.attachments.files import AttachmentError
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


def uncited(messages: Sequence[Message]) -> list[str]:
    """Lines about a last answer that cites nothing though its question came with passages, and where it is from."""
    answer = messages[-1] if messages else None
    asked = next((message for message in reversed(messages) if message.role == "user"), None)
    if not answer or answer.role != "assistant" or answer.citations or not asked or not answer.text.strip():
        return []
    sources = sources_of([asked])
    if not sources:
        return []
    from lechat_tui.library.citations import sources_found

    found = sources_found(answer.text, list(sources.values()))
    passages = f"none of its {len(sources)} passages" if len(sources) > 1 else "no passage"
    if not found:
        return [f"the answer cites {passages}"]
    numbers = list(dict.fromkeys(one.n for one in found))
    return [
        f"the answer cites {passages}; the most similar are:",
        *(_line(n, [one for one in found if one.n == n]) for n in numbers),
    ]


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
    """The sources of the last answer, as a page: what it cites, else what it was given."""
    known = sources_of(messages)
    index = next((n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "assistant"), -1)
    answer = messages[index]
    if index >= 0 and answer.citations:
        places = (known[n].path if n in known else "" for n in _numbers(answer))
        return "\n\n".join(f"{line}\n    {path}".rstrip() for line, path in zip(cited(answer), places, strict=True))
    asked = [message for message in messages[: index + 1] if message.role == "user"]
    given = sources_of(asked[-1:]) or known
    lines = (f"[{n}] {source.title}\n    {source.path}".rstrip() for n, source in sorted(given.items()))
    about = uncited(messages[: index + 1])
    return "\n\n".join([*about, *(["passages that the model was given:"] if about else []), *lines])


def page_of(source: Source, messages: Sequence[Message] = ()) -> SourcePage:
    """The page of a passage, from its library or from a document attached to these messages.

    The passage alone if neither has it in the same words.
    """
    title = f"[{source.n}] {source.title}"
    above = f"{source.path}\n\n" if source.path else ""
    for text in (*_attached_texts(source, messages), *_page_texts(source)):
        if text[source.start : source.end] == source.body:
            start = len(above) + source.start
            return SourcePage(title, above + text, (start, start + len(source.body)))
    note = "(only this passage: its document is no longer in the library, or has changed)\n\n"
    start = len(above) + len(note)
    return SourcePage(title, above + note + source.body, (start, start + len(source.body)))


def _attached_texts(source: Source, messages: Sequence[Message]) -> Iterator[str]:
    """The page in the attached documents of that name."""
    files = (file for message in messages for file in message.attachments if file.kind == "document")
    for file in files if not source.library else ():
        if file.name == source.document:
            from lechat_tui.attachments.documents import stored_document  # not needed for the first paint

            with suppress(AttachmentError):
                yield from (page.text for page in stored_document(file).pages if page.number == source.page)


def _page_texts(source: Source) -> Iterator[str]:
    from lechat_tui.library import names  # not needed for the first paint
    from lechat_tui.library.errors import LibraryError

    for name in filter(None, source.library.split(", ")):
        with suppress(LibraryError), names.find(name) as library:
            yield library.page_text(source.path or source.document, source.page)
