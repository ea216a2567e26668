"""Web pages. Scripts, styles and what is hidden are left out, and nothing is fetched."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator

from html_to_markdown import ConversionOptions, convert

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Item, Unreadable

_OPTIONS = ConversionOptions(
    bullets="-", compact_tables=True, extract_metadata=False, inline_data_media="alt_text_only", autolinks=False
)

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})""")
_TITLE = re.compile(r"<title[^>]*>(.{1,300}?)</title", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"^#\s", re.MULTILINE)
_SCRIPT_LINK = re.compile(r"\]\(<?(?:javascript|vbscript|data):(?:[^()\n]|\([^()\n]*\))*\)", re.IGNORECASE)
_NAMELESS_IMAGE = re.compile(r"!\[\]\([^)\n]*\)")
_BLANK = re.compile(r"\n{3,}")
HEAD_BYTES = 4096


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The page, with its title above it if it has no heading of the first level."""
    source = decoded(content)
    text = markdown(source)
    title = _TITLE.search(source[: HEAD_BYTES * 8])
    if title and not _HEADING.search(text):
        text = f"# {markdown(title[1])}\n\n{text}"
    yield 1
    if text.strip() and (pages is None or 1 in pages):
        yield Page(1, text)


def markdown(source: str) -> str:
    """HTML as Markdown."""
    try:
        text = convert(source, _OPTIONS).content or ""
    except Exception as error:  # it has no base class for what it raises
        raise Unreadable("has HTML that can't be read") from error
    return _BLANK.sub("\n\n", _SCRIPT_LINK.sub("]()", _NAMELESS_IMAGE.sub("", text))).strip()


def decoded(content: bytes) -> str:
    """The text of an HTML file: by its byte order mark, by what it says, as UTF-8, or as Windows-1252."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    found = _XML_ENCODING.search(content[:HEAD_BYTES]) or _CHARSET.search(content[:HEAD_BYTES])
    named = found[1].decode("ascii") if found and not content.startswith(BOM_UTF8) else "utf-8"
    for encoding in (named, "utf-8-sig"):
        try:
            return content.decode("cp1252" if encoding.lower() in ("iso-8859-1", "latin1") else encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode("cp1252", "replace")
