"""Documents become pages of Markdown, in a child process that can do nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pdfs import assembled, pdf

from lechat_tui.attachments.folders import DOCUMENTS
from lechat_tui.documents.child import Limits
from lechat_tui.documents.convert import convert, convert_bytes
from lechat_tui.documents.formats import BY_SUFFIX, format_of
from lechat_tui.documents.model import Document, DocumentError, Page, PageRange
from lechat_tui.documents.parsers.pdf import kept_share

ENCRYPTED = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (%b) /U (%b) >>" % (b"o" * 32, b"u" * 32)


def test_the_pages_of_a_pdf_keep_their_numbers_and_a_page_without_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cats.pdf"
    file.write_bytes(pdf(["All cats are gray (at night).", "", "They sleep 16 hours a day.\nThey eat at 18:30."]))
    progress: list[tuple[int, int]] = []
    document = convert(file, "cats.pdf", progress=lambda done, total: progress.append((done, total)))
    assert [(page.number, page.source) for page in document.pages] == [(1, "markdown"), (2, "empty"), (3, "markdown")]
    assert "gray (at night)" in document.pages[0].text and "18:30" in document.pages[2].text
    assert document.notes == ("page 2 without text: scanned or only pictures",)
    assert progress[-1] == (3, 3)
    assert Document.decode(document.encode()) == document
    assert convert(file, "cats.pdf", pages=PageRange.of("3")).pages == (document.pages[2],)
    with pytest.raises(DocumentError, match="has pages 1 to 3, and no page 7-9"):
        convert(file, "cats.pdf", pages=PageRange.of("7-9"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (pdf(["a"])[:200], "is damaged and can't be opened as a PDF"),
        (b"%PDF-1.7\n" + os.urandom(4000), "is damaged and can't be opened as a PDF"),
        (
            pdf(
                ["a"],
                trailer=ENCRYPTED,
            ),
            "is encrypted; save a copy of it without a password and attach that",
        ),
        (
            assembled(
                [
                    b"<< /Type /Catalog /Pages 2 0 R >>",
                    b"<< /Type /Pages /Count 1000000 /Kids [2 0 R 2 0 R] >>",
                ]
            ),
            "1,000,000 pages; up to 20,000 can be read",
        ),
    ],
    ids=["cut", "noise", "encrypted", "endless"],
)
def test_a_pdf_that_cannot_be_read_is_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(DocumentError, match=sentence) as caught:
        convert_bytes(content, "x.pdf")
    assert str(caught.value).startswith("x.pdf ") and "\n" not in str(caught.value)


def test_a_conversion_that_takes_too_long_or_too_much_memory_is_stopped() -> None:
    content = pdf(["a"])
    with pytest.raises(DocumentError, match=r"x.pdf takes more than 0 s to convert and was stopped"):
        convert_bytes(content, "x.pdf", limits=Limits(seconds=0.01))
    with pytest.raises(DocumentError, match=r"x.pdf needs more than 0.05 GB of memory"):
        convert_bytes(content, "x.pdf", limits=Limits(memory_bytes=50_000_000))


CONFINED = """
import ctypes, os, socket, subprocess
from lechat_tui.documents.confinement import confine
out = confine()
def fails(call):
    try:
        return call() == -1
    except OSError:
        return True
c = ctypes.CDLL(None)
print([fails(call) for call in (
    lambda: socket.create_connection(("127.0.0.1", 9)),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: subprocess.run(["true"]).returncode,
    lambda: os.fork(),
    lambda: c.socket(2, 1, 0),
    lambda: c.execv(b"/bin/true", (ctypes.c_char_p * 2)(b"true", None)),
    lambda: open("written", "wb", buffering=0).write(b"x"),
)], file=os.fdopen(out.fileno(), "w", closefd=False), flush=True)
"""


def test_a_parser_can_use_no_network_and_start_no_program(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", CONFINED], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([True] * 7)


@pytest.mark.parametrize(
    ("typed", "first_pages"),
    [
        ("3-9", [3, 4, 5, 6, 7, 8, 9]),
        ("2", [2]),
        ("9-", [9, 10]),
        ("1,4-5", [1, 4, 5]),
        ("0", None),
        ("9-3", None),
        ("a", None),
    ],
)
def test_page_ranges(typed: str, first_pages: list[int] | None) -> None:
    pages = PageRange.of(typed)
    assert (pages and [number for number in range(11) if number in pages]) == first_pages
    assert pages is None or str(pages) == typed


def test_the_text_of_a_document_names_its_pages() -> None:
    sheets = Document("a.xlsx", "xlsx", (Page(1, "|a|", label="Sales"), Page(2, "|b|")))
    assert sheets.text == "[sheet 1: Sales]\n|a|\n\n[sheet 2]\n|b|"
    assert Document("a.docx", "docx", (Page(1, "# Hello"),)).text == "# Hello"


@pytest.mark.parametrize(
    ("text", "markdown", "share"),
    [
        ("one two three four", "# one\n\ntwo three four", 1.0),
        ("one two three four", "one two three", 0.75),
        ("Chapter 7\none two\n12", "one two", 1.0),
        ("a\nb\nc\none two\n17\n18\nd\ne\nf", "a b c one two d e f", 0.8),
        ("", "", 1.0),
    ],
)
def test_the_share_of_words_that_markdown_keeps(text: str, markdown: str, share: float) -> None:
    assert kept_share(text, markdown, frozenset({"Chapter #"})) == pytest.approx(share)


def test_every_document_is_offered_behind_an_at_sign() -> None:
    assert set(BY_SUFFIX) == DOCUMENTS


@pytest.mark.parametrize(
    ("head", "name", "format"),
    [
        (b"%PDF-1.4", "report", "pdf"),
        (b"junk\n%PDF-1.4", "a.bin", "pdf"),
        (b"PK\x03\x04", "a.docx", "docx"),
        (b"PK\x03\x04", "a.zip", ""),
        (b"# docx", "a.docx", ""),
        (b"<p>Hello", "a.HTML", "html"),
        (b"\0\1\2", "a.html", ""),
        (b"def cats(): ...", "a.py", ""),
    ],
)
def test_a_document_is_known_by_its_first_bytes_and_its_name(head: bytes, name: str, format: str) -> None:
    assert format_of(head, name) == format
