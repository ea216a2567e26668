"""Answer a question again: the new answer is a sibling of the old one, and nothing is overwritten."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from lechat_tui import paths
from lechat_tui.engine.base import Event
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models import catalog
from lechat_tui.models.available import Models
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation


async def finish(events: AsyncGenerator[Event, None]) -> None:
    """Run a turn to its end."""
    async with aclosing(events):
        async for _ in events:
            pass


async def main() -> None:
    """Ask once, get two answers, and go back to the first."""
    models = Models(catalog.read(paths.bundled("models.toml")))
    engine = EchoEngine("Tea.", "Coffee.")
    with Store(None) as store:
        conversation = Conversation(store, engine, models, models.get("chaton"))
        await finish(conversation.ask("What shall I drink?"))
        await finish(conversation.regenerate())
        branch = conversation.branches()[-1]
        print(f"branch {branch.number} of {branch.count}: {conversation.messages[-1].text}")
        conversation.show_sibling(1, number=1)
        print(f"branch 1: {conversation.messages[-1].text}")


asyncio.run(main())
