"""PDF: Markdown from liteparse, compared page by page with the text that PDFium finds.

A page whose Markdown lacks more than 3% of the words is given as plain text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pypdfium2
from liteparse import LiteParse, ParseError

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Item, check_pages
from lechat_tui.documents.parsers.pdf_text import opened, plain

MIN_WORDS_KEPT = 0.97
"""The least share of the words of a page that its Markdown must have."""

BATCH_PAGES = 25
"""Pages converted at once; lines that repeat on them are headers and footers."""

_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d+")
_EMPTY_FENCE = re.compile(r"^```\w*\s*```$", re.MULTILINE)


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The pages of a PDF."""
    document = opened(content)
    total = check_pages(len(document))
    yield total
    wanted = [number for number in range(1, total + 1) if pages is None or number in pages]
    plain_pages: list[int] = []
    empty_pages: list[int] = []
    for start in range(0, len(wanted), BATCH_PAGES):
        batch = wanted[start : start + BATCH_PAGES]
        for page in _converted(content, document, batch):
            plain_pages += [page.number] if page.source == "plain" else []
            empty_pages += [page.number] if page.source == "empty" else []
            yield page
    if plain_pages:
        yield f"{_listed(plain_pages)} as plain text, because Markdown would lose words"
    if empty_pages:
        yield f"{_listed(empty_pages)} without text: scanned or only pictures"


def _converted(content: bytes, document: pypdfium2.PdfDocument, numbers: Sequence[int]) -> Iterator[Page]:
    texts = {number: plain(document, number) for number in numbers}
    markdown = _markdown(content, numbers)
    repeated = _repeated(texts.values())
    for number in numbers:
        text, label = texts[number], document.get_page_label(number - 1)
        best = markdown.get(number, "")
        if not text and not best:
            yield Page(number, "", "empty", label)
        elif kept_share(text, best, repeated) >= MIN_WORDS_KEPT:
            yield Page(number, best, "markdown", label)
        else:
            yield Page(number, text, "plain", label)


def _markdown(content: bytes, numbers: Sequence[int]) -> dict[int, str]:
    """The Markdown of these pages, as far as there is some."""
    options = {"ocr_enabled": False, "output_format": "markdown", "image_mode": "off", "quiet": True, "num_workers": 1}
    wanted = ",".join(map(str, numbers))
    try:
        result = LiteParse(**options, target_pages=wanted, continue_on_page_error=True).parse(content)
    except ParseError:
        return {}
    return {page.page_num: _EMPTY_FENCE.sub("", page.markdown).strip() for page in result.pages}


def kept_share(text: str, markdown: str, repeated: frozenset[str] = frozenset()) -> float:
    """The share of the words of a page that its Markdown has; headers and footers do not count."""
    lines = (line for line in text.split("\n") if _shape(line) not in repeated)
    words = Counter(_WORD.findall(" ".join(lines).casefold()))
    total = words.total()
    have = Counter(_WORD.findall(unicodedata.normalize("NFKC", markdown).casefold()))
    return (total - (words - have).total()) / total if total else 1.0


def _repeated(texts: Iterable[str]) -> frozenset[str]:
    """The shapes of the lines that are on several pages: headers and footers, which Markdown leaves out."""
    pages = [set(map(_shape, text.split("\n"))) for text in texts]
    counts = Counter(chain.from_iterable(pages))
    return frozenset(shape for shape, count in counts.items() if count >= max(3, len(pages) // 4))


def _shape(line: str) -> str:
    """A line with its numbers blotted out, so that those of different pages are equal."""
    return _DIGITS.sub("#", line.strip())


def _listed(numbers: Sequence[int]) -> str:
    """`pages 1-3, 7`, and `page 4` for one."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    text = ", ".join("-".join(map(str, run)) for run in runs)
    return f"page {text}" if len(numbers) == 1 else f"pages {text}"
