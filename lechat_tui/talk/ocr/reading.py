"""Reads the pages of a file one by one with a model that supports images. Knows no screen and no command line."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from lechat_tui import writing
from lechat_tui.attachments.documents import listed
from lechat_tui.attachments.files import AttachmentError
from lechat_tui.documents.model import Document, DocumentError, Page, PageRange
from lechat_tui.engine.base import Delta, Done, Engine, Event, ModelSpec, Request
from lechat_tui.message import Attachment, Message, Sampling
from lechat_tui.plaintext import safe, storable
from lechat_tui.private_memory import PrivateFolder
from lechat_tui.store.blobs import name_of
from lechat_tui.talk.ocr.journal import Ended, Journal, OcrError, PageText
from lechat_tui.talk.ocr.pictures import PagePicture, Scan, is_blank, pieces
from lechat_tui.talk.ocr.recipes import Recipe
from lechat_tui.talk.ocr.text import cleaned, compared, joined, parrots, unlooped, with_pictures
from lechat_tui.units import duration_text
from lechat_tui.values import dataclass

LOOP_STEP_CHARACTERS = 150
"""New characters after which a growing text is searched for a loop."""

MIN_LAYER_WORDS = 10
"""A PDF's own text of fewer words says nothing about a page."""

MIN_LAYER_SHARE = 0.3
"""Of a scan, a PDF's own text with fewer words than this share of the words read is a stamp, not the page."""


@dataclass(frozen=True)
class Job:
    """What to read, and with what."""

    scan: Scan
    numbers: tuple[int, ...]
    """The pages to read, in order."""
    engine: Engine
    spec: ModelSpec
    recipe: Recipe
    sampling: Sampling
    max_pixels: int
    """Of a picture that the model gets."""
    journal: Journal
    pictures: Path | None = None
    """The folder for the pictures in the pages; None saves none."""

    @property
    def left(self) -> tuple[int, ...]:
        """The pages that are not read yet."""
        return tuple(number for number in self.numbers if number not in self.journal.pages)

    @property
    def pages(self) -> tuple[PageText, ...]:
        """The pages that were read, in order."""
        read = self.journal.pages
        return tuple(read[number] for number in self.numbers if number in read)


@dataclass(frozen=True)
class PageBegun:
    """A page is being read."""

    number: int
    done: int
    """Pages that are read, earlier runs included."""
    total: int
    seconds_left: float | None
    """An estimate for all pages that are left; None before the first page is read."""

    def __str__(self) -> str:
        left = f", about {duration_text(self.seconds_left)} left" if self.seconds_left is not None else ""
        return f"page {self.number} ({self.done + 1} of {self.total}{left})"


Step = PageBegun | PageText | Event
"""What happens: a page begins, what the engine does for it, and the page once it is read and kept."""


async def read_pages(job: Job) -> AsyncGenerator[Step, None]:
    """Read the pages that are left, and keep each in the journal. Closing the generator stops; finished pages stay.

    A page that can't be rendered is marked, and the next one is read. Raises `EngineError` or `OcrError`.
    """
    spent: list[float] = []
    left = job.left
    total = len(job.numbers)
    with PrivateFolder() as folder:
        for index, number in enumerate(left):
            estimate = sum(spent) / len(spent) * (len(left) - index) if spent else None
            yield PageBegun(number, total - len(left) + index, total, estimate)
            began = time.monotonic()
            page = None
            async with aclosing(_read_page(job, number, folder.path)) as events:
                async for event in events:
                    if isinstance(event, PageText):
                        page = event
                    else:
                        yield event
            assert page
            if page.ended != "blank":
                spent.append(time.monotonic() - began)
            page = replace(page, seconds=round(time.monotonic() - began, 1))
            await asyncio.to_thread(job.journal.add, page)
            yield page


async def _read_page(job: Job, number: int, folder: Path) -> AsyncGenerator[Event | PageText, None]:
    try:
        embedded = job.pictures is not None
        picture = await asyncio.to_thread(job.scan.page, number, job.max_pixels, embedded=embedded)
        if await asyncio.to_thread(is_blank, picture.image):
            yield PageText(number, "", "blank")
            return
        parts = await asyncio.to_thread(pieces, picture.image, job.max_pixels)
    except (DocumentError, AttachmentError) as error:
        yield PageText(number, "", "failed", problem=storable(str(error)))
        return
    attempt = _Attempt(job, number, folder)
    async with aclosing(attempt.read(parts)) as events:
        async for event in events:
            yield event
    if attempt.ended != "end" and len(parts) == 1:  # smaller parts are easier, and leave room for more text
        first, parts = attempt, await asyncio.to_thread(pieces, picture.image, job.max_pixels, halved=True)
        attempt = _Attempt(job, number, folder)
        async with aclosing(attempt.read(parts)) as events:
            async for event in events:
                yield event
        attempt = attempt if attempt.ended == "end" or len(attempt.text) >= len(first.text) else first
    files = await asyncio.to_thread(_saved_pictures, job, number, picture)
    text = with_pictures(attempt.text, files) if job.pictures else attempt.text
    kept, invented = _judged(picture, attempt.text)
    parroted = parrots(attempt.text, job.recipe.question)
    yield PageText(number, text, attempt.ended, kept, invented, attempt.pieces, files, parroted=parroted)


