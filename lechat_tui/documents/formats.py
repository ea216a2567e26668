"""Which files are documents, by their first bytes and their names, and what converts each. Imports no parser."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lechat_tui.documents.model import DocumentError
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

HEAD_BYTES = 1024
"""Bytes at the beginning of a file that tell its format. A PDF may have something else before its header."""

INSTALL = "pip install 'lechat-tui[documents]'"

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Format:
    """A kind of document."""

    title: str
    """What people call it."""
    suffixes: tuple[str, ...]
    packages: tuple[str, ...] = ()
    """The modules that convert it, besides the standard library."""
    starts: tuple[bytes, ...] = ()
    """What such a file begins with; empty for text, which only its name tells."""


FORMATS: Mapping[str, Format] = {
    "pdf": Format("PDF", (".pdf",), ("pypdfium2", "liteparse"), (b"%PDF-",)),
    "docx": Format("Word document", (".docx", ".docm", ".dotx"), ("mammoth", "html_to_markdown"), (_ZIP, _OLE)),
    "pptx": Format("presentation", (".pptx", ".pptm", ".ppsx"), (), (_ZIP, _OLE)),
    "xlsx": Format("spreadsheet", (".xlsx", ".xlsm", ".xlsb"), ("python_calamine",), (_ZIP, _OLE)),
    "xls": Format("spreadsheet", (".xls",), ("python_calamine",), (_OLE,)),
    "ods": Format("spreadsheet", (".ods",), ("python_calamine",), (_ZIP,)),
    "epub": Format("e-book", (".epub",), ("html_to_markdown",), (_ZIP,)),
    "html": Format("web page", (".html", ".htm", ".xhtml"), ("html_to_markdown",)),
    "eml": Format("e-mail", (".eml",), ("html_to_markdown",)),
    "csv": Format("table", (".csv", ".tsv")),
}
"""The formats that can be converted, by their names."""

BY_SUFFIX = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}

OTHERS = {
    ".doc": "an old Word document; save it as DOCX",
    ".dot": "an old Word document; save it as DOCX",
    ".ppt": "an old PowerPoint file; save it as PPTX",
    ".rtf": "rich text; save it as DOCX",
    ".msg": "an Outlook message; save it as EML",
    ".odt": "an OpenDocument text; save it as DOCX or PDF",
    ".odp": "an OpenDocument presentation; save it as PPTX or PDF",
    ".pages": "a Pages document; export it as PDF or DOCX",
    ".numbers": "a Numbers spreadsheet; export it as XLSX or CSV",
    ".key": "a Keynote presentation; export it as PDF or PPTX",
    ".mobi": "a Kindle book; convert it to EPUB",
    ".azw3": "a Kindle book; convert it to EPUB",
}
"""Binary documents that can't be converted, by suffix: what each is, and what to do."""


def format_of(head: bytes, name: str) -> str:
    """The name of the format of a file with these first bytes; empty when it is no document.

    Text such as HTML and CSV is known by its name alone; anything else by both, except that a PDF may have any name.
    """
    if b"%PDF-" in head[:HEAD_BYTES]:
        return "pdf"
    named = BY_SUFFIX.get(Path(name).suffix.lower(), "")
    if not named:
        return ""
    starts = FORMATS[named].starts
    if starts and not head.startswith(starts):
        return "xlsx" if named == "xls" and head.startswith(_ZIP) else ""
    return "" if not starts and b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) else named


_PARTS = {"docx": b"word/document.xml", "xlsx": b"xl/workbook", "pptx": b"ppt/presentation.xml"}
_MIMETYPES = {"epub": b"mimetypeapplication/epub+zip", "ods": b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"}


def guessed(content: bytes) -> str:
    """The format of a document without a name, as from a pipe; empty for anything else."""
    if not content.startswith(_ZIP):
        return format_of(content[:HEAD_BYTES], "")
    by_type = (format for format, mark in _MIMETYPES.items() if mark in content[:HEAD_BYTES])
    by_part = (format for format, part in _PARTS.items() if part in content)
    return next(by_type, "") or next(by_part, "")


def refusal(name: str) -> str:
    """Why a document of this name can't be converted, and what to do; empty for names of any other files."""
    what = OTHERS.get(Path(name).suffix.lower())
    return f"{safe(name)} is {what}" if what else ""


def is_installed(format: str) -> bool:
    """Whether the packages that the format needs are installed."""
    return all(find_spec(package) for package in FORMATS[format].packages)


def check_installed(format: str, name: str) -> None:
    """Raise `DocumentError` if a package that the format needs is not installed."""
    if not is_installed(format):
        title = FORMATS[format].title
        raise DocumentError(f"{safe(name)} is a {title}; {INSTALL} installs what reads it")
