"""`lechat chats`: lists, shows, searches, exports, imports and deletes chats."""

import time
from pathlib import Path

from lechat_tui import writing
from lechat_tui.cli import compose, printing
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.talk import exports
from lechat_tui.talk.exports import ExportError, Format


def list_chats(limit: int) -> None:
    """Print ID, date and title of the most recent chats."""
    with compose.readable_store() as store:
        for chat in store.chats(limit=limit):
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.updated))
            printing.show(f"{chat.id:>6}  {day}  {_line(chat.title)}")


def show(id: int) -> None:
    """Print the shown branch of a chat. Raises `StoreError`."""
    with compose.readable_store() as store:
        printing.content(exports.text_of(store, _chat(store, id), "md"))


def export(id: int, format: Format, output: Path | None, *, force: bool) -> None:
    """Write a chat to a file, or print it. Raises `StoreError` or `ExportError`."""
    with compose.readable_store() as store:
        text = exports.text_of(store, _chat(store, id), format)
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


def remove(id: int) -> None:
    """Delete a chat and what the engine saved of it. Raises `StoreError`."""
    with compose.store() as store:
        store.delete(_chat(store, id).id)
    compose.engine().forget(id)


def _chat(store: Store, id: int) -> Chat:
    chat = store.chat(id)
    if chat is None:
        raise StoreError(f"there is no chat {id}; lechat chats ls lists them")
    return chat


def _line(text: str) -> str:
    return " ".join(text.split())
