"""Commands about the display: copies, thinking, line numbers, themes."""

from lechat_tui.commands.base import Host, command
from lechat_tui.commands.checks import MAX_NUMBER_DIGITS
from lechat_tui.message import Message
from lechat_tui.talk.fences import fences


@command("/copy", "copy the last answer, its code block N, or the whole chat", argument="[N|all]")
async def copy(host: Host, rest: str) -> None:
    answers = [message for message in host.conversation.messages if message.role == "assistant"]
    if not answers:
        host.say("there is nothing to copy yet; ask something first")
    elif rest == "all":
        host.say(host.copy("\n\n".join(map(_as_text, host.conversation.messages))))
    elif rest:
        _copy_code(host, answers[-1].text, rest)
    else:
        host.say(host.copy(answers[-1].text))


def _copy_code(host: Host, answer: str, number: str) -> None:
    blocks = fences(answer)
    value = int(number) if number.isdecimal() and len(number) < MAX_NUMBER_DIGITS else 0
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
        host.say(f"thinking is {state} from now on, for models that think; /think {other} changes that")
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
        host.say(f"there is no theme {name}; there are {', '.join(host.themes)}", error=True)
