"""What `lechat chats` does: lists, shows, searches, renames, exports, imports and deletes chats."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lechat_tui import writing
from lechat_tui.cli import compose, printing
from lechat_tui.store import Store, StoreError
from lechat_tui.talk import exports
from lechat_tui.talk.exports import ExportError, Format
from lechat_tui.units import SPAN_EXAMPLES, date_text, span_seconds

DATE_WIDTH = len("12 Nov 2026")
"""The longest date."""


def list_chats(limit: int) -> None:
    """Print ID, date and title of the most recent chats."""
    now = datetime.now()
    with compose.readable_store() as store:
        for chat in store.chats(limit=limit):
            printing.show(f"{chat.id:>6}  {date_text(chat.updated, now):<{DATE_WIDTH}}  {_line(chat.title)}")


def list_json(limit: int) -> None:
    """Print the same with everything that is known of a chat, dates in UTC."""
    with compose.readable_store() as store:
        rows = [
            {
                "id": chat.id,
                "title": chat.title,
                "created": _utc(chat.created),
                "updated": _utc(chat.updated),
                "model": chat.model,
                "system": chat.system,
            }
            for chat in store.chats(limit=limit)
        ]
    printing.show(json.dumps(rows, indent=2))


def show(id: str) -> None:
    """Print the shown branch of a chat. Raises `StoreError`."""
    with compose.readable_store() as store:
        printing.content(exports.text_of(store, compose.find_chat(store, id), "md"))


def export(id: str, format: Format, output: Path | None, *, force: bool) -> None:
    """Write a chat to a file, or print it. Raises `StoreError` or `ExportError`."""
    with compose.readable_store() as store:
        text = exports.text_of(store, compose.find_chat(store, id), format)
    if output is None:
        printing.content(text)
        return
    try:
        if output.exists() and not force:
            raise ExportError(f"{output} already exists; --force overwrites it")
        writing.write(output, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ExportError(f"cannot write {output}: {error.strerror}") from error


def import_chat(file: Path) -> None:
    """Add a chat that was exported as JSON to the history. Raises `StoreError` or `ExportError`."""
    try:
        if file.exists() and not file.is_file():
            raise ExportError(f"{file} is not a regular file")
        content = file.read_bytes()
    except OSError as error:
        raise ExportError(f"cannot read {file}: {error.strerror}") from error
    saved = exports.from_json(content)
    with compose.store() as store:
        chat = exports.import_chat(store, saved)
    printing.show(f"{chat.id:>6}  {_line(chat.title)}")


def search(words: str) -> None:
    """Print the chat, its title and the text around each match."""
    with compose.readable_store() as store:
        for hit in store.search(words):
            found = "".join(f"[{text}]" if is_match else text for text, is_match in hit.pieces())
            printing.show(f"{hit.chat.id:>6}  {_line(hit.chat.title)}: {_line(found)}")


def rename(id: str, title: str) -> None:
    """Give a chat another title. Raises `StoreError`."""
    if not title.strip():
        raise StoreError("a title needs at least one word; nothing was changed")
    with compose.store() as store:
        chat = store.rename(compose.find_chat(store, id).id, _line(title))
    printing.say(f"chat {chat.id} is now called {_line(chat.title)}")


def remove(ids: Sequence[str], *, older_than: str, agreed: bool) -> None:
    """Delete chats and what the engine saved of them: those named, or those older than a time, after a confirmation.

    Raises `StoreError`.
    """
    if bool(ids) == bool(older_than):
        raise StoreError("lechat chats rm takes IDs, or --older-than TIME, as in --older-than 90d; nothing was deleted")
    with compose.store() as store:
        gone = (
            list({compose.find_chat(store, id).id: None for id in ids})
            if ids
            else _old(store, older_than, agreed=agreed)
        )
        store.delete(*gone)
    engine = compose.engine()
    for id in gone:
        engine.forget(id)
    if older_than:
        printing.say(f"deleted {_count(len(gone))}" if gone else f"no chat is older than {older_than}")


def _old(store: Store, span: str, *, agreed: bool) -> list[int]:
    """The IDs of the chats that are older than this, none if there are none. Raises `StoreError`."""
    seconds = span_seconds(span)
    if seconds is None:
        raise StoreError(f"{span} is not an age; use one like {SPAN_EXAMPLES}")
    now = datetime.now()
    listing, moment = store.listing(), now.timestamp() - seconds
    old = [id for id, updated in zip(listing.ids, listing.updated, strict=True) if updated < moment]
    if not old or agreed:
        return old
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise StoreError(
            f"{_count(len(old))} would be deleted; use --yes, because there is no terminal to confirm it on"
        )
    dates = [date_text(chat.updated, now) for chat in store.chats_of(old[:1])]
    printing.say(f"Delete {_count(len(old))}, the latest of {dates[0]}? This cannot be undone. [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoreError("nothing was deleted")
    return old


def _count(chats: int) -> str:
    return f"{chats} chats" if chats != 1 else "1 chat"


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _line(text: str) -> str:
    return " ".join(text.split())
