"""A PDF as PDFium opens it, and the plain text of its pages."""

import unicodedata

import pypdfium2
import pypdfium2.raw as pdfium

from lechat_tui.documents.parsers.common import Unreadable

_HYPHENS = {0x02: None, 0xFFFE: None}
"""What PDFium writes in place of a hyphen at the end of a line and the line's end."""


def opened(content: bytes) -> pypdfium2.PdfDocument:
    """The document of these bytes. Raises `Unreadable`."""
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise Unreadable("is encrypted; save a copy of it without a password and attach that") from error
        raise Unreadable("is damaged and can't be opened as a PDF") from error


def plain(document: pypdfium2.PdfDocument, number: int) -> str:
    """The text of a page as PDFium finds it; empty when the page can't be loaded."""
    try:
        page = document[number - 1]
        text = page.get_textpage().get_text_bounded()
        page.close()
    except pypdfium2.PdfiumError:
        return ""
    return unicodedata.normalize("NFKC", text.replace("\r\n", "\n").translate(_HYPHENS)).strip()
