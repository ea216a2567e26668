"""The passages of a library that go with a question: how they are stored, and what the model is sent.

They are stored as JSON, a file like every attachment, so that sources are known after a restart and in exports.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from lechat_tui.attachments.files import AttachmentError
from lechat_tui.message import Attachment, Message
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class Source:
    """A passage with the number under which a chat cites it."""

    n: int
    document: str
    path: str = ""
    """Where the document is; empty if it is not a file."""
    page: int = 0
    start: int = 0
    """Where the passage is in the text of the page, in characters."""
    end: int = 0
    heading: str = ""
    body: str = ""
    library: str = ""
    """The name of the library that it is from, or the names of those that were searched, with commas between."""

    @property
    def place(self) -> tuple[str, str, int, int, int]:
        """What makes it the same passage."""
        return self.path, self.document, self.page, self.start, self.end

    @property
    def title(self) -> str:
        """What to call it: `lease.pdf, page 3`."""
        return f"{self.document}, page {self.page}" if self.page else self.document


@dataclass(frozen=True)
class Passages:
    """What was found for a question, and where."""

    library: str
    """Its name, or several."""
    sources: tuple[Source, ...] = ()
    summary: str = ""
    """What a count over the whole library says; empty for other questions."""


def encoded(passages: Passages) -> bytes:
    """The passages as they are stored."""
    return msgspec.json.encode(passages)


def decoded_passages(content: bytes) -> Passages:
    """Stored passages. Raises `AttachmentError` for anything else."""
    try:
        return msgspec.json.decode(content, type=Passages)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise AttachmentError("these are no passages of a library") from error


def stored_passages(file: Attachment) -> Passages:
    """The passages in an attachment. Raises `AttachmentError` when they are not stored any more."""
    try:
        return decoded_passages(file.path.read_bytes())
    except OSError as error:
        sentence = f"{safe(file.name)} is not stored any more; /edit the question and ask it again"
        raise AttachmentError(sentence) from error


def sources_of(messages: Sequence[Message]) -> dict[int, Source]:
    """The passages of these messages, by number, without those that are not stored any more."""
    found: dict[int, Source] = {}
    for message in messages:
        for file in message.attachments:
            if file.kind == "passages":
                with suppress(AttachmentError):
                    found.update((source.n, source) for source in stored_passages(file).sources)
    return found


_REFERENCE = re.compile(r"\[(\^?\d{1,4}(?:[,–-] ?\d{1,4})*)\]")

INSTRUCTION = (
    "Answer the question with what these passages say, in the language of the question. Behind each statement, put the "
    "number of the passage that it is from in brackets, as in [{first}]. If the passages do not hold the answer, say "
    "that it is not in the documents, and do not answer from memory."
)

NOTHING = 'The library "{library}" was searched, and no passage matches. Say that the answer is not in the documents.'


def numbered(sources: Sequence[Source]) -> str:
    """The passages, each below its number, document, page and heading."""
    return "\n\n".join(f"[{one.n}] {_heading(one)}\n{_body(one)}" for one in sources)


def _body(source: Source) -> str:
    """The text of a passage, in which references of its own do not look like citations."""
    return _REFERENCE.sub(r"(\1)", source.body.strip())


def _heading(source: Source) -> str:
    heading = " ".join(source.heading.split())
    return f"{source.title}, {heading}:" if heading else f"{source.title}:"


def prompt_text(passages: Passages) -> str:
    """What the model is sent in front of the question."""
    if not passages.sources and not passages.summary:
        return NOTHING.format(library=passages.library)
    instruction = INSTRUCTION.format(first=passages.sources[0].n) if passages.sources else ""
    title = f'Passages from the library "{passages.library}":' if passages.sources else ""
    parts = title, numbered(passages.sources), passages.summary, instruction
    return "\n\n".join(filter(None, parts))
