"""What was typed: drafts that were not sent, and the prompts that the up arrow brings back."""

import re
import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from lechat_tui.message import Attachment, AttachmentKind, Details, Span
from lechat_tui.plaintext import storable
from lechat_tui.store.blobs import Blobs
from lechat_tui.store.rows import Draft, decode_spans, encode_spans, text


class _File(msgspec.Struct, array_like=True, omit_defaults=True):
    """An attachment in the JSON of a draft, as a list; that of an older draft has no details."""

    sha256: str
    name: str
    kind: AttachmentKind
    size: int
    width: int
    height: int
    details: Details | None = None


def set_drafts(db: sqlite3.Connection, chat: int, drafts: Sequence[Draft]) -> None:
    """Replace the drafts of a chat; 0 is the chat that has no question yet. Does nothing for a deleted chat."""
    db.execute("DELETE FROM draft WHERE chat = ?", (chat,))
    if chat and not db.execute("SELECT 1 FROM chat WHERE id = ?", (chat,)).fetchone():
        return
    rows = [
        (chat, place, storable(draft.text), _encode(draft.attachments), encode_spans(draft.pasted))
        for place, draft in enumerate(drafts)
    ]
    db.executemany("INSERT INTO draft (chat, place, text, attachments, pasted) VALUES (?, ?, ?, ?, ?)", rows)


def drafts(db: sqlite3.Connection, blobs: Blobs, chat: int) -> list[Draft]:
    """The drafts of a chat, in their order, with the attachments that are still stored."""
    query = "SELECT text, attachments, pasted FROM draft WHERE chat = ? ORDER BY place"
    return [
        Draft(text(typed), tuple(_decode(blobs, text(files))), decode_spans(text(pasted), text(typed)))
        for typed, files, pasted in db.execute(query, (chat,)).fetchall()
    ]


def add_prompt(db: sqlite3.Connection, typed: str, pasted: Sequence[Span] = ()) -> None:
    """Add a line to the prompt history, unless it is empty or the last one again."""
    typed = storable(typed)
    if not typed.strip():
        return
    last = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT 1").fetchone()
    if last != (typed,):
        db.execute("INSERT INTO prompt (text, pasted) VALUES (?, ?)", (typed, encode_spans(pasted)))


def delete_prompts(db: sqlite3.Connection, chats: Sequence[int]) -> None:
    """Delete the prompts that became a part of these chats: their questions, titles and system prompts."""
    query = """WITH gone (id) AS (SELECT value FROM json_each(:chats))
               SELECT text FROM message JOIN gone ON message.chat = gone.id WHERE role = 'user'
               UNION SELECT title FROM chat JOIN gone USING (id) UNION SELECT system FROM chat JOIN gone USING (id)"""
    ids = {"chats": msgspec.json.encode(list(chats)).decode()}
    sent = {text(found).strip() for (found,) in db.execute(query, ids)} - {""}
    prompts = db.execute("SELECT id, text FROM prompt").fetchall()
    gone = [(id,) for id, typed in prompts if not sent.isdisjoint(_became(text(typed)))]
    db.executemany("DELETE FROM prompt WHERE id = ?", gone)


_MENTION = re.compile(r'@"([^"]+)"|@(\S+)')


def _became(prompt: str) -> Iterator[str]:
    """What may be stored of a prompt: all of it, the argument of a command, and with file names for their paths."""
    words = prompt.strip()
    yield from (words, _MENTION.sub(_file_name, words))
    for _ in range(2) if words.startswith("/") else ():  # `/compare MODEL QUESTION`
        words = [*words.split(maxsplit=1), "", ""][1]
        yield from (words, _MENTION.sub(_file_name, words))


def _file_name(mention: re.Match[str]) -> str:
    path: str = mention[1] or mention[2]
    return path.rpartition("/")[2]


def prompts(db: sqlite3.Connection, limit: int) -> list[str]:
    """The last prompts, oldest first."""
    rows = db.execute("SELECT text FROM prompt ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
    return [text(typed) for (typed,) in reversed(rows)]


def prompt_pastes(db: sqlite3.Connection, limit: int) -> dict[str, tuple[Span, ...]]:
    """Of the last prompts with long pastes, where these are."""
    query = "SELECT text, pasted FROM (SELECT * FROM prompt ORDER BY id DESC LIMIT ?) WHERE pasted <> '' ORDER BY id"
    rows = [(text(typed), text(pasted)) for typed, pasted in db.execute(query, (limit,))]
    return {typed: decode_spans(pasted, typed) for typed, pasted in rows}


def _encode(files: Sequence[Attachment]) -> str:
    rows = [
        _File(file.sha256, storable(file.name), file.kind, file.size, file.width, file.height, file.details)
        for file in files
    ]
    return msgspec.json.encode(rows).decode()


def _decode(blobs: Blobs, encoded: str) -> Iterator[Attachment]:
    try:
        files = msgspec.json.decode(encoded, type=list[_File])
    except ValueError:  # a damaged history: the text matters more
        return
    for file in files:
        path = blobs.path(file.sha256)
        if path.is_file():
            yield Attachment(file.sha256, file.name, file.kind, path, file.size, file.width, file.height, file.details)
