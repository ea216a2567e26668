"""Images as they are sent to a server: small, and in a format that all of them read."""

import base64
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from lechat_tui.attachments import pixels
from lechat_tui.attachments.files import AttachmentError, read_bytes
from lechat_tui.attachments.images import BROKEN, MAX_IMAGE_BYTES
from lechat_tui.engine.base import EngineError
from lechat_tui.message import Attachment
from lechat_tui.plaintext import safe

MAX_SIDE = 1540
"""Pixels; what Mistral's models look at. A larger image is scaled down before it is sent."""
_MAX_PNG_BYTES = 1_500_000
"""A larger image is sent as JPEG."""


def encoded(image: Attachment) -> str:
    """The image in Base64, as PNG, or as JPEG where that would be large. Raises `EngineError`."""
    return _encoded(image.path, image.sha256, image.name)[1]


def data_uri(image: Attachment) -> str:
    """The image as a `data:` URI. Raises `EngineError`."""
    kind, content = _encoded(image.path, image.sha256, image.name)
    return f"data:image/{kind};base64,{content}"


@lru_cache(maxsize=16)
def _encoded(path: Path, sha256: str, name: str) -> tuple[str, str]:
    try:
        picture = pixels.rgb(read_bytes(path, MAX_IMAGE_BYTES), MAX_SIDE, MAX_SIDE)
    except AttachmentError as error:
        raise EngineError(str(error)) from error
    except BROKEN as error:
        raise EngineError(f"{safe(name)} is damaged and can't be sent") from error
    file = BytesIO()
    picture.save(file, "PNG")
    kind = "png"
    if file.tell() > _MAX_PNG_BYTES:
        file, kind = BytesIO(), "jpeg"
        picture.save(file, "JPEG", quality=90)
    return kind, base64.b64encode(file.getvalue()).decode("ascii")
