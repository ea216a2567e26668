"""E-mails: who wrote what to whom, the text, and the names of what is attached."""

import email
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from importlib.util import find_spec

from lechat_tui.documents.model import Page, PageRange
from lechat_tui.documents.parsers.common import Item, Unreadable

HEADERS = ("From", "To", "Cc", "Date", "Subject")


def parse(content: bytes, pages: PageRange | None) -> Iterator[Item]:
    """The e-mail as one page."""
    message = email.message_from_bytes(content, policy=policy.default)
    headers = [f"{name}: {value}" for name in HEADERS if (value := _header(message, name))]
    if not headers:
        raise Unreadable("is no e-mail: it has no headers")
    attached = [name for part in message.iter_attachments() if (name := part.get_filename() or part.get_content_type())]
    yield 1
    if pages is None or 1 in pages:
        files = f"Attachments: {', '.join(attached)}" if attached else ""
        yield Page(1, "\n\n".join(filter(None, ("\n".join(headers), _body(message), files))))
    if attached:
        yield f"{len(attached)} attachment{'s' * (len(attached) > 1)} not read; save and attach them one by one"


def _header(message: EmailMessage, name: str) -> str:
    """A header in one line; what is malformed is as good as missing."""
    try:
        return " ".join(str(message.get(name) or "").split())
    except (ValueError, LookupError, AttributeError, IndexError):
        return ""


def _body(message: EmailMessage) -> str:
    """The text, else the HTML as Markdown."""
    part = message.get_body(("plain", "html") if find_spec("html_to_markdown") else ("plain",))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError, KeyError):
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    if part.get_content_type() == "text/html":
        from lechat_tui.documents.parsers.html import markdown

        return markdown(text)
    return text.strip()
