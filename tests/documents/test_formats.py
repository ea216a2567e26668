"""Every format becomes pages of Markdown, and a hostile file becomes one sentence."""

from collections.abc import Sequence
from importlib import import_module

import pytest
from office import docx, epub, paragraph, pptx, shape, xlsx, zipped

from lechat_tui.documents.convert import convert_bytes
from lechat_tui.documents.formats import FORMATS, format_of, guessed
from lechat_tui.documents.model import DocumentError, Page
from lechat_tui.documents.parsers.common import Unreadable

LAST_BREAK = "<w:lastRenderedPageBreak/>"
W_TABLE = "<w:tbl>{}</w:tbl>"
W_ROW = "<w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>"
ROW = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c><c r="B{0}">{2}</c></row>'
SUMMARY = "201 rows, 2 columns: name (text), sum (numbers)"
MAIL = (
    b"From: Anna <anna@example.org>\r\nTo: Bo <bo@example.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
    b"<p>See you at <b>nine</b>.</p><script>alert(1)</script>\r\n--x\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="menu.pdf"\r\n\r\n%PDF\r\n--x--\r\n'
)


def parsed(content: bytes, format: str) -> tuple[list[Page], list[str]]:
    """The pages and the notes, without a child process."""
    items = list(import_module(f"lechat_tui.documents.parsers.{format}").parse(content, None))
    return [item for item in items if isinstance(item, Page)], [item for item in items if isinstance(item, str)]


@pytest.mark.parametrize(
    ("name", "content", "texts", "notes"),
    [
        (
            "a.docx",
            docx(
                paragraph("Cats", "Heading1")
                + paragraph("All are gray.")
                + W_TABLE.format(
                    W_ROW.format(paragraph("a|b"), paragraph("c")) + W_ROW.format(paragraph("1"), paragraph("2"))
                )
                + paragraph("Dogs", "Heading1", LAST_BREAK)
                + paragraph("bark"),
            ),
            [(("# Cats\n\nAll are gray.\n\n| a\\|b | c |\n| --- | --- |\n| 1 | 2 |"), ""), ("# Dogs\n\nbark", "")],
            [],
        ),
        (
            "a.pptx",
            pptx(
                shape("Cats", "title") + shape("gray", "body") + shape("at night", "body", 1) + shape("7", "sldNum"),
                shape("Dogs", "ctrTitle") + shape("a box"),
                notes="Smile.",
            ),
            [("# Cats\n\n- gray\n\n  - at night\n\nNotes: Smile.", ""), ("# Dogs\n\na box", "")],
            [],
        ),
        (
            "a.xlsx",
            xlsx(
                {
                    "Prices": ROW.format(1, "what", "<v>2025</v>") + ROW.format(2, "ham|egg", "<v>1.5</v>"),
                    "Empty": "",
                    "Sums": ROW.format(1, "sum", "<f>SUM(B1:B2)</f>"),
                }
            ),
            [("| what | 2025 |\n| --- | --- |\n| ham\\|egg | 1.5 |", "Prices"), ("| sum |\n| --- |", "Sums")],
            ["1 formula has no stored value and reads as empty; save the file once in a spreadsheet program"],
        ),
        (
            "a.epub",
            epub("<h1>One</h1><p>It began.</p>", "<img src='cover.png'/>", "<h2>Two</h2><p>It ended.</p>"),
            [("# One\n\nIt began.", "One"), ("## Two\n\nIt ended.", "Two")],
            [],
        ),
        (
            "a.html",
            "<html><head><title>Caf\u00e9</title><script>x()</script></head><body><nav>menu</nav><h2>Menu</h2>"
            "<a href='javascript:x()'>order</a>"
            "<pre><code class='language-python'>def f():\n    pass</code></pre>".encode(),
            [("# Café\n\n## Menu\n\n[order]()\n\n```python\ndef f():\n    pass\n```", "")],
            [],
        ),
        (
            "a.eml",
            MAIL,
            [
                (
                    "From: Anna <anna@example.org>\nTo: Bo <bo@example.org>\nSubject: Café\n\nSee you at **nine**.\n\n"
                    "Attachments: menu.pdf",
                    "",
                )
            ],
            ["1 attachment not read; save and attach them one by one"],
        ),
        (
            "a.csv",
            b"name;sum\n" + b"".join(b"caf\xe9 %d;%d,5\n" % (n, n) for n in range(201)),
            [
                (
                    f"{SUMMARY}\n\n| name | sum |\n| --- | --- |\n| café 0 | 0,5 |",
                    "rows 1-200 of 201",
                ),
                ("| name | sum |\n| --- | --- |\n| café 200 | 200,5 |", "rows 201-201 of 201"),
            ],
            [],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_becomes_markdown(
    name: str, content: bytes, texts: Sequence[tuple[str, str]], notes: Sequence[str]
) -> None:
    format = format_of(content, name)
    pages, found = parsed(content, format)
    assert format == name[2:] and [page.label for page in pages] == [label for _, label in texts]
    for page, (text, _) in zip(pages, texts, strict=True):
        assert page.text.startswith(text) if format == "csv" else page.text == text
    assert found == notes
    if FORMATS[format].starts and format != "epub":  # the test's has a packed mimetype
        assert guessed(content) == format


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><x>&b;</x>"
FETCHED = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"


@pytest.mark.parametrize(
    ("format", "content", "sentence"),
    [
        ("docx", zipped({"word/document.xml": b" " * 30_000_000}), "would unpack to far more than a document has"),
        ("docx", zipped({"word/document.xml": LAUGHS}), "has XML with a DOCTYPE, which no such document needs"),
        ("docx", zipped({"word/document.xml": LAUGHS.encode("utf-16")}), "has XML with a DOCTYPE"),
        ("pptx", zipped({"ppt/presentation.xml": FETCHED}), "has XML with a DOCTYPE"),
        ("docx", zipped({"word/document.xml": "<w:document"}), "is damaged: its XML can't be read"),
        ("docx", zipped({"readme.txt": "no document"}), "is damaged: it has no word/document.xml"),
        ("docx", b"PK\x03\x04 and nothing else", "is damaged and can't be unpacked"),
        ("xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "can't be opened as a spreadsheet"),
        ("pptx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is encrypted, or of an old format"),
        ("epub", epub("<p>secret</p>", encrypted=True), "is protected by DRM"),
        ("eml", b"hello\r\n", "is no e-mail: it has no headers"),
    ],
)
def test_a_hostile_file_is_one_sentence(format: str, content: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence) as caught:
        parsed(content, format)
    assert "\n" not in str(caught.value)


def test_a_document_without_text_is_refused_and_an_odd_error_of_a_parser_too() -> None:
    with pytest.raises(DocumentError, match=r"a.docx is empty: it has no page with text"):
        convert_bytes(docx(""), "a.docx")
    with pytest.raises(DocumentError, match=r"a.docx is damaged and can't be read \(\w+\)"):
        convert_bytes(zipped({"word/document.xml": "<x/>"}), "a.docx")
