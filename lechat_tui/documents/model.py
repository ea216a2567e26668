"""What a document became: pages of Markdown with their numbers, and what was lost. Reads and writes nothing."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import msgspec

from lechat_tui.errors import LechatError
from lechat_tui.values import dataclass

Source = Literal["markdown", "plain", "empty"]
"""Where the text of a page is from: converted to Markdown, plain text because too much would be lost, or no text."""

UNITS = {"pptx": "slide", "xlsx": "sheet", "xls": "sheet", "ods": "sheet", "epub": "chapter", "csv": "part"}
"""What a page of these formats is called; of all others, a page."""

MAX_PAGE = 10**6
"""The largest page number that is understood."""

_RANGES = re.compile(r"\d{1,6}(?:-(?:\d{1,6})?)?(?:,\d{1,6}(?:-(?:\d{1,6})?)?)*")


class DocumentError(LechatError):
    """This document can't be converted; the text says why."""


@dataclass(frozen=True)
class PageRange:
    """Pages that were asked for, as in `3-9`, `2`, `10-` and `1,4-6`."""

    parts: tuple[tuple[int, int], ...]
    """The first and the last page of each part, counted from 1."""

    def __contains__(self, page: int) -> bool:
        return any(first <= page <= last for first, last in self.parts)

    def __str__(self) -> str:
        return ",".join(_part_text(first, last) for first, last in self.parts)

    @staticmethod
    def of(text: str) -> "PageRange | None":
        """The range that was typed; None for any other text, also for page 0 and for `9-3`."""
        if not _RANGES.fullmatch(text):
            return None
        parts = tuple(_part(part) for part in text.split(","))
        return PageRange(parts) if all(1 <= first <= last for first, last in parts) else None


def _part(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return int(first), int(last) if last else MAX_PAGE if dash else int(first)


def _part_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-" if last == MAX_PAGE else f"{first}-{last}"


@dataclass(frozen=True)
class Page:
    """One page, slide, sheet or chapter."""

    number: int
    """Counted from 1."""
    text: str
    """Markdown, or plain text."""
    source: Source = "markdown"
    label: str = ""
    """What the document itself calls it: the name of a sheet, the title of a chapter, a printed page number."""


@dataclass(frozen=True)
class Document:
    """A document that was converted."""

    name: str
    """The file name without its folder."""
    format: str
    """A key of `formats.FORMATS`."""
    pages: tuple[Page, ...]
    notes: tuple[str, ...] = ()
    """Sentences about what was lost or refused."""

    @property
    def unit(self) -> str:
        """What one of its pages is called: `page`, `slide`, `sheet`, `chapter` or `part`."""
        return UNITS.get(self.format, "page")

    @property
    def text(self) -> str:
        """All pages, each below a line such as `[page 3]` if there are several."""
        if len(self.pages) == 1 and self.pages[0].number == 1 and not self.pages[0].label:
            return self.pages[0].text
        return "\n\n".join(f"{self.mark(page)}\n{page.text}".rstrip() for page in self.pages)

    def mark(self, page: Page) -> str:
        """The line above a page."""
        label = f": {page.label}" if page.label and page.label != str(page.number) else ""
        return f"[{self.unit} {page.number}{label}]"

    def only(self, pages: PageRange | None) -> "Document":
        """The document with these pages alone; as it is without a range. Raises `DocumentError` if there are none."""
        if pages is None:
            return self
        kept = tuple(page for page in self.pages if page.number in pages)
        if not kept:
            last = self.pages[-1].number if self.pages else 0
            raise DocumentError(f"{self.name} has {self.unit}s 1 to {last}, and no {self.unit} {pages}")
        return replace(self, pages=kept)

    def encode(self) -> bytes:
        """The document as JSON."""
        return msgspec.json.encode(self)

    @staticmethod
    def decode(encoded: bytes) -> "Document":
        """The document of this JSON. Raises `DocumentError`."""
        try:
            return msgspec.json.decode(encoded, type=Document)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise DocumentError("the converted text of this document is damaged; attach the document again") from error

    @property
    def is_scan(self) -> bool:
        """Whether at least half of its pages have no text, so that only pictures show what is on them."""
        return self.format == "pdf" and 2 * sum(1 for _ in self.empty_pages()) >= max(len(self.pages), 1)

    def empty_pages(self) -> Iterator[int]:
        """The numbers of the pages without text."""
        return (page.number for page in self.pages if page.source == "empty")
