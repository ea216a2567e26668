"""Copies of whole chats: to bring a deleted one back, and to move a private one into the history."""

from collections.abc import Sequence
from contextlib import suppress

from lechat_tui.attachments.files import AttachmentError, File
from lechat_tui.message import Attachment, Message
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class ChatCopy:
    """All of a chat."""

    chat: Chat
    messages: Sequence[Message]
    files: Sequence[File]
    """The attachments with their content."""


def copy_chat(store: Store, chat: Chat) -> ChatCopy:
    """All of a chat, without the attachments whose files are missing. Raises `StoreError`."""
    messages = tuple(store.messages(chat.id))
    attached = {file.sha256: file for message in messages for file in message.attachments if file.path.is_file()}
    try:
        return ChatCopy(chat, messages, tuple(map(copied, attached.values())))
    except OSError as error:
        raise StoreError(f"an attachment of this chat can't be read: {error.strerror}; nothing was changed") from error


def copied(attached: Attachment) -> File:
    """A stored file with its content. Raises `OSError`."""
    content, document = attached.path.read_bytes(), None
    if attached.kind == "document":
        from lechat_tui.attachments.documents import stored_document  # not needed for the first paint

        with suppress(AttachmentError):  # the question is worth keeping without it, too
            document = stored_document(attached)
    return File(attached.name, content, attached.kind, attached.width, attached.height, document, attached.details)


def keep(store: Store, file: File) -> Attachment:
    """Store a file. Raises `StoreError`."""
    sides = file.width, file.height
    return store.keep_attachment(file.content, file.name, file.kind, *sides, file.document, file.details)


def add_copy(store: Store, copy: ChatCopy) -> Chat:
    """Add the copy to a store, under a new id. Raises `StoreError`."""
    for file in copy.files:
        keep(store, file)
    return store.add_chat(copy.chat, copy.messages)


class Trash:
    """Chats that were deleted from a history, until the program ends."""

    def __init__(self, history: Store) -> None:
        self._history = history
        self._copies: list[list[ChatCopy]] = []
        """The chats of each deletion, in the order in which they were added to last."""

    def delete(self, chats: Sequence[Chat]) -> None:
        """Delete chats. Raises `StoreError`."""
        copies = [copy_chat(self._history, chat) for chat in chats]
        try:
            self._history.delete(*(chat.id for chat in chats))
        finally:  # they may be deleted although not all of them could be overwritten
            gone = [copy for copy in copies if self._history.chat(copy.chat.id) is None]
            if gone:
                gone.sort(key=lambda copy: max((message.id for message in copy.messages), default=0))
                self._copies.append(gone)

    def restore(self) -> list[Chat]:
        """Bring back the chats that were deleted last, under new ids, in their order. Raises `StoreError`."""
        if not self._copies:
            return []
        chats = [add_copy(self._history, copy) for copy in self._copies[-1]]
        self._copies.pop()
        return chats
