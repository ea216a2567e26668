"""Commands about what the model is given: how full its context window is, what stays in it, and what sums it up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lechat_tui.commands.base import Host, busy_message, command
from lechat_tui.engine.base import Fitted
from lechat_tui.message import Message, Role
from lechat_tui.plaintext import safe
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.prompt import last_summary

WORDS = 34
"""Characters shown of a message."""

METER = 20
"""Characters of the bar."""

LONGEST_NUMBER = 10
"""Digits."""

NAMES: dict[Role, str] = {"system": "system", "user": "you", "assistant": "answer", "summary": "summary"}


@dataclass(frozen=True)
class Line:
    """One line of the ledger."""

    number: str
    who: str
    words: str
    tokens: str
    mark: str = ""


@command("/context", "what the model is given, message by message, and how full its window is")
async def context(host: Host, rest: str) -> None:
    conversation = host.conversation
    if not conversation.messages:
        host.say("nothing has been said yet, so the context window is empty")
    elif conversation.busy:
        host.say("an answer is being written; ask again when it has ended")
    else:
        given, fitted = await conversation.plan()
        host.say(ledger(conversation, given, fitted))


def ledger(conversation: Conversation, given: Sequence[Message], fitted: Fitted) -> str:
    """The messages with their tokens, and the sum."""
    lines = list(_lines(conversation, given, fitted))
    number, who, words = (max(len(getattr(line, name)) for line in lines) for name in ("number", "who", "words"))
    told = [f"{n.number:>{number}} {n.who:<{who}}  {n.words:<{words}} {n.tokens:>7}  {n.mark}".rstrip() for n in lines]
    full = min(fitted.tokens / fitted.room, 1)
    meter = "▰" * round(full * METER) + "▱" * (METER - round(full * METER))
    kept_free = fitted.limit - fitted.room
    return "\n".join(
        (
            *told,
            f"{fitted.tokens:,} of {fitted.room:,} tokens {meter} {full:.0%}",
            f"the window has {fitted.limit:,}; {kept_free:,} of them are kept free for the answer",
            *([fitted.note] if fitted.note else []),
            "/pin N keeps a message in it, /compact sums up what was said, /set context N makes it larger",
        )
    )


def _lines(conversation: Conversation, given: Sequence[Message], fitted: Fitted) -> Iterator[Line]:
    costs = {message.id: cost for message, cost in zip(given, fitted.costs, strict=True)}
    left_out = {given[place].id for place in fitted.left_out}
    pinned = {message.id for message in given if message.pinned}
    for message in given:
        if message.role == "system":
            yield Line("", NAMES["system"], _first(message), f"{costs[message.id]:,}")
    for number, message in enumerate(conversation.messages, start=1):
        if message.id not in costs:
            mark = "summed up" if number <= max(last_summary(conversation.messages), 0) else "empty"
        elif message.id in left_out:
            mark = "left out"
        else:
            mark = "pinned" if message.id in pinned and message.role != "summary" else ""
        cost = f"{costs[message.id]:,}" if message.id in costs else "-"
        yield Line(str(number), NAMES[message.role], _first(message), cost, mark)
    around = fitted.tokens - sum(cost for id, cost in costs.items() if id not in left_out)
    yield Line("", "template", "around the messages", f"{around:,}")


def _first(message: Message) -> str:
    """The first words of a message, after a sign for each attachment."""
    signs = "".join("▦ " if file.kind == "image" else "▤ " for file in message.attachments)
    words = signs + " ".join(safe(message.text).split())
    return words if len(words) <= WORDS else words[: WORDS - 1] + "…"


@command("/pin", "keep a question and its answer in the context; without N, the last", argument="[N]")
async def pin(host: Host, rest: str) -> None:
    _pin(host, rest, pinned=True)


@command("/unpin", "let a pinned question and its answer go again; without N, the last pinned", argument="[N]")
async def unpin(host: Host, rest: str) -> None:
    _pin(host, rest, pinned=False)


def _pin(host: Host, rest: str, *, pinned: bool) -> None:
    messages = host.conversation.messages
    place = numbered(messages, rest) if rest else _last(messages, pinned=pinned)
    if place is None:
        host.say(_no_such(messages, rest) if rest else f"there is nothing to {'pin' if pinned else 'unpin'} yet")
        return
    if messages[place].role == "summary":
        host.say("a summary always stays; /undo takes it back")
        return
    question = host.conversation.pin(place, pinned)
    words = f"“{_first(messages[question])}” and its answer"
    host.say(f"{words} stay in the context" if pinned else f"{words} may be left out again when the context is full")


def numbered(messages: Sequence[Message], word: str) -> int | None:
    """The place of the message that `/context` gives this number."""
    number = int(word) if word.isdecimal() and len(word) < LONGEST_NUMBER else 0
    return number - 1 if 1 <= number <= len(messages) else None


def _last(messages: Sequence[Message], *, pinned: bool) -> int | None:
    asked = (n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "user")
    return next((n for n in asked if pinned or messages[n].pinned), None)


def _no_such(messages: Sequence[Message], word: str) -> str:
    if not messages:
        return "nothing has been said yet"
    return f"there is no message {word}; /context numbers them from 1 to {len(messages)}"


@command("/compact", "sum up what was said; the model then reads the summary in its place", argument="[HINT]")
async def compact(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    if not messages or messages[-1].role == "summary":
        host.say("there is nothing new to sum up")
    else:
        host.compact(rest)


@command("/undo", "take back the last question and its answer, or the last summary")
async def undo(host: Host, rest: str) -> None:
    conversation = host.conversation
    if conversation.busy:
        host.say(busy_message(host))
        return
    taken = conversation.undo()
    if taken is None:
        host.say("there is nothing to take back")
        return
    host.show_talk()
    if taken.role == "summary":
        host.say("the summary is taken back; the model reads again what was said")
    else:
        host.say(f"taken back: “{_first(taken)}”; the history still has it")
