"""Split GGUF files: a large model comes in parts named `NAME-00001-of-00003.gguf`, of which the first is loaded.

The names are those that llama.cpp's `llama_split_path` writes and that it looks for beside the first part.
"""

import re
from pathlib import Path

_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$|$)")


def part(file: str) -> tuple[int, int]:
    """The number of this part and the number of parts, by the file's name; (1, 1) for a file that is not split."""
    found = _PART.search(file)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def first_part(file: str) -> str:
    """The name of the first part of the same file; the name itself for a file that is not split."""
    return _PART.sub(r"-00001-of-\2", file)


def without_part(file: str) -> str:
    """The name without its part number: `m.gguf` for `m-00001-of-00003.gguf`."""
    return _PART.sub("", file)


def parts(file: str) -> tuple[str, ...]:
    """The names of all parts, given the first one; any other name alone."""
    number, count = part(file)
    if number != 1 or count < 2:
        return (file,)
    return tuple(_PART.sub(f"-{each:05}-of-{count:05}", file) for each in range(1, count + 1))


def size_on_disk(path: Path) -> int:
    """Bytes of a file, with all its parts if this is the first of several; a missing file counts as 0."""
    files = (path.with_name(name) for name in parts(path.name))
    return sum(file.stat().st_size for file in files if file.exists())
