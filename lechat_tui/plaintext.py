"""Makes text from anywhere safe to show in a terminal, and safe to store."""

import re
from functools import cache
from itertools import chain

_CONTROLS = range(0x09), range(0x0B, 0x20), range(0x7F, 0x80)
"""C0 controls and DEL, without tab and newline."""
_BREAKS = (range(0x2028, 0x202A),)
_REPLACED = (
    range(0x80, 0xA0),  # C1 controls
    range(0x202A, 0x202F),  # embeddings and overrides: they show text in an order other than the stored one
    range(0x2066, 0x206A),  # isolates, which do the same
    range(0xD800, 0xE000),  # surrogates
    range(0x10EEEE, 0x10EEEF),  # Kitty's placeholder for an image that a program has sent: see `drawing/kitty.py`
)

_SHOWN: dict[int, int | str] = {
    **{code: 0x2400 + code for code in chain(*_CONTROLS)},
    0x7F: 0x2421,
    **dict.fromkeys(chain(*_REPLACED), "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys(chain(*_BREAKS), "\n"),
}
"""Controls become their Unicode symbols (U+2400 to U+2421)."""

_UNSAFE = re.compile(f"[{''.join(f'{chr(one[0])}-{chr(one[-1])}' for one in (*_CONTROLS, *_REPLACED, *_BREAKS))}]")
_TAG = "\U000e0000-\U000e007f"
_VARIATION = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
INVISIBLE_SIGN = "\N{WHITE RECTANGLE}"
"""Shown for a run of invisible characters that shape nothing."""
_BIDI_CONTROL = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NOT_COPIED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONE = re.compile("[\ud800-\udfff]")


@cache
def _invisible() -> re.Pattern[str]:
    """Characters that no terminal shows and every model reads; after a black flag, tags make the flag of a region."""
    return re.compile(
        f"(?P<flag>\U0001f3f4[{_TAG}]+)|"
        f"[\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff{_VARIATION}{_TAG}]+"
    )


@cache
def _shaping() -> re.Pattern[str]:
    """What scripts and emoji have between letters: a variation selector, a joiner, a mark of direction or a break."""
    return re.compile(f"[{_VARIATION}\u180b-\u180f]?[\u200c\u200d]?|[\u061c\u200b\u200e\u200f\u2060]")


def safe(text: str) -> str:
    """Text that a terminal can only display: no escapes, no controls but newline and tab, no reordering.

    Each removed character or run of invisible ones leaves a visible one. Letters of every script, combining marks,
    emoji, and the joiners within them stay.
    """
    text = text.replace("\r\n", "\n")
    if _UNSAFE.search(text):
        text = text.translate(_SHOWN)
    return text if text.isascii() else _invisible().sub(lambda run: INVISIBLE_SIGN if _is_hidden(run) else run[0], text)


def invisible(text: str) -> int:
    """The number of characters that a terminal would not show: those that `safe` makes visible."""
    if text.isascii():
        return 0
    return sum(len(run[0]) for run in _invisible().finditer(text) if _is_hidden(run)) + len(_BIDI_CONTROL.findall(text))


def _is_hidden(run: re.Match[str]) -> bool:
    """Whether these invisible characters shape nothing: more than scripts use, or one between two ASCII characters.

    Marks of direction also belong next to ASCII punctuation. At either end of the text it is not known what is beyond
    it, since answers arrive in pieces.
    """
    if run["flag"]:
        return False
    if not _shaping().fullmatch(run[0]):
        return True
    if not run.start() or run.end() == len(run.string):
        return False
    around = run.string[run.start() - 1] + run.string[run.end()]
    return around.isascii() and (run[0] not in "\u061c\u200e\u200f" or around.isalnum())


def copyable(text: str) -> str:
    """Text without control characters but newline and tab: where it is pasted, a shell may read them."""
    return _NOT_COPIED.sub("", text.replace("\r\n", "\n"))


def storable(text: str) -> str:
    """Text that is valid Unicode and can be stored: no lone surrogates, no NUL, lines that end in a newline alone."""
    text = text.replace("\r\n", "\n").replace("\0", "")
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
