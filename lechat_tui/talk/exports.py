"""Exports a chat as Markdown, HTML or JSON, and imports the JSON. Works on strings; the callers write the files.

Markdown and HTML have the branch that is shown; JSON has the whole chat: every branch, receipts, attachments.
"""

import html
import re
import time
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from lechat_tui import paths
from lechat_tui.attachments.documents import heading, stored_document
from lechat_tui.attachments.files import AttachmentError, File
from lechat_tui.attachments.images import check_image
from lechat_tui.attachments.passages import decoded_passages
from lechat_tui.attachments.texts import decoded, fenced, stored_text
from lechat_tui.documents.model import Document
from lechat_tui.errors import LechatError
from lechat_tui.message import Attachment, AttachmentKind, Citation, Details, Message, Receipt, Role, Sampling, State
from lechat_tui.store import MAX_MOMENT, Chat, Store
from lechat_tui.talk.sources import cited
from lechat_tui.talk.trash import keep
from lechat_tui.values import dataclass

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Format = Literal["md", "html", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

SUFFIXES: dict[str, Format] = {".html": "html", ".htm": "html", ".json": "json"}
"""The format for a file name's suffix; any other is Markdown."""

NAMES: dict[Role, str] = {"user": "You", "system": "System", "summary": "Summary of the messages above"}
ENDED: dict[State, str] = {
    "draft": "being written",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "engine error",
    "cut": "cut at the token limit",
}
"""Written below an answer that is not complete."""

KIND = "lechat-chat"
VERSION = 2
"""Version of the JSON that is written; earlier ones can be imported."""

COLORS = ("background", "foreground", "primary", "panel", "line", "soft", "accent")
"""The colors that the page takes from a theme."""


Moment = Annotated[float, Meta(ge=0, le=MAX_MOMENT)]
"""Seconds since the epoch, UTC."""


class ExportError(LechatError):
    """The chat cannot be exported or imported; the text says why and what to do."""


@dataclass(frozen=True)
class SavedFile:
    """An attachment with its content, in Base64 in the JSON."""

    sha256: str
    name: str
    kind: AttachmentKind = "image"
    width: int = 0
    """Pixels; 0 for anything but an image."""
    height: int = 0
    content: bytes = b""
    """Empty if the file was missing."""
    document: Document | None = None
    """What a document was converted to."""
    details: Details | None = None


@dataclass(frozen=True)
class SavedMessage:
    """A message of any branch."""

    id: int
    parent: int
    """0 for a first message, else the id of a message before it."""
    role: Role
    text: str
    thinking: str = ""
    state: State = "complete"
    pinned: bool = False
    created: Moment = 0.0
    receipt: Receipt | None = None
    attachments: tuple[SavedFile, ...] = ()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True)
class SavedChat:
    """A chat as it is in a JSON export."""

    title: str
    leaf: int
    """Id of the last message of the branch that is shown."""
    created: Moment
    updated: Moment
    system: str
    model: str
    messages: tuple[SavedMessage, ...]
    format: str = KIND
    version: int = VERSION
    libraries: tuple[str, ...] = ()


def as_json(chat: Chat, messages: Sequence[Message]) -> str:
    """The whole chat as JSON; `messages` are those of all branches."""
    texts = chat.system, chat.model, tuple(map(_saved, messages))
    saved = SavedChat(chat.title, chat.leaf, chat.created, chat.updated, *texts, libraries=chat.libraries)
    return msgspec.json.format(msgspec.json.encode(saved)).decode() + "\n"


def _saved(message: Message) -> SavedMessage:
    return SavedMessage(
        id=message.id,
        parent=message.parent,
        role=message.role,
        text=message.text,
        thinking=message.thinking,
        state=message.state,
        pinned=message.pinned,
        created=message.created,
        receipt=message.receipt,
        attachments=tuple(
            SavedFile(
                *(file.sha256, file.name, file.kind, file.width, file.height, _bytes(file), _document(file)),
                details=file.details,
            )
            for file in message.attachments
        ),
        citations=message.citations,
    )


def _bytes(file: Attachment) -> bytes:
    try:
        return file.path.read_bytes()
    except OSError:
        return b""


def _document(file: Attachment) -> Document | None:
    try:
        return stored_document(file) if file.kind == "document" else None
    except AttachmentError:
        return None


def _text(file: Attachment) -> str:
    """The text of an attached file; empty where it is not stored any more."""
    try:
        return stored_text(file)
    except AttachmentError:
        return ""


