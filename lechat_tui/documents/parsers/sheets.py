"""Spreadsheets: each sheet as a table."""

import datetime
import re
from collections.abc import Iterator
from io import BytesIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum, load_workbook

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.archive import Archive
from lechat_tui.documents.parsers.common import Item, Unreadable, check_pages
from lechat_tui.documents.parsers.tables import table

_UNCALCULATED = re.compile(rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")
"""A cell of XLSX with a formula and no value: nobody has calculated it."""


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The sheets that have something in them, each under its name."""
    formulas = 0
    if content.startswith(b"PK"):
        archive = Archive(content)
        for name in archive.names(r"xl/worksheets/sheet\d+\.xml"):
            formulas += len(_UNCALCULATED.findall(archive.read(name)))
    book = _opened(content)
    yield check_pages(len(book.sheet_names), "sheet")
    for number, sheet in enumerate(book.sheets_metadata, start=1):
        if pages is not None and number not in pages:
            continue
        text = _sheet(book, sheet.name)
        hidden = " (hidden)" * (sheet.visible != SheetVisibleEnum.Visible)
        if text:
            yield Page(number, text, "markdown", sheet.name + hidden)
    if formulas:
        what = "1 formula has" if formulas == 1 else f"{formulas:,} formulas have"
        yield f"{what} no stored value and reads as empty; save the file once in a spreadsheet program"


def _opened(content: bytes) -> CalamineWorkbook:
    try:
        return load_workbook(BytesIO(content))
    except PasswordError as error:
        raise Unreadable("is encrypted; save a copy of it without a password and attach that") from error
    except (CalamineError, ValueError, OSError) as error:
        raise Unreadable("is damaged and can't be opened as a spreadsheet") from error


def _sheet(book: CalamineWorkbook, name: str) -> str:
    try:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=True)
    except (CalamineError, ValueError):  # a sheet with nothing but a chart
        return ""
    return table([[_text(cell) for cell in row] for row in rows])


def _text(value: object) -> str:
    """A cell as people read it: whole numbers without a point, dates without an empty time."""
    match value:
        case bool():
            return str(value).upper()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.15g}"
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(" ", "seconds")
        case _:
            return str(value)
