"""Word documents, by way of HTML. Pages are known where the file says where the last layout had page breaks."""

import re
from collections.abc import Iterator

import mammoth

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.archive import Archive, parsed
from lechat_tui.documents.parsers.common import Item
from lechat_tui.documents.parsers.html import markdown

BODY = "word/document.xml"

_RENDERED_BREAK = re.compile(rb"<w:lastRenderedPageBreak\s*/>")
_TYPED_BREAK = re.compile(rb'<w:br\s+w:type="page"\s*/>')
_FORMULA = re.compile(rb"<m:oMath[ >]")
BREAK = "\ue000"
"""A character for private use, in place of a page break."""


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The pages of a Word document; one page if it has no page breaks."""
    archive = Archive(content)
    body = archive.read(BODY)
    parsed(body)
    breaks = _RENDERED_BREAK if _RENDERED_BREAK.search(body) else _TYPED_BREAK
    marked = breaks.sub(f"<w:t>{BREAK}</w:t>".encode(), body)
    result = mammoth.convert_to_html(archive.with_member(BODY, marked), convert_image=_image)
    texts = split(markdown(result.value))
    yield len(texts)
    for number, text in enumerate(texts, start=1):
        if pages is None or number in pages:
            yield Page(number, text, "markdown" if text else "empty")
    if formulas := len(_FORMULA.findall(body)):
        yield f"{formulas} formula{'s' * (formulas > 1)} left out; a PDF of the document keeps more of them"
    unknown = sorted({m.message for m in result.messages if m.type == "error"})
    yield from unknown[:3]


def _image(image: object) -> list[object]:
    """An image as its description."""
    description = getattr(image, "alt_text", None)
    return [mammoth.html.text(f"[image: {description}]")] if description else []


def split(text: str) -> list[str]:
    """The pages of a Markdown text with break characters; a break within a table comes behind the table."""
    pages: list[list[str]] = [[]]
    pending = False
    for line in text.split("\n"):
        if pending and not line.startswith("|"):
            pages.append([])
            pending = False
        if line.startswith("|"):
            pending = pending or BREAK in line
            pages[-1].append(line.replace(BREAK, ""))
            continue
        before, found, after = line.partition(BREAK)
        if found and not re.search(r"\w", before):
            before, after = "", before + after
        pages[-1] += [before] if before or not found else []
        while found:
            now, found, after = after.partition(BREAK)
            pages.append([now])
    return ["\n".join(lines).strip() for lines in pages]
