"""Commands about what was said already: another question in its place, another branch, more of an answer."""

from lechat_tui.commands.base import Choice, Host, busy_message, command
from lechat_tui.commands.context import numbered
from lechat_tui.models.catalog import Model


@command("/edit", "change an earlier question and ask it anew; nothing is overwritten", argument="[N]")
async def edit(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    place = numbered(messages, rest) if rest else len(messages) - 1
    if place is None:
        host.say(f"there is no message {rest}; /context numbers them", error=True)
        return
    asked = next((at for at in range(place, -1, -1) if messages[at].role == "user"), None)
    if asked is None:
        host.say("nothing has been asked yet" if not rest else f"nothing was asked before message {rest}")
    else:
        host.edit(asked)


@command("/branch", "show what else was said in place of a message; with N, the branch of that number", argument="[N]")
async def branch(host: Host, rest: str) -> None:
    conversation = host.conversation
    branches = conversation.branches()
    place = next((at for at in range(len(branches) - 1, -1, -1) if branches[at].count > 1), None)
    if conversation.busy:
        host.say(busy_message(host))
    elif place is None:
        host.say("there are no branches here yet; /regen and /edit make them")
    else:
        count = branches[place].count
        number = int(rest) if rest.isdecimal() and len(rest) < len(str(count)) + 3 else 0
        if rest and not 1 <= number <= count:
            host.say(f"message {place + 1} has branches 1 to {count}", error=True)
            return
        conversation.show_sibling(place, number or branches[place].number % count + 1)
        host.show_talk(place)


@command("/fork", "go on in a new chat from here, or from message N", argument="[N] [TITLE]")
async def fork(host: Host, rest: str) -> None:
    conversation = host.conversation
    first, _, after = rest.partition(" ")
    place = numbered(conversation.messages, first) if first.isdecimal() else len(conversation.messages) - 1
    title = after.strip() if first.isdecimal() else rest
    if conversation.busy:
        host.say(busy_message(host))
    elif not conversation.chat or not conversation.messages:
        host.say("nothing has been said yet that could be forked")
    elif place is None:
        host.say(f"there is no message {first}; /context numbers them", error=True)
    elif conversation.private and not host.store.private:
        host.say("a private chat cannot be forked; /private off keeps it first")
    else:
        before = conversation.chat.title
        chat = conversation.fork(place, title or f"{before}, forked")
        host.open_chat(chat)
        host.say(f"this is the chat “{chat.title}” now; “{before}” stays as it was")


@command("/continue", "go on with an answer that was cut short, from its last token")
async def go_on(host: Host, rest: str) -> None:
    conversation = host.conversation
    if not conversation.busy and conversation.messages and conversation.messages[-1].state == "draft":
        conversation.reload()
    last = conversation.messages[-1] if conversation.messages else None
    if conversation.busy:
        host.go_on()
    elif last is None or last.role != "assistant":
        host.say("there is no answer to go on with; /regen answers the last question")
    elif last.state == "draft":
        host.say("this answer was still being written a moment ago; try again in a few seconds")
    elif conversation.unfinished is None:
        host.say("the last answer has come to its end by itself; ask for more in a new question")
    else:
        host.go_on()


@command("/compare", "have another model answer too, side by side", argument="[MODEL] [QUESTION]")
async def compare(host: Host, rest: str) -> None:
    name, _, question = rest.partition(" ")
    if not question.strip() and not any(message.role == "user" for message in host.conversation.messages):
        host.say("there is no question to compare answers to yet; /compare MODEL QUESTION asks one")
        return
    own = host.conversation.model
    others = [model for model in host.models.installed() if model.id != own.id]
    rows = [Choice(model.id, model.id, model.name) for model in others]
    chosen = name or (await host.choose(f"Compare {own.id} with which model?", rows) if rows else None)
    if chosen:
        _compare(host, host.models.get(chosen), question.strip())
    elif not rows:
        host.say("there is no other model on this machine; lechat pull downloads one")


def _compare(host: Host, model: Model, question: str) -> None:
    if host.models.files(model) is None:
        host.say(model.missing, error=True)
    else:
        host.compare(model, question)


@command("/private", "start a chat of which nothing is written to the disk; off ends it", argument="[off]")
async def private(host: Host, rest: str) -> None:
    conversation = host.conversation
    if rest == "off":
        await _end_private(host)
    elif conversation.private and not rest:
        host.say("this chat is private already; /private off ends that, and asks whether to keep it")
    else:
        if not conversation.private:
            host.open_chat(None, private=True)
            host.say("nothing said in this chat is written to the disk; /private off ends that, /new leaves it")
        if rest:
            host.ask(rest)


async def _end_private(host: Host) -> None:
    conversation = host.conversation
    if not conversation.private:
        host.say("this chat is not private")
    elif host.store.private:
        host.say("the program was started with --no-save: it keeps nothing")
    elif conversation.busy:
        host.say(busy_message(host))
    elif conversation.messages and await host.confirm("Keep this private chat in the history?"):
        host.open_chat(conversation.save_private())
        host.say("this chat is kept in the history from now on")
    else:
        host.open_chat(None)
        host.say("the private chat is gone")
