"""ASCII in place of the shapes that the interface draws, for terminals and screen readers that want nothing else."""

MARKS = {
    "▌": ">", "▎": "|", "│": "|", "┃": "|", "║": "|", "─": "-", "━": "=", "═": "=", "╌": ".", "▰": "#", "▱": "-",
    "▸": "+", "▾": "-", "■": "*", "•": "*", "◦": "o", "▪": "-", "·": "-", "✗": "!", "✓": "+", "☐": "o", "☑": "x",
    "⌕": "?", "↑": "^", "↓": "v", "←": "<", "→": ">", "▦": "#", "▤": "=", "█": "#", "○": "o", "●": "*", "◆": "*",
}  # fmt: skip
"""The replacement of a shape, of the same width. Letters and punctuation of any language are kept."""

RANGES = ((0x2190, 0x21FF, "-"), (0x2500, 0x257F, "+"), (0x2580, 0x259F, "#"), (0x25A0, 0x25FF, "*"))
"""First and last code point and replacement: arrows, box drawing, blocks and geometric shapes without a mark."""

TABLE = {code: mark for first, last, mark in RANGES for code in range(first, last + 1)} | {
    ord(shape): mark for shape, mark in MARKS.items()
}


def to_ascii(text: str) -> str:
    """The text with ASCII in place of shapes; as wide as before."""
    return text.translate(TABLE)
