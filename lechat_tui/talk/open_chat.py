"""A chat of the store that is open: its messages, its branches, and what the user changes in it. Knows no engine."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lechat_tui.attachments.files import File
from lechat_tui.message import Attachment, DocumentUse, Message, State
from lechat_tui.models.available import Models
from lechat_tui.store import Chat, Store, StoreError
from lechat_tui.talk.branches import Branch, ShownBranches, positions
from lechat_tui.talk.trash import Trash, add_copy, copy_chat, keep

if TYPE_CHECKING:
    from lechat_tui.library.background import Synchronizer

MAX_TITLE_LENGTH = 60
"""Characters."""

SYNC_SECONDS = 1.0
"""How long a question waits for its libraries to be brought up to date; it finds what there is by then."""

UNFINISHED: frozenset[State] = frozenset({"stopped", "interrupted", "failed", "cut"})
"""States of an answer that can be continued."""


class OpenChat:
    """The chat that is shown, or a new one that is stored with its first question.

    `messages` is the branch that is shown, oldest first. A private chat is the same over a store in memory.
    """

    def __init__(self, history: Store, chat: Chat | None) -> None:
        self.history = history
        """The store of all chats that are not private."""
        self.store = history
        """The store of this chat: the history, or memory for a private one."""
        self.chat = chat
        """The chat's row in the store; None before the first question."""
        self.messages = history.path(chat.id) if chat else []
        self.document_use: DocumentUse | None = None
        """What to send of documents that do not fit, where the user chose it; `whole` asks."""
        self._shown = ShownBranches()
        self._trash = Trash(history)
        self._chosen_libraries: tuple[str, ...] = ()
        """The libraries of a new chat, before its first question."""
        self._synchronizer: Synchronizer | None = None
        self._synchronize(self.libraries)

    @property
    def private(self) -> bool:
        """Whether nothing of this chat is written to disk."""
        return self.store.private

    @property
    def libraries(self) -> tuple[str, ...]:
        """Names of the libraries that the questions of this chat are answered from."""
        return self.chat.libraries if self.chat else self._chosen_libraries

    @property
    def has_passages(self) -> bool:
        """Whether passages of a library go with a question that is shown."""
        return any(file.kind == "passages" for message in self.messages for file in message.attachments)

    def set_libraries(self, names: Sequence[str]) -> None:
        """Answer the questions of this chat from these libraries, or from none. Raises `StoreError`."""
        self._chosen_libraries = tuple(names)
        if self.chat:
            self.chat = self.store.set_libraries(self.chat.id, names)
        self._synchronize(names)

    def open(self, chat: Chat | None, *, private: bool = False) -> None:
        """Open this chat of the history, or begin a new one. A private chat that was open is gone."""
        self.close_private()
        if private and not self.history.private:
            self.store = Store(None)
        self.chat = chat
        self.messages = self.store.path(chat.id) if chat else []
        self.document_use = None
        self._shown = ShownBranches()
        self._chosen_libraries = ()
        self._synchronize(self.libraries)

    def reload(self) -> None:
        """Read the messages from the store again: another program may have added some, or died while it wrote one."""
        if self.chat:
            self.messages = self.store.path(self.chat.id)

    def close_private(self) -> None:
        """Close a private chat, which deletes it, and begin a new one in the history."""
        if self.store is not self.history:
            self.store.close()
            self.store = self.history
            self.chat, self.messages = None, []

    def save_private(self) -> Chat | None:
        """Move a private chat into the history and open it there; None when it is empty. Raises `StoreError`."""
        if self.chat is None or self.store is self.history:
            return None
        chat = add_copy(self.history, copy_chat(self.store, self.chat))
        self.open(chat)
        return chat

    def rename(self, title: str) -> None:
        """Give the chat a title. Does nothing before the first question."""
        if self.chat:
            self.chat = self.store.rename(self.chat.id, title)

    async def retitle(self, chat: Chat, title: str) -> bool:
        """Rename a chat of the history; False if it was renamed or deleted since it was read. Raises `StoreError`."""
        if not await asyncio.to_thread(self.history.retitle, chat.id, chat.title, title):
            return False
        if self.chat and self.chat.id == chat.id and not self.private:
            self.chat = replace(self.chat, title=title)
        return True

    def pin(self, index: int, pinned: bool) -> int:
        """Keep an exchange in the context window however full it is, or no longer; returns the index of its question.

        Pinning is stored with the question and holds for its answer, whichever is shown: half an exchange misleads.
        """
        while index and self.messages[index].role == "assistant":
            index -= 1
        self.store.set_pinned(self.messages[index].id, pinned)
        self.messages[index] = replace(self.messages[index], pinned=pinned)
        return index

    def undo(self, count: int = 1) -> list[Message]:
        """Remove so many of the last questions with their answers, summaries included; returns them, oldest first.

        Nothing is deleted: the chat shows the branch that ends before them, and `redo` shows them again.
        """
        starts = [index for index, message in enumerate(self.messages) if message.role != "assistant"][-count:]
        if not starts or self.chat is None:
            return []
        removed = [self.messages[index] for index in starts]
        self._shown.remember(self.messages)
        self.chat = self.store.set_leaf(self.chat.id, removed[0].parent)
        del self.messages[starts[0] :]
        return removed

    def redo(self) -> bool:
        """Show what follows the last message: the branch that was shown last, else the newest; False for none."""
        leaf = self._shown.leaf(self._leaf, self.store.tree(self.chat.id)) if self.chat else 0
        if self.chat is None or leaf == self._leaf:
            return False
        self.chat = self.store.set_leaf(self.chat.id, leaf)
        self.messages = self.store.path(self.chat.id)
        return True

    def branches(self) -> list[Branch]:
        """For each message shown, its position among its siblings."""
        return positions(self.messages, self.store.tree(self.chat.id)) if self.chat else []

    def last_branches(self, count: int) -> list[Branch]:
        """The same for the last messages shown, whatever the length of the chat."""
        last = self.messages[-count:]
        return positions(last, {message.parent: self.store.siblings(message.id) for message in last})

    def show_sibling(self, index: int, number: int) -> None:
        """Show another branch: the one with this sibling of the message at an index, counted from 1 on.

        Raises `StoreError` when there is no such sibling.
        """
        siblings = self.store.siblings(self.messages[index].id)
        if not 1 <= number <= len(siblings):
            raise StoreError(f"there is no branch {number} here; there are {len(siblings)}")
        self.show_branch(siblings[number - 1])

    def show_branch(self, message: int) -> None:
        """Show the branch with this message, which is stored with the chat.

        Below the message it follows the branch that was shown last, or else the newest.
        """
        assert self.chat
        tree = self.store.tree(self.chat.id)
        self._shown.remember(self.messages)
        self.chat = self.store.set_leaf(self.chat.id, self._shown.leaf(message, tree))
        self.messages = self.store.path(self.chat.id)

    def index_of(self, message: int) -> int | None:
        """The index of the message with this id; None when it is not shown, and for 0."""
        if not message:
            return None
        return next((index for index, shown in enumerate(self.messages) if shown.id == message), None)

    def fork(self, index: int, title: str) -> Chat:
        """Make a new chat of the messages up to this index; this one stays as it is."""
        assert self.chat
        now = time.time()
        return self.store.add_chat(
            replace(self.chat, title=title, created=now, updated=now), self.messages[: index + 1]
        )

    def delete(self, *chats: Chat) -> None:
        """Delete chats of the history. Until the program ends, `undelete` brings them back. Raises `StoreError`."""
        self._trash.delete(chats)

    def undelete(self) -> list[Chat]:
        """Bring back the chats that were deleted last, under new ids; none if none were. Raises `StoreError`."""
        return self._trash.restore()

    def keep_attachment(self, file: File) -> Attachment:
        """Store a file where this chat is stored, so that it can go with a question. Raises `StoreError`."""
        return keep(self.store, file)

    @property
    def unfinished(self) -> Message | None:
        """The last answer, if it was cut short."""
        last = self.messages[-1] if self.messages else None
        return last if last and last.role == "assistant" and last.state in UNFINISHED else None

    def _synchronize(self, libraries: Sequence[str], *, again: bool = True) -> None:
        """Bring these libraries up to date in the background."""
        if not libraries:
            return
        from lechat_tui.library.background import Synchronizer  # only for questions to libraries

        self._synchronizer = self._synchronizer or Synchronizer()
        self._synchronizer.start(libraries, again=again)

    async def _with_passages(
        self, question: Message, before: Sequence[Message], window: int, models: Models
    ) -> tuple[Message, str | None]:
        """The question with the passages of the libraries that it names, or that are attached to this chat.

        Also what the user must know of the search; None if there was none. `window` is the context window in tokens.
        Raises `LechatError`.
        """
        if not self.libraries and "@library:" not in question.text:
            return question, None
        from lechat_tui.talk.libraries import embed, find, mentioned  # only for questions to libraries

        text, named = mentioned(question.text)
        names = named or self.libraries
        if not names:
            return question, None
        self._synchronize(names, again=False)
        if self._synchronizer:
            await asyncio.to_thread(self._synchronizer.wait, SYNC_SECONDS)
        found = await asyncio.to_thread(find, text, names, before, window, models=models, private=self.private)
        if self._synchronizer:
            await asyncio.to_thread(embed, names, models, self._synchronizer)
        passages = await asyncio.to_thread(self.keep_attachment, found.file)
        others = (file for file in question.attachments if file.kind != "passages")
        text = question.text if question.pasted else text or question.text
        return replace(question, text=text, attachments=(*others, passages)), found.note

    async def _store_question(self, question: Message, index: int, *, title: str, system: str, model: str) -> None:
        """Store a question below the message before an index; a new chat gets a title, a system prompt and a model."""
        if self.chat is None:
            title = first_title(title, question.attachments)
            self.chat = await asyncio.to_thread(self.store.new_chat, title, system=system, model=model)
            if self._chosen_libraries:
                self.chat = self.store.set_libraries(self.chat.id, self._chosen_libraries)
        parent = self.messages[index - 1].id if index else 0
        stored = await asyncio.to_thread(self.store.add, self.chat.id, question, parent)
        if index < len(self.messages):
            self._shown.remember(self.messages)
        self.messages = [*self.messages[:index], stored]

    @property
    def _leaf(self) -> int:
        return self.messages[-1].id if self.messages else 0

    def _show(self, answer: Message) -> None:
        """Put the growing answer at the end of the branch."""
        if self.messages and self.messages[-1].role == "assistant" and self.messages[-1].parent == answer.parent:
            self.messages[-1] = answer
        else:
            self.messages.append(answer)


def first_title(text: str, attachments: Sequence[Attachment]) -> str:
    """The title of a chat that nobody named: the first line of its first question, or else the first file's name."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if not first and attachments:
        first = attachments[0].name
    return first if len(first) <= MAX_TITLE_LENGTH else first[: MAX_TITLE_LENGTH - 1] + "…"
