"""Images by Kitty's graphics protocol: sent to the terminal between frames, and shown by it in ordinary cells.

See "Unicode placeholders" in https://sw.kovidgoyal.net/kitty/graphics-protocol/. The terminal keeps an image under a
number. The color of a cell with the placeholder character is the number of its image, and the diacritics are the row
and the column within the image, so that an image is scrolled, cropped and covered like text.
"""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from itertools import count
from random import SystemRandom

from rich.color import Color
from rich.style import Style

from lechat_tui.attachments.images import Thumbnail
from lechat_tui.drawing.rows import Run
from lechat_tui.values import dataclass

CELL = 16, 32
"""Pixels that are sent for a cell, across and down; the terminal scales them to its own."""

MAX_PLACEMENTS = 128
"""Images the terminal keeps for us: more than can be in view, and at most 100 MB once decoded."""

MAX_CHUNK_BYTES = 4096
"""Base64 in one escape sequence: the most that the protocol allows."""

PLACEHOLDER = "\U0010eeee"

DIACRITICS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363\u0364"
    "\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487\u0592\u0593\u0594"
)
"""The digits 0, 1, 2 and so on: the first of the protocol's `rowcolumn-diacritics.txt`, as many as are needed."""

Write = Callable[[str], None]
"""Sends a control sequence to the terminal."""


@dataclass(frozen=True)
class Png:
    """A thumbnail as it is sent to the terminal."""

    content: bytes
    width: int
    """Pixels."""
    size: int
    """Bytes of the file it was made from."""


@dataclass(frozen=True)
class Placement:
    """An image that the terminal shows wherever its cells are."""

    number: int
    """32 bits."""
    columns: int
    rows: int
    width: int
    """Pixels."""
    size: int
    """Bytes of the file it was made from."""

    def row(self, row: int) -> Run:
        """The cells of one of its rows, counted from 0; their color has the lower 24 bits of the number."""
        high, low = divmod(self.number, 1 << 24)
        cells = (
            PLACEHOLDER + DIACRITICS[row] + DIACRITICS[column] + DIACRITICS[high] for column in range(self.columns)
        )
        return "".join(cells), Style(color=Color.from_rgb(low >> 16, low >> 8 & 255, low & 255))


class Placements:
    """The images the terminal keeps for this program; they are deleted to make room for others, or at the end.

    Their numbers start at a random one, so that they differ from those of other programs in the same terminal.
    """

    def __init__(self, write: Write, *, tmux: bool = False) -> None:
        self._write = write
        self._tmux = tmux
        self._kept: dict[Placement, tuple[bytes, Callable[[], None]]] = {}
        """What was sent, and what is called when it is deleted; the oldest first."""
        random = SystemRandom()
        self._high = random.randrange(1, len(DIACRITICS)) << 24
        self._low = count(random.getrandbits(24))
        self._closed = False

    def add(self, png: Png, columns: int, rows: int, gone: Callable[[], None]) -> Placement:
        """Send an image that fits into so many cells; `gone` is called when it is deleted to make room for another."""
        while len(self._kept) >= MAX_PLACEMENTS:
            self._delete_oldest()
        number = self._high | next(self._low) % (1 << 24)
        placement = Placement(number, columns, rows, png.width, png.size)
        self._kept[placement] = png.content, gone
        self._send(placement)
        return placement

    def send_again(self) -> None:
        """Send all images again, after another program used the terminal."""
        for placement in self._kept:
            self._send(placement)

    def close(self) -> None:
        """Delete all images, and send nothing more."""
        for placement in self._kept:
            self._delete(placement)
        self._kept.clear()
        self._closed = True

    def _delete_oldest(self) -> None:
        placement = next(iter(self._kept))
        _, gone = self._kept.pop(placement)
        self._delete(placement)
        gone()

    def _delete(self, placement: Placement) -> None:
        self._write(self._sequence(f"a=d,d=I,i={placement.number},q=2"))

    def _send(self, placement: Placement) -> None:
        keys = f"a=T,f=100,t=d,U=1,i={placement.number},c={placement.columns},r={placement.rows}"
        if not self._closed:
            content, _ = self._kept[placement]
            self._write(self._chunks(keys, content))

    def _chunks(self, keys: str, content: bytes) -> str:
        data = b64encode(content).decode()
        chunks = [data[at : at + MAX_CHUNK_BYTES] for at in range(0, len(data), MAX_CHUNK_BYTES)]
        heads = [keys, *[""] * (len(chunks) - 1)]
        more = [*[1] * (len(chunks) - 1), 0]
        parts = zip(heads, more, chunks, strict=True)
        return "".join(self._sequence(f"{head}{',' * bool(head)}q=2,m={left}", chunk) for head, left, chunk in parts)

    def _sequence(self, keys: str, data: str = "") -> str:
        """A command, wrapped for tmux as tmux(1) says, which passes it on if `allow-passthrough` is on."""
        sequence = f"\x1b_G{keys};{data}\x1b\\"
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if self._tmux else sequence


def png(thumbnail: Thumbnail) -> Png:
    """The thumbnail's pixels as PNG."""
    from PIL import Image

    out = BytesIO()
    Image.frombytes("RGB", (thumbnail.width, thumbnail.height), thumbnail.rgb).save(out, "PNG")
    return Png(out.getvalue(), thumbnail.width, thumbnail.size)
