"""Commands that change how answers are made, until the program ends."""

import shlex
from dataclasses import replace
from pathlib import Path

from lechat_tui.commands.base import Host, command
from lechat_tui.models.adapters import read, written
from lechat_tui.settings import config

SETTABLE = ("temperature", "seed", "max_tokens", "context", "gpu_layers", "threads")

OTHER_NAMES = {"num_ctx": "context", "num_predict": "max_tokens", "num_thread": "threads", "num_gpu": "gpu_layers"}
"""What Ollama calls them."""

LOADED = ("context", "gpu_layers", "threads")
"""What changes how the model is loaded."""

UNSET = "default"
OFF = "off"


@command("/set", "change a setting until you leave; alone, list them", argument="[NAME VALUE]")
async def set(host: Host, rest: str) -> None:
    words = rest.removeprefix("parameter ").strip()
    given, _, value = words.partition(" ")
    name = OTHER_NAMES.get(given, given).replace("-", "_")
    if not words or words == "parameter":
        host.say(_listed(host))
    elif name == "system":
        await system(host, value.strip())
    elif name == "lora":
        lora(host, value.strip())
    elif name not in SETTABLE:
        host.say(f"there is no setting {given}; there are {', '.join((*SETTABLE, 'lora', 'system'))}", error=True)
    elif not value.strip():
        host.say(f"{name} is {_value(host, name)}; /set {name} VALUE changes it, /set {name} {UNSET} takes that back")
    else:
        _set(host, name, value.strip())


def _set(host: Host, name: str, value: str) -> None:
    conversation = host.conversation
    text = None if value == UNSET else value
    conversation.change_settings(config.changed(conversation.settings, name, text))
    if name in LOADED:
        host.switch(conversation.model, conversation.model.role)
    host.say(f"{name} is {_value(host, name)} until you leave; config.toml keeps it for good")


def _listed(host: Host) -> str:
    wide = max(map(len, SETTABLE))
    rows = [f"{name:<{wide}}  {_value(host, name)}" for name in SETTABLE]
    rows.append(f"{'lora':<{wide}}  {_laid(host)}")
    return "\n".join((*rows, f"{'system':<{wide}}  {host.conversation.setup.system or 'none'}"))


def _value(host: Host, name: str) -> str:
    """What holds now, and why where nobody set it."""
    conversation = host.conversation
    sampling, model = conversation.setup.sampling(), conversation.model
    own: dict[str, object] = {
        "temperature": f"{sampling.temperature:g}",
        "seed": "drawn for each answer",
        "max_tokens": "as long as it takes",
        "context": model.context,
        "threads": model.threads or "as the engine chooses",
    }
    value = getattr(conversation.settings, name)
    return str(own[name] if value is None else value)


def lora(host: Host, rest: str) -> None:
    """Show or change the adapters: `PATH[:SCALE] ...`, `off`, or `default` for the model's own. Raises `ModelError`."""
    conversation = host.conversation
    if not rest:
        host.say(
            f"lora is {_laid(host)}; /set lora PATH[:SCALE] ... lays adapters over the model, {OFF} takes them away"
        )
        return
    settings = replace(conversation.settings, lora=_loras(rest))
    replace(conversation.setup, settings=settings).spec(host.models)
    conversation.change_settings(settings)
    host.switch(conversation.model, conversation.model.role)
    host.say(f"lora is {_laid(host)} until you leave; config.toml keeps it for good")


def _loras(text: str) -> tuple[str, ...] | None:
    if text in (UNSET, OFF):
        return None if text == UNSET else ()
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is part of a name
        words = text.split()
    return tuple(written(read(word, Path.cwd())) for word in words)


def _laid(host: Host) -> str:
    loras = host.conversation.setup.loras
    return " ".join(map(written, loras)) or "off"


@command("/system", "show the system prompt of this chat, or give it another", argument="[TEXT]")
async def system(host: Host, rest: str) -> None:
    conversation = host.conversation
    if rest:
        conversation.set_system("" if rest == UNSET else rest)
    setup = conversation.setup
    whose = "of this chat" if setup.own_system else "of the settings or the model"
    told = f"the system prompt, {whose}:\n{setup.system}" if setup.system else "there is no system prompt"
    host.say(f"{told}\n/system TEXT gives this chat its own, /system {UNSET} takes that back")
