"""Opens the full screen."""

import asyncio
import gc
import os
import sys

from lechat_tui import terminal
from lechat_tui.cli import compose, edge
from lechat_tui.models.jobs import Jobs
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.look.start_page import StartPage

SETTLED_SECONDS = 3.0
"""After this time, modules that are imported late have been imported, too."""


def run(conversation: Conversation, start_page: StartPage | None = None) -> None:
    """Show the conversation until the user quits; `start_page` is what the terminal shows meanwhile."""
    edge.open_log()
    gc.freeze()  # imported modules are never garbage: collections during an answer need not scan them
    gc.enable()
    for name in ("COLUMNS", "LINES"):  # exported, they are the size of some window, and Textual prefers them
        os.environ.pop(name, None)
    if canvas := terminal.first_terminal(sys.__stderr__, sys.__stdout__):
        # Textual writes to `sys.__stderr__` and takes no other stream. It gets the one that is a terminal, so that
        # `lechat 2> file` works, and with a buffer, so that a resize in mid-write loses nothing.
        vars(sys)["__stderr__"] = terminal.buffered(canvas)
    asyncio.run(_show(conversation, start_page))


async def _show(conversation: Conversation, start_page: StartPage | None) -> None:
    jobs = Jobs()
    asyncio.get_running_loop().call_later(SETTLED_SECONDS, gc.freeze)  # nor the screen, which lives as long
    try:
        app = LeChat(
            conversation,
            jobs=jobs,
            machine=compose.this_machine,
            choices=compose.choices(),
            start_page=start_page,
            report=edge.report,
        )
        await app.run_async()
    finally:
        await asyncio.to_thread(jobs.close)
        await conversation.engine.close()
