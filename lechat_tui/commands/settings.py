"""Commands that change how answers are made, until the program ends."""

import asyncio
import json
import shlex
from dataclasses import fields, replace
from pathlib import Path

from lechat_tui import paths
from lechat_tui.commands import foreign
from lechat_tui.commands.base import Host, command, run
from lechat_tui.models.adapters import read, written
from lechat_tui.settings import config
from lechat_tui.settings.config import Settings
from lechat_tui.settings.options import OPTIONS, Option, option
from lechat_tui.talk.setup import Setup
from lechat_tui.units import span_seconds

UNSET = "default"
OFF = "off"


@command("/set", "change a setting until you quit; alone, list them", argument="[NAME VALUE]")
async def set(host: Host, rest: str) -> None:
    words = rest.removeprefix("parameter ").strip()
    name, _, value = words.partition(" ")
    value = value.strip()
    if not words or words == "parameter":
        host.say(_listed(host))
    elif name in foreign.SET and not value:
        await run(host, foreign.SET[name])
    elif name == "system":
        await system(host, unquoted(value))
    elif name == "lora":
        lora(host, value)
    elif name == "keep":
        await keep(host, value)
    elif (row := option(name)) is None:
        names = ", ".join((*(row.name for row in OPTIONS), "lora", "keep", "system"))
        host.say(f"there is no setting {name}; the settings are {names}", error=True)
    elif not value:
        shown, name = _value(host.conversation.setup, row), row.name
        host.say(f"{name} is {shown}; /set {name} VALUE changes it, /set {name} {UNSET} resets it")
    else:
        _set(host, row, value)


def _set(host: Host, row: Option, value: str) -> None:
    conversation = host.conversation
    conversation.change_settings(config.changed(conversation.settings, row.name, None if value == UNSET else value))
    if row.reloads:
        host.switch(conversation.model, conversation.model.role)
    host.say(f"{row.name} is {_value(conversation.setup, row)} until you quit; set it in config.toml to keep it")


def _listed(host: Host) -> str:
    rows = [(row.name, _value(host.conversation.setup, row)) for row in OPTIONS]
    rows += [
        ("lora", _adapters(host)),
        ("keep", host.conversation.settings.keep),
        ("system", host.conversation.setup.system or "none"),
    ]
    width = max(len(name) for name, _ in rows)
    listed = [f"{name:<{width}}  {value}" for name, value in rows]
    others = [each.name for each in fields(Settings) if each.name not in dict(rows)]
    return "\n".join((*listed, f"{paths.config() / 'config.toml'} also takes {', '.join(others)}"))


def _value(setup: Setup, row: Option) -> str:
    """The value that holds now: the user's, else the model's, else what the option says of an unset one."""
    sources = (setup.settings, setup.sampling(), setup.tuning(), setup.model)
    value = next((value for source in sources if (value := getattr(source, row.name, None)) is not None), None)
    if value is None or value == ():
        return row.unset
    if row.repeats:
        return " ".join(json.dumps(text, ensure_ascii=False) for text in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def unquoted(text: str) -> str:
    """The text without the quotes around all of it, as other programs want them."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


async def keep(host: Host, text: str) -> None:
    """Show or change how long chats are kept; unlike the others, this is saved. Raises `ConfigError`."""
    conversation = host.conversation
    if not text:
        host.say(
            f"keep is {conversation.settings.keep}: /set keep 1y removes chats a year after their last message, and "
            "/set keep forever removes none"
        )
        return
    settings = config.changed(conversation.settings, "keep", None if text == UNSET else text.lower())
    host.remember("keep", None if text == UNSET else settings.keep)
    conversation.change_settings(settings)
    seconds = span_seconds(settings.keep)
    if seconds is None:
        host.say("all chats are kept from now on")
        return
    old = await asyncio.to_thread(host.store.unused_for, seconds, host.now.timestamp())
    host.say(
        f"from its next start on, lechat deletes chats unused for {settings.keep} ({len(old)} at present); "
        "this can't be undone"
    )


def lora(host: Host, text: str) -> None:
    """Show or change the adapters: `PATH[:SCALE] ...`, `off`, or `default` for the model's own. Raises `ModelError`."""
    conversation = host.conversation
    if not text:
        host.say(
            f"lora is {_adapters(host)}; /set lora PATH[:SCALE] ... applies adapters, /set lora {OFF} removes them"
        )
        return
    settings = replace(conversation.settings, lora=_paths(text))
    replace(conversation.setup, settings=settings).spec(host.models)  # raises before anything is changed
    conversation.change_settings(settings)
    host.switch(conversation.model, conversation.model.role)
    host.say(f"lora is {_adapters(host)} until you quit; set it in config.toml to keep it")


def _paths(text: str) -> tuple[str, ...] | None:
    if text in (UNSET, OFF):
        return None if text == UNSET else ()
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is part of a name
        words = text.split()
    return tuple(written(read(word, Path.cwd())) for word in words)


def _adapters(host: Host) -> str:
    return " ".join(map(written, host.conversation.setup.loras)) or OFF


@command("/system", "show or set the system prompt of this chat", argument="[TEXT]", takes_lines=True)
async def system(host: Host, rest: str) -> None:
    conversation = host.conversation
    if rest:
        conversation.set_system("" if rest == UNSET else rest)
    setup = conversation.setup
    source = "of this chat" if setup.own_system else "from the settings or the model"
    shown = f"the system prompt {source}:\n{setup.system}" if setup.system else "there is no system prompt"
    host.say(f"{shown}\n/system TEXT sets one for this chat, /system {UNSET} removes it")
