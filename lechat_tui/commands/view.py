"""Commands about the display: copies, thinking, line numbers, themes."""

from collections.abc import Sequence

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.checks import MAX_NUMBER_DIGITS
from lechat_tui.message import Message, Role
from lechat_tui.talk.fences import fences

COPY_ARGUMENT = "[code|N|all]"


@command("/copy", "copy the last answer, its code (N: one block), the question or the chat", argument=COPY_ARGUMENT)
async def copy(host: Host, rest: str) -> None:
    messages = host.conversation.messages
    words = rest.casefold().removeprefix("the ").removeprefix("last ").removeprefix("code ") or "answer"
    if not any(message.role == "assistant" for message in messages):
        host.say("there is nothing to copy yet; ask something first")
    elif words in ("answer", "last", "response", "message"):
        host.say(host.copy(_last(messages, "assistant")))
    elif words in ("all", "chat", "conversation"):
        host.say(host.copy("\n\n".join(map(_as_text, messages))))
    elif words in ("question", "prompt"):
        host.say(host.copy(_last(messages, "user")))
    elif words in ("code", "block") or words.isdecimal():
        _copy_code(host, fences(_last(messages, "assistant")), words)
    else:
        host.say(
            "/copy copies the answer; /copy code, /copy 2, /copy question and /copy all copy other parts", error=True
        )


def _last(messages: Sequence[Message], role: Role) -> str:
    return next((message.text for message in reversed(messages) if message.role == role), "")


def _copy_code(host: Host, blocks: Sequence[str], which: str) -> None:
    value = (
        int(which) if which.isdecimal() and len(which) < MAX_NUMBER_DIGITS else 0 if which.isdecimal() else len(blocks)
    )
    if 1 <= value <= len(blocks):
        host.say(host.copy(blocks[value - 1]))
    elif blocks:
        host.say(f"the last answer has code blocks 1 to {len(blocks)}", error=True)
    else:
        host.say("the last answer has no code block; /copy copies all of it", error=True)


def _as_text(message: Message) -> str:
    """A message with its text files; of an image only the name."""
    from lechat_tui.talk.exports import attachment_text

    text = "\n\n".join(filter(None, [*map(attachment_text, message.attachments), message.text]))
    return f"> {text}" if message.role == "user" else text


@command("/paste", "paste text from the clipboard, or attach the image on it")
async def paste(host: Host, rest: str) -> None:
    if result := await host.paste():
        host.say(result)


@command("/think", "show the thinking of every answer, or fold it", argument="[on|off]")
async def think(host: Host, rest: str) -> None:
    if rest in ("", "on", "off"):
        host.show_thinking(rest != "off")
        state, other = ("folded", "on") if rest == "off" else ("shown", "off")
        host.say(
            f"thinking is {state} from now on; /think {other} changes that, and /set think off keeps models from "
            "thinking"
        )
    else:
        host.say("/think on shows the thinking of every answer, /think off folds it", error=True)


@command("/lines", "show or hide line numbers in code")
async def lines(host: Host, rest: str) -> None:
    host.say(host.number_lines())


@command("/theme", "change the colors; without a name, pick a theme", argument="[NAME]")
async def theme(host: Host, rest: str) -> None:
    name = rest or await host.choose_theme()
    if not name:
        return
    if name in host.themes:
        host.set_theme(name)
        host.remember("theme", name)
    else:
        host.say(f"there is no theme {name}; the themes are {', '.join(host.themes)}", error=True)
