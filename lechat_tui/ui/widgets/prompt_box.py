"""The prompt with what is around it: the attachments of the next question, and the list of completions."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static, TextArea
from textual.worker import Worker

from lechat_tui.attachments.folders import files_below
from lechat_tui.drawing.question import chip
from lechat_tui.message import Attachment, Span
from lechat_tui.ui.widgets.completion import CompletionList
from lechat_tui.ui.widgets.pastes import Submission
from lechat_tui.ui.widgets.prompt import Prompt
from lechat_tui.values import dataclass

FILES_MAX_AGE_SECONDS = 5.0
"""The files of the folder are listed again if the list is older."""


class Chips(Static):
    """The attachments of the next question."""

    def show(self, attachments: Sequence[Attachment], reading: str = "") -> None:
        """Show these, and the key that removes them; or which document is being read."""
        chips = "  ".join(map(chip, attachments))
        self.update(Content(reading or f"{chips}  backspace removes"))
        self.set_class(bool(attachments or reading), "-shown")


class PromptBox(Vertical):
    """The prompt, its attachments and the list of completions."""

    @dataclass
    class Sent(Message):
        """The user sent this, with what is attached."""

        submission: Submission

    def __init__(self) -> None:
        super().__init__()
        self._list = CompletionList(lambda: self.mount(self._list, before="#frame"))
        self.prompt = Prompt(self._list)
        self.completions = self._list
        self.attachments: list[Attachment] = []
        self._chips = Chips(markup=False)
        self.emptied: Callable[[], None] = lambda: None
        """Called when nothing is sent: Enter in an empty prompt."""
        self._listed_at = float("-inf")
        """When the files of the folder were listed."""

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield self._chips
            yield self.prompt

    def attach(self, attachment: Attachment) -> None:
        """Attach a file to the next question."""
        self.attachments.append(attachment)
        self._chips.show(self.attachments)

    def fill(self, text: str, attachments: Sequence[Attachment], pasted: Sequence[Span] = ()) -> None:
        """Have this text, with these parts of it folded, and these attachments, and nothing else."""
        self.prompt.set_text(text, pasted)
        self.attachments[:] = attachments
        self._chips.show(self.attachments)

    def show_reading(self, text: str) -> None:
        """Say which document is being read; nothing if it is empty."""
        self._chips.show(self.attachments, text)

    def set_title(self, title: str) -> None:
        """Show a title on the frame; none if it is empty."""
        self.query_one("#frame").border_title = Content(title).markup if title else None

    def take_attachments(self) -> tuple[Attachment, ...]:
        """Remove and return the attachments."""
        taken = tuple(self.attachments)
        self.attachments.clear()
        self._chips.show(())
        return taken

    @on(Prompt.Emptied)
    def _remove_last(self) -> None:
        if self.attachments:
            self.attachments.pop()
            self._chips.show(self.attachments)

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def _typed(self) -> None:
        self.prompt.follow()
        if self.prompt.mentioning and time.monotonic() - self._listed_at > FILES_MAX_AGE_SECONDS:
            self._listed_at = time.monotonic()
            _: Worker[None] = self.run_worker(self._list_files, group="files", exclusive=True)

    async def _list_files(self) -> None:
        """List the libraries and the files of the folder, in a thread."""
        self._list.files = await asyncio.to_thread(lambda: [*_libraries(), *files_below(Path())])
        self._listed_at = time.monotonic()
        self.prompt.follow()

    @on(Prompt.Submitted)
    def _submitted(self, event: Prompt.Submitted) -> None:
        event.stop()
        if event.submission.text.strip() or self.attachments:
            self.post_message(self.Sent(event.submission))
        else:
            self.emptied()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.prompt.click_row()


def _libraries() -> list[str]:
    """What can stand behind an `@` for a library."""
    from lechat_tui.library import names  # when the first `@` is typed
    from lechat_tui.library.errors import LibraryError

    try:
        return [f"library:{name}" for name in names.names()]
    except LibraryError:
        return []
