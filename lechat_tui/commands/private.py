"""The command about private chats, which are never written to disk."""

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.checks import is_idle


@command(
    "/private", "start a chat that is never written to disk; off ends it", argument="[off|QUESTION]", takes_lines=True
)
async def private(host: Host, rest: str) -> None:
    conversation = host.conversation
    if rest == "off":
        await _end_private(host)
    elif conversation.private and not rest:
        host.say("this chat is already private; /private off ends that and asks whether to save it")
    else:
        if not conversation.private:
            host.open_chat(None, private=True)
            host.say("this chat is never written to disk; /private off can save it, /new leaves it")
        if rest:
            host.ask(rest)


async def _end_private(host: Host) -> None:
    conversation = host.conversation
    if not conversation.private:
        host.say("this chat is not private")
    elif host.store.private:
        host.say("lechat was started with --no-save, so it saves nothing")
    elif not is_idle(host):
        return
    elif conversation.messages and await host.confirm("Save this private chat in the history?"):
        host.open_chat(conversation.save_private())
        host.say("this chat is saved in the history from now on")
    else:
        host.open_chat(None)
        host.say("the private chat is gone")
