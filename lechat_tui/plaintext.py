"""Text made safe: for a terminal, and for the disk. Knows nothing of where it came from."""

import re

_CONTROL_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}
"""C0 controls and DEL as the pictures Unicode has for them (U+2400 to U+2421); tab and newline stay."""

_C1 = range(0x80, 0xA0)
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates: they show text in another order than it was written."""
_BREAKS = (0x2028, 0x2029)
_SURROGATES = range(0xD800, 0xE000)
_PLACEHOLDER = 0x10EEEE
"""Some terminals draw a picture there that a program has given them: see `ui/kitty.py`."""

_SHOWN: dict[int, int | str] = {
    **_CONTROL_PICTURES,
    **dict.fromkeys((*_C1, *_BIDI, *_SURROGATES, _PLACEHOLDER), "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys(_BREAKS, "\n"),
}

_UNSAFE = re.compile("[" + "".join(map(re.escape, map(chr, _SHOWN))) + "]")
_LONE = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """Text that a terminal can only show: no escapes, no controls but newline and tab, no reordering.

    What is taken out leaves a visible sign. Letters of every script, combining marks, emoji and their joiners stay.
    """
    text = text.replace("\r\n", "\n")
    return text.translate(_SHOWN) if _UNSAFE.search(text) else text


def whole(text: str) -> str:
    """Text that is valid Unicode and can be stored: no lone surrogates, no NUL, lines ended by newline alone."""
    text = text.replace("\r\n", "\n").replace("\0", "")
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
