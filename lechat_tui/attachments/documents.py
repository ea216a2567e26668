"""Attached documents: where their pages are stored, what of them is sent, and how that is put in words."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby

from lechat_tui.attachments.files import AttachmentError, File, pages_path
from lechat_tui.documents.model import Document, DocumentError, PageRange
from lechat_tui.message import Attachment, Details, PageSpan
from lechat_tui.plaintext import safe
from lechat_tui.units import tokens_text

CHARACTERS_PER_TOKEN = 4
"""Of most European languages; used until a model has counted the tokens."""


def document_file(content: bytes, document: Document, pages: PageRange | None = None) -> File:
    """A document that can be attached, of which these pages are used. Raises `AttachmentError` if there are none."""
    try:
        kept = document.only(pages)
    except DocumentError as error:
        raise AttachmentError(str(error)) from error
    numbers = listed([page.number for page in kept.pages]).replace(" ", "") if pages else ""
    size = len(kept.text)
    details = Details(pages=numbers, unit=document.unit, page_count=len(document.pages), characters=size)
    return File(document.name, content, "document", document=document, details=details)


def stored_document(file: Attachment) -> Document:
    """All pages of an attached document. Raises `AttachmentError` when they are not stored any more."""
    try:
        return Document.decode(pages_path(file.path).read_bytes())
    except (OSError, DocumentError) as error:
        sentence = f"{safe(file.name)} is no longer stored; /edit the question and attach it again"
        raise AttachmentError(sentence) from error


def used_pages(file: Attachment) -> Document:
    """The pages of an attached document that were asked for. Raises `AttachmentError`."""
    try:
        return stored_document(file).only(PageRange.of(file.details.pages) if file.details else None)
    except DocumentError as error:
        raise AttachmentError(str(error)) from error


def sent_text(file: Attachment) -> str:
    """What is sent of an attached document, with a line above each page. Raises `AttachmentError`."""
    details = file.details or Details()
    if details.use == "parts":
        return "(the answers about its parts follow)"
    if details.use == "passages":
        return "(the passages of it that match the question follow)"
    document = used_pages(file)
    return document.text if details.use == "whole" else spans_text(document, details.spans)


def spans_text(document: Document, spans: Sequence[PageSpan]) -> str:
    """These parts of a document, each page below its mark, with a sign where something in between is left out."""
    pages = {page.number: page for page in document.pages}
    parts = (
        f"{document.mark(pages[number])}\n" + "\n[…]\n".join(pages[number].text[s:e].strip() for _, s, e in group)
        for number, group in groupby(spans, key=lambda span: span[0])
        if number in pages
    )
    return "\n\n".join(parts)


def remarks(files: Sequence[Attachment]) -> list[str]:
    """What was lost when these documents were converted, a sentence each."""
    found: list[str] = []
    for file in files:
        if file.kind == "document":
            with suppress(AttachmentError):  # sending it reports that
                found += [f"{safe(file.name)}: {safe(note)}" for note in stored_document(file).notes]
    return found


def heading(file: Attachment) -> str:
    """The name of an attached file, and what of a document is sent."""
    return f"{file.name} ({used(file.details)})" if file.details and used(file.details) != WHOLE else file.name


WHOLE = "whole document"


def used(details: Details) -> str:
    """What of a document is sent: `whole document`, `pages 3-9 of 12`, `3 passages of pages 2-4, 7 of 12`."""
    of = f"of {details.page_count}"
    match details.use:
        case "passages":
            pages = listed([span[0] for span in details.spans])
            count = len(details.spans)
            found = f"{count} passage{'s' * (count != 1)}"
            return f"{found}, {_units(details, pages)} {of}" if count else "no passage matches"
        case "parts":
            read = f"read in {details.pieces} parts"
            return f"{_units(details, details.pages)} {of}, {read}" if details.pages else f"{WHOLE}, {read}"
        case "beginning":
            return f"the beginning, {_units(details, listed([span[0] for span in details.spans]))} {of}"
    return f"{_units(details, details.pages)} {of}" if details.pages else WHOLE


def caption(file: Attachment) -> str:
    """A document as a label: `report.pdf · whole document, 12 pages, 8.1k tokens`."""
    details = file.details or Details()
    count = f"{details.page_count:,} {details.unit}{'s' * (details.page_count != 1)}"
    shows_count = used(details).startswith(WHOLE) and (details.page_count > 1 or details.unit != "page")
    about = "" if details.tokens else "about "
    tokens = details.tokens or details.characters // CHARACTERS_PER_TOKEN
    size = f"{about}{tokens_text(tokens)} tokens" if details.use != "parts" else ""
    return f"{file.name} · {', '.join(filter(None, (used(details), count if shows_count else '', size)))}"


def listed(numbers: Sequence[int]) -> str:
    """Numbers in order with their runs shortened, as in `2-4, 7`."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in _runs(numbers))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for number in sorted(set(numbers)):
        if last and number > last + 1:
            yield first, last
        if not last or number > last + 1:
            first = number
        last = number
    if last:
        yield first, last


def _units(details: Details, pages: str) -> str:
    return f"{details.unit}{'s' * (not pages.isdecimal())} {pages}"
