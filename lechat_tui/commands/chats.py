"""Commands about chats: a new one, an old one, its name, its end, its last answer."""

import asyncio
from dataclasses import replace
from pathlib import Path

from lechat_tui.attachments.mentions import pasted_path
from lechat_tui.attachments.reading import read
from lechat_tui.commands.base import Choice, Host, busy_message, command
from lechat_tui.commands.context import numbered
from lechat_tui.commands.privacy import may_leave
from lechat_tui.store import Chat
from lechat_tui.talk.conversation import Replay, replay_of

LARGEST_SEED = 2**32 - 2
"""The next one is llama.cpp's own sign for none."""


@command("/new", "start a new chat; this one stays in the history", aliases=("/clear",))
async def new(host: Host, rest: str) -> None:
    if not await may_leave(host):
        return
    host.open_chat(None)
    if rest:
        host.ask(rest)


@command("/resume", "go back to an earlier chat", argument="[WORDS]", aliases=("/chats",))
async def resume(host: Host, rest: str) -> None:
    found = host.store.chats(limit=1000, matching=rest)
    if not found:
        host.say(f"no chat is called anything like {rest}" if rest else "there is no earlier chat yet")
        return
    chosen = found[0] if rest and len(found) == 1 else await _choose(host, found)
    if chosen and await may_leave(host):
        host.open_chat(chosen)


async def _choose(host: Host, chats: list[Chat]) -> Chat | None:
    by_id = {str(chat.id): chat for chat in chats}
    rows = [Choice(id, chat.title or "untitled", chat.model) for id, chat in by_id.items()]
    return by_id.get(await host.choose("Go back to which chat?", rows) or "")


@command("/search", "find words in all chats, and go there", argument="[WORDS]", aliases=("/find",))
async def search(host: Host, rest: str) -> None:
    host.search(rest)


@command("/rename", "give this chat a title", argument="TITLE")
async def rename(host: Host, rest: str) -> None:
    if not host.conversation.chat:
        host.say("there is nothing to rename yet; ask something first")
    elif not rest:
        host.say("/rename needs the new title, as in /rename Bread recipes")
    else:
        host.conversation.rename(rest)
        host.say(f"this chat is now called {rest}")


@command("/delete", "delete this chat from the history", aliases=("/rm",))
async def delete(host: Host, rest: str) -> None:
    chat = host.conversation.chat
    if not chat:
        host.say("there is nothing to delete yet; /resume opens a chat that can be")
    elif host.conversation.busy:
        host.say(busy_message(host))
    elif host.conversation.private and not host.store.private:
        host.say("nothing of a private chat is kept; /new leaves it")
    elif await host.confirm(f"Delete “{chat.title}”?"):
        host.open_chat(None)
        host.conversation.delete(chat)
        host.say(f"“{chat.title}” is deleted; until you leave, /undelete brings it back")


@command("/undelete", "bring back the chat that was deleted last; until you leave")
async def undelete(host: Host, rest: str) -> None:
    if not await may_leave(host):
        return
    chat = host.conversation.undelete()
    if chat is None:
        host.say("no chat was deleted since the program began")
    else:
        host.open_chat(chat)
        host.say(f"“{chat.title}” is back")


@command(
    "/regen",
    "answer the last question once more, or that of message N; with another model, the same way, or with a seed",
    argument="[N] [MODEL|same|seed SEED]",
    aliases=("/retry",),
)
async def regen(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    first, _, after = rest.partition(" ")
    place = numbered(messages, first) if first.isdecimal() else len(messages) - 1
    how = after.strip() if first.isdecimal() else rest
    if not any(message.role == "user" for message in messages):
        host.say("there is no question to answer again yet")
    elif place is None:
        host.say(f"there is no message {first}; /context numbers them, and /regen seed {first} is a seed", error=True)
    elif all(message.role != "user" for message in messages[: place + 1]):
        host.say(f"nothing was asked before message {first}", error=True)
    else:
        _answer_again(host, messages[place].id if first.isdecimal() else 0, how)


def _answer_again(host: Host, message: int, how: str) -> None:
    word, _, value = how.partition(" ")
    if not how:
        host.regenerate(message=message)
    elif how == "same" and not message:
        _draw_again(host)
    elif word == "seed" and _is_seed(value):
        host.regenerate(Replay(replace(host.conversation.setup.sampling(), seed=int(value))), message=message)
    elif word in ("same", "seed"):
        host.say("/regen same draws the last answer again, /regen seed 42 another with that seed", error=True)
    else:
        model = host.models.get(how)
        if host.models.files(model) is None:
            host.say(model.missing, error=True)
        else:
            host.regenerate(message=message, model=model)


def _is_seed(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(LARGEST_SEED)) and int(text) <= LARGEST_SEED


def _draw_again(host: Host) -> None:
    conversation = host.conversation
    receipt = next((m.receipt for m in reversed(conversation.messages) if m.role == "assistant"), None)
    if receipt is None:
        host.say("there is no answer to draw again yet; /regen makes one")
    elif receipt.pieces > 1:
        host.say("that answer was made in pieces, which cannot be drawn again as one; /regen makes another", error=True)
    elif receipt.model != conversation.model.id:
        host.say(f"{receipt.model} gave that answer; /model {receipt.model} goes back to it first", error=True)
    elif receipt.adapters != conversation.spec().applied:
        how = " and ".join(map(str, receipt.adapters)) or "no adapter"
        host.say(f"that answer was made with {how}; /set lora lays it over the model again", error=True)
    else:
        host.regenerate(replay_of(receipt))


@command("/attach", "attach an image or a text file", argument="PATH", aliases=("/image", "/file"))
async def attach(host: Host, rest: str) -> None:
    if not rest:
        host.say("/attach needs the path of a file, as in /attach notes.txt")
        return
    file = await asyncio.to_thread(read, pasted_path(rest) or Path(rest))
    host.attach(await asyncio.to_thread(host.conversation.keep_attachment, file))
