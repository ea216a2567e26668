"""What several commands check first, each with the note that says why a command did nothing."""

from lechat_tui.commands.base import Host, busy_message
from lechat_tui.models import servers
from lechat_tui.models.catalog import Model, ModelError

MAX_NUMBER_DIGITS = 10

LEAVE_PRIVATE = "This private chat is not saved and will be lost; leave it?"


def is_idle(host: Host) -> bool:
    """Whether no answer is being written."""
    if host.conversation.busy:
        host.say(busy_message(host))
    return not host.conversation.busy


def index_of(host: Host, number: str) -> int | None:
    """The index of the message with this number in `/context`; None when there is none."""
    count = len(host.conversation.messages)
    value = int(number) if number.isdecimal() and len(number) < MAX_NUMBER_DIGITS else 0
    if 1 <= value <= count:
        return value - 1
    hint = f"/context numbers them from 1 to {count}" if count else "this chat is empty"
    host.say(f"there is no message {number}; {hint}", error=True)
    return None


async def may_leave(host: Host) -> bool:
    """Whether the open chat may be left; asks the user where that would lose it."""
    conversation = host.conversation
    lost = conversation.messages and conversation.private and not host.store.private
    return not lost or await host.confirm(LEAVE_PRIVATE)


async def may_ask(host: Host, model: Model) -> bool:
    """Whether the chat may be sent to where the model is; asks about another machine, for a private chat every time.

    Raises `ModelError` in offline mode.
    """
    if not model.server:
        return True
    server = servers.server_of(model)
    if refusal := servers.refused(server):
        raise ModelError(refusal)
    private = host.conversation.private
    if server.is_here or (servers.is_allowed(server) and not private):
        return True
    if not await host.confirm(servers.question(server, private=private)):
        return False
    if private:
        host.conversation.agree(server)
    else:
        servers.allow(server)
    return True
