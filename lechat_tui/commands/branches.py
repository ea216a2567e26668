"""Commands about branches: edit an earlier question, show another branch, fork a chat."""

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.checks import index_of, is_idle


@command("/edit", "change an earlier question and ask it again; nothing is overwritten", argument="[N]")
async def edit(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    index = index_of(host, rest) if rest else len(messages) - 1
    if index is None:
        return
    question = next((at for at in range(index, -1, -1) if messages[at].role == "user"), None)
    if question is None:
        host.say("there is no question yet" if not rest else f"there is no question before message {rest}")
    else:
        host.edit(question)


@command("/branch", "switch to the next branch at the latest branching point, or to branch N", argument="[N]")
async def branch(host: Host, rest: str) -> None:
    if not is_idle(host):
        return
    branches = host.conversation.branches()
    index = next((at for at in range(len(branches) - 1, -1, -1) if branches[at].count > 1), None)
    if index is None:
        host.say("this chat has no branches yet; /regen and /edit make them")
        return
    count = branches[index].count
    number = int(rest) if rest.isdecimal() and len(rest) < len(str(count)) + 3 else 0
    if rest and not 1 <= number <= count:
        host.say(f"message {index + 1} has branches 1 to {count}", error=True)
        return
    host.conversation.show_sibling(index, number or branches[index].number % count + 1)
    host.show_chat(index)


@command("/fork", "continue in a copy of this chat, up to now or to message N", argument="[N] [TITLE]")
async def fork(host: Host, rest: str) -> None:
    conversation = host.conversation
    first, _, after = rest.partition(" ")
    numbered = first.isdecimal()
    if not is_idle(host):
        return
    if not conversation.chat or not conversation.messages:
        host.say("there is nothing to fork yet; ask something first")
        return
    index = index_of(host, first) if numbered else len(conversation.messages) - 1
    if index is None:
        return
    if conversation.private and not host.store.private:
        host.say("a private chat can't be forked; /private off saves it first")
        return
    before = conversation.chat.title
    chat = conversation.fork(index, (after.strip() if numbered else rest) or f"{before}, forked")
    host.open_chat(chat)
    host.say(f"this is now “{chat.title}”; “{before}” is unchanged")