def from_json(content: bytes) -> SavedChat:
    """The chat in a file that `as_json` wrote. Raises `ExportError`."""
    try:
        saved = msgspec.convert(_upgraded(msgspec.json.decode(content)), SavedChat)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ExportError(f"this is not a chat that lechat exported as JSON: {error}") from error
    if saved.format != KIND or saved.version > VERSION:
        raise ExportError("this is not a chat that lechat exported as JSON, or it is from a newer version")
    known = {0}
    for message in saved.messages:
        if message.parent not in known or message.id in known:
            raise ExportError(f"the parent of message {message.id} is missing; the file is damaged")
        known.add(message.id)
    return saved


def _upgraded(saved: object) -> object:
    """The decoded JSON of an earlier version as this one writes it.

    Version 1 has pictures in place of attachments, and may have the sampling of a receipt flat in it.
    """
    messages = saved.get("messages") if isinstance(saved, dict) else None
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        if "pictures" in message:
            message["attachments"] = message.pop("pictures")
        receipt = message.get("receipt")
        if isinstance(receipt, dict) and "sampling" not in receipt:
            receipt["sampling"] = {f.name: receipt[f.name] for f in fields(Sampling) if f.name in receipt}
    return saved


def as_markdown(chat: Chat, messages: Sequence[Message]) -> str:
    """The messages of one branch as Markdown."""
    return f"# {_line(chat.title)}\n" + "".join(f"\n{part}\n" for message in messages for part in _parts(message))


def _parts(message: Message) -> Iterator[str]:
    yield f"## {author(message)}"
    yield from map(attachment_text, message.attachments)
    if message.text.strip():
        yield message.text.strip("\n")
    if message.citations:
        yield "\n".join(["Sources:", "", *(f"- {_escaped(line)}" for line in cited(message))])
    if message.state in ENDED:
        yield f"*({ENDED[message.state]})*"


def attachment_text(file: Attachment) -> str:
    """A text file, or what was sent of a document, under its name; of an image or passages only the name."""
    if file.kind == "passages":
        return f"[{_line(file.name)}]"
    if file.has_text:
        return fenced(_line(heading(file)), _text(file))
    return f"[image {_line(file.name)}]"


def author(message: Message) -> str:
    """Who wrote a message, for its heading."""
    if name := NAMES.get(message.role):
        return name
    receipt = message.receipt
    return _line(
        f"{receipt.model} on {receipt.server}" if receipt and receipt.server else receipt.model if receipt else "lechat"
    )


def as_html(chat: Chat, messages: Sequence[Message]) -> str:
    """The messages of one branch as a page that loads nothing and runs nothing, in the colors of the default themes."""
    title = html.escape(_line(chat.title))
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.updated))
    articles = "\n".join(map(_article, messages))
    return f"""<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; {_variables("mistral-light")} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables("mistral-dark")} }} }}
{STYLE}</style>
</head>
<body>
<header><h1>{title}</h1><p>{html.escape(_line(chat.model))} · {day}</p></header>
{articles}
</body>
</html>
"""


STYLE = """\
body { background: var(--background); color: var(--foreground); font: 1rem/1.55 system-ui, sans-serif;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.4rem; margin: 0; }
header p, h2, details, .ended { color: var(--soft); font-size: .85rem; }
article { margin: 1.5rem 0; }
article > h2 { margin: 0 0 .3rem; font-weight: 600; }
article.user { border-left: .25rem solid var(--primary); padding-left: .9rem; }
article.user .text { white-space: pre-wrap; }
pre { background: var(--panel); border: 1px solid var(--line); padding: .7rem; overflow-x: auto; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
:not(pre) > code { color: var(--accent); }
a { color: var(--primary); }
img { max-width: 100%; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .2rem .6rem; }
blockquote { border-left: .2rem solid var(--line); margin-left: 0; padding-left: .9rem; color: var(--soft); }
"""


@cache
def _markdown() -> "MarkdownIt":
    """A parser that shows HTML as text, and images not at all: a browser would fetch them from anywhere."""
    from markdown_it import MarkdownIt  # slow to import, and not needed at every start

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = lambda url: bool(_LINKED.match(url))  # type: ignore[method-assign]
    return parser


_LINKED = re.compile(r"https?://|mailto:", re.IGNORECASE)
"""Addresses that become links, as on the screen: others may start a program."""


