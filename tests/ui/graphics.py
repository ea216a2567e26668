"""A terminal that keeps images by Kitty's graphics protocol and shows them in cells."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image
from rich.segment import Segment
from rich.style import Style

COMMAND = re.compile(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\")
CELL = re.compile("\U0010eeee(.)(.)(.)|.", re.DOTALL)
TABLE = """
305 30d 30e 310 312 33d 33e 33f 346 34a 34b 34c 350 351 352 357 35b 363 364 365 366 367 368 369 36a 36b 36c 36d 36e 36f
483 484 485 486 487 592 593 594
"""
VALUES = {chr(int(code, 16)): value for value, code in enumerate(TABLE.split())}
"""The digit of each diacritic, by the protocol's table."""


@dataclass
class Terminal:
    """Keeps the images it was sent; anything that is not a command, or would be answered, is an error."""

    pictures: dict[int, tuple[int, int, Image.Image]] = field(default_factory=dict)
    """Columns, rows and pixels by number."""
    sent: int = 0
    """The number of images that were sent, repetitions included."""
    _begun: dict[str, str] = field(default_factory=dict)
    _data: str = ""

    def write(self, sequences: str) -> None:
        """Execute the commands."""
        assert COMMAND.sub("", sequences) == ""
        for keys, data in COMMAND.findall(sequences):
            self._obey(dict(key.split("=") for key in keys.split(",")), data)

    def _obey(self, keys: dict[str, str], data: str) -> None:
        assert keys["q"] == "2"
        if keys.get("a") == "d":
            assert keys["d"] == "I"
            del self.pictures[int(keys["i"])]
            return
        self._begun = self._begun or keys
        assert len(data) <= 4096 and (keys["m"] == "0" or len(data) % 4 == 0)
        self._data += data
        if keys["m"] == "0":
            self._keep(self._begun, b64decode(self._data, validate=True))
            self._begun, self._data = {}, ""

    def _keep(self, keys: dict[str, str], content: bytes) -> None:
        assert (keys["a"], keys["f"], keys["U"]) == ("T", "100", "1")
        image = Image.open(BytesIO(content), formats=("PNG",))
        image.load()
        self.pictures[int(keys["i"])] = int(keys["c"]), int(keys["r"]), image
        self.sent += 1


def cells(segments: Iterable[Segment | tuple[str, Style]]) -> Iterator[tuple[int, int, int] | None]:
    """For every cell the number, row and column of the image in it; None for text."""
    for text, style, *_ in segments:
        for found in CELL.finditer(text):
            if found[1] is None:
                yield None
                continue
            assert style and style.color and style.color.triplet
            red, green, blue = style.color.triplet
            row, column, high = (VALUES[mark] for mark in found.groups())
            yield high << 24 | red << 16 | green << 8 | blue, row, column
