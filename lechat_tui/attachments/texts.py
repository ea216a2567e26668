"""Text files: decoded, and put into a message in a fence."""

import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.message import Attachment, Message
from lechat_tui.plaintext import invisible, safe, storable

MAX_TEXT_BYTES = 20_000_000
"""Of the file; more than any context window holds."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and the encodings they stand for."""

_HEAD_BYTES = 4096
"""Looked at to tell UTF-16 without a byte order mark."""

_ZEROS = 0.7
"""The least share of zeros among every other byte of such text."""


def decoded(content: bytes, name: str) -> str:
    """Text in UTF-8, in the encoding of its byte order mark, or in plain UTF-16. Raises `AttachmentError`."""
    name = safe(name)
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "") or _without_mark(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        what = "is neither text nor an image" if b"\0" in content else "is text in an old encoding; save it as UTF-8"
        raise AttachmentError(f"{name} {what}") from error
    if "\0" in text:
        raise AttachmentError(f"{name} is a binary file; only text and images can be attached")
    return storable(text)


def _without_mark(content: bytes) -> str:
    """The encoding of text without a byte order mark: in UTF-16, every other byte of most scripts is zero."""
    head = content[:_HEAD_BYTES]
    even, odd = head[::2], head[1::2]
    if len(content) % 2 == 0 and odd:
        if even.count(0) == 0 and odd.count(0) > len(odd) * _ZEROS:
            return "utf-16-le"
        if odd.count(0) == 0 and even.count(0) > len(even) * _ZEROS:
            return "utf-16-be"
    return "utf-8"


def stored_text(file: Attachment) -> str:
    """The text of an attached file, of a document what is sent of it.

    Raises `AttachmentError` when it is not stored any more.
    """
    if file.kind == "document":
        from lechat_tui.attachments.documents import sent_text  # not needed for the first paint

        return sent_text(file)
    if file.kind == "passages":
        from lechat_tui.attachments.passages import prompt_text, stored_passages

        return prompt_text(stored_passages(file))
    try:
        content = file.path.read_bytes()
    except OSError as error:
        sentence = f"{safe(file.name)} is no longer stored; /edit the question and attach it again"
        raise AttachmentError(sentence) from error
    return decoded(content, file.name)


def invisible_characters(text: str, files: Sequence[Attachment]) -> int:
    """The number of characters in a question and its text files that are sent, but that no terminal shows."""
    count = invisible(text)
    for file in files:
        with suppress(AttachmentError):  # sending it reports that
            count += invisible(stored_text(file)) if file.has_text else 0
    return count


def inlined(message: Message) -> Message:
    """The message with its text files and documents before its own text, each in a fence; only images stay attached.

    The passages of a library come right before the question. Raises `AttachmentError` when a file is not stored any
    more.
    """
    files = sorted(message.attachments, key=lambda file: file.kind == "passages")
    texts = [_sent(file) for file in files if file.has_text]
    if not texts:
        return message
    return replace(message, text="\n\n".join(filter(None, [*texts, message.text])), attachments=message.images)


def _sent(file: Attachment) -> str:
    text = stored_text(file)
    return text if file.kind == "passages" else fenced(_heading(file), text)


def _heading(file: Attachment) -> str:
    """The name of a file, and what of a document is sent."""
    if file.kind != "document":
        return file.name
    from lechat_tui.attachments.documents import heading

    return heading(file)


def fenced(name: str, text: str) -> str:
    """A text file under its name, in a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{name}:\n{fence}\n{text.rstrip()}\n{fence}"


def joined(*texts: str) -> str:
    """These texts with a blank line between them, without the empty ones."""
    return "\n\n".join(storable(text).strip("\n") for text in texts if text.strip())
