"""Documents as attachments: stored beside their file, sent with page numbers, shown as a chip, gone with their chat."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pdfs import pdf

from lechat_tui.attachments.documents import caption, stored_document
from lechat_tui.attachments.files import AttachmentError, File, named, pages_path
from lechat_tui.attachments.reading import check, read_named
from lechat_tui.attachments.texts import inlined
from lechat_tui.cli import inputs
from lechat_tui.documents import formats
from lechat_tui.drawing.question import chip
from lechat_tui.message import Message
from lechat_tui.store import Draft, Store
from lechat_tui.talk import exports
from lechat_tui.talk.trash import Trash, keep

CATS = pdf(["All cats are gray.", "They sleep.", "They eat fish."])


@pytest.fixture(scope="module")
def cats() -> File:
    return check(CATS, "cats.pdf")


@pytest.fixture
def private() -> Iterator[Store]:
    with Store(None) as store:
        yield store


def test_a_document_is_sent_with_the_numbers_of_its_pages(store: Store, cats: File, tmp_path: Path) -> None:
    attached = keep(store, cats)
    text = inlined(Message("user", "Why?", attachments=(attached,))).text
    assert text == (
        "cats.pdf:\n```\n[page 1]\nAll cats are gray.\n\n[page 2]\nThey sleep.\n\n[page 3]\nThey eat fish.\n```\n\nWhy?"
    )
    assert chip(attached) == "▤ cats.pdf · whole document, 3 pages, about 18 tokens"


def test_only_the_pages_that_were_asked_for_are_sent(store: Store, tmp_path: Path) -> None:
    (tmp_path / "cats.pdf").write_bytes(CATS)
    attached = keep(store, read_named(named(f"{tmp_path}/cats.pdf#2-")))
    assert caption(attached) == "cats.pdf · pages 2-3 of 3, about 11 tokens"
    text = inlined(Message("user", "", attachments=(attached,))).text
    assert "They sleep" in text and "gray" not in text and "cats.pdf (pages 2-3 of 3)" in text
    assert len(stored_document(attached).pages) == 3
    for part, sentence in (("4", "has pages 1 to 3, and no page 4"), ("9-3", "#9-3 is not a range of pages")):
        with pytest.raises(AttachmentError, match=sentence):
            read_named(named(f"{tmp_path}/cats.pdf#{part}"))
    with pytest.raises(AttachmentError, match=r"notes.txt has no pages; name it without #2"):
        check(b"text", "notes.txt", "2")


def test_the_pages_are_stored_found_and_deleted_with_the_file(store: Store, cats: File) -> None:
    attached = keep(store, cats)
    chat = store.new_chat("Cats")
    sent = store.add(chat.id, Message("user", "Why?", attachments=(attached,)), 0)
    store.set_drafts(chat.id, [Draft("later", (attached,))])
    assert store.path(chat.id)[0].attachments == sent.attachments == store.drafts(chat.id)[0].attachments == (attached,)
    assert [hit.message for hit in store.search("fish")] == [sent.id]
    saved = exports.from_json(exports.text_of(store, chat, "json").encode())
    assert "They eat fish" in exports.text_of(store, chat, "md")
    trash = Trash(store)
    trash.delete([chat])
    assert not attached.path.exists() and not pages_path(attached.path).exists()
    for back in (*trash.restore(), exports.import_chat(store, saved)):
        restored = store.path(back.id)[0].attachments[0]
        assert restored == attached and stored_document(restored) == cats.document


def test_a_private_chat_keeps_nothing_of_a_document_on_the_disk(private: Store, cats: File) -> None:
    attached = keep(private, cats)
    folder = attached.path.parent
    assert pages_path(attached.path).is_file()
    private.close()
    assert not folder.exists()


def test_the_bytes_of_a_document_on_stdin_are_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CATS)))
    question = inputs.read(["Why?"], [])
    assert question and question.text == "Why?"
    assert [(file.name, file.kind) for file in question.files] == [("stdin.pdf", "document")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.rtf", b"{\\rtf1 Hello}", "a.rtf is rich text; save it as DOCX"),
        ("a.doc", b"\xd0\xcf\x11\xe0\0\0", "a.doc is an old Word document; save it as DOCX"),
        ("a.odt", b"PK\x03\x04\0\0", "a.odt is an OpenDocument text; save it as DOCX or PDF"),
    ],
)
def test_other_documents_are_named_with_what_to_do(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(AttachmentError) as caught:
        check(content, name)
    assert str(caught.value) == sentence


def test_without_the_packages_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    with pytest.raises(AttachmentError, match=r"cats.pdf is a PDF; pip install 'lechat-tui\[documents\]' installs"):
        check(CATS, "cats.pdf")
    assert check(b"<p>Hello</p>", "cats.html").kind == "text"
