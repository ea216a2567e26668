"""What can go into a message, and the sentence for what cannot."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from lechat_tui.attachments.files import AttachmentError, File, Named
from lechat_tui.attachments.images import check_image, is_image
from lechat_tui.attachments.mentions import Mentions, mentioned, mentions, pasted_mentions, pasted_path, pasted_paths
from lechat_tui.attachments.pixels import FORMATS
from lechat_tui.attachments.reading import read
from lechat_tui.attachments.texts import MAX_TEXT_BYTES, decoded, inlined
from lechat_tui.message import Attachment, Message


def image(format: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    content = BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(content, format)
    return content.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_common_image_formats_are_read_with_their_size(format: str, tmp_path: Path) -> None:
    content = image(format)
    assert is_image(content)
    assert check_image(content, "x") == File("x", content, "image", 40, 30)
    file = tmp_path / "no suffix at all"
    file.write_bytes(content)
    assert read(file) == File("no suffix at all", content, "image", 40, 30)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"BMW is a car, " + b"and not a picture" * 9,
        b"GIF is a format",
        b"RIFF....WAVEfmt ",
        b"MM",
        b"%PDF-1.7",
        "é".encode(),
        b"\0" * 99,
    ],
)
def test_other_content_is_not_taken_for_an_image(content: bytes) -> None:
    assert not is_image(content)
    with pytest.raises(AttachmentError, match=r"notes.txt is not an image; PNG, JPEG, GIF, WEBP, BMP, TIFF"):
        check_image(content, "notes.txt")


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_image_is_an_error(format: str) -> None:
    content = image(format, (200, 150))
    with pytest.raises(AttachmentError, match=r"x.img is damaged or incomplete"):
        check_image(content[: len(content) // 2], "x.img")


@given(some.sampled_from(FORMATS), some.lists(some.tuples(some.integers(0, 10**6), some.integers(0, 255)), max_size=8))
def test_a_damaged_image_is_decoded_or_an_error_never_worse(format: str, damage: list[tuple[int, int]]) -> None:
    content = bytearray(image(format))
    for place, value in damage:
        content[place % len(content)] = value
    try:
        file = check_image(bytes(content), "x")
        assert file.width > 0 and file.height > 0
    except AttachmentError as error:
        assert str(error).startswith("x ")


@pytest.mark.parametrize("size", [(10_001, 10_000), (14_000, 9_000), (50_000, 50_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(AttachmentError, match=r"bomb.png has too many pixels"):
        check_image(png_of(*size), "bomb.png")


def test_a_name_from_outside_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match=r"^␛.2Jx is not an image"):
        check_image(b"", "\x1b[2Jx")
    with pytest.raises(AttachmentError) as raised:
        read(tmp_path / "\x1b[2Jx")
    assert "\x1b" not in str(raised.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match=r"there is no file .*none.png"):
        read(tmp_path / "none.png")
    with pytest.raises(AttachmentError, match="is a folder; name a file in it"):
        read(tmp_path)
    with pytest.raises(AttachmentError, match=r"can't be read|there is no file"):
        read(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AttachmentError, match="pipe is a pipe or a device, not a file"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_in_the_encoding_of_its_byte_order_mark(encoding: str) -> None:
    assert decoded("Été\r\n日本語 🎉\n".encode(encoding), "notes.txt") == "Été\n日本語 🎉\n"


def test_a_text_file_keeps_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes("Été\r\n".encode("utf-16"))
    assert read(tmp_path / "notes.txt") == File("notes.txt", "Été\r\n".encode("utf-16"), "text")


def test_text_in_an_old_encoding_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("Été".encode("latin-1"))
    with pytest.raises(AttachmentError, match=r"old.txt is text in an old encoding; save it as UTF-8"):
        read(tmp_path / "old.txt")


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"abc\0def", "thing is a binary file"), (b"\0\1\2\xff", "neither text nor an image")]
)
def test_a_binary_file_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "thing").write_bytes(content)
    with pytest.raises(AttachmentError, match=sentence):
        read(tmp_path / "thing")


def test_a_huge_text_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.log").open("wb") as file:
        file.truncate(MAX_TEXT_BYTES + 1)
    with pytest.raises(AttachmentError, match=r"huge.log is too large; up to 20 MB"):
        read(tmp_path / "huge.log")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "cat.png").write_bytes(image())
    assert read(Path("~/notes.txt")).content == b"hello"
    assert read(Path("~/cat.png")).kind == "image"


def stored(path: Path, content: bytes) -> Attachment:
    path.write_bytes(content)
    return Attachment("f00", path.name, "text", path, len(content))


def test_text_files_go_before_the_question_each_in_a_fence(tmp_path: Path) -> None:
    notes = stored(tmp_path / "notes.md", b"a ```fence``` inside\n\n")
    code = stored(tmp_path / "x.py", b"print()")
    cat = Attachment("ca7", "cat.png", "image", tmp_path / "cat.png", 3, 1, 1)
    sent = inlined(Message("user", "explain", attachments=(notes, cat, code)))
    assert sent.text == "notes.md:\n````\na ```fence``` inside\n````\n\nx.py:\n```\nprint()\n```\n\nexplain"
    assert sent.attachments == (cat,)
    assert inlined(Message("user", "", attachments=(code,))).text == "x.py:\n```\nprint()\n```"


def test_a_text_file_that_is_gone_is_reported(tmp_path: Path) -> None:
    gone = Attachment("f00", "gone.txt", "text", tmp_path / "gone.txt", 3)
    with pytest.raises(AttachmentError, match=r"gone.txt is no longer stored; /edit the question"):
        inlined(Message("user", "explain", attachments=(gone,)))


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    """A picture with a difficult name."""
    file = tmp_path / "it's my cat (1) é.png"
    file.write_bytes(image())
    return file


def test_a_dropped_file_is_recognized_however_the_terminal_writes_its_path(dropped: Path) -> None:
    escaped = "".join(f"\\{char}" if char in " '()" else char for char in str(dropped))
    for text in (str(dropped), f"'{dropped}'", f'"{dropped}"', escaped, dropped.as_uri(), f" {dropped} \n"):
        assert pasted_path(text) == dropped
    assert pasted_path(dropped.as_uri().replace("file://", "file://localhost")) == dropped


def test_other_pasted_text_stays_text(dropped: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for text in (
        "",
        "  ",
        "'",
        "''",
        "hello",
        str(tmp_path),
        str(tmp_path / "notes.txt"),
        str(tmp_path / "none.png"),
        f"look at {dropped}",
        dropped.as_uri().replace("file://", "file://elsewhere"),
        "file://[",
        "~nobody-of-this-name/x.png",
        "x" * 100_000,
        "a/" * 2000,
        "nul\0",
    ):
        assert pasted_path(text) is None
        assert pasted_paths(text) == []


def test_several_files_can_be_dropped_at_once(dropped: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(image())
    escaped = "".join(f"\\{char}" if char in " '()" else char for char in str(dropped))
    for text in (
        f"{dropped}\n{other}",
        f"{escaped} {other} ",
        f'"{dropped}" "{other}"',
        f"{dropped.as_uri()} {other.as_uri()}",
        f"{dropped.as_uri()}\r\n{other.as_uri()}\r\n",
    ):
        assert pasted_paths(text) == [dropped, other]
    assert pasted_paths(str(dropped)) == [dropped]
    (tmp_path / "notes.txt").write_text("hello")
    for text in (f"{other} {tmp_path}/notes.txt", f"{other}\nand this", f"{other} '"):
        assert pasted_paths(text) == []


def test_dropped_text_files_become_mentions(dropped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notes, script = tmp_path / "my notes.txt", tmp_path / "run"
    notes.write_text("hello")
    script.write_text("#!/bin/sh")
    (tmp_path / "program").write_bytes(b"ELF\0")
    report = tmp_path / "report.PDF"
    report.write_bytes(b"%PDF-1.4\0")
    for text, expected in (
        (str(notes), f'@"{notes}"'),
        (f"'{notes}'", f'@"{notes}"'),
        (script.as_uri(), f"@{script}"),
        (f"'{notes}' {script} ", f'@"{notes}" @{script}'),
        (f"{script}\n{dropped}", f'@{script} @"{dropped}"'),
        (str(report), f"@{report}"),
        ("run", ""),
        (f"cat {script}", ""),
        (f"{tmp_path}/program", ""),
        (str(tmp_path), ""),
        (f"{tmp_path}/none.txt", ""),
    ):
        assert pasted_mentions(text) == expected, text


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "nul\0", "x" * 5000, "a/" * 3000, "", "."])
def test_an_impossible_file_name_is_not_a_mention(name: str) -> None:
    assert mentioned(name) is None


@given(some.text(some.characters(exclude_categories=())))
def test_any_text_can_be_pasted(text: str) -> None:
    assert pasted_path(text) is None
    assert pasted_paths(f"{text}\n{text}") == []
    assert pasted_path(f"file://{text}") is None
    assert pasted_path(f"~{text}") is None


def test_mentions_are_existing_files_followed_by_anything(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "red dot.png")
    (tmp_path / "notes.txt").write_text("seven\n")
    found = mentions(f'See @{tmp_path}/notes.txt, and @"{tmp_path}/red dot.png": me@home, @nobody')
    assert found.text == "See notes.txt, and red dot.png: me@home, @nobody"
    assert found.files == (Named(tmp_path / "notes.txt"), Named(tmp_path / "red dot.png"))


def test_a_mention_may_name_pages(tmp_path: Path) -> None:
    (tmp_path / "cats.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "a#3.txt").write_text("seven")
    found = mentions(f"See @{tmp_path}/cats.pdf#3-9, @{tmp_path}/a#3.txt and @{tmp_path}/none.pdf#3")
    assert found.text == f"See cats.pdf, a#3.txt and @{tmp_path}/none.pdf#3"
    assert found.files == (Named(tmp_path / "cats.pdf", "3-9"), Named(tmp_path / "a#3.txt"))


def test_a_word_that_is_no_file_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("one")
    assert mentions("anna@a.txt and @nobody") == Mentions("anna@a.txt and @nobody")


def test_the_typed_path_of_an_image_attaches_it(tmp_path: Path) -> None:
    image = tmp_path / "a cat.png"
    Image.new("RGB", (2, 2)).save(image)
    plain = tmp_path / "cat.png"
    Image.new("RGB", (2, 2)).save(plain)
    escaped = str(image).replace(" ", "\\ ")
    for typed in (f'"{image}"', f"'{image}'", escaped):
        found = mentions(f"what is in {typed}?")
        assert found.files == (Named(image),) and found.text == "what is in a cat.png?"
    assert mentions(f"{plain} what is this").files == (Named(plain),)
    assert mentions(f"compare {plain}, please").text == "compare cat.png, please"
    for text in ("what is a png", "see cat.png", f"{tmp_path}/none.png", "https://x.org/cat.png", f"{tmp_path}.txt"):
        assert mentions(text).text == text and not mentions(text).files
