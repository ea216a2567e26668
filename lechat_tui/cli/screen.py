"""Opens the screen on a conversation."""

import asyncio
import gc
import sys

from lechat_tui import terminal
from lechat_tui.cli import compose, edge
from lechat_tui.models.jobs import Jobs
from lechat_tui.talk.conversation import Conversation
from lechat_tui.ui.app import LeChat
from lechat_tui.ui.look.front import Front

SETTLED = 3.0
"""Seconds after which what is not needed at once has been imported, too."""


def run(conversation: Conversation, front: Front | None = None) -> None:
    """Show the conversation until the person leaves, in place of what was shown before."""
    edge.open_log()
    gc.freeze()  # what was imported stays for ever: a collection in mid-answer need not look at it
    gc.enable()
    if canvas := terminal.seen(sys.__stderr__, sys.__stdout__):
        vars(sys)["__stderr__"] = terminal.whole(canvas)  # where Textual draws
    asyncio.run(_show(conversation, front))


async def _show(conversation: Conversation, front: Front | None) -> None:
    jobs = Jobs()
    asyncio.get_running_loop().call_later(SETTLED, gc.freeze)  # nor at the screen itself, which stays as long
    try:
        app = LeChat(
            conversation,
            jobs=jobs,
            machine=compose.this_machine,
            choices=compose.choices(),
            front=front,
            failed=edge.report,
        )
        await app.run_async()
    finally:
        await asyncio.to_thread(jobs.close)
        await conversation.engine.close()
