"""Office files and e-books, written member by member, so that no parser under test has made them."""

import zipfile
from collections.abc import Mapping
from io import BytesIO

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file with these members."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def relations(**targets: str) -> str:
    """A file of relations: the type and the target of each ID, as in `a="slide slides/slide1.xml"`."""
    row = f'<Relationship Id="%s" Type="{OFFICE}/%s" Target="%s"/>'
    rows = "".join(row % (id, *target.split()) for id, target in targets.items())
    return f'<Relationships xmlns="{PACKAGE}/relationships">{rows}</Relationships>'


def docx(body: str) -> bytes:
    """A Word document with this body."""
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
            "_rels/.rels": relations(a="officeDocument word/document.xml"),
            "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
        }
    )


def paragraph(text: str, style: str = "", before: str = "") -> str:
    """A paragraph of a Word document; `before` is put into its run."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r>{before}<w:t>{text}</w:t></w:r></w:p>"


def pptx(*slides: str, notes: str = "") -> bytes:
    """A presentation of slides with these shapes; the notes are those of the first."""
    ids = {f"r{n}": f"slide slides/slide{n}.xml" for n in range(1, len(slides) + 1)}
    order = "".join(f'<p:sldId r:id="{id}"/>' for id in ids)
    spaces = f'xmlns:p="{SHOW}" xmlns:a="{DRAWING}" xmlns:r="{OFFICE}"'
    members: dict[str, str | bytes] = {
        "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{order}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(**ids),
        "ppt/slides/_rels/slide1.xml.rels": relations(n="notesSlide ../notesSlides/n1.xml"),
        "ppt/notesSlides/n1.xml": f"<p:notes {spaces}>{shape(notes, 'body')}{shape('1', 'sldNum')}</p:notes>",
    }
    for number, slide in enumerate(slides, start=1):
        tree = f"<p:cSld><p:spTree>{slide}</p:spTree></p:cSld>"
        members[f"ppt/slides/slide{number}.xml"] = f"<p:sld {spaces}>{tree}</p:sld>"
    return zipped(members)


def shape(text: str, placeholder: str = "", level: int = 0) -> str:
    """A shape with one paragraph."""
    kind = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else ""
    return f'<p:sp>{kind}<p:txBody><a:p><a:pPr lvl="{level}"/><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>'


def xlsx(sheets: Mapping[str, str]) -> bytes:
    """A workbook of sheets with these rows, as XML."""
    ids = {f"r{n}": f"worksheet worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)}
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, start=1))
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": relations(a="officeDocument xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(**ids),
    }
    for number, rows in enumerate(sheets.values(), start=1):
        data = f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'
        members[f"xl/worksheets/sheet{number}.xml"] = data
    return zipped(members)


def epub(*chapters: str, encrypted: bool = False) -> bytes:
    """An e-book of these chapters, listed in this order and stored in the opposite one."""
    items = "".join(f'<item id="c{n}" href="text/c{n}.xhtml"/>' for n in range(len(chapters)))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for number in reversed(range(len(chapters))):
        members[f"OPS/text/c{number}.xhtml"] = f"<!DOCTYPE html><html><body>{chapters[number]}</body></html>"
    if encrypted:
        members["META-INF/encryption.xml"] = '<encryption><CipherReference URI="OPS/text/c0.xhtml"/></encryption>'
    return zipped(members)
