"""The names of keys: in Textual (`ctrl+x`, `escape`), as typed by users, and as displayed (`Ctrl+X`, `Esc`)."""

import re
from collections.abc import Sequence

MODIFIERS = {"control": "ctrl", "c": "ctrl", "ctl": "ctrl", "meta": "alt", "m": "alt", "option": "alt", "cmd": "super"}
"""Other names of the modifiers."""

NAMES = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "pgdown": "pagedown", "del": "delete", "ins": "insert"}
NAMES |= {
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "\\": "backslash",
    "_": "underscore",
    "?": "question_mark",
}
"""Other names of the keys."""

SHOWN = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "ctrl": "Ctrl", "alt": "Alt", "shift": "Shift"}
SHOWN |= {"super": "Cmd", "question_mark": "?"}


def canonical(key: str) -> str:
    """The key in Textual's spelling: `Ctrl-X`, `C-x` and `^X` are `ctrl+x`."""
    key = key.strip().lower()
    if len(key) > 1 and key[0] == "^":
        key = f"ctrl+{key[1:]}"
    *modifiers, base = [part for part in re.split(r"[+-]", key) if part] or [key]
    names = sorted({MODIFIERS.get(part, part) for part in modifiers})
    return "+".join([*names, NAMES.get(base, base)])


def shown(keys: Sequence[str]) -> str:
    """Keys in Textual's spelling as they are displayed, with commas between them."""
    return ", ".join("+".join(_named(part) for part in key.split("+")) for key in keys)


def _named(part: str) -> str:
    return SHOWN.get(part, part.upper() if len(part) == 1 or re.fullmatch(r"f\d+", part) else part.capitalize())
