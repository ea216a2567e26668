"""Tables as text: CSV with any usual separator, and TSV."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Item, Unreadable
from lechat_tui.documents.parsers.tables import table

ROWS = 200
"""Of a part."""

SAMPLE_CHARACTERS = 20_000
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*%?")


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The table in parts of some rows, each with the head; the first says how many rows and columns there are."""
    rows = [row for row in _rows(_decoded(content)) if any(cell.strip() for cell in row)]
    if not rows:
        return
    head, body = rows[0], rows[1:]
    starts = range(0, max(len(body), 1), ROWS)
    yield len(starts)
    for number, start in enumerate(starts, start=1):
        if pages is not None and number not in pages:
            continue
        part = table([head, *body[start : start + ROWS]])
        label = f"rows {start + 1}-{min(start + ROWS, len(body))} of {len(body)}" if len(starts) > 1 else ""
        yield Page(number, f"{_summary(head, body)}\n\n{part}" if number == 1 and label else part, "markdown", label)


def _summary(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    columns = ", ".join(f"{name.strip() or '?'} ({_kind(body, n)})" for n, name in enumerate(head[:50]))
    return f"{len(body):,} rows, {len(head)} columns: {columns}"


def _kind(body: Sequence[Sequence[str]], column: int) -> str:
    cells = [row[column].strip() for row in body if column < len(row) and row[column].strip()]
    return "empty" if not cells else "numbers" if all(map(_NUMBER.fullmatch, cells)) else "text"


def _rows(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(10_000_000)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=_separator(text))
    except csv.Error as error:
        raise Unreadable("is no table: its quotes or line ends can't be read") from error


def _separator(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:SAMPLE_CHARACTERS], ",;\t|").delimiter
    except csv.Error:
        first = text.partition("\n")[0]
        return max(",;\t|", key=first.count)


def _decoded(content: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, or Windows-1252, which Excel writes."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
