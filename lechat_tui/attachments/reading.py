"""Files and pictures on their way into a message. Knows what can be attached, and says why something cannot."""

import codecs
import logging
import re
import shlex
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lechat_tui.errors import LechatError
from lechat_tui.message import AttachmentKind
from lechat_tui.plaintext import safe, whole

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")

MOST_PICTURE = 64_000_000
"""Bytes of the largest picture file."""
MOST_PIXELS = 100_000_000
MOST_TEXT = 20_000_000
"""Bytes of the largest text file; more than any context window holds."""

_PICTURE = re.compile(
    rb"""\x89PNG\r\n\x1a\n
    | \xff\xd8\xff
    | GIF8[79]a
    | RIFF.{4}WEBP
    | BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}  # the reserved bytes and header sizes no text has
    | II\*\0 | MM\0\*""",
    re.DOTALL | re.VERBOSE,
)
_HEAD = 32
"""Bytes that are enough to know a picture."""

_LONGEST_PATH = 4096

_MENTION = re.compile(r"""(?<!\S)@(?:"([^"]+)"|(\S+))""")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""The byte order marks and the encodings they stand for."""

_BROKEN = (
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
"""What Pillow's decoders raise for damaged files."""


class AttachmentError(LechatError):
    """This cannot be attached; the text says why."""


@dataclass(frozen=True)
class File:
    """A file that was read and can be attached: an image that can be decoded."""

    name: str
    content: bytes
    kind: AttachmentKind
    width: int = 0
    """Pixels; 0 for anything but an image."""
    height: int = 0


@dataclass(frozen=True)
class Thumbnail:
    """A picture made small."""

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


def is_picture(content: bytes) -> bool:
    """Whether this begins as a picture does. Says nothing of the rest."""
    return _PICTURE.match(content) is not None


def check_picture(content: bytes, name: str) -> File:
    """Decode the picture. Raises `AttachmentError` when it cannot be shown to a model."""
    from PIL import Image

    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it writes to stderr, which may be the screen
    name, given = safe(name), name
    if len(content) > MOST_PICTURE:
        raise AttachmentError(f"{name} is too large; a picture may have {MOST_PICTURE // 1_000_000} MB")
    if not is_picture(content):
        raise AttachmentError(f"{name} is not a picture; {', '.join(FORMATS)} can be attached")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow would print here is said by the sentences below
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height <= MOST_PIXELS:
                    image.load()
    except Image.DecompressionBombError as error:
        raise AttachmentError(_too_many_pixels(name)) from error
    except _BROKEN as error:
        raise AttachmentError(f"{name} is damaged or cut short and cannot be decoded") from error
    if width * height > MOST_PIXELS:
        raise AttachmentError(_too_many_pixels(name))
    return File(given, content, "image", width, height)


