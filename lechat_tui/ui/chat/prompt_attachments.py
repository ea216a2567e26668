"""Attaches files to the next question: those it mentions, dropped ones, and the clipboard. Reads them in a thread."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from lechat_tui import clipboard
from lechat_tui.attachments.files import Named
from lechat_tui.attachments.images import check_image, is_image
from lechat_tui.attachments.mentions import mentions
from lechat_tui.message import Attachment
from lechat_tui.plaintext import storable
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.widgets.pastes import Expanded, Submission
from lechat_tui.ui.widgets.prompt_box import PromptBox

PROGRESS_SECONDS = 0.3
"""Between two reports of how far the reading of a document is."""


class PromptAttachments:
    """Stores files where the chat is stored, and lists them above the prompt."""

    def __init__(self, conversation: Conversation, box: PromptBox, changed: Callable[[], None]) -> None:
        """`changed` is called when a file was attached."""
        self._conversation = conversation
        self._box = box
        self._changed = changed

    def add(self, file: Attachment) -> None:
        """Attach a stored file to the next question."""
        self._box.attach(file)
        self._changed()

    async def attach_mentioned(self, submission: Submission) -> Expanded:
        """Attach the files that the text mentions; the text to send.

        Raises `AttachmentError` before any is attached.
        """
        try:
            text, files = await asyncio.to_thread(self._mentioned, submission, asyncio.get_running_loop())
        finally:
            self._box.show_reading("")
        for file in files:
            self.add(file)
        return submission.expanded(text)

    def _mentioned(self, submission: Submission, loop: asyncio.AbstractEventLoop) -> tuple[str, list[Attachment]]:
        """A folded paste was not typed here and may say anything, so the files it mentions are not attached."""
        found = mentions(submission.typed)
        return found.text, [self._kept(file, loop) for file in found.files]

    async def drop(self, path: Path) -> None:
        """Attach a file that was dropped on the window. Raises `AttachmentError`."""
        self.add(await asyncio.to_thread(self._kept, Named(path), asyncio.get_running_loop()))

    async def paste(self, copied: str) -> str:
        """Attach or insert what is on the clipboard, else what was copied here; the sentence says what, or why not."""
        content = await asyncio.to_thread(clipboard.read) or copied.encode("utf-8", "replace")
        if is_image(content):
            file = await asyncio.to_thread(check_image, content, "pasted.png")
            self.add(await asyncio.to_thread(self._conversation.keep_attachment, file))
            return f"the image on the clipboard is attached to the next question ({file.width}x{file.height})"
        if not content:
            return "the clipboard can't be read here; paste with your terminal's shortcut, or use /attach PATH"
        self._box.prompt.insert_pasted(storable(content.decode("utf-8", "replace")))
        self._box.prompt.focus()
        return ""

    def _kept(self, file: Named, loop: asyncio.AbstractEventLoop) -> Attachment:
        from lechat_tui.attachments.reading import read_named  # not needed for the first paint

        shown = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal shown
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                of = f" of {total:,}" if total else ""
                loop.call_soon_threadsafe(self._box.show_reading, f"reading {file.path.name}, page {done:,}{of}")

        return self._conversation.keep_attachment(read_named(file, progress=progress))
