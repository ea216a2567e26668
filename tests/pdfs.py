"""PDF files written by hand, object by object, so that no parser under test has made them."""

from collections.abc import Sequence


def pdf(pages: Sequence[str], *, trailer: bytes = b"") -> bytes:
    """A PDF with these pages of text in Helvetica, a line each; a page without text has a gray rectangle."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    kids: list[int] = []
    for text in pages:
        stream = _content(text)
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    return assembled(objects, trailer)


def assembled(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """The file of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.4\n")
    starts = []
    for number, body in enumerate(objects, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    out += b"trailer << /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(out)


def with_pictures(*, width: int = 612, height: int = 792) -> bytes:
    """A page with a green picture of 60x60 pixels in its upper half and a red one of 4x4, each a square inch."""
    pictures = [(60, b"\0\xff\0"), (4, b"\xff\0\0")]
    content = b"q 72 0 0 72 100 600 cm /P0 Do Q q 72 0 0 72 300 100 cm /P1 Do Q"
    return assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R "
            b"/Resources << /XObject << /P0 5 0 R /P1 6 0 R >> >> >>" % (width, height),
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
            *(
                b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 "
                b"/Length %d >>\nstream\n%b\nendstream" % (side, side, side * side * 3, color * side * side)
                for side, color in pictures
            ),
        ]
    )


def _content(text: str) -> bytes:
    if not text:
        return b"0.5 g 100 100 200 300 re f"
    lines = (line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.split("\n"))
    rows = " T* ".join(f"({line}) Tj" for line in lines)
    return f"BT /F1 12 Tf 14 TL 72 760 Td {rows} ET".encode("cp1252")
