"""A cache of GGUF headers in a file, keyed by path, size and modification time."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from lechat_tui import writing
from lechat_tui.models import gguf
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf import Header
from lechat_tui.values import dataclass

_VERSION = 3
"""Of the cached headers; those of another version are read again."""
_MAX_HEADERS = 4000


@dataclass(frozen=True)
class _Entry:
    size: int
    changed: int
    whole: bool
    """Whether the header was read to its end, including vocabulary and tensors."""
    header: Header


@dataclass(frozen=True)
class _Cache:
    version: int
    files: dict[str, _Entry]


class Headers:
    """Reads headers and caches them; a cache file that cannot be read or written is ignored."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: dict[str, _Entry] | None = None
        self._new = False

    def of(self, path: Path, *, whole: bool = False) -> Header:
        """The header of a file without its metadata; unless `whole`, possibly only the keys before the vocabulary.

        If the file cannot be read, `problem` says why.
        """
        size, changed = _state(path)
        kept = self._read().get(str(path))
        if kept and (kept.size, kept.changed) == (size, changed) and kept.whole >= whole:
            return kept.header
        try:
            header = replace(gguf.read_header(path) if whole else gguf.peek(path), metadata={})
        except ModelError as error:
            header = Header("", "", "", 0, False, problem=str(error).removeprefix(f"{path.name} "))
        self._remember(path, _Entry(size, changed, whole, header))
        return header

    def read(self, path: Path) -> Header:
        """The whole header of a file without its metadata. Raises `ModelError` as `gguf.read_header` does."""
        kept, (size, changed) = self._read().get(str(path)), _state(path)
        if kept and (kept.size, kept.changed) == (size, changed) and kept.whole and not kept.header.problem:
            return kept.header
        header = replace(gguf.read_header(path), metadata={})
        self._remember(path, _Entry(size, changed, True, header))
        self.save()
        return header

    def save(self) -> None:
        """Write new headers to the cache file, if there are any; errors are ignored."""
        if not self._new or self._kept is None:
            return
        self._new = False
        entries = dict(list(self._kept.items())[-_MAX_HEADERS:])
        content = msgspec.json.encode(_Cache(_VERSION, entries))
        with suppress(OSError, ValueError):
            writing.private_folder(self._file.parent)
            writing.write(self._file, content, mode=0o600, sync=False)

    def _remember(self, path: Path, entry: _Entry) -> None:
        kept = self._read()
        with suppress(UnicodeEncodeError):  # a path that is not UTF-8 cannot be a key in the file
            str(path).encode()
            kept.pop(str(path), None)
            kept[str(path)] = entry
            self._new = True

    def _read(self) -> dict[str, _Entry]:
        if self._kept is None:
            self._kept = {}
            with suppress(OSError, ValueError, RecursionError):
                cache = msgspec.json.decode(writing.read(self._file), type=_Cache)
                self._kept = cache.files if cache.version == _VERSION else {}
        return self._kept


def _state(path: Path) -> tuple[int, int]:
    """Size and time of the last change of a file; zeros for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
