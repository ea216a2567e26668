"""Presentations: titles, texts with their levels, tables, diagrams and notes of each slide."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.archive import Archive, local, relations
from lechat_tui.documents.parsers.common import Item, check_pages
from lechat_tui.documents.parsers.tables import table

SHOW = "ppt/presentation.xml"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TITLES = ("title", "ctrTitle")
_LEFT_OUT = ("sldNum", "dt", "ftr")
"""Placeholders of what is on every slide: number, date, footer."""


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The slides in the order in which they are shown."""
    archive = Archive(content)
    related = relations(archive, SHOW)
    ids = [slide.get(_ID, "") for slide in archive.xml(SHOW).iter() if local(slide) == "sldId"]
    slides = [related[id][1] for id in ids if id in related]
    yield check_pages(len(slides), "slide")
    charts: list[int] = []
    for number, name in enumerate(slides, start=1):
        if pages is not None and number not in pages:
            continue
        text, has_chart = _slide(archive, name)
        charts += [number] if has_chart else []
        yield Page(number, text, "markdown" if text else "empty")
    if charts:
        yield f"charts of slide{'s' * (len(charts) > 1)} {', '.join(map(str, charts))} left out"


def _slide(archive: Archive, name: str) -> tuple[str, bool]:
    """The text of a slide, and whether it has a chart."""
    related = relations(archive, name).values()
    titles: list[str] = []
    parts: list[str] = []
    for shape in _shapes(archive.xml(name)):
        match local(shape):
            case "tbl":
                parts.append(table([[_plain(cell) for cell in _named(row, "tc")] for row in _named(shape, "tr")]))
            case _ if _placeholder(shape) in _TITLES:
                titles.append(_plain(shape))
            case _ if _placeholder(shape) not in _LEFT_OUT:
                parts.append("\n".join(_paragraphs(shape, outline=_placeholder(shape) is not None)))
    for kind, part in related:
        if part not in archive:
            continue
        if kind == "diagramData":
            parts.append("\n".join(f"- {line}" for line in _texts(archive.xml(part))))
        if kind == "notesSlide":
            notes = [_plain(shape) for shape in _shapes(archive.xml(part)) if _placeholder(shape) == "body"]
            parts += [f"Notes: {note}" for note in notes if note]
    head = [f"# {title}" for title in titles if title]
    return "\n\n".join(filter(None, [*head, *parts])), any(kind == "chart" for kind, _ in related)


def _shapes(root: Element) -> Iterator[Element]:
    """The shapes with text and the tables of a slide, in their order, those in groups too."""
    for child in root:
        if local(child) in ("sp", "tbl"):
            yield child
        elif local(child) != "Fallback":  # what older programs show in place of the shape before it
            yield from _shapes(child)


def _named(element: Element, name: str) -> Iterator[Element]:
    return (part for part in element.iter() if local(part) == name)


def _placeholder(shape: Element) -> str | None:
    """The type of the placeholder that a shape fills, `body` for one without a type; None for any other shape."""
    found = next(_named(shape, "ph"), None)
    return found.get("type", "body") if found is not None else None


def _paragraphs(shape: Element, *, outline: bool) -> Iterator[str]:
    """The paragraphs of a shape; those of an outline are list items of their level."""
    for paragraph in _named(shape, "p"):
        text = _run(paragraph)
        if not text:
            continue
        properties = next(_named(paragraph, "pPr"), None)
        level = properties.get("lvl", "0") if properties is not None else "0"
        indent = "  " * int(level) if level.isdecimal() and len(level) == 1 else ""
        yield f"{indent}- {text}" if outline else text


def _texts(root: Element) -> list[str]:
    return [text for paragraph in _named(root, "p") if (text := _run(paragraph))]


def _plain(element: Element) -> str:
    return " ".join(_texts(element))


def _run(paragraph: Element) -> str:
    """The text of a paragraph; line breaks are spaces."""
    parts = (
        (part.text or "") if local(part) == "t" else " " for part in paragraph.iter() if local(part) in ("t", "br")
    )
    return " ".join("".join(parts).split())
