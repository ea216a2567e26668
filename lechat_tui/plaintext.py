"""Makes text from anywhere safe to show in a terminal, and safe to store."""

import re
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
_TAGS = re.compile(f"(\U0001f3f4[{_TAG}]+)|[{_TAG}]+")
"""Characters that no terminal shows and every model reads; after a black flag they make the flag of a region."""
TAG_SIGN = "\N{WHITE RECTANGLE}"
"""Shown for a run of tag characters."""
_NOT_COPIED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONE = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """Text that a terminal can only display: no escapes, no controls but newline and tab, no reordering.

    Each removed character leaves a visible one. Letters of every script, combining marks, emoji and joiners stay.
    """
    text = text.replace("\r\n", "\n")
    if not text.isascii():
        text = _TAGS.sub(lambda run: run[1] or TAG_SIGN, text)
    return text.translate(_SHOWN) if _UNSAFE.search(text) else text


def copyable(text: str) -> str:
    """Text without control characters but newline and tab: where it is pasted, a shell may read them."""
    return _NOT_COPIED.sub("", text.replace("\r\n", "\n"))


def storable(text: str) -> str:
    """Text that is valid Unicode and can be stored: no lone surrogates, no NUL, lines that end in a newline alone."""
    text = text.replace("\r\n", "\n").replace("\0", "")
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
