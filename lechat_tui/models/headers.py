"""Headers of GGUF files, read once: kept in a file of the cache folder under path, size and time of change."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from lechat_tui import writing
from lechat_tui.models import gguf
from lechat_tui.models.catalog import ModelError
from lechat_tui.models.gguf import Header

_VERSION = 2
"""Of the reader: what an older one wrote is read again."""
_MOST = 4000
"""Headers that are kept; more files than that are read again."""


@dataclass(frozen=True)
class _Entry:
    size: int
    changed: int
    whole: bool
    """Whether the vocabulary and the tensors were read as well."""
    header: Header


@dataclass(frozen=True)
class _Memory:
    version: int
    files: dict[str, _Entry]


_READER = msgspec.json.Decoder(_Memory)


class Headers:
    """Reads headers through a file that remembers them. Nothing goes wrong when it cannot be read or written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: dict[str, _Entry] | None = None
        self._new = False

    def of(self, path: Path, *, whole: bool = False) -> Header:
        """The header of a file, without its metadata; unless `whole`, perhaps only what stands before the vocabulary.

        Of a file that cannot be read, its `problem` says why.
        """
        try:
            status = path.stat()
            size, changed = status.st_size, status.st_mtime_ns
        except OSError:
            size, changed = 0, 0
        kept = self._read().get(str(path))
        if kept and (kept.size, kept.changed) == (size, changed) and kept.whole >= whole:
            return kept.header
        try:
            header = replace(gguf.read_header(path) if whole else gguf.peek(path), metadata={})
        except ModelError as error:
            header = Header("", "", "", 0, False, problem=str(error).removeprefix(f"{path.name} "))
        self._remember(path, _Entry(size, changed, whole, header))
        return header

    def save(self) -> None:
        """Write what is new; a disk that is full or may not be written costs nothing but time."""
        if not self._new or self._kept is None:
            return
        self._new = False
        entries = dict(list(self._kept.items())[-_MOST:])
        content = msgspec.json.encode(_Memory(_VERSION, entries))
        with suppress(OSError, ValueError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            writing.write(self._file, content, mode=0o600, sync=False)

    def _remember(self, path: Path, entry: _Entry) -> None:
        kept = self._read()
        with suppress(UnicodeEncodeError):  # a name that is no text cannot be a key in the file
            str(path).encode()
            kept.pop(str(path), None)
            kept[str(path)] = entry
            self._new = True

    def _read(self) -> dict[str, _Entry]:
        if self._kept is None:
            self._kept = {}
            with suppress(OSError, ValueError, RecursionError):
                memory = _READER.decode(self._file.read_bytes())
                self._kept = memory.files if memory.version == _VERSION else {}
        return self._kept
