"""Ask a question and print the answer as it arrives."""

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
    """Run one turn with a scripted engine and a history in memory."""
    models = Models(catalog.read(paths.bundled("models.toml")))
    engine = EchoEngine("The capital of France is Paris.")
    with Store(None) as store:  # Store(Path("...")) keeps the history in that folder
        conversation = Conversation(store, engine, models, models.get("chaton"))
        async with aclosing(conversation.ask("What is the capital of France?")) as events:
            async for event in events:
                if isinstance(event, Delta):
                    print(event.text, end="", flush=True)
        print()
        for message in conversation.messages:
            print(f"{message.role}: {message.text}")


asyncio.run(main())
