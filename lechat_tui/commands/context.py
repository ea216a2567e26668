"""Commands about the context window: how full it is, what stays in it, and summing it up."""

from collections.abc import Iterator, Sequence

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.checks import MAX_NUMBER_DIGITS, index_of, is_idle
from lechat_tui.engine.base import Fitted
from lechat_tui.message import Message, Role
from lechat_tui.plaintext import safe
from lechat_tui.talk import phrases
from lechat_tui.talk.conversation import Conversation
from lechat_tui.talk.prompt import last_summary
from lechat_tui.values import dataclass

EXCERPT_CHARACTERS = 34
"""Shown of a message."""

BAR_CHARACTERS = 20

ROLES: dict[Role, str] = {"system": "system", "user": "you", "assistant": "answer", "summary": "summary"}


@dataclass(frozen=True)
class Line:
    """One line of the table that `/context` shows."""

    number: str
    role: str
    excerpt: str
    tokens: str
    mark: str = ""


@command("/context", "show what the model is sent and how full the context window is")
async def context(host: Host, rest: str) -> None:
    conversation = host.conversation
    if not conversation.messages:
        host.say("the context window is empty; ask something first")
    elif conversation.busy:
        host.say("an answer is being written; /context works once it is done")
    else:
        sent, fitted = await conversation.plan()
        host.say(ledger(conversation, sent, fitted))


@command(
    "/prompt",
    "show the exact text that the model got for the last answer, or would get for a question",
    argument="[QUESTION]",
    takes_lines=True,
)
async def prompt(host: Host, rest: str) -> None:
    conversation = host.conversation
    if conversation.busy:
        host.say("an answer is being written; /prompt works once it is done")
    elif not rest and not any(message.role == "user" for message in conversation.messages):
        host.say("no prompt has been sent yet; /prompt QUESTION shows what a question would send")
    else:
        fitted = await conversation.shown_prompt(Message("user", rest) if rest else None)
        if not fitted.prompt:
            host.say(f"the server of {conversation.model.id} builds the prompt; /context shows what it gets")
            return
        host.show_text(f"Prompt for {conversation.model.id}", "\n".join((*about_prompt(fitted), "", text_of(fitted))))


def about_prompt(fitted: Fitted) -> Iterator[str]:
    """Sentences about a prompt: its size, what was left out, and which words in it only look like control tokens."""
    control = dict.fromkeys(part.text for part in fitted.prompt if part.kind == "control")
    images = sum(part.kind == "image" for part in fitted.prompt)
    yield f"{fitted.tokens:,} tokens{f', {images} images among them' if images > 1 else ', with an image' * images}"
    if control:
        yield f"control tokens: {' '.join(control)}"
    for token in control:
        if any(token in part.text for part in fitted.prompt if part.kind == "text"):
            yield f"“{token}” also occurs in text from you, a file or the model; there it is ordinary text"
    if fitted.left_out:
        yield phrases.left_out(len(fitted.left_out))
    if not fitted.fits:
        yield f"this does not fit: there is room for {fitted.room:,} tokens"


def text_of(fitted: Fitted) -> str:
    """The prompt, with a label in place of each image."""
    return "".join(f"‹image {part.text}›" if part.kind == "image" else part.text for part in fitted.prompt)


@command("/status", "show the model, its file, the context window and this chat", aliases=("/info", "/ps"))
async def status(host: Host, rest: str) -> None:
    conversation, model = host.conversation, host.conversation.model
    files = host.models.files(model)
    chat = "a private chat" if conversation.private else conversation.chat.title if conversation.chat else "a new chat"
    rows = {
        "model": f"{model.id} ({model.name})",
        "task": f"{', '.join(model.roles)}{'; supports images' if model.supports_images else ''}",
        **({"server": model.server} if model.server else {"file": str(files.weights) if files else "not downloaded"}),
        "license": model.license or "unknown",
        "context": f"{conversation.window:,} tokens; /context shows what is in it",
        "chat": f"{chat}, {len(conversation.messages)} messages",
    }
    host.say("\n".join(f"{name:<9}{value}" for name, value in rows.items()))


