"""What several commands check first, each with the note that says why a command did nothing."""

from lechat_tui.commands.base import Host, busy_message

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
