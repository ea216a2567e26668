"""The files below a folder that `@` offers: text, documents and images that git does not ignore."""

import math
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_ENTRIES = 20_000
"""Files and folders that are looked at, nearest first."""

MAX_SECONDS = 3.0
"""How long to look at most."""

_MAX_RULES_BYTES = 1_000_000
"""A larger `.gitignore` is not read."""

_HEAD_BYTES = 1_024
"""Read of a file with an unknown suffix, to tell whether it is binary."""


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


IMAGES = _suffixes("png jpg jpeg gif webp bmp tif tiff")
TEXTS = _suffixes(
    "bash c cc cfg conf cpp cs css csv diff go h hpp htm html ini java js json jsonl jsx kt log lua markdown md php pl "
    "py pyi rb rs rst scala sh sql srt svg swift tcss tex toml ts tsv tsx txt vue xml yaml yml zig"
)
DOCUMENTS = _suffixes("pdf docx docm dotx pptx pptm ppsx xlsx xlsm xlsb xls ods epub html htm xhtml eml csv tsv")
"""Those of `documents.formats`, which is not imported for the first paint."""
BINARIES = _suffixes(
    "7z a avi avif bin bz2 class db dll dmg doc dylib exe flac gguf gz heic ico iso jar lib m4a mkv mov mp3 mp4 npy "
    "npz o odp odt ogg onnx otf parquet pickle pkl ppt psd pt pyc pyd rar safetensors so sqlite tar tgz ttf wasm wav "
    "webm whl woff woff2 xz zip zst"
)

Ignored = tuple[tuple[Path, "GitIgnoreSpec"], ...]
"""The rules of `.gitignore` files, outermost first, each with its folder."""


def files_below(folder: Path, *, max_entries: int = MAX_ENTRIES, max_seconds: float = MAX_SECONDS) -> list[str]:
    """Text files, documents and images below a folder, as relative paths with `/`, those in nearer folders first.

    Left out are hidden files, files that git ignores, links to folders, and names with a quote. The search ends after
    so many entries or seconds.
    """
    try:
        folder = folder.absolute()
    except OSError:  # the working directory is gone
        return []
    found = _walk(folder, max_entries, time.monotonic() + max_seconds)
    names = (Path(entry.path).relative_to(folder).as_posix() for entry in found if _is_offered(entry))
    return [name for name in names if '"' not in name]


def all_files(folder: Path) -> Iterator[Path]:
    """All files below an absolute folder but hidden ones and those that git ignores; links to folders are left out."""
    for entry in _walk(folder, sys.maxsize, math.inf):
        with suppress(OSError):
            if entry.is_file():
                yield Path(entry.path)


def _walk(folder: Path, max_entries: int, end: float) -> Iterator[os.DirEntry[str]]:
    """What is below a folder, without folders, nearest first, until so many entries or `time.monotonic()`."""
    waiting: deque[tuple[Path, Ignored]] = deque([(folder, _above(folder))])
    while waiting and max_entries > 0 and time.monotonic() < end:
        here, ignored = waiting.popleft()
        ignored += _rules(here)
        for entry in _entries(here):
            max_entries -= 1
            if max_entries < 0 or time.monotonic() > end:
                break
            path = Path(entry.path)
            if entry.name.startswith(".") or _ignores(ignored, path, entry):
                continue
            if _is_folder(entry):
                waiting.append((path, ignored))
            else:
                yield entry


def matching(files: Sequence[str], words: str, limit: int) -> list[str]:
    """The files that match what was typed, best first: by name, by path, or by its letters in their order."""
    typed = words.lower().removeprefix("./")
    if not typed:
        return list(files[:limit])
    named = [(_distance(file.lower(), typed), file) for file in files if typed in file.lower()]
    if not named:
        letters = re.compile("".join(f"[^{re.escape(char)}]*{re.escape(char)}" for char in typed))
        named = [(_likeness(file.lower(), letters), file) for file in files if letters.match(file.lower())]
    return [file for _, file in nsmallest(limit, named)]


def _distance(file: str, typed: str) -> tuple[int, int, int]:
    name = file.rpartition("/")[2]
    rank = 0 if file.startswith(typed) else 1 if name.startswith(typed) else 2 if typed in name else 3
    return rank, file.count("/"), len(file)


def _likeness(file: str, letters: re.Pattern[str]) -> tuple[int, int, int]:
    name = file.rpartition("/")[2]
    return int(letters.match(name) is None), file.count("/"), len(file)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder, by name; none when it can't be read."""
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_offered(entry: os.DirEntry[str]) -> bool:
    """Whether it is text, a document or an image."""
    try:
        if not entry.name.isprintable() or not entry.is_file():
            return False
    except OSError:
        return False
    path = Path(entry.path)
    return path.suffix.lower() in IMAGES or is_text_file(path) or is_document_file(path)


def is_text_file(path: Path) -> bool:
    """Whether it is a file with text: by its suffix, else by its first bytes."""
    suffix = path.suffix.lower()
    try:
        if suffix in (BINARIES | IMAGES | DOCUMENTS - TEXTS) or not path.is_file():
            return False
        if suffix in TEXTS:
            return True
        with path.open("rb") as file:
            return b"\0" not in file.read(_HEAD_BYTES)
    except (OSError, ValueError):  # a name no file can have
        return False


def is_document_file(path: Path) -> bool:
    """Whether it is a file with the name of a document."""
    try:
        return path.suffix.lower() in DOCUMENTS and path.is_file()
    except (OSError, ValueError):
        return False


def _ignores(ignored: Ignored, path: Path, entry: os.DirEntry[str]) -> bool:
    """Whether git ignores it; the innermost file with a rule for it decides."""
    for folder, rules in reversed(ignored):
        inside = path.relative_to(folder).as_posix()
        ignored_here = rules.check_file(f"{inside}/" if _is_folder(entry) else inside).include
        if ignored_here is not None:
            return ignored_here
    return False


def _above(folder: Path) -> Ignored:
    """The rules of the parent folders, up to the root of the repository; none outside of one."""
    above: Ignored = ()
    for parent in folder.parents if not _is_root(folder) else ():
        above = _rules(parent) + above
        if _is_root(parent):
            return above
    return ()


def _is_root(folder: Path) -> bool:
    with suppress(OSError):
        return (folder / ".git").exists()
    return False


def _rules(folder: Path) -> Ignored:
    from pathspec import GitIgnoreSpec

    file = folder / ".gitignore"
    with suppress(OSError, ValueError):
        if file.is_file() and file.stat().st_size <= _MAX_RULES_BYTES:
            return ((folder, GitIgnoreSpec.from_lines(file.read_text("utf-8", "replace").splitlines())),)
    return ()