def ledger(conversation: Conversation, sent: Sequence[Message], fitted: Fitted) -> str:
    """A table of the messages with their tokens, and the sum. `sent` are the messages that `fitted` is about."""
    lines = list(_lines(conversation, sent, fitted))
    number, role, excerpt = (max(len(getattr(line, name)) for line in lines) for name in ("number", "role", "excerpt"))
    rows = [
        f"{line.number:>{number}} {line.role:<{role}}  {line.excerpt:<{excerpt}} {line.tokens:>7}  {line.mark}".rstrip()
        for line in lines
    ]
    used = min(fitted.tokens / fitted.room, 1)
    filled = round(used * BAR_CHARACTERS)
    bar = "▰" * filled + "▱" * (BAR_CHARACTERS - filled)
    return "\n".join(
        (
            *rows,
            f"{'about ' if fitted.estimated else ''}{fitted.tokens:,} of {fitted.room:,} tokens {bar} {used:.0%}",
            f"the window has {fitted.limit:,} tokens, {fitted.limit - fitted.room:,} of them reserved for the answer",
            *([fitted.note] if fitted.note else []),
            "/pin N keeps a message in it, /compact replaces messages with a summary, /set context N enlarges it",
        )
    )


def _lines(conversation: Conversation, sent: Sequence[Message], fitted: Fitted) -> Iterator[Line]:
    costs = {message.id: cost for message, cost in zip(sent, fitted.costs, strict=True)}
    left_out = {sent[index].id for index in fitted.left_out}
    pinned = {message.id for message in sent if message.pinned}
    for message in sent:
        if message.role == "system":
            yield Line("", ROLES["system"], _excerpt(message), f"{costs[message.id]:,}")
    for number, message in enumerate(conversation.messages, start=1):
        if message.id not in costs:
            mark = "summarized" if number <= max(last_summary(conversation.messages), 0) else "empty"
        elif message.id in left_out:
            mark = "left out"
        else:
            mark = "pinned" if message.id in pinned and message.role != "summary" else ""
        cost = f"{costs[message.id]:,}" if message.id in costs else "-"
        yield Line(str(number), ROLES[message.role], _excerpt(message), cost, mark)
    around = fitted.tokens - sum(cost for id, cost in costs.items() if id not in left_out)
    yield Line("", "template", "added to the messages", f"{max(around, 0):,}")


def _excerpt(message: Message) -> str:
    """The beginning of a message, after a sign for each attachment."""
    signs = "".join("▦ " if file.kind == "image" else "▤ " for file in message.attachments)
    text = signs + " ".join(safe(message.text).split())
    return text if len(text) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 1] + "…"


@command("/pin", "keep a question and its answer in the context; without N, the last", argument="[N]")
async def pin(host: Host, rest: str) -> None:
    _pin(host, rest, pinned=True)


@command("/unpin", "unpin a question; without N, the last pinned one", argument="[N]")
async def unpin(host: Host, rest: str) -> None:
    _pin(host, rest, pinned=False)


def _pin(host: Host, rest: str, *, pinned: bool) -> None:
    messages = host.conversation.messages
    index = index_of(host, rest) if rest else _last_question(messages, pinned=pinned)
    if index is None:
        if not rest:
            host.say(f"there is nothing to {'pin' if pinned else 'unpin'} yet")
        return
    if messages[index].role == "summary":
        host.say("a summary always stays; /undo removes it")
        return
    question = f"“{_excerpt(messages[host.conversation.pin(index, pinned)])}” and its answer"
    host.say(f"{question} stay in the context" if pinned else f"{question} can be left out when the context is full")


def _last_question(messages: Sequence[Message], *, pinned: bool) -> int | None:
    """The index of the last question; of the last pinned one unless `pinned`."""
    questions = (n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "user")
    return next((n for n in questions if pinned or messages[n].pinned), None)


@command(
    "/compact",
    "replace the conversation so far with a summary",
    argument="[HINT]",
    takes_lines=True,
)
async def compact(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    if not messages or messages[-1].role == "summary":
        host.say("there is nothing new to summarize")
    else:
        host.compact(rest)


@command("/undo", "remove the last question and its answer, or the last N, or the last summary", argument="[N]")
async def undo(host: Host, rest: str) -> None:
    count = int(rest or 1) if len(rest) < MAX_NUMBER_DIGITS and (rest or "1").isdecimal() else 0
    if not is_idle(host):
        return
    if not count:
        host.say("/undo 3 removes the last three questions with their answers", error=True)
        return
    removed = host.conversation.undo(count)
    if not removed:
        host.say("there is nothing to undo")
        return
    host.show_chat()
    if len(removed) > 1:
        what = "questions" if all(message.role == "user" for message in removed) else "questions and summaries"
        host.say(f"the last {len(removed)} {what} are removed; /redo brings them back")
    elif removed[0].role == "summary":
        host.say("the summary is removed; the model gets the messages again; /redo brings it back")
    else:
        host.say(f"removed: “{_excerpt(removed[0])}”; /redo brings it back")


@command("/redo", "bring back what /undo removed")
async def redo(host: Host, rest: str) -> None:
    if not is_idle(host):
        return
    if host.conversation.redo():
        host.show_chat()
    else:
        host.say("there is nothing to bring back")
