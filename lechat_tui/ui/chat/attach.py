"""What goes with the next question: named in it, dropped on the window, on the clipboard. Reads files off the loop."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from lechat_tui import clipboard
from lechat_tui.attachments import reading as attachments
from lechat_tui.message import Attachment
from lechat_tui.plaintext import safe, whole
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.widgets.pastes import Written
from lechat_tui.ui.widgets.prompt import PromptBox


class Attaching:
    """Keeps pictures where the chat is kept, and lays them beside the prompt."""

    def __init__(self, conversation: Conversation, box: PromptBox, changed: Callable[[], None]) -> None:
        """`changed` is called when another picture lies there."""
        self._conversation = conversation
        self._box = box
        self._changed = changed

    def lay(self, picture: Attachment) -> None:
        """Lay a picture beside the prompt."""
        self._box.attach(picture)
        self._changed()

    async def question(self, written: Written) -> str:
        """What was written, with the texts of the files it names; their pictures lie beside the prompt then.

        Raises `AttachmentError`, and attaches nothing then.
        """
        found, pictures = await asyncio.to_thread(self._mentioned, written)
        for picture in pictures:
            self.lay(picture)
        return "\n\n".join([*found.files, written.opened(found.text)])

    def _mentioned(self, written: Written) -> tuple[attachments.Mentions, list[Attachment]]:
        """What is folded was not typed here and may say anything: no file is taken at its word."""
        found = attachments.mentions(written.typed)
        return found, [self._kept(path) for path in found.pictures]

    async def drop(self, path: Path) -> None:
        """A picture file. Raises `AttachmentError`."""
        self.lay(await asyncio.to_thread(self._kept, path))

    async def paste(self, copied: str) -> str:
        """What is on the clipboard, or else what was copied here; the sentence says what it was, or why not."""
        content = await asyncio.to_thread(clipboard.get) or copied.encode("utf-8", "replace")
        if attachments.is_picture(content):
            file = await asyncio.to_thread(attachments.check_picture, content, "pasted.png")
            self.lay(await asyncio.to_thread(self._conversation.keep_attachment, file))
            return f"the picture on the clipboard goes with the next question ({file.width}x{file.height})"
        if not content:
            return "no clipboard can be read from here; paste with the terminal's own key, or /image PATH"
        self._box.prompt.insert(safe(whole(content.decode("utf-8", "replace"))))
        self._box.prompt.focus()
        return ""

    def _kept(self, path: Path) -> Attachment:
        return self._conversation.keep_attachment(attachments.read_picture(path))