def thumbnail(path: Path, width: int, height: int) -> Thumbnail:
    """A picture file as a model sees it, upright, on white, in at most so many pixels. Raises `AttachmentError`."""
    from PIL import Image, ImageOps

    content = _read(path, MOST_PICTURE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    raise AttachmentError(_too_many_pixels(safe(path.name)))
                opened.draft("RGB", (width * 2, height * 2))
                image = ImageOps.exif_transpose(opened)
                image = image if image.mode in ("L", "RGB") else image.convert("RGBA")
            image.thumbnail((width, height), reducing_gap=2.0)
            image = image.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    except (Image.DecompressionBombError, *_BROKEN) as error:
        raise AttachmentError(f"{safe(path.name)} is damaged or cut short and cannot be decoded") from error
    return Thumbnail(flat.width, flat.height, flat.tobytes(), len(content))


def check(content: bytes, name: str, kind: AttachmentKind) -> File:
    """Content that comes with its kind, checked. Raises `AttachmentError`."""
    return check_picture(content, name) if kind == "image" else File(name, decoded(content, name).encode(), "text")


def read_picture(path: Path) -> File:
    """A picture file that can be decoded. Raises `AttachmentError`."""
    return check_picture(_read(path, MOST_PICTURE), path.name)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, or in what its byte order mark says. Raises `AttachmentError`."""
    return decoded(_read(path, MOST_TEXT), path.name)


def decoded(content: bytes, name: str) -> str:
    """Text in UTF-8, or in what its byte order mark says. Raises `AttachmentError`."""
    name = safe(name)
    if is_picture(content):
        raise AttachmentError(f"{name} is a picture, not text; /image attaches it")
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise AttachmentError(f"{name} is not text in UTF-8; convert it first, as with iconv") from error
    if "\0" in text:
        raise AttachmentError(f"{name} is a binary file, not text")
    return whole(text)


def pasted_path(text: str) -> Path | None:
    """The picture file that was dropped on the terminal or pasted as a path; None for any other text.

    Terminals quote the path, escape its spaces, or write a `file://` URL.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_PATH or "\n" in text or "\0" in text:
        return None
    forms = (text, _unquoted(text), re.sub(r"\\(.)", r"\1", text), _of_url(text))
    return next((path for path in map(_path, filter(None, forms)) if path and _is_picture_file(path)), None)


def pasted_paths(text: str) -> list[Path]:
    """The picture files that were dropped or pasted together, a line or a word each; none for any other text."""
    if one := pasted_path(text):
        return [one]
    text = text.strip()
    if not text or len(text) > _LONGEST_PATH * 4:
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that does not end
        words = []
    return next((found for found in (_all_pictures(lines), _all_pictures(words)) if found), [])


def _all_pictures(texts: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for text in texts:
        path = pasted_path(text)
        if path is None:
            return []
        found.append(path)
    return found


def mentioned(text: str) -> Path | None:
    """The file that stands behind an `@`, when it is one."""
    path = _path(text)
    try:
        return path if path and path.is_file() else None
    except (OSError, ValueError):  # a name no file can have
        return None


@dataclass(frozen=True)
class Mentions:
    """What a question mentions with `@`."""

    text: str
    """The question, with the names of the files in place of their paths."""
    files: tuple[str, ...] = ()
    """The text files, each fenced."""
    pictures: tuple[Path, ...] = ()


def mentions(text: str) -> Mentions:
    """The files behind each `@path` and `@"path"`. A word that is no file stays. Raises `AttachmentError`."""
    files: list[str] = []
    pictures: list[Path] = []

    def name(match: re.Match[str]) -> str:
        word = match[1] or match[2]
        for file in (word, word if match[1] else word.rstrip(".,;:!?)")):
            if path := mentioned(file):
                if picture := pasted_path(str(path)):
                    pictures.append(picture)
                else:
                    files.append(fenced(path.name, read_text(path)))
                return path.name + word.removeprefix(file)
        return match[0]

    told = _MENTION.sub(name, text)
    return Mentions(told, tuple(files), tuple(pictures))


def joined(*texts: str) -> str:
    """Texts as one, the empty ones left away, with a blank line between."""
    return "\n\n".join(whole(text).strip("\n") for text in texts if text.strip())


def fenced(name: str, text: str) -> str:
    """A text file as part of a question, in a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{name}:\n{fence}\n{text.rstrip()}\n{fence}"


def _too_many_pixels(name: str) -> str:
    return f"{name} has too many pixels; a picture may have {MOST_PIXELS // 1_000_000} million, so make it smaller"


def _read(path: Path, most: int) -> bytes:
    name = safe(str(path))
    file = _path(str(path)) or path
    try:
        if file.is_dir():
            raise AttachmentError(f"{name} is a folder; name a file in it")
        if not file.exists():
            raise AttachmentError(f"there is no file {name}")
        if not file.is_file():
            raise AttachmentError(f"{name} is not a file that can be read to its end")
        if file.stat().st_size > most:
            raise AttachmentError(f"{name} is too large; {most // 1_000_000} MB can be attached")
        with file.open("rb") as opened:
            return opened.read(most + 1)[:most]
    except OSError as error:
        raise AttachmentError(f"{name} cannot be read: {error.strerror or error}") from error


def _path(text: str) -> Path | None:
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # `~name` of nobody
        return None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"" else ""


def _of_url(text: str) -> str:
    if not text.lower().startswith("file:"):
        return ""
    try:
        url = urlsplit(text)
        return unquote(url.path) if url.netloc in ("", "localhost") else ""
    except ValueError:
        return ""


def _is_picture_file(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return is_picture(file.read(_HEAD))
    except (OSError, ValueError):
        return False