class _Attempt:
    """Reads a page from one picture or from two halves."""

    def __init__(self, job: Job, number: int, folder: Path) -> None:
        self._job = job
        self._number = number
        self._folder = folder
        self.text = ""
        self.ended: Ended = "end"
        self.pieces = 0

    async def read(self, parts: Sequence[bytes]) -> AsyncGenerator[Event, None]:
        """Ask the model about each part."""
        for png in parts:
            picture = await asyncio.to_thread(self._stored, png)
            self.pieces += 1
            written = ""
            async with aclosing(self._job.engine.stream(self._request(picture))) as events:
                searched = 0
                async for event in events:
                    yield event
                    if isinstance(event, Delta) and event.kind == "text":
                        written += event.text
                        if len(written) - searched >= LOOP_STEP_CHARACTERS:
                            searched = len(written)
                            if (once := unlooped(written)) is not None:
                                written, self.ended = once, "loop"
                                break
                    elif isinstance(event, Done) and event.receipt.stop_reason == "length":
                        self.ended = "length" if self.ended == "end" else self.ended
            self.text = joined(self.text, cleaned(storable(written)))

    def _request(self, picture: Attachment) -> Request:
        recipe = self._job.recipe
        system = [] if recipe.system is None else [Message("system", recipe.system)]
        question = Message("user", recipe.question, attachments=(picture,))
        return Request(self._job.spec, (*system, question), self._job.sampling)

    def _stored(self, png: bytes) -> Attachment:
        """The picture in a file, from which the engine reads it."""
        sha256 = name_of(png)
        path = self._folder / sha256
        try:
            path.write_bytes(png)
        except OSError as error:
            raise OcrError(f"{path.parent} can't be written: {error.strerror or error}; free some space") from error
        return Attachment(sha256, f"page {self._number}", "image", path, len(png))


def _judged(picture: PagePicture, text: str) -> tuple[float | None, float | None]:
    """The share of the PDF's own words that the text has, and the share of its words that are not among them."""
    comparison = compared(picture.text, text)
    if comparison.words < MIN_LAYER_WORDS:
        return None, None
    if picture.scanned and comparison.words < MIN_LAYER_SHARE * len(text.split()):
        return comparison.kept, None
    return comparison.kept, comparison.invented


def _saved_pictures(job: Job, number: int, picture: PagePicture) -> tuple[str, ...]:
    """Save the pictures in a page; their paths relative to the Markdown file. Raises `OcrError`."""
    if job.pictures is None or not picture.embedded:
        return ()
    names = [f"page-{number}-{place}.png" for place in range(1, len(picture.embedded) + 1)]
    try:
        job.pictures.mkdir(parents=True, exist_ok=True)
        for name, item in zip(names, picture.embedded, strict=True):
            writing.write(job.pictures / name, item.png, mode=0o666, sync=False)
    except OSError as error:
        raise OcrError(f"{safe(str(job.pictures))} can't be written: {error.strerror or error}") from error
    return tuple(f"{job.pictures.name}/{name}".replace(" ", "%20") for name in names)


def wanted_pages(scan: Scan, pages: PageRange | None) -> tuple[int, ...]:
    """The numbers of the pages to read. Raises `OcrError` when there is none of them."""
    found = tuple(number for number in range(1, scan.pages + 1) if pages is None or number in pages)
    if not found:
        raise OcrError(f"{safe(scan.name)} has pages 1 to {scan.pages}, and no page {pages}")
    return found


def document(job: Job) -> Document:
    """The pages that were read, as a document that can be attached or saved."""
    pages = tuple(Page(page.number, _marked(page), "markdown" if page.text else "empty") for page in job.pages)
    return Document(job.scan.name, job.scan.format, pages, tuple(notes(job)))


def markdown(job: Job) -> str:
    """The pages that were read, as the content of a Markdown file."""
    return document(job).text.strip() + "\n"


def notes(job: Job) -> Iterator[str]:
    """A sentence for each mark of a page, and one for the pages that were skipped."""
    if blank := [page.number for page in job.pages if page.ended == "blank"]:
        yield f"blank and skipped: page{'s' * (len(blank) != 1)} {listed(blank)}"
    for page in job.pages:
        yield from (f"page {page.number}: {mark}" for mark in page.marks)


def _marked(page: PageText) -> str:
    """The text of a page with its marks below."""
    return "\n\n".join(filter(None, (page.text, *(f"> **Page {page.number}:** {mark}" for mark in page.marks))))