_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}")


def _variables(theme: str) -> str:
    table = tomllib.loads((paths.bundled("themes") / f"{theme}.toml").read_text("utf-8"))
    known = {**table, **table["variables"]}
    colors = ((name, known.get(name, "")) for name in COLORS)
    return " ".join(f"--{name}: {color};" for name, color in colors if _COLOR.fullmatch(color))


def _article(message: Message) -> str:
    parts = [f"<h2>{html.escape(author(message))}</h2>"]
    if message.thinking.strip():
        thinking = html.escape(message.thinking.strip())
        parts.append(f"<details><summary>thinking</summary><pre>{thinking}</pre></details>")
    parts += map(_figure, message.attachments)
    if message.role == "user":
        parts.append(f'<div class="text">{html.escape(message.text)}</div>')
    else:
        parts.append(f"<div>{_markdown().render(message.text)}</div>")
    if message.citations:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in cited(message))
        parts.append(f'<div class="ended">Sources:<ul>{items}</ul></div>')
    if message.state in ENDED:
        parts.append(f'<p class="ended">{ENDED[message.state]}</p>')
    return f'<article class="{message.role}">\n' + "\n".join(parts) + "\n</article>"


_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
"""First bytes of the images that a browser shows, and their type."""


def _figure(file: Attachment) -> str:
    content = _bytes(file)
    name = html.escape(_line(heading(file)))
    if file.has_text:
        return f"<details><summary>{name}</summary><pre>{html.escape(_text(file))}</pre></details>"
    kind = next((kind for head, kind in _KINDS.items() if content.startswith(head)), "")
    if not kind:
        return f"<p>[image {name}]</p>"
    return f'<p><img alt="{name}" src="data:image/{kind};base64,{b64encode(content).decode()}"></p>'


def _escaped(text: str) -> str:
    """A line that Markdown shows as it is, but for the number of the passage at its beginning."""
    number, _, rest = text.partition(" ")
    return f"{number} {_SPECIAL.sub(_BACKSLASH, rest)}"


_SPECIAL, _BACKSLASH = re.compile(r"([\\`*_<>\[\]#|~])"), r"\\\1"


def _line(text: str) -> str:
    return " ".join(text.split())


def file_name(title: str, format: Format) -> str:
    """A safe file name for a chat with this title."""
    words = re.findall(r"\w+", title.casefold())
    return f"{'-'.join(words)[:50].strip('-_') or 'chat'}.{format}"


def text_of(store: Store, chat: Chat, format: Format) -> str:
    """The chat in a format. Raises `StoreError`."""
    if format == "json":
        return as_json(chat, store.messages(chat.id))
    shown = store.path(chat.id)
    return as_html(chat, shown) if format == "html" else as_markdown(chat, shown)


def import_chat(store: Store, saved: SavedChat) -> Chat:
    """Add an exported chat to a store, under a new id.

    An attachment whose content is missing or unreadable becomes a line of text with its name. Raises `StoreError`.
    """
    texts = saved.system, saved.model, saved.libraries
    chat = Chat(0, saved.title, saved.created, saved.updated, saved.leaf, *texts)
    return store.add_chat(chat, [_message(store, message) for message in saved.messages])


def _checked(saved: SavedFile) -> File:
    """The file, checked like one that is attached. Raises `AttachmentError` if its content is missing or unreadable."""
    if saved.kind == "image":
        return check_image(saved.content, saved.name)
    if saved.kind == "document" and saved.document:
        return File(saved.name, saved.content, "document", document=saved.document, details=saved.details)
    if saved.kind == "passages":
        decoded_passages(saved.content)
        return File(saved.name, saved.content, "passages")
    decoded(saved.content, saved.name)
    return File(saved.name, saved.content, "text")


def _message(store: Store, saved: SavedMessage) -> Message:
    files: list[Attachment] = []
    lost = ""
    for file in saved.attachments:
        try:
            checked = _checked(file)
        except AttachmentError:
            lost += f"({'image' if file.kind == 'image' else 'file'} {file.name}, lost)\n\n"
        else:
            files.append(keep(store, checked))
    return Message(
        role=saved.role,
        text=lost + saved.text,
        thinking=saved.thinking,
        attachments=tuple(files),
        state=saved.state,
        receipt=saved.receipt,
        citations=saved.citations,
        pinned=saved.pinned,
        id=saved.id,
        parent=saved.parent,
        created=saved.created,
    )
