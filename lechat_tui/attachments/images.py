"""Images: recognized by their first bytes, decoded to be sure, and made small."""

import logging
import re
import struct
import zlib
from pathlib import Path

from lechat_tui.attachments import pixels
from lechat_tui.attachments.files import AttachmentError, File, read_bytes
from lechat_tui.plaintext import safe
from lechat_tui.values import dataclass

MAX_IMAGE_BYTES = 64_000_000
"""Of the file."""

_IMAGE = re.compile(
    rb"""\x89PNG\r\n\x1a\n
    | \xff\xd8\xff
    | GIF8[79]a
    | RIFF.{4}WEBP
    | BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}  # the reserved bytes and header sizes no text has
    | II\*\0 | MM\0\*""",
    re.DOTALL | re.VERBOSE,
)
HEAD_BYTES = 32
"""Bytes at the beginning of a file that tell an image."""

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What the decoders of Pillow raise for damaged files."""


def is_image(content: bytes) -> bool:
    """Whether this begins like an image; the rest is not looked at."""
    return _IMAGE.match(content) is not None


def is_image_file(path: Path) -> bool:
    """Whether this is a regular file that begins like an image."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return is_image(file.read(HEAD_BYTES))
    except (OSError, ValueError):
        return False


def check_image(content: bytes, name: str) -> File:
    """The image of these bytes, decoded once. Raises `AttachmentError` when no model could be shown it."""
    from PIL import Image

    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it writes to stderr, which may be the screen
    shown = safe(name)
    if len(content) > MAX_IMAGE_BYTES:
        raise AttachmentError(f"{shown} is too large; images can have up to {MAX_IMAGE_BYTES // 1_000_000} MB")
    if not is_image(content):
        raise AttachmentError(f"{shown} is not an image; {', '.join(pixels.FORMATS)} can be attached")
    try:
        width, height = pixels.size(content)
    except (pixels.TooManyPixels, Image.DecompressionBombError) as error:
        raise AttachmentError(_too_many_pixels(shown)) from error
    except BROKEN as error:
        raise AttachmentError(f"{shown} is damaged or incomplete and can't be decoded") from error
    return File(name, content, "image", width, height)


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of an image."""

    width: int
    """Pixels."""
    height: int
    rgb: bytes
    """Three bytes a pixel, row by row."""
    size: int
    """Bytes of the file."""

    def pixel(self, column: int, row: int) -> tuple[int, int, int]:
        """Red, green and blue, each from 0 to 255."""
        at = (row * self.width + column) * 3
        red, green, blue = self.rgb[at : at + 3]
        return red, green, blue


def thumbnail(path: Path, width: int, height: int) -> Thumbnail:
    """A small copy of an image file, upright and on white, of at most this size in pixels. Raises `AttachmentError`."""
    from PIL import Image

    content = read_bytes(path, MAX_IMAGE_BYTES)
    try:
        flat = pixels.rgb(content, width, height)
    except (pixels.TooManyPixels, Image.DecompressionBombError) as error:
        raise AttachmentError(_too_many_pixels(safe(path.name))) from error
    except BROKEN as error:
        raise AttachmentError(f"{safe(path.name)} is damaged or incomplete and can't be decoded") from error
    return Thumbnail(flat.width, flat.height, flat.tobytes(), len(content))


def _too_many_pixels(name: str) -> str:
    millions = pixels.MAX_PIXELS // 1_000_000
    return f"{name} has too many pixels; an image may have {millions} million, {pixels.MAX_SIDE:,} a side"
