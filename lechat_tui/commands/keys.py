"""The command about keys: which there are, and which a person would rather have."""

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
"""What terminals send for another key, or the editor needs: a binding of it would not be told from that."""

ALONE = re.compile(r"f([1-9]|1\d|2[0-4])|escape|pageup|pagedown|insert")
"""Keys that write nothing, so that they can be bound without a modifier."""

WITH = re.compile(
    r"f([1-9]|1\d|2[0-4])|[a-z0-9]|escape|pageup|pagedown|insert|delete|home|end|up|down|left|right|space|"
    r"left_square_bracket|right_square_bracket|backslash|underscore"
)
"""Keys that can be bound together with ctrl or alt."""


@command("/keys", "every key, and another one for it, as in /keys stop ctrl+x", argument="[NAME KEY|reset]")
async def keys(host: Host, rest: str) -> None:
    name, _, wanted = rest.strip().partition(" ")
    by_name = {bound.name: bound for bound in host.bindings()}
    if not rest:
        host.say(table(list(by_name.values())))
    elif name == RESET:
        host.bind(None)
        host.say("all keys are as they came, or as config.toml has them")
    elif name not in by_name:
        host.say(f"there is no binding {name}; /keys lists their names", error=True)
    elif not wanted:
        bound = by_name[name]
        host.say(
            f"{bound.name} is {shown(bound.keys)}; /keys {name} KEY changes it, /keys {name} {RESET} takes it back"
        )
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
    pressed = [canonical(key) for key in re.split(r"[,\s]+", wanted.strip()) if key]
    for given, key in zip(re.split(r"[,\s]+", wanted.strip()), pressed, strict=True):
        reason = _unfit(host, bound, given, key)
        if reason:
            host.say(reason, error=True)
            return
    host.bind({**chosen, bound.name: ",".join(pressed)})
    host.say(f"{bound.name} is {shown(pressed)} from now on, the next time too")


def _unfit(host: Host, bound: Bound, given: str, key: str) -> str:
    """Why a key cannot be bound; empty when it can."""
    if key in TAKEN:
        return f"{given} is {TAKEN[key]} to a terminal; take another, as in /keys {bound.name} ctrl+x"
    *modifiers, base = key.split("+")
    plain = not {"ctrl", "alt", "super"} & {*modifiers}
    if not (ALONE if plain else WITH).fullmatch(base) or not {*modifiers} <= {"ctrl", "alt", "shift", "super"}:
        return f"{given} cannot be bound; take a key with ctrl or alt or one of f1 to f24, as in ctrl+x, alt+k, f2"
    other = next((b for b in host.bindings() if b.name != bound.name and key in b.keys), None)
    if other:
        return f"{shown([key])} is {other.name} already; /keys {other.name} KEY gives that another first"
    return ""


def table(bindings: Sequence[Bound]) -> str:
    """All bindings, a line each."""
    rows = [(shown(b.keys), b.name, b.what + (" (yours)" if b.chosen else "")) for b in bindings]
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    lines = [f"{keys:<{first}}  {name:<{second}}  {what}" for keys, name, what in rows]
    return "\n".join((*lines, "", "/keys NAME KEY changes one, as in /keys stop ctrl+x; /keys reset takes all back"))
