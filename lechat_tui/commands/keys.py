"""The command that lists and rebinds keys."""

import re
from collections.abc import Sequence

from lechat_tui.commands.base import Bound, Host, command
from lechat_tui.commands.key_names import canonical, shown

RESET = "reset"

TAKEN = {
    "ctrl+i": "Tab",
    "ctrl+m": "Enter",
    "ctrl+h": "Backspace",
    "ctrl+j": "a new line",
    "ctrl+left_square_bracket": "Esc",
}
"""Keys that a terminal sends for another key, or that the editor needs."""

BINDABLE_ALONE = re.compile(r"f([1-9]|1\d|2[0-4])|escape|pageup|pagedown|insert")
"""Keys that type nothing, so they can be bound without a modifier."""

BINDABLE_WITH_MODIFIER = re.compile(
    r"f([1-9]|1\d|2[0-4])|[a-z0-9]|escape|pageup|pagedown|insert|delete|home|end|up|down|left|right|space|"
    r"left_square_bracket|right_square_bracket|backslash|underscore"
)
"""Keys that can be bound with ctrl or alt."""


@command("/keys", "list all keys, or rebind one, as in /keys stop ctrl+x", argument="[NAME KEY|reset]")
async def keys(host: Host, rest: str) -> None:
    name, _, wanted = rest.strip().partition(" ")
    by_name = {bound.name: bound for bound in host.bindings()}
    if not rest:
        host.show_text("Keys", table(list(by_name.values())))
    elif name == RESET:
        host.bind(None)
        host.say("all keys are reset to config.toml and the defaults")
    elif name not in by_name:
        host.say(f"there is no binding {name}; /keys lists their names", error=True)
    elif not wanted:
        keys = shown(by_name[name].keys)
        host.say(f"{name} is {keys}; /keys {name} KEY changes it, /keys {name} {RESET} resets it")
    else:
        _rebind(host, by_name[name], wanted)


def _rebind(host: Host, bound: Bound, wanted: str) -> None:
    chosen = {other.name: ",".join(other.keys) for other in host.bindings() if other.chosen}
    chosen.pop(bound.name, None)
    if wanted == RESET:
        host.bind(chosen or None)
        now = next(other for other in host.bindings() if other.name == bound.name)
        host.say(f"{bound.name} is {shown(now.keys)} again")
        return
    typed = [key for key in re.split(r"[,\s]+", wanted.strip()) if key]
    pressed = [canonical(key) for key in typed]
    if not pressed:
        host.say(f"{wanted} is not a key; /keys {bound.name} ctrl+x is an example", error=True)
        return
    for written, key in zip(typed, pressed, strict=True):
        reason = _reason_against(host, bound, written, key)
        if reason:
            host.say(reason, error=True)
            return
    host.bind({**chosen, bound.name: ",".join(pressed)})
    host.say(f"{bound.name} is {shown(pressed)} from now on")


def _reason_against(host: Host, bound: Bound, written: str, key: str) -> str:
    """Why a key can't be bound; empty when it can."""
    if key in TAKEN:
        return f"terminals send {written} for {TAKEN[key]}; choose another key, as in /keys {bound.name} ctrl+x"
    *modifiers, base = key.split("+")
    plain = not {"ctrl", "alt", "super"} & {*modifiers}
    bindable = BINDABLE_ALONE if plain else BINDABLE_WITH_MODIFIER
    if not bindable.fullmatch(base) or not {*modifiers} <= {"ctrl", "alt", "shift", "super"}:
        return f"{written} can't be bound; choose f1 to f24 or a key with ctrl or alt, as in ctrl+x, alt+k, f2"
    other = next((b for b in host.bindings() if b.name != bound.name and key in b.keys), None)
    if other:
        return f"{shown([key])} is already bound to {other.name}; rebind that first with /keys {other.name} KEY"
    return ""


def table(bindings: Sequence[Bound]) -> str:
    """All bindings, one per line."""
    rows = [(shown(b.keys), b.name, b.what + (" (yours)" if b.chosen else "")) for b in bindings]
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    lines = [f"{keys:<{first}}  {name:<{second}}  {what}" for keys, name, what in rows]
    if all(b.fixed for b in bindings):
        return "\n".join((*lines, "", "these keys are fixed; those of the full screen can be changed there"))
    return "\n".join((*lines, "", "/keys stop ctrl+x changes one; /keys reset resets all"))
