"""What happens to what the user writes: it is sent, run as a command, edited elsewhere, or taken from the history."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from textual.screen import Screen

from lechat_tui.commands.base import Choice, Host, is_command, may_be_saved, run
from lechat_tui.private_memory import in_memory
from lechat_tui.store import StoreError
from lechat_tui.ui.chat.editor import EditorError, edited
from lechat_tui.ui.chat.parts import Parts, Widgets
from lechat_tui.ui.widgets.pastes import Submission


class PromptActions:
    """The actions of the prompt; the coroutines run in the background."""

    def __init__(self, screen: Screen[None], host: Host, parts: Parts, widgets: Widgets) -> None:
        self._screen = screen
        self._host = host
        self._parts = parts
        self._prompt = widgets.box.prompt
        self._transcript = widgets.transcript

    async def submit(self, submission: Submission) -> None:
        """Run a command line, or send a question with the files it mentions."""
        text = submission.text
        if text.strip() and may_be_saved(text):
            pasted = submission.expanded(submission.typed).pasted
            self._prompt.past_questions.append(text)
            self._prompt.pasted_before[text] = pasted
            try:
                await asyncio.to_thread(self._host.conversation.store.add_prompt, text, pasted)
            except StoreError:
                if not self._prompt.text:
                    self._prompt.set_text(text, pasted)
                raise
        line = text.strip()
        if self._parts.queue_editing.requeue(line):
            return
        if is_command(line):
            self._transcript.to_end()  # its output is shown there
            await run(self._host, line)
            return
        question = await self._parts.attachments.attach_mentioned(submission)
        self._parts.requests.ask(question.text, question.pasted)

    async def attach_files(self, paths: Sequence[Path]) -> None:
        """Attach dropped files, in order; an error of one does not stop the others."""
        for path in paths:
            await self._parts.tasks.run(self._parts.attachments.drop, path)

    async def pick_earlier(self) -> None:
        """Let the user pick an earlier question."""
        earlier = list(dict.fromkeys(reversed(self._prompt.past_questions)))
        rows = [Choice(str(n), " ".join(text.split())) for n, text in enumerate(earlier)]
        chosen = await self._host.choose("Earlier questions", rows)
        if chosen:
            self._prompt.set_past(earlier[int(chosen)])

    async def open_editor(self) -> None:
        """Edit the prompt in the user's own editor."""
        if self._host.conversation.private and not in_memory():
            self._host.say("this system has no in-memory folder, so the text is on disk while the editor is open")
        try:
            text = await edited(self._prompt.full_text, partial(self._parts.external.run, self._screen.app))
        except EditorError as error:
            text = error.text
            self._host.say(str(error), error=True)
        if text != self._prompt.full_text:
            self._prompt.set_text(text)
        self._parts.quit.if_due()
