"""Image files decoded to small RGB images, in bounded memory whatever their mode, depth and size."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 100_000_000
MAX_SIDE = 30_000

_BAND_PIXELS = 4_000_000
"""Pixels converted at once."""
_HUGE_PIXELS = 16_000_000
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_NOISE = b"\x55\xaa" * 2000
_ORIENTATION = 0x0112
"""The Exif tag that says how to turn an image."""
_DEPTHS = (255, 1023, 4095, 16383, 65535)
"""White of 8, 10, 12, 14 and 16 bits, as cameras and scanners write them."""


class TooManyPixels(ValueError):
    """The image is larger than `MAX_PIXELS` or has a side longer than `MAX_SIDE`."""


def size(content: bytes) -> tuple[int, int]:
    """Width and height of an image in pixels, once all of it has been decoded.

    Raises `TooManyPixels` before decoding, and what Pillow raises for damaged files.
    """
    with _opened(content) as image:
        image.load()
        return image.size


def frames(content: bytes) -> int:
    """The number of pages of a TIFF; 1 for any other image. Raises what `size` raises."""
    with _opened(content) as image:
        return getattr(image, "n_frames", 1) if image.format == "TIFF" else 1


def rgb(content: bytes, width: int, height: int, *, frame: int = 0) -> "Image":
    """The image upright, on white, scaled down to fit within width x height pixels; never scaled up.

    Grayscale of more than 8 bits is scaled by the depth its brightest pixel needs, floating point by its range.
    `frame` is the page of a TIFF, from 0. Raises `TooManyPixels`, and what Pillow raises for damaged files.
    """
    from PIL import Image, ImageOps

    with _opened(content) as opened:
        if frame:
            opened.seek(frame)
            _check_size(opened)
        opened.draft("RGB", (width * 2, height * 2))
        turned = opened.getexif().get(_ORIENTATION, 1) >= 5
        room = (height, width) if turned else (width, height)
        image = _reduced(opened, *room)
        image.getexif()[_ORIENTATION] = opened.getexif().get(_ORIENTATION, 1)
    image = ImageOps.exif_transpose(image)
    image.thumbnail((width, height), reducing_gap=2.0)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


@contextmanager
def _opened(content: bytes) -> "Iterator[Image]":
    """The image of a file, not decoded yet."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning would be printed onto the screen; the limits are checked below
        with Image.open(BytesIO(_completed(content)), formats=FORMATS) as image:
            _check_size(image)
            yield image


def _check_size(image: "Image") -> None:
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise TooManyPixels


def _completed(content: bytes) -> bytes:
    """A JPEG that lacks nothing but its end marker, with one; anything else as it is.

    Whether the image data is whole shows when noise after it changes no pixel.
    """
    if not content.startswith(_JPEG_START) or content.rstrip(b"\0").endswith(_JPEG_END):
        return content
    ends = [content + _JPEG_END, content + _NOISE + _JPEG_END]
    try:
        first, second = (_decoded(each) for each in ends)
    except (OSError, SyntaxError, ValueError):
        return content
    return ends[0] if first == second else content


def _decoded(content: bytes) -> bytes:
    """The pixels of a JPEG, at an eighth of its size where it is large."""
    from PIL import Image

    with Image.open(BytesIO(content), formats=("JPEG",)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise TooManyPixels
        image.draft("RGB", (image.width // 8, image.height // 8))
        return image.tobytes()


def _reduced(image: "Image", width: int, height: int) -> "Image":
    """The image in RGBA, shrunk by a whole factor in bands, still larger than what is wanted."""
    from PIL import Image

    image.load()
    convert = _conversion(image)
    gap = 2 if image.width * image.height <= _HUGE_PIXELS else 1
    factor = max(1, max(image.width // max(1, width), image.height // max(1, height)) // gap)
    if factor == 1 and image.width * image.height <= _BAND_PIXELS:
        return convert(image)
    across = -(-image.width // factor)
    small = Image.new("RGBA", (across, -(-image.height // factor)))
    rows = max(1, _BAND_PIXELS // image.width // factor) * factor
    for top in range(0, image.height, rows):
        band = convert(image.crop((0, top, image.width, min(top + rows, image.height))))
        small.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    return small


def _conversion(image: "Image") -> "Callable[[Image], Image]":
    """How parts of this image become RGBA of 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return _grayscale(*image.getextrema())
    return lambda part: part.convert("RGBA")


def _grayscale(darkest: float, brightest: float) -> "Callable[[Image], Image]":
    """Values of this range scaled to 8 bits: by the depth that holds them, or from the darkest to the brightest."""
    black, white = 0.0, float(next((depth for depth in _DEPTHS if brightest <= depth), brightest))
    if darkest < 0 or brightest > _DEPTHS[-1]:
        black, white = darkest, brightest
    elif 0 < brightest <= 1:
        white = 1.0
    scale = 255 / ((white - black) or 1.0)
    wide = "F" if isinstance(brightest, float) else "I"

    def convert(part: "Image") -> "Image":
        return part.convert(wide).convert("F").point(lambda v: v * scale - black * scale).convert("L").convert("RGBA")

    return convert
