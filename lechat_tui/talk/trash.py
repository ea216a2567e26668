"""Copies of whole chats: to bring a deleted one back, and to move a private one into the history."""

from collections.abc import Sequence

from lechat_tui.message import Attachment, Message
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.values import dataclass


@dataclass(frozen=True)
class ChatCopy:
    """All of a chat."""

    chat: Chat
    messages: Sequence[Message]
    files: Sequence[tuple[Attachment, bytes]]
    """The attachments with their content."""


def copy_chat(store: Store, chat: Chat) -> ChatCopy:
    """All of a chat, without the attachments whose files are missing. Raises `StoreError`."""
    messages = tuple(store.messages(chat.id))
    attached = {file.sha256: file for message in messages for file in message.attachments if file.path.is_file()}
    try:
        return ChatCopy(chat, messages, tuple((file, file.path.read_bytes()) for file in attached.values()))
    except OSError as error:
        raise StoreError(f"an attachment of this chat can't be read: {error.strerror}; nothing was changed") from error


def add_copy(store: Store, copy: ChatCopy) -> Chat:
    """Add the copy to a store, under a new id. Raises `StoreError`."""
    for file, content in copy.files:
        store.keep_attachment(content, file.name, file.kind, file.width, file.height)
    return store.add_chat(copy.chat, copy.messages)


class Trash:
    """Chats that were deleted from a history, until the program ends."""

    def __init__(self, history: Store) -> None:
        self._history = history
        self._copies: list[ChatCopy] = []

    def delete(self, chat: Chat) -> None:
        """Delete a chat. Raises `StoreError`."""
        copy = copy_chat(self._history, chat)
        try:
            self._history.delete(chat.id)
        finally:  # it may be deleted although not all of it could be overwritten
            if self._history.chat(chat.id) is None:
                self._copies.append(copy)

    def restore(self) -> Chat | None:
        """Bring back the chat that was deleted last, under a new id; None when there is none. Raises `StoreError`."""
        if not self._copies:
            return None
        chat = add_copy(self._history, self._copies[-1])
        self._copies.pop()
        return chat
