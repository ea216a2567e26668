"""PDF: Markdown from liteparse, compared page by page with the text that PDFium finds.

A page whose Markdown lacks more than 3% of the words is given as plain text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pypdfium2
from liteparse import LiteParse, ParsedPage, ParseError

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Item, check_pages
from lechat_tui.documents.parsers.pdf_text import opened, plain

MIN_WORDS_KEPT = 0.97
"""The least share of the words of a page that its Markdown must have."""

BATCH_PAGES = 25
"""Pages converted at once; lines that repeat on them are headers and footers."""

EDGE_LINES = 3
"""Lines at the top and at the bottom of a page that may be its header and footer."""

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
        best, fields = markdown.get(number, ("", ()))
        filled = "".join(f"\n\n{field}" for field in fields)
        if not text and not best and not fields:
            yield Page(number, "", "empty", label)
        elif kept_share(text, best, repeated) >= MIN_WORDS_KEPT:
            yield Page(number, (best + filled).strip(), "markdown", label)
        else:
            yield Page(number, (text + filled).strip(), "plain", label)


def _markdown(content: bytes, numbers: Sequence[int]) -> dict[int, tuple[str, Sequence[str]]]:
    """The Markdown of these pages, and what was filled into their forms, as far as there is some."""
    parser = LiteParse(
        ocr_enabled=False,
        output_format="markdown",
        image_mode="off",
        quiet=True,
        num_workers=1,
        extract_form_fields=True,
        target_pages=",".join(map(str, numbers)),
        continue_on_page_error=True,
    )
    try:
        pages = parser.parse(content).pages
    except ParseError:
        return {}
    return {page.page_num: (_EMPTY_FENCE.sub("", page.markdown).strip(), list(_filled(page))) for page in pages}


def _filled(page: ParsedPage) -> Iterator[str]:
    """The fields of a form that were filled in, a line each, without those that the Markdown has."""
    for field in page.form_fields or ():
        value = (field.value or "").strip()
        if value and field.checked is not False and field.type != "pushbutton" and value not in page.markdown:
            yield f"{field.alternate_name or field.name or 'field'}: {value}"


def kept_share(text: str, markdown: str, repeated: frozenset[str] = frozenset()) -> float:
    """The share of the words of a page that its Markdown has; headers, footers and page numbers do not count."""
    lines = text.split("\n")
    body = (line for at, line in enumerate(lines) if not (_is_edge(at, lines) and _shape(line) in (repeated | {"#"})))
    words = Counter(_WORD.findall(" ".join(body).casefold()))
    total = words.total()
    have = Counter(_WORD.findall(unicodedata.normalize("NFKC", markdown).casefold()))
    return (total - (words - have).total()) / total if total else 1.0


def _repeated(texts: Iterable[str]) -> frozenset[str]:
    """The shapes of the lines at the edges of several pages: headers and footers, which Markdown leaves out."""
    pages = [text.split("\n") for text in texts]
    edges = ({_shape(line) for at, line in enumerate(lines) if _is_edge(at, lines)} for lines in pages)
    counts = Counter(chain.from_iterable(edges))
    return frozenset(shape for shape, count in counts.items() if count >= max(3, len(pages) // 4))


def _is_edge(at: int, lines: Sequence[str]) -> bool:
    return at < EDGE_LINES or at >= len(lines) - EDGE_LINES


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
