"""Commands about chats: start, open, find, rename, delete."""

from lechat_tui.commands.base import Choice, Host, command
from lechat_tui.commands.checks import is_idle, may_leave
from lechat_tui.store import Chat
from lechat_tui.units import date_text

MAX_CHATS = 1000
"""Offered by `/resume`."""


@command(
    "/new",
    "start a new chat; this one stays in the history",
    argument="[QUESTION]",
    aliases=("/clear",),
    takes_lines=True,
)
async def new(host: Host, rest: str) -> None:
    if not await may_leave(host):
        return
    host.open_chat(None)
    if rest:
        host.ask(rest)


@command("/chats", "list all chats; open, rename or delete them", argument="[WORDS]")
async def chats(host: Host, rest: str) -> None:
    if rest or not host.show_chats():
        await resume(host, rest)


@command("/resume", "open an earlier chat", argument="[WORDS]")
async def resume(host: Host, rest: str) -> None:
    found = host.store.chats(limit=MAX_CHATS, matching=rest)
    if not found:
        host.say(f"no chat title contains {rest}" if rest else "there is no earlier chat yet")
        return
    chosen = found[0] if rest and len(found) == 1 else await _choose(host, found)
    if chosen and await may_leave(host):
        host.open_chat(chosen)


async def _choose(host: Host, chats: list[Chat]) -> Chat | None:
    by_id = {str(chat.id): chat for chat in chats}
    rows = [Choice(id, chat.title or "untitled", _detail(host, chat)) for id, chat in by_id.items()]
    return by_id.get(await host.choose("Open which chat?", rows) or "")


def _detail(host: Host, chat: Chat) -> str:
    return " · ".join(filter(None, (date_text(chat.updated, host.now), chat.model)))


@command("/search", "find a message in all chats", argument="[WORDS]", aliases=("/find",))
async def search(host: Host, rest: str) -> None:
    host.search(rest)


@command("/rename", "rename this chat; without a title, edit the current one", argument="[TITLE]")
async def rename(host: Host, rest: str) -> None:
    if not host.conversation.chat:
        host.say("there is nothing to rename yet; ask something first")
    elif not rest:
        host.fill(f"/rename {' '.join(host.conversation.chat.title.split())}")
    else:
        host.conversation.rename(rest)
        host.say(f"this chat is now called {rest}")


@command("/delete", "delete this chat from the history", aliases=("/rm",))
async def delete(host: Host, rest: str) -> None:
    chat = host.conversation.chat
    if not chat:
        host.say("there is nothing to delete yet; /resume opens an earlier chat")
    elif not is_idle(host):
        return
    elif host.conversation.private and not host.store.private:
        host.say("a private chat is not saved; /new leaves it")
    elif await host.confirm(f"Delete “{chat.title}”?"):
        host.open_chat(None)
        host.conversation.delete(chat)
        host.say(f"“{chat.title}” is deleted; until you quit, /undelete brings it back")


@command("/undelete", "restore the chats deleted last, until you quit")
async def undelete(host: Host, rest: str) -> None:
    if not await may_leave(host):
        return
    chats = host.conversation.undelete()
    if not chats:
        host.say("no chat has been deleted since lechat started")
        return
    host.open_chat(chats[-1])
    host.say(f"“{chats[0].title}” is back" if len(chats) == 1 else f"{len(chats)} chats are back; this is the latest")
