"""What is asked before a private chat is left, of which nothing comes back. Has no command of its own."""

from lechat_tui.commands.base import Host

GOES = "The private chat goes with its words; leave it?"


async def may_leave(host: Host) -> bool:
    """Whether the open chat may be left: asked only where its words would be lost."""
    conversation = host.conversation
    lost = conversation.messages and conversation.private and not host.store.private
    return not lost or await host.confirm(GOES)
