"""Stop an answer midway: closing the stream is stopping, and what arrived is saved."""

import asyncio
from contextlib import aclosing

from lechat_tui import paths
from lechat_tui.engine.base import Delta
from lechat_tui.engine.echo import EchoEngine
from lechat_tui.models import catalog
from lechat_tui.models.available import Models
from lechat_tui.store import Store
from lechat_tui.talk.conversation import Conversation


async def main() -> None:
    """Stop after three words of a longer answer."""
    models = Models(catalog.read(paths.bundled("models.toml")))
    engine = EchoEngine("One two three four five six seven.")
    with Store(None) as store:
        conversation = Conversation(store, engine, models, models.get("chaton"))
        words = 0
        async with aclosing(conversation.ask("Count to seven")) as events:
            async for event in events:
                words += isinstance(event, Delta)
                if words == 3:
                    break
        answer = conversation.messages[-1]
        print(f"{answer.state}: {answer.text}")


asyncio.run(main())
