"""Any file that can be attached, read and checked."""

from pathlib import Path

from lechat_tui.attachments.files import File, read_bytes, user_path
from lechat_tui.attachments.images import MAX_IMAGE_BYTES, check_image, is_image, is_image_file
from lechat_tui.attachments.texts import MAX_TEXT_BYTES, decoded


def read(path: Path) -> File:
    """An image or a text file, by its content. Raises `AttachmentError`."""
    is_image_there = is_image_file(user_path(str(path)) or path)
    return check(read_bytes(path, MAX_IMAGE_BYTES if is_image_there else MAX_TEXT_BYTES), path.name)


def check(content: bytes, name: str) -> File:
    """The image or the text of these bytes. Raises `AttachmentError`."""
    if is_image(content):
        return check_image(content, name)
    decoded(content, name)
    return File(name, content, "text")
